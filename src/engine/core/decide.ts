/**
 * `decide(blueprint, state, input, facts) → events`: the whole saga, as one pure function (rule 2).
 *
 * No I/O, no clock, no randomness, no user code, no payloads: time, jitter, fresh ids and what choosers chose come
 * in with the input. What does not fit is ignored with a reason, never an exception. One input makes one decision;
 * its events are written together, with the jobs and timers that follow from them, or not at all.
 */
import { type Blueprint, isSideHook } from './blueprint.ts'
import { Draft, type StatusChange } from './draft.ts'
import type { SagaEvent } from './events.ts'
import { follow, isUnverified, launch } from './follow.ts'
import type { Facts, Ignored, Input } from './input.ts'
import { isLive, SIDES, type Status } from './machine.ts'
import { goBack, hasEnded, order } from './order.ts'
import { handOver } from './patches.ts'
import { checkpoint, conclude, pivotPassed, report } from './report.ts'
import type { SagaState, Withheld } from './state.ts'

export type Decision = {
  /** Facts, in order. Empty when the input was ignored. */
  readonly events: readonly SagaEvent[]
  readonly changes: readonly StatusChange[]
  readonly state: SagaState
  readonly ignored?: Ignored
}

/**
 * @param state `undefined` for a start only.
 * @throws only for a mistake of the caller: a first input that is no start.
 */
export function decide(blueprint: Blueprint, state: SagaState | undefined, input: Input, facts: Facts): Decision {
  const series = new Series(state)
  const decided = series.decide(blueprint, input, facts)
  return { ...decided, state: series.finish() }
}

/**
 * Several decisions on one saga, one after the other: what lies between them is seen by nobody, so that it need not be
 * kept apart from what comes after it. A map with ten thousand items is then copied once a batch, not once an item.
 */
export class Series {
  #state: SagaState | undefined

  constructor(state: SagaState | undefined) {
    this.#state = state
  }

  decide(blueprint: Blueprint, input: Input, facts: Facts): Omit<Decision, 'state'> {
    const draft = new Draft(blueprint, this.#state, facts)
    const ignored = take(draft, input)
    if (ignored === undefined) follow(draft)
    this.#state = draft.saga
    return { events: draft.events, changes: draft.changes, ...(ignored === undefined ? {} : { ignored }) }
  }

  /** Whether the step is completed so far. */
  isCompleted(step: string): boolean {
    return this.#state?.steps[step]?.state === 'completed'
  }

  /** `undefined` before the start. */
  get status(): Status | undefined {
    return this.#state?.status
  }

  /** The blueprint that was chosen so far. */
  get blueprint(): string | null {
    return this.#state?.blueprint ?? null
  }

  /** The state after the last of them: it does not change any more. */
  finish(): SagaState {
    if (this.#state === undefined) throw new Error('Nothing was decided.')
    return handOver(this.#state)
  }
}

function take(draft: Draft, input: Input): Ignored | undefined {
  switch (input.type) {
    case 'start':
      return start(draft, input)
    case 'start_due':
      if (draft.saga.status !== 'pending' || draft.saga.line === 'waiting') return { reason: 'not_due' }
      draft.emit({ type: draft.saga.line === 'later' ? 'line_joined' : 'saga_begun' })
      return undefined
    case 'at_front':
      if (draft.saga.status !== 'pending' || draft.saga.line !== 'waiting') return { reason: 'not_due' }
      draft.emit({ type: 'saga_begun' })
      return undefined
    case 'deadline_due':
      return goBack(draft, { kind: 'deadline' })
    case 'parent_undo':
      return goBack(draft, { kind: 'parent' })
    case 'retry_due':
      return retryDue(draft, input)
    case 'hold_released':
      if (!isWithheld(draft, 'hold')) return { reason: 'not_due' }
      draft.emit({ type: 'hold_released' })
      return undefined
    case 'look_again':
      return undefined
    case 'code_missing':
      return codeMissing(draft, input.step)
    case 'code_found':
      return codeFound(draft)
    case 'child_ended':
      return childEnded(draft, input)
    case 'succeeded':
    case 'failed':
    case 'lost':
    case 'returned':
      return report(draft, input)
    case 'checkpoint':
      return checkpoint(draft, input)
    default:
      return order(draft, input)
  }
}

type InputOf<T extends Input['type']> = Extract<Input, { type: T }>

function start(draft: Draft, input: InputOf<'start'>): Ignored | undefined {
  if (draft.state !== undefined) return { reason: 'already_so' }
  const { startAt, deadlineAt, revertWithinMs, line } = input
  draft.emit({
    type: 'saga_started',
    blueprint: input.blueprint,
    ...(startAt === undefined || startAt <= draft.facts.now ? {} : { startAt }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(revertWithinMs === undefined ? {} : { revertWithinMs }),
    ...(line === undefined ? {} : { line }),
  })
  return undefined
}

function retryDue(draft: Draft, input: InputOf<'retry_due'>): Ignored | undefined {
  const { step, side } = input
  const entry = draft.saga.steps[step]?.[side]
  if (entry?.due === undefined || entry.due > draft.facts.now) return { reason: 'not_due' }
  // A saga on its way to the dead letters starts nothing; what was due starts when it goes on.
  if ((!isLive(draft.saga.status) || draft.saga.stopping !== undefined) && !isSideHook(step))
    return { reason: 'not_due' }
  if (draft.saga.status !== 'compensating' || isSideHook(step)) launch(draft, step, side, true)
  // Going back, another step may have come before it (rule 8), or before the last hook: its moment has passed, and it
  // starts in its turn.
  else follow(draft)
  return draft.events.length === 0 ? { reason: 'not_due' } : undefined
}

function isWithheld(draft: Draft, why: Withheld): boolean {
  return Object.values(draft.saga.steps).some((step) => SIDES.some((side) => step[side]?.withheld === why))
}

function codeMissing(draft: Draft, name: string): Ignored | undefined {
  // Hooks that run beside a status keep a saga from nothing, not even by being unknown.
  if (isSideHook(name)) return { reason: 'not_due' }
  const step = draft.saga.steps[name]
  const withheld = SIDES.some((side) => step?.[side]?.withheld === 'code')
  // Whoever paused it decides when it goes on; until then it lacks nothing.
  if (!withheld || draft.saga.stopping !== undefined || draft.saga.paused === true) return { reason: 'not_due' }
  if (draft.saga.status !== 'running' && draft.saga.status !== 'compensating') return { reason: 'does_not_fit' }
  draft.stop('no_code', name, undefined)
  return undefined
}

function codeFound(draft: Draft): Ignored | undefined {
  const { status, deadLetter, steps } = draft.saga
  const goesOn = isLive(status) || deadLetter?.reason === 'no_code'
  // Of a saga that stays where it is, only the hooks beside its status have anything to go on with.
  const isAwaited = goesOn
    ? isWithheld(draft, 'code')
    : Object.keys(steps).some((name) => isSideHook(name) && steps[name]?.action.withheld === 'code')
  if (!isAwaited) return { reason: 'not_due' }
  draft.emit(goesOn ? { type: 'code_found' } : { type: 'code_found', hooks: true })
  if (goesOn) stopForEnded(draft)
  return undefined
}

/** A step that came to its end while the saga was stopped for want of code still needs a person. */
function stopForEnded(draft: Draft): void {
  const { direction, pivoted, steps } = draft.saga
  if (direction === 'backward') return
  const ended = Object.entries(steps).find(
    ([name, step]) =>
      !name.startsWith('@') && hasEnded(draft.saga, name, step) && !isUnverified(draft.blueprint, name, step),
  )
  if (ended === undefined) return
  const [name, step] = ended
  draft.stop(pivoted === true ? 'past_pivot' : 'forward_exhausted', name, step.error)
}

function childEnded(draft: Draft, input: InputOf<'child_ended'>): Ignored | undefined {
  const { step: name, childId, outcome } = input
  const step = draft.saga.steps[name]
  if (step?.child?.id !== childId || step.child.started !== true) return { reason: 'unknown_step' }
  const undoing = step.child.undoAsked === true
  if (undoing ? step.state !== 'compensating' : step.state !== 'waiting') return { reason: 'duplicate' }
  // It completed before it was asked: that word was overtaken, and the one that counts is still to come.
  if (undoing && outcome === 'completed' && input.undoAsked !== true) return { reason: 'duplicate' }
  draft.emit({ type: 'child_ended', step: name, childId, outcome })
  if (undoing) return undefined
  if (outcome === 'completed') pivotPassed(draft, name)
  else conclude(draft, name, input.limits)
  return undefined
}
