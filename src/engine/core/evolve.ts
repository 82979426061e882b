/**
 * `evolve(state, event) → state`: folds one fact into the state. It takes no decision and never throws on a
 * journal that `decide` wrote; replaying a journal through it gives the stored row (rule 13).
 */
import { type Blueprint, HOOK_STEP, type Hook, isSideHook, stepOf } from './blueprint.ts'
import type { SagaEvent } from './events.ts'
import { SIDES, type Side, type StepStatus } from './machine.ts'
import {
  EMPTY_SIDE,
  MAX_REMEMBERED_ATTEMPTS,
  type SagaState,
  type SideState,
  STATE_FORMAT,
  type StepState,
} from './state.ts'

type EventOf<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>

/** Folds a whole journal. The blueprint may be chosen on the way: it is looked up when it is needed. */
export function replay(blueprint: Blueprint, events: Iterable<SagaEvent>): SagaState | undefined {
  let state: SagaState | undefined
  for (const event of events) state = evolve(blueprint, state, event)
  return state
}

export function evolve(blueprint: Blueprint, before: SagaState | undefined, event: SagaEvent): SagaState {
  if (event.type === 'saga_started') return started(event)
  if (before === undefined) throw new Error(`A journal begins with saga_started, not with ${event.type}.`)
  const state = before
  switch (event.type) {
    case 'saga_begun':
      return { ...state, status: 'running' }
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
      return {
        ...settleSide(state, event, { state: 'completed' }),
        branches: { ...state.branches, [event.step]: event.option },
      }
    case 'hook_completed':
      return settleSide(state, event, { state: 'completed' })
    case 'step_ended':
      return ended(state, event)
    case 'step_verified':
      return verified(blueprint, state, event)
    case 'child_started':
      return settleSide(state, event, { state: 'waiting', child: { id: event.childId, started: true } })
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
      return patchStep(state, event.step, (step) => ({
        ...step,
        state: 'compensation_failed',
        compensation: quiet(step.compensation ?? EMPTY_SIDE),
        ...(event.error === undefined ? {} : { error: event.error }),
      }))
    case 'step_skipped':
      return patchStep(state, event.step, (step) => ({ ...step, state: 'skipped' }))
    case 'step_left_in_doubt':
      return patchStep(state, event.step, (step) => ({ ...step, state: 'left_in_doubt' }))
    case 'saga_turned':
      return turned(state, event)
    case 'undo_started':
      return { ...omit(state, 'draining'), steps: stopAllWaiting(state.steps) }
    case 'turn_recorded':
      return { ...state, recorded: event.cause }
    case 'turn_dropped':
      return omit(state, 'recorded')
    case 'saga_stopping':
      return {
        ...state,
        stopping: { reason: event.reason, step: event.step },
        ...firstFailure(state, event.step, event.error),
      }
    case 'saga_completed':
      return { ...omit(state, 'paused'), status: 'completed' }
    case 'saga_compensated':
      return { ...omit(state, 'paused'), status: 'compensated' }
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
      return codeFound(state)
    case 'saga_resolved':
      return {
        ...omit(state, 'deadLetter'),
        status: 'resolved',
        resolvedAs: event.as,
        steps: owe(blueprint, state, 'resolved'),
      }
    case 'saga_rerun':
      return state
    default:
      return unknownEvent(event)
  }
}

/** Types newer than this version: a later engine wrote them, and only a later engine may fold them. */
function unknownEvent(event: never): never {
  throw new Error(`This version does not know the event type ${(event as SagaEvent).type}.`)
}

function started(event: EventOf<'saga_started'>): SagaState {
  return {
    format: STATE_FORMAT,
    status: event.startAt === undefined ? 'running' : 'pending',
    direction: 'forward',
    blueprint: event.blueprint,
    steps: {},
    branches: {},
    starts: 0,
  }
}

function scheduled(state: SagaState, event: EventOf<'attempt_scheduled'>): SagaState {
  const known = state.steps[event.step]
  const step: StepState = known ?? UNSTARTED
  // Its place in the order is given when its first attempt starts, not when it was first withheld.
  const isFirst = step.order === 0 && !isSideHook(event.step)
  const side = step[event.side] ?? EMPTY_SIDE
  const next: SideState = {
    ...quiet(side),
    attempts: event.attempt,
    since: side.failures === 0 && side.lost === 0 ? event.at : side.since,
    flight: { jobId: event.jobId, attempt: event.attempt },
  }
  const entry: StepState = {
    ...step,
    order: isFirst ? state.starts + 1 : step.order,
    // What was due is now on its way, or has given way to the verification that comes first.
    action: quiet(step.action),
    [event.side]: next,
    state: stateInFlight(step.state, event.side),
    ...(event.childId === undefined ? {} : { child: { id: event.childId } }),
  }
  return {
    ...state,
    steps: { ...state.steps, [event.step]: entry },
    starts: isFirst ? state.starts + 1 : state.starts,
  }
}

const UNSTARTED: StepState = { state: 'pending', order: 0, action: EMPTY_SIDE, round: 1 }

/** A verification leaves the step's state as it is: what it is about is still open. */
function stateInFlight(now: StepStatus, side: Side): StepStatus {
  if (side === 'action') return 'running'
  return side === 'compensation' ? 'compensating' : now
}

function withheld(state: SagaState, event: EventOf<'step_withheld'>): SagaState {
  const step: StepState = state.steps[event.step] ?? UNSTARTED
  const entry: StepState = {
    ...step,
    action: quiet(step.action),
    [event.side]: { ...quiet(step[event.side] ?? EMPTY_SIDE), withheld: event.why },
    state: event.side === 'action' ? 'waiting' : step.state,
  }
  return { ...state, steps: { ...state.steps, [event.step]: entry } }
}

function returned(state: SagaState, event: EventOf<'attempt_returned'>): SagaState {
  const { why } = event
  return settleSide(state, event, event.side === 'action' ? { state: 'waiting' } : {}, (side) => ({
    ...side,
    ...(why === 'turned' ? {} : { withheld: why }),
    ...(event.dueAt === undefined ? {} : { due: event.dueAt }),
  }))
}

function failed(blueprint: Blueprint, state: SagaState, event: EventOf<'attempt_failed'>): SagaState {
  const doubtful = event.side === 'action' && event.verdict === 'in_doubt' && canBeInDoubt(blueprint, event.step)
  return settleSide(
    state,
    event,
    {
      ...(event.side === 'action' ? { state: 'waiting' } : {}),
      ...(doubtful ? { maybeApplied: true } : {}),
      // What is in doubt is the action: its error stays, whatever becomes of asking about it (rule 10).
      ...(event.side === 'verify' ? {} : { error: event.error }),
    },
    (side) => ({
      ...remember(side, event.timedOut === true ? event.attempt : undefined),
      failures: side.failures + 1,
      ...(event.retryAt === undefined ? {} : { due: event.retryAt }),
    }),
  )
}

function lost(blueprint: Blueprint, state: SagaState, event: EventOf<'attempt_lost'>): SagaState {
  const doubtful = event.side === 'action' && canBeInDoubt(blueprint, event.step)
  return patchStep(state, event.step, (step) => {
    const side = step[event.side] ?? EMPTY_SIDE
    const flight = side.flight
    const next = remember({ ...side, lost: side.lost + 1 }, event.attempt)
    const redelivered = event.redelivered === true && flight !== undefined
    return {
      ...step,
      [event.side]: redelivered
        ? { ...next, attempts: event.attempt + 1, flight: { jobId: flight.jobId, attempt: event.attempt + 1 } }
        : quiet(next),
      ...(doubtful ? { maybeApplied: true } : {}),
      ...(event.side === 'action' && !redelivered ? { state: 'waiting' } : {}),
    }
  })
}

/** Only an external step can have taken effect without anybody knowing. */
function canBeInDoubt(blueprint: Blueprint, step: string): boolean {
  return stepOf(blueprint, step)?.kind === 'external'
}

function late(blueprint: Blueprint, state: SagaState, event: EventOf<'late_report'>): SagaState {
  return patchStep(state, event.step, (step) => {
    const side = step[event.side] ?? EMPTY_SIDE
    const open = (side.open ?? []).filter((attempt) => attempt !== event.attempt)
    const { open: _open, ...rest } = side
    const success = event.side === 'action' && event.outcome === 'succeeded'
    const applied = success && step.state !== 'completed' && canBeInDoubt(blueprint, event.step)
    return {
      ...step,
      [event.side]: open.length === 0 ? rest : { ...rest, open },
      ...(applied ? { maybeApplied: true } : {}),
      // Where it may still complete, its ending is known better now: in doubt, not "not applied".
      ...(applied && step.state === 'failed' && state.direction === 'forward' ? { state: 'in_doubt' } : {}),
      ...(applied && mayBeOvertaken(step) ? { againDue: true } : {}),
    }
  })
}

/** What is being done about it, or was tried, may have come to the other side before this effect did. */
function mayBeOvertaken(step: StepState): boolean {
  return step.state === 'compensating' || step.state === 'compensation_failed' || step.verify?.flight !== undefined
}

function lateEffect(state: SagaState, event: EventOf<'late_effect_found'>): SagaState {
  const next = patchStep(state, event.step, (step) => {
    const { againDue: _again, maybeApplied: _doubt, ...rest } = step
    return event.round === null
      ? { ...rest, lateEffect: true }
      : { ...rest, state: 'completed', round: event.round, compensation: raised(step.compensation ?? EMPTY_SIDE) }
  })
  return next.status === 'compensated' && event.round !== null ? { ...next, status: 'compensating' } : next
}

/** Completed, by whatever way that became known. */
function isDone(blueprint: Blueprint, state: SagaState, name: string): SagaState {
  const next = patchStep(state, name, (step) => {
    const { maybeApplied: _doubt, againDue: _again, error: _error, ...rest } = step
    return { ...rest, state: 'completed', action: spent(step.action) }
  })
  return stepOf(blueprint, name)?.pivot === true ? { ...next, pivoted: true } : next
}

function ended(state: SagaState, event: EventOf<'step_ended'>): SagaState {
  return patchStep(state, event.step, (step) => ({
    ...step,
    state: event.as,
    action: quiet(step.action),
    ...(event.error === undefined ? {} : { error: event.error }),
  }))
}

function verified(blueprint: Blueprint, state: SagaState, event: EventOf<'step_verified'>): SagaState {
  // The next doubt is another question: asking it has limits of its own.
  const settled = settleSide(state, event, {}, raised)
  if (event.outcome === 'applied') return isDone(blueprint, settled, event.step)
  return patchStep(settled, event.step, (step) => {
    const { againDue: _again, ...asked } = step
    if (event.outcome === 'unknown') return { ...asked, verifiedAt: step.action.attempts }
    const { maybeApplied: _doubt, ...rest } = asked
    return { ...rest, state: step.state === 'in_doubt' ? 'failed' : step.state }
  })
}

function childEnded(blueprint: Blueprint, state: SagaState, event: EventOf<'child_ended'>): SagaState {
  const undoAsked = state.steps[event.step]?.child?.undoAsked === true
  if (!undoAsked && event.outcome === 'completed') return isDone(blueprint, state, event.step)
  return patchStep(state, event.step, (step) => {
    const { child: _child, ...rest } = step
    if (!undoAsked) return { ...rest, state: 'failed' }
    // Asked to undo and ended completed: it could not; its own dead letter said so, a person settled it.
    return { ...step, state: event.outcome === 'compensated' ? 'compensated' : 'compensation_failed' }
  })
}

function compensated(state: SagaState, event: EventOf<'step_compensated'>): SagaState {
  return patchStep(settleSide(state, event, {}), event.step, (step) => {
    const { maybeApplied: _doubt, ...rest } = step
    return { ...rest, state: 'compensated', compensation: spent(step.compensation ?? EMPTY_SIDE) }
  })
}

function turned(state: SagaState, event: EventOf<'saga_turned'>): SagaState {
  const { stopping: _stopping, recorded: _recorded, deadLetter: _dead, ...rest } = state
  return {
    ...rest,
    steps: forgetDueTimes(clearWithheld(state, 'code', stopAllWaiting(state.steps)).steps),
    status: 'compensating',
    direction: 'backward',
    draining: true,
    cause: event.cause,
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
  const stopped = { ...rest, steps: forgetDueTimes(state.steps) }
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

/** A turn and a dead letter take all moments back; what was waiting and is still wanted starts at once when it goes on. */
function forgetDueTimes(before: SagaState['steps']): SagaState['steps'] {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(before)) {
    let entry = step
    for (const side of SIDES) {
      const { due, ...rest } = step[side] ?? EMPTY_SIDE
      if (due !== undefined && !isSideHook(name)) entry = { ...entry, [side]: rest }
    }
    steps[name] = entry
  }
  return steps
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

function clearWithheld(state: SagaState, why: SideState['withheld'], before = state.steps): SagaState {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(before)) {
    let entry = step
    for (const side of SIDES) {
      const part = entry[side]
      if (part !== undefined && part.withheld === why) entry = { ...entry, [side]: quiet(part) }
    }
    steps[name] = entry
  }
  return { ...state, steps }
}

/** Takes the attempt out of flight. */
function settleSide(
  state: SagaState,
  event: { readonly step: string; readonly side: Side },
  patch: Partial<StepState>,
  then: (side: SideState) => SideState = (side) => side,
): SagaState {
  return patchStep(state, event.step, (step) => ({
    ...step,
    ...patch,
    [event.side]: then(quiet(step[event.side] ?? EMPTY_SIDE)),
  }))
}

/** The side with nothing in flight, due or withheld. */
function quiet(side: SideState): SideState {
  const { flight: _flight, due: _due, withheld: _withheld, ...rest } = side
  return rest
}

/** The side of a function that has done its work: what counted against its limits says nothing any more. */
function spent(side: SideState): SideState {
  return { ...side, failures: 0, lost: 0, since: 0 }
}

/** The side with its limits raised: attempts keep their numbers, the counts begin again. */
function raised(side: SideState): SideState {
  return { ...quiet(side), failures: 0, lost: 0 }
}

function remember(side: SideState, attempt: number | undefined): SideState {
  if (attempt === undefined) return side
  return { ...side, open: [...(side.open ?? []), attempt].slice(-MAX_REMEMBERED_ATTEMPTS) }
}

function firstFailure(
  state: SagaState,
  step: string,
  error: StepState['error'] | undefined,
): Pick<SagaState, 'failure'> | Record<never, never> {
  return state.failure !== undefined || error === undefined ? {} : { failure: { step, error } }
}

function patchStep(state: SagaState, name: string, patch: (step: StepState) => StepState): SagaState {
  const step = state.steps[name]
  return step === undefined ? state : { ...state, steps: { ...state.steps, [name]: patch(step) } }
}

function patchSide(state: SagaState, name: string, side: Side, patch: (side: SideState) => SideState): SagaState {
  return patchStep(state, name, (step) => ({ ...step, [side]: patch(step[side] ?? EMPTY_SIDE) }))
}

function omit<K extends keyof SagaState>(state: SagaState, key: K): Omit<SagaState, K> & SagaState {
  const { [key]: _omitted, ...rest } = state
  return rest as Omit<SagaState, K> & SagaState
}
