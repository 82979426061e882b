import { createHash } from 'node:crypto'
import type { ZodType } from 'zod'
import type { Blueprint, Hook } from './core/blueprint.ts'
import type { Verdict } from './core/machine.ts'
import type { RetryPolicy } from './core/retry.ts'
export type SideCode = { readonly run: (ctx: any) => unknown; readonly retry: RetryPolicy; readonly timeoutMs: number }
export type StepCode = {
  action: SideCode
  compensation?: SideCode
  classify?: (error: unknown) => Verdict | undefined
  whenExhausted: 'compensate' | 'dead_letter'
  maxLost?: number
  settleAfterMs?: number
  output?: ZodType
}
export type Definition = {
  name: string
  version: number
  input: ZodType
  blueprint: Blueprint
  steps: ReadonlyMap<string, StepCode>
  hooks: Partial<Record<Hook, SideCode>>
  jsonSchemas(): unknown
  blueprintHash: string
}
export type Contract = { name: string; version: number; input: ZodType }
export type AnyDefinition = Definition
export type InputOf<D> = any
export type ResultsOf<D> = any
export type ServicesOf<D> = any
export type TxOf<D> = any
export function canonicalJson(v: unknown): string {
  return (
    JSON.stringify(v, (_k, x) =>
      x !== null && typeof x === 'object' && !Array.isArray(x)
        ? Object.fromEntries(Object.entries(x).sort(([a], [b]) => (a < b ? -1 : 1)))
        : x,
    ) ?? 'null'
  )
}
export function blueprintHash(b: Blueprint): string {
  return createHash('sha256').update(canonicalJson(b)).digest('hex').slice(0, 32)
}
