/** A definition as the engine uses it: the blueprint, and the code and policies of its steps. */
import { createHash } from 'node:crypto'
import type { ZodType, z } from 'zod'
import { type Blueprint, type BlueprintProblem, checkBlueprint, type Hook, walk } from './core/blueprint.ts'
import type { BreakerLimits } from './core/breaker.ts'
import type { Verdict } from './core/machine.ts'
import type { RetryPolicy } from './core/retry.ts'
import type { Names } from './core/shapes.ts'
import { SagaError } from './errors.ts'
import type { Keeping } from './keeping.ts'
import type { Recovering } from './recovering.ts'
import type { Starting } from './starting.ts'

/** What a compensation returns that had nothing to do. */
export const NOTHING_TO_UNDO: unique symbol = Symbol('nothing to undo')

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
  /** Finds out what became of an attempt in doubt. */
  readonly verify?: SideCode
  readonly classify?: (error: unknown) => Verdict | undefined
  readonly whenExhausted: 'compensate' | 'dead_letter'
  /** Deliveries that may be lost. */
  readonly maxLost?: number
  /** Attempts of it at the same time, over all workers. */
  readonly maxConcurrent?: number
  /** Stops it by itself while it fails. */
  readonly breaker?: BreakerLimits
  /** How long an attempt that ran out of time is waited for. */
  readonly settleAfterMs?: number
  /** Results are checked by it, and stored as it parsed them. */
  readonly output?: ZodType
  /** Whether its fallback is to run for this error. */
  readonly fallsBack?: (error: unknown) => boolean
  /** Of a map: its list, and how many of its items may be open at a time. The other functions are those of an item. */
  readonly list?: { readonly side: SideCode; readonly concurrency: number }
}

/** What names a saga and its input: enough to start one, in a process that has no step code. */
export type Contract<Input extends ZodType = ZodType> = {
  readonly name: string
  readonly version: number
  readonly input: Input
  /** How its sagas are started, where the start says nothing else; checked and in units. Made by `defineContract()`. */
  readonly starting?: Starting
  /** How long its sagas are kept when they have finished, where it says so. */
  readonly keeping?: Keeping
  /** What becomes of sagas that make no progress, where it says so. */
  readonly recovering?: Recovering
}

/** The shape of a definition that the engine runs. Made by `sagasFor()`. */
export type Definition = Contract & {
  readonly blueprint: Blueprint
  /** Identifies the blueprint: the same shape has the same hash, everywhere. */
  readonly blueprintHash: string
  readonly steps: ReadonlyMap<string, StepCode>
  readonly hooks: { readonly [hook in Hook]?: SideCode }
  /** Where this is code for a saga that has other names for its steps: from those to the names in the code. */
  readonly names?: Names
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

type KnownOf<D> = D extends { readonly ' known'?: infer K } ? NonNullable<K> : unknown

/** What `enqueue` takes: the schema's input, before it is parsed. */
export type InputOf<D> = D extends { readonly input: infer Input extends ZodType } ? z.input<Input> : unknown

/** The results of a completed saga, by step. */
export type ResultsOf<D> = KnownOf<D> extends { readonly results: infer Results } ? Results : Record<string, unknown>

export type ServicesOf<D> = KnownOf<D> extends { readonly services: infer Services } ? Services : unknown

export type TxOf<D> = KnownOf<D> extends { readonly tx: infer Tx } ? Tx : unknown

/**
 * JSON with sorted keys: the same value is the same text. Takes what a schema may take beyond JSON: big integers, maps
 * and sets.
 *
 * @throws SagaError `PAYLOAD_INVALID` for a value that contains itself.
 */
export function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, canonicalForm) ?? 'null'
  } catch (cause) {
    throw new SagaError('PAYLOAD_INVALID', 'A value that contains itself, or that fails to be read, has no JSON.', {
      cause,
    })
  }
}

function canonicalForm(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  if (value instanceof Map || value instanceof Set) return [...value]
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** 128 bits of SHA-256, in hex. */
export function hashBlueprint(blueprint: Blueprint): string {
  return createHash('sha256').update(canonicalJson(blueprint)).digest('hex').slice(0, 32)
}

/**
 * What only the whole definition shows: that it has steps, and code for each of them.
 *
 * @throws SagaError `DEFINITION_INVALID` with all that is wrong.
 */
export function checkDefinition(definition: Definition): void {
  const { blueprint, steps, hooks } = definition
  const problems = [...checkBlueprint(blueprint)]
  for (const named of walk(blueprint.nodes)) {
    const node = named.node === 'map' ? named.item : named
    if (node.node === 'step' && node.kind === 'child') continue
    const code = steps.get(node.name)
    if (code === undefined) problems.push({ at: node.name, problem: `the ${node.node} has no code` })
    else if (node.node === 'step' && node.compensation !== (code.compensation !== undefined)) {
      problems.push({ at: node.name, problem: 'blueprint and code disagree on whether there is a compensation' })
    } else if (node.node === 'step' && (node.verify === true) !== (code.verify !== undefined)) {
      problems.push({ at: node.name, problem: 'blueprint and code disagree on whether there is a verification' })
    }
  }
  for (const hook of blueprint.hooks)
    if (hooks[hook] === undefined) problems.push({ at: hook, problem: 'the hook has no code' })
  if (problems.length > 0) throw definitionInvalid(definition.name, problems)
}

/** @throws SagaError `DEFINITION_UNKNOWN` for anything that is neither a definition nor a contract. */
export function mustBeStartable(value: unknown): asserts value is Contract {
  const { name, version, input } = (value ?? {}) as { name?: unknown; version?: unknown; input?: unknown }
  const hasSchema = typeof (input as { safeParseAsync?: unknown } | undefined)?.safeParseAsync === 'function'
  if (typeof name === 'string' && typeof version === 'number' && hasSchema) return
  const given = typeof value === 'string' ? `the text ${JSON.stringify(value.slice(0, 100))}` : `this ${typeof value}`
  throw new SagaError(
    'DEFINITION_UNKNOWN',
    `A start takes a definition or a contract, not ${given}. engine.definition(name) finds a definition by its name; defineContract() makes a contract.`,
  )
}

/** One error for all that is wrong with a definition. */
export function definitionInvalid(saga: string, problems: readonly BlueprintProblem[]): SagaError {
  const list = problems.map(({ at, problem }) => `At ${at}: ${problem}.`).join(' ')
  return new SagaError('DEFINITION_INVALID', `Saga ${saga} cannot be defined like this. ${list}`, {
    details: { definition: saga, problems },
  })
}
