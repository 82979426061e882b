/** What a step's functions are given. Each attempt gets fresh copies of the payloads: what it changes stays its own. */
import { type Blueprint, definedName, itemOf, nodeOf } from '../core/blueprint.ts'
import type { Side } from '../core/machine.ts'
import type { Names } from '../core/shapes.ts'
import type { SagaState } from '../core/state.ts'
import { SagaError } from '../errors.ts'
import { checkpointName, type Payloads } from '../store/journal.ts'
import type { TraceParent } from '../store/sagas.ts'
import { actionKey, compensationKey, type KeyFor, partKey } from './keys.ts'
import { hookOf } from './limits.ts'
import { mapResults } from './map-results.ts'
import { nameIn } from './saga-code.ts'
import { visibleTo } from './visible.ts'

/** A saga as a worker has it in hand. */
export type LoadedSaga = Partial<TraceParent> & {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly revision: number
  readonly state: SagaState
  readonly payloads: Payloads
  /** When it is to be at rest, undoing included. */
  readonly deadlineAt: Date | null
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
  /** Keeps what an external function says of its progress. */
  readonly checkpoint?: (value: unknown) => Promise<void>
}

/** The runtime shape behind the typed contexts of a definition. */
export function contextOf(saga: LoadedSaga, parts: AttemptParts): Record<string, unknown> {
  const { step, side, attempt, services, signal, tx, checkpoint } = parts
  const entry = saga.state.steps[step]
  // Many functions look at neither of these, and parsing them again and again is most of what an empty step costs.
  const read: { input?: unknown; results?: unknown; checkpointed?: unknown } = {}
  const context: Record<string, unknown> = {
    sagaId: saga.id,
    definition: saga.definition,
    version: saga.version,
    step: definedName(step),
    attempt,
    deadlineAt: saga.deadlineAt === null ? undefined : new Date(saga.deadlineAt),
    services,
    signal,
    ...keys(actionKey(saga.id, step, entry?.edit)),
    get input() {
      if (!('input' in read)) read.input = JSON.parse(saga.payloads.input)
      return read.input
    },
    get results() {
      return (read.results ??= resultsFor(saga, parts))
    },
    get checkpointed() {
      if (!('checkpointed' in read)) read.checkpointed = checkpointOf(saga, step, side)
      return read.checkpointed
    },
  }
  if (tx !== undefined) context['tx'] = tx
  if (checkpoint !== undefined) context['checkpoint'] = checkpoint
  addItem(context, saga, step)
  if (side === 'compensation') addUndone(context, saga, step)
  if (hookOf(step) !== undefined) addOutcome(context, saga.state)
  return context
}

function resultsFor(saga: LoadedSaga, { blueprint, names: codeNames, step }: AttemptParts): Record<string, unknown> {
  const { payloads, state } = saga
  const results: Record<string, unknown> = {}
  const parsed = (name: string) => {
    const json = payloads.results[name]
    return json === undefined ? undefined : JSON.parse(json)
  }
  const names = [...Object.keys(payloads.results), ...Object.keys(state.steps)].filter((name) => !name.endsWith(']'))
  for (const name of visibleTo(blueprint, step, [...new Set(names)])) {
    const node = nodeOf(blueprint, name)
    if (node?.node === 'map' && state.steps[name]?.items !== undefined) {
      results[nameIn(codeNames, name)] = mapResults(node, state, parsed)
    } else if (payloads.results[name] !== undefined) results[nameIn(codeNames, name)] = parsed(name)
  }
  return results
}

function checkpointOf({ payloads }: LoadedSaga, step: string, side: Side): unknown {
  const json = payloads.checkpoints?.[checkpointName(step, side)]
  return json === undefined ? undefined : JSON.parse(json)
}

/** A list is parsed once for all of its items; each gets a copy of its own. */
const lists = new WeakMap<object, Map<string, readonly unknown[]>>()

function addItem(context: Record<string, unknown>, { payloads }: LoadedSaga, step: string): void {
  const item = itemOf(step)
  if (item === undefined || payloads.lists === undefined) return
  let parsed = lists.get(payloads.lists)
  if (parsed === undefined) {
    parsed = new Map()
    lists.set(payloads.lists, parsed)
  }
  let list = parsed.get(item.map)
  if (list === undefined) {
    list = JSON.parse(payloads.lists[item.map] ?? '[]') as readonly unknown[]
    parsed.set(item.map, list)
  }
  context['item'] = structuredClone(list[item.index])
  context['index'] = item.index
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
    checkpoint: checkpointOf(saga, step, 'action'),
    ...keys(actionKey(saga.id, step, state?.edit)),
  }
  Object.assign(context, keys(compensationKey(saga.id, step, state?.round ?? 1, state?.edit)))
}

function addOutcome(context: Record<string, unknown>, state: SagaState): void {
  context.failure = state.failure
  context.cause = state.cause
  context.reason = state.deadLetter?.reason
  context.deadLetter = state.deadLetter
  context.resolvedAs = state.resolvedAs
}
