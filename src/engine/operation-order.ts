/** What an operation over many sagas is told to do, checked; and how it is shown. */
import type { By } from './acts.ts'
import { SagaError } from './errors.ts'
import { checkFilter, checkScope } from './filter.ts'
import type { SagaFilter } from './store/conditions.ts'
import {
  OPERATION_VERBS,
  type OperationChange,
  type OperationRow,
  type OperationState,
  type OperationVerb,
  underWayOf,
  type VerbOptions,
  waitingOf,
} from './store/operations.ts'

/** A verb, with what it needs, and the sagas that it is for. At least one part of the filter has to be there. */
export type OperationOrder = { readonly filter: SagaFilter } & (
  | { readonly verb: Exclude<OperationVerb, 'compensate' | 'resolve'> }
  /** `pastPivot`: undoes what can be undone also where the pivot is passed; needs the right for it. */
  | { readonly verb: 'compensate'; readonly pastPivot?: boolean }
  /** What the sagas were handled as, outside. */
  | { readonly verb: 'resolve'; readonly as: 'completed' | 'compensated' }
)

export type OperationStart = OperationOrder &
  By & {
    /** Sagas a second, from 0.001 to 1000: 10 by default. */
    readonly rate?: number
    /** So many sagas first; the others wait until it is known what became of each of these. None by default, 1000 at most. */
    readonly canary?: number
    /** Sagas at most, the oldest first: 100 000 by default, which is also the most there can be. */
    readonly limit?: number
  }

export const MAX_SAGAS = 100_000
const MAX_CANARY = 1_000
const MAX_RATE = 1_000
const MIN_RATE = 0.001
const DEFAULT_RATE = 10

/** How many of an operation's sagas stand how. */
export type OperationCounts = {
  readonly total: number
  /** Not ordered yet; for good, if the operation is aborted. */
  readonly waiting: number
  /** The verb did not fit them. */
  readonly refused: number
  /** The verb could not be done. */
  readonly failed: number
  /** Ordered, and not at rest yet. */
  readonly underWay: number
  readonly completed: number
  readonly compensated: number
  /** Dead letters (again). */
  readonly deadLettered: number
  readonly resolved: number
  readonly paused: number
  /** Not stored any more. */
  readonly gone: number
}

/** A verb over many sagas, and how far it has come. */
export type Operation = {
  readonly id: string
  readonly verb: OperationVerb
  readonly options: VerbOptions
  readonly filter: SagaFilter
  readonly actor: string
  readonly reason: string
  readonly rate: number
  readonly canary: number
  /** `running` also while it waits for its canary; `done`: every saga is ordered, though some may be under way. */
  readonly state: OperationState
  /** The filter gave more sagas than the operation takes: the newer ones are not part of it. */
  readonly more: boolean
  readonly counts: OperationCounts
  /** Every change of its state, with who and why. What it does by itself is signed `pg-saga`. */
  readonly log: readonly OperationChange[]
  readonly createdAt: Date
  readonly updatedAt: Date
  /** When it was done, or aborted. */
  readonly finishedAt: Date | null
  /** When the last outcome was known. */
  readonly settledAt: Date | null
}

export type CheckedStart = {
  readonly verb: OperationVerb
  readonly options: VerbOptions
  readonly filter: SagaFilter
  readonly rate: number
  readonly canary: number
  readonly limit: number
}

/** @throws SagaError `OPERATION_INVALID`, `FILTER_INVALID`. */
export function checkOrder(order: OperationOrder): { verb: OperationVerb; options: VerbOptions; filter: SagaFilter } {
  const { verb, filter } = order
  if (!OPERATION_VERBS.includes(verb)) throw invalid(`verb is one of ${OPERATION_VERBS.join(', ')}`)
  checkFilter(checkScope(filter))
  if (order.verb === 'resolve') {
    if (order.as !== 'completed' && order.as !== 'compensated')
      throw invalid('resolve says as what: completed or compensated')
    return { verb, filter, options: { as: order.as } }
  }
  const pastPivot: unknown = order.verb === 'compensate' ? order.pastPivot : undefined
  if (pastPivot !== undefined && typeof pastPivot !== 'boolean') throw invalid('pastPivot is true or false')
  return { verb, filter, options: pastPivot === true ? { pastPivot } : {} }
}

/** @throws SagaError `OPERATION_INVALID`, `FILTER_INVALID`. */
export function checkStart(start: OperationStart): CheckedStart {
  const { rate = DEFAULT_RATE, canary = 0, limit = MAX_SAGAS } = start
  if (typeof rate !== 'number' || !(rate >= MIN_RATE && rate <= MAX_RATE))
    throw invalid(`rate is a number of sagas a second from ${MIN_RATE} to ${MAX_RATE}`)
  if (!isWhole(canary, 0, MAX_CANARY)) throw invalid(`canary is a whole number from 0 to ${MAX_CANARY}`)
  if (!isWhole(limit, 1, MAX_SAGAS)) throw invalid(`limit is a whole number from 1 to ${MAX_SAGAS}`)
  return { ...checkOrder(start), rate, canary, limit }
}

function isWhole(value: unknown, from: number, to: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to
}

export function invalid(what: string): SagaError {
  return new SagaError('OPERATION_INVALID', `Such an operation cannot be started, or looked for: ${what}.`)
}

export function shownOperation(row: OperationRow): Operation {
  const {
    requestId: _request,
    total,
    tally,
    reached: _reached,
    judgedTo: _judged,
    canaryJudged: _canary,
    ...rest
  } = row
  const { lookedTo: _looked, orderAt: _order, lookAt: _look, ...shown } = rest
  const { refused = 0, failed = 0, completed = 0, compensated = 0, resolved = 0, paused = 0, gone = 0 } = tally
  const counts = {
    total,
    waiting: waitingOf(total, tally),
    refused,
    failed,
    underWay: underWayOf(tally),
    completed,
    compensated,
    deadLettered: tally.dead_lettered ?? 0,
    resolved,
    paused,
    gone,
  }
  return { ...shown, counts }
}
