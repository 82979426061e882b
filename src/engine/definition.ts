/** A definition as the engine uses it: the blueprint, and the code and policies of its steps. */
import { createHash } from 'node:crypto'
import type { ZodType, z } from 'zod'
import type { Blueprint, Hook } from './core/blueprint.ts'
import type { Verdict } from './core/machine.ts'
import type { RetryPolicy } from './core/retry.ts'

/** One function of a step, or a hook, with what bounds it. */
export type SideCode = {
  /** Called with the context that the definition's types promise. */
  readonly run: (context: never) => unknown
  readonly retry: RetryPolicy
  readonly timeoutMs: number
}

export type StepCode = {
  readonly action: SideCode
  readonly compensation?: SideCode
  readonly classify?: (error: unknown) => Verdict | undefined
  readonly whenExhausted: 'compensate' | 'dead_letter'
  /** Deliveries that may be lost. */
  readonly maxLost?: number
  /** How long an attempt that ran out of time is waited for. */
  readonly settleAfterMs?: number
  /** Results are checked by it, and stored as it parsed them. */
  readonly output?: ZodType
}

/** What names a saga and its input: enough to start one, in a process that has no step code. */
export type Contract<Input extends ZodType = ZodType> = {
  readonly name: string
  readonly version: number
  readonly input: Input
}

/** The shape of a definition that the engine runs. Made by `sagasFor()`. */
export type Definition = Contract & {
  readonly blueprint: Blueprint
  /** Identifies the blueprint: the same shape has the same hash, everywhere. */
  readonly blueprintHash: string
  readonly steps: ReadonlyMap<string, StepCode>
  readonly hooks: { readonly [hook in Hook]?: SideCode }
  /** JSON Schemas of the input and of results, for processes without the code. */
  readonly jsonSchemas: () => unknown
}

/** What the types of a definition know, carried along without being there at run time. */
export type Known<Input extends ZodType, Results, Services, Tx> = {
  readonly input: Input
  readonly results: Results
  readonly services: Services
  readonly tx: Tx
}

/** The types that a definition carries along; the property is never there. */
export type TypedDefinition<K> = Definition & { readonly ' known'?: K }

export type AnyDefinition = TypedDefinition<unknown>

// biome-ignore lint/suspicious/noExplicitAny: any set of results fits where only the input is asked for
type AnyKnown = Known<ZodType, any, any, any>

type KnownOf<D> = D extends { readonly ' known'?: infer K } ? (K extends AnyKnown ? K : unknown) : unknown

/** What `enqueue` takes: the schema's input, before it is parsed. */
export type InputOf<D> = D extends { readonly input: infer Input extends ZodType } ? z.input<Input> : unknown

/** The results of a completed saga, by step. */
export type ResultsOf<D> = KnownOf<D> extends { readonly results: infer Results } ? Results : Record<string, unknown>

export type ServicesOf<D> = KnownOf<D> extends { readonly services: infer Services } ? Services : unknown

export type TxOf<D> = KnownOf<D> extends { readonly tx: infer Tx } ? Tx : unknown

/** JSON with sorted keys: the same value is the same text. */
export function canonicalJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
  return text ?? 'null'
}

export function hashBlueprint(blueprint: Blueprint): string {
  return createHash('sha256').update(canonicalJson(blueprint)).digest('hex').slice(0, 32)
}
