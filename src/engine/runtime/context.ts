/** What a step's functions are given. Each attempt gets fresh copies of the payloads: what it changes stays its own. */
import type { Blueprint } from '../core/blueprint.ts'
import type { Side } from '../core/machine.ts'
import type { Names } from '../core/shapes.ts'
import type { SagaState } from '../core/state.ts'
import { SagaError } from '../errors.ts'
import type { Payloads } from '../store/journal.ts'
import { actionKey, compensationKey, type KeyFor, partKey } from './keys.ts'
import { hookOf } from './limits.ts'
import { nameIn } from './saga-code.ts'
import { visibleTo } from './visible.ts'

/** A saga as a worker has it in hand. */
export type LoadedSaga = {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly revision: number
  readonly state: SagaState
  readonly payloads: Payloads
}

export type AttemptParts = {
  readonly blueprint: Blueprint
  /** Of the results, where the code has other names than the saga. */
  readonly names?: Names | undefined
  readonly step: string
  readonly side: Side
  readonly attempt: number
  readonly services: unknown
  readonly signal: AbortSignal
  /** The app's transaction, for transactional steps and hooks. */
  readonly tx?: unknown
}

/** The runtime shape behind the typed contexts of a definition. */
export function contextOf(saga: LoadedSaga, parts: AttemptParts): Record<string, unknown> {
  const { blueprint, names, step, side, attempt, services, signal, tx } = parts
  const results: Record<string, unknown> = {}
  for (const name of visibleTo(blueprint, step, Object.keys(saga.payloads.results)))
    results[nameIn(names, name)] = JSON.parse(saga.payloads.results[name] ?? 'null')
  const context: Record<string, unknown> = {
    sagaId: saga.id,
    definition: saga.definition,
    version: saga.version,
    step,
    attempt,
    input: JSON.parse(saga.payloads.input),
    results,
    services,
    signal,
    ...keys(actionKey(saga.id, step)),
  }
  if (tx !== undefined) context.tx = tx
  if (side === 'compensation') addUndone(context, saga, step)
  if (hookOf(step) !== undefined) addOutcome(context, saga.state)
  return context
}

function keys(idempotencyKey: string): { readonly idempotencyKey: string; readonly keyFor: KeyFor } {
  const keyFor = (part: unknown) => {
    if (typeof part === 'string' && part !== '') return partKey(idempotencyKey, part)
    const given = part === '' ? 'an empty one' : `a ${typeof part}`
    throw new SagaError('NAME_INVALID', `keyFor takes a name for the part, not ${given}.`)
  }
  return { idempotencyKey, keyFor }
}

function addUndone(context: Record<string, unknown>, saga: LoadedSaga, step: string): void {
  const state = saga.state.steps[step]
  // A late report may have said that it took effect, and brought its result.
  const inDoubt = state?.maybeApplied === true && state.tookEffect !== true
  const json = saga.payloads.results[step]
  const result = inDoubt || json === undefined ? undefined : JSON.parse(json)
  context.result = result
  context.action = {
    outcome: inDoubt ? 'in_doubt' : 'completed',
    result,
    ...keys(actionKey(saga.id, step)),
  }
  Object.assign(context, keys(compensationKey(saga.id, step, state?.round ?? 1)))
}

function addOutcome(context: Record<string, unknown>, state: SagaState): void {
  context.failure = state.failure
  context.cause = state.cause
  context.reason = state.deadLetter?.reason
  context.deadLetter = state.deadLetter
  context.resolvedAs = state.resolvedAs
}
