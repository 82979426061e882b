/**
 * `evolve(state, event) → state`: folds one fact into the state. It takes no decision and never throws on a
 * journal that `decide` wrote; replaying a journal through it gives the stored row (rule 13).
 */
import { type Blueprint, HOOK_STEP, type Hook, isSideHook } from './blueprint.ts'
import type { EventOf, SagaEvent } from './events.ts'
import {
  childEnded,
  childStarted,
  chosen,
  compensated,
  ended,
  failed,
  inputEdited,
  isDone,
  late,
  lateEffect,
  lost,
  returned,
  scheduled,
  settledByHand,
  verified,
  withheld,
} from './evolve-step.ts'
import { closed, dealtWith, settledItem } from './items.ts'
import {
  clearWithheld,
  forgetDueTimes,
  handOver,
  omit,
  patchSide,
  patchStep,
  quiet,
  raised,
  settleSide,
  spent,
} from './patches.ts'
import { EMPTY_SIDE, ERASED_MESSAGE, type SagaState, STATE_FORMAT, type StepState } from './state.ts'

/** Folds a whole journal. The blueprint may be chosen on the way: it is looked up when it is needed. */
export function replay(blueprint: Blueprint, events: Iterable<SagaEvent>): SagaState | undefined {
  let state: SagaState | undefined
  for (const event of events) state = fold(blueprint, state, event)
  return state === undefined ? undefined : handOver(state)
}

export function evolve(blueprint: Blueprint, before: SagaState | undefined, event: SagaEvent): SagaState {
  return handOver(fold(blueprint, before, event))
}

/**
 * As `evolve`, in the middle of a series of events: what it returns may be changed in place by the next call, so it is
 * handed over (`handOver`) before anybody else sees it. What comes in from outside is never changed.
 */
export function fold(blueprint: Blueprint, before: SagaState | undefined, event: SagaEvent): SagaState {
  if (event.type === 'saga_started') return started(event)
  if (before === undefined) throw new Error(`A journal begins with saga_started, not with ${event.type}.`)
  const state = before
  switch (event.type) {
    case 'line_joined':
      return { ...state, line: 'waiting' }
    case 'saga_begun':
      return { ...state, status: 'running', ...(state.line === undefined ? {} : { line: 'front' }) }
    case 'blueprint_chosen': {
      const { [event.step]: _adoption, ...steps } = state.steps
      return { ...state, blueprint: event.blueprint, steps, starts: 0 }
    }
    case 'attempt_scheduled':
      return scheduled(state, event)
    case 'step_withheld':
      return withheld(state, event)
    case 'attempt_returned':
      return returned(state, event)
    case 'attempt_failed':
      return failed(blueprint, state, event)
    case 'attempt_lost':
      return lost(blueprint, state, event)
    case 'late_report':
      return late(blueprint, state, event)
    case 'late_effect_found':
      return lateEffect(state, event)
    case 'step_completed':
      return isDone(blueprint, settleSide(state, event, {}), event.step)
    case 'branch_chosen':
      return { ...chosen(state, event), branches: { ...state.branches, [event.step]: event.option } }
    case 'map_started':
      return mapStarted(state, event)
    case 'item_collected':
      return settledItem(state, event.step)
    case 'fallback_taken':
      return patchStep(state, event.step, (step) => ({ ...step, fellBack: true }))
    case 'step_checkpointed':
      return state
    case 'hook_completed':
      return settleSide(state, event, { state: 'completed' })
    case 'step_ended':
      return ended(state, event)
    case 'step_verified':
      return verified(blueprint, state, event)
    case 'child_started':
      return childStarted(state, event)
    case 'child_undo_asked':
      return settleSide(state, event, {
        state: 'compensating',
        child: { id: event.childId, started: true, undoAsked: true },
      })
    case 'child_ended':
      return childEnded(blueprint, state, event)
    case 'step_compensated':
      return compensated(state, event)
    case 'compensation_gave_up':
    case 'step_skipped':
    case 'step_left_in_doubt':
      return dealtWith(notUndone(state, event), event.step)
    case 'step_settled_by_hand':
      return settledByHand(blueprint, state, event)
    case 'input_edited':
      return inputEdited(state, event)
    case 'saga_turned':
      return turned(state, event)
    case 'undo_started':
      return { ...omit(state, 'draining'), steps: closed(stopAllWaiting(state.steps)) }
    case 'turn_recorded':
      return {
        ...state,
        // Going back there is nothing to wait for: only that it was asked for is new.
        ...(state.direction === 'forward' ? { recorded: event.cause } : {}),
        ...(event.cause.kind === 'parent' ? { undoAsked: true } : {}),
      }
    case 'turn_dropped':
      return omit(state, 'recorded')
    case 'saga_stopping':
      return {
        ...state,
        stopping: { reason: event.reason, step: event.step },
        ...firstFailure(state, event.step, event.error),
      }
    case 'saga_completed':
      return completed(state, event)
    case 'saga_compensated':
      return { ...omit(omit(state, 'paused'), 'line'), status: 'compensated' }
    case 'saga_dead_lettered':
      return deadLettered(blueprint, state, event)
    case 'saga_retried':
      return retried(state, event)
    case 'backoff_skipped':
      return patchSide(state, event.step, event.side, (side) => quiet(side))
    case 'saga_paused':
      return { ...state, paused: true }
    case 'saga_resumed':
      return clearWithheld(omit(state, 'paused'), 'pause')
    case 'hold_released':
      return clearWithheld(state, 'hold')
    case 'code_found':
      return event.hooks === true ? hooksFound(state) : codeFound(state)
    case 'saga_resolved':
      return {
        ...omit(omit(omit(state, 'deadLetter'), 'deadlineAt'), 'line'),
        status: 'resolved',
        resolvedAs: event.as,
        steps: owe(blueprint, state, 'resolved'),
      }
    case 'saga_rerun':
      return state
    case 'saga_erased':
      return erased(state)
    default:
      return unknownEvent(event)
  }
}

/** The events before it say no more than this either, so that folding them anew gives the same. */
function erased(state: SagaState): SagaState {
  const { failure } = state
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(state.steps))
    steps[name] = step.error === undefined ? step : { ...step, error: { ...step.error, message: ERASED_MESSAGE } }
  return {
    ...state,
    steps,
    erased: true,
    ...(failure === undefined ? {} : { failure: { ...failure, error: { ...failure.error, message: ERASED_MESSAGE } } }),
  }
}

/** Types newer than this version: a later engine wrote them, and only a later engine may fold them. */
function unknownEvent(event: never): never {
  throw new Error(`This version does not know the event type ${(event as SagaEvent).type}.`)
}

function started(event: EventOf<'saga_started'>): SagaState {
  return {
    format: STATE_FORMAT,
    status: event.startAt === undefined && event.line !== 'waiting' ? 'running' : 'pending',
    direction: 'forward',
    blueprint: event.blueprint,
    steps: {},
    branches: {},
    starts: 0,
    ...(event.deadlineAt === undefined ? {} : { deadlineAt: event.deadlineAt }),
    ...(event.revertWithinMs === undefined ? {} : { revertWithinMs: event.revertWithinMs }),
    ...(event.line === undefined ? {} : { line: event.startAt === undefined ? event.line : 'later' }),
  }
}

function completed(state: SagaState, { at }: EventOf<'saga_completed'>): SagaState {
  const { revertWithinMs } = state
  const isOpen = at !== undefined && revertWithinMs !== undefined
  return {
    ...omit(omit(omit(state, 'paused'), 'deadlineAt'), 'line'),
    status: 'completed',
    ...(isOpen ? { revertUntil: at + revertWithinMs } : {}),
  }
}

/** Its own part is over with that, like the choice of a branch: the items are steps of their own. */
function mapStarted(state: SagaState, event: EventOf<'map_started'>): SagaState {
  const { step, count, concurrency } = event
  const next = settleSide(state, event, { state: 'completed' }, spent)
  return patchStep(next, step, ({ error: _error, ...entry }) => ({
    ...entry,
    items: { count, concurrency, started: 0, open: [] },
  }))
}

type NotUndone = EventOf<'compensation_gave_up'> | EventOf<'step_skipped'> | EventOf<'step_left_in_doubt'>

function notUndone(state: SagaState, event: NotUndone): SagaState {
  if (event.type === 'step_skipped') return patchStep(state, event.step, (step) => ({ ...step, state: 'skipped' }))
  if (event.type === 'step_left_in_doubt')
    return patchStep(state, event.step, (step) => ({ ...step, state: 'left_in_doubt' }))
  return patchStep(state, event.step, (step) => ({
    ...step,
    state: 'compensation_failed',
    compensation: quiet(step.compensation ?? EMPTY_SIDE),
    ...(event.error === undefined ? {} : { error: event.error }),
  }))
}

function turned(state: SagaState, event: EventOf<'saga_turned'>): SagaState {
  const { stopping: _stopping, recorded: _recorded, deadLetter: _dead, deadlineAt: _deadline, line, ...rest } = state
  return {
    ...rest,
    steps: forgetDueTimes(clearWithheld(state, 'code', stopAllWaiting(state.steps)).steps),
    status: 'compensating',
    direction: 'backward',
    draining: true,
    // What has never begun leaves the line: there is nothing that others would have to wait for.
    ...(line === 'front' ? { line } : {}),
    cause: event.cause,
    ...(event.cause.kind === 'parent' ? { undoAsked: true } : {}),
    ...(event.cause.kind === 'failure'
      ? firstFailure(state, event.cause.step, state.steps[event.cause.step]?.error)
      : {}),
  }
}

function stopAllWaiting(before: SagaState['steps']): SagaState['steps'] {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(before)) {
    // The hooks that go with undoing still get their next attempt.
    const keeps = isSideHook(name) || name === HOOK_STEP.compensated
    const entry = keeps ? step : stopWaiting(step)
    if (entry !== undefined) steps[name] = entry
  }
  return steps
}

/** What waited for its next attempt gets none. A step that was never tried is as if it had never been reached. */
function stopWaiting(step: StepState): StepState | undefined {
  if (step.state !== 'waiting' || step.child?.started === true || step.verify?.flight !== undefined) return step
  if (step.action.attempts === 0) return undefined
  return { ...step, state: step.maybeApplied === true ? 'in_doubt' : 'failed', action: quiet(step.action) }
}

function deadLettered(blueprint: Blueprint, state: SagaState, event: EventOf<'saga_dead_lettered'>): SagaState {
  const { stopping: _stopping, draining: _draining, paused: _paused, ...rest } = state
  const stopped = { ...rest, steps: forgetDueTimes(state.steps, event.at) }
  return {
    ...stopped,
    status: 'dead_lettered',
    deadLetter: {
      reason: event.reason,
      jobId: event.jobId,
      ...(event.step === undefined ? {} : { step: event.step }),
    },
    steps: owe(blueprint, stopped, 'dead_lettered'),
  }
}

/** Marks a side hook as due, where the definition has one. One that is in flight already serves. */
function owe(blueprint: Blueprint, state: SagaState, hook: Hook): SagaState['steps'] {
  const name = HOOK_STEP[hook]
  const known = state.steps[name]
  // Before its blueprint is chosen a saga has no hooks; later, folding its journal knows the blueprint from the start.
  const has = state.blueprint !== null && blueprint.hooks.includes(hook)
  if (!has || known?.action.flight !== undefined) return state.steps
  const entry: StepState = { state: 'pending', order: 0, round: 1, action: raised(known?.action ?? EMPTY_SIDE) }
  return { ...state.steps, [name]: entry }
}

function retried(state: SagaState, event: EventOf<'saga_retried'>): SagaState {
  const { deadLetter: _dead, failure, ...rest } = state
  const steps: Record<string, StepState> = { ...state.steps }
  for (const name of event.steps) {
    const step = steps[name]
    if (step === undefined) continue
    steps[name] = tryAgain(step, event.direction === 'forward' || name === HOOK_STEP.compensated)
  }
  // Items that gave up are to be undone again, wherever they stand.
  for (const [name, { items }] of Object.entries(state.steps)) {
    const map = steps[name]
    if (items === undefined || map === undefined || event.direction === 'forward') continue
    const { undoFrom: _all, ...again } = items
    steps[name] = { ...map, items: { ...again, open: [] } }
  }
  return {
    ...rest,
    steps,
    status: event.direction === 'forward' ? 'running' : 'compensating',
    // Going forward again, the next error is the first one; going back, the error that caused it stays.
    ...(event.direction === 'backward' && failure !== undefined ? { failure } : {}),
  }
}

/** The step with its limits raised, ready for its next attempt. */
function tryAgain(step: StepState, action: boolean): StepState {
  const { child, ...rest } = step
  const kept = { ...rest, ...(step.verify === undefined ? {} : { verify: raised(step.verify) }) }
  if (action)
    return { ...kept, ...(child === undefined ? {} : { child }), state: 'waiting', action: raised(step.action) }
  return {
    ...kept,
    // A child that could not be undone is asked again.
    ...(child === undefined ? {} : { child: { id: child.id, started: true } }),
    state: step.state === 'compensation_failed' ? 'compensating' : step.state,
    compensation: raised(step.compensation ?? EMPTY_SIDE),
  }
}

function codeFound(state: SagaState): SagaState {
  const known = clearWithheld(state, 'code')
  const next = state.stopping?.reason === 'no_code' ? omit(known, 'stopping') : known
  if (state.status !== 'dead_lettered') return next
  const { deadLetter: _dead, ...rest } = next
  return { ...rest, status: state.direction === 'forward' ? 'running' : 'compensating' }
}

function hooksFound(state: SagaState): SagaState {
  const steps: Record<string, StepState> = { ...state.steps }
  for (const [name, step] of Object.entries(steps)) {
    if (isSideHook(name) && step.action.withheld === 'code') steps[name] = { ...step, action: quiet(step.action) }
  }
  return { ...state, steps }
}

function firstFailure(
  state: SagaState,
  step: string,
  error: StepState['error'] | undefined,
): Pick<SagaState, 'failure'> | Record<never, never> {
  return state.failure !== undefined || error === undefined ? {} : { failure: { step, error } }
}
