/** Folding what became of one step: its attempts, its verdict, its undoing. */
import { type Blueprint, isSideHook, stepOf } from './blueprint.ts'
import type { EventOf } from './events.ts'
import { backIn, beingUndone, dealtWith, isPassed, reached, settledItem, UNSTARTED } from './items.ts'
import type { Side, StepStatus } from './machine.ts'
import { omit, patchStep, quiet, raised, remember, settleSide, spent, stopped, withStep } from './patches.ts'
import { EMPTY_SIDE, type SagaState, type SideState, type StepState } from './state.ts'

export function scheduled(before: SagaState, event: EventOf<'attempt_scheduled'>): SagaState {
  const isBack = before.direction === 'backward' && event.side !== 'action'
  const state = isBack ? beingUndone(before, event.step) : reached(before, event.step)
  const step = state.steps[event.step] ?? UNSTARTED
  // Its place in the order is given when its first attempt starts, not when it was first withheld.
  const isFirst = step.order === 0 && !isSideHook(event.step)
  const side = step[event.side] ?? EMPTY_SIDE
  const { withheldAt = event.at, ...rest } = quiet(side)
  const next: SideState = {
    ...rest,
    attempts: event.attempt,
    since: side.failures === 0 && side.lost === 0 ? event.at : side.since + event.at - withheldAt,
    flight: { jobId: event.jobId, attempt: event.attempt },
  }
  const { rejected, ...rested } = step
  const entry: StepState = {
    ...rested,
    ...(event.side === 'action' || rejected === undefined ? {} : { rejected }),
    order: isFirst ? state.starts + 1 : step.order,
    // What was due is now on its way, or has given way to the verification that comes first.
    action: quiet(step.action),
    [event.side]: next,
    state: stateInFlight(step.state, event.side),
    ...(event.childId === undefined ? {} : { child: { id: event.childId } }),
  }
  const after = withStep(state, event.step, entry)
  return isFirst ? { ...after, starts: state.starts + 1 } : after
}

/** A verification leaves the step's state as it is: what it is about is still open. */
function stateInFlight(now: StepStatus, side: Side): StepStatus {
  if (side === 'action') return 'running'
  return side === 'compensation' ? 'compensating' : now
}

export function withheld(before: SagaState, event: EventOf<'step_withheld'>): SagaState {
  const state = reached(before, event.step)
  const step: StepState = state.steps[event.step] ?? UNSTARTED
  const entry: StepState = {
    ...step,
    action: quiet(step.action),
    [event.side]: { ...stopped(quiet(step[event.side] ?? EMPTY_SIDE), event.at), withheld: event.why },
    state: event.side === 'action' ? 'waiting' : step.state,
  }
  return withStep(state, event.step, entry)
}

export function returned(state: SagaState, event: EventOf<'attempt_returned'>): SagaState {
  const { why } = event
  return settleSide(state, event, event.side === 'action' ? { state: 'waiting' } : {}, (side) => ({
    ...(why === 'turned' ? side : { ...stopped(side, event.at), withheld: why }),
    ...(event.dueAt === undefined ? {} : { due: event.dueAt }),
  }))
}

export function failed(blueprint: Blueprint, state: SagaState, event: EventOf<'attempt_failed'>): SagaState {
  const doubtful = event.side === 'action' && event.verdict === 'in_doubt' && canBeInDoubt(blueprint, event.step)
  return settleSide(
    event.side === 'action' ? withoutFallsBack(state, event.step) : state,
    event,
    {
      ...(event.fallsBack === true ? { fallsBack: true } : {}),
      ...(event.side === 'action' ? { state: 'waiting' } : {}),
      ...(doubtful ? { maybeApplied: true } : {}),
      ...(event.side === 'action' && event.verdict === 'rejected' ? { rejected: true } : {}),
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

/** It is the last error that counts. */
function withoutFallsBack(state: SagaState, name: string): SagaState {
  if (state.steps[name]?.fallsBack === undefined) return state
  return patchStep(state, name, ({ fallsBack: _before, ...step }) => step)
}

export function lost(blueprint: Blueprint, state: SagaState, event: EventOf<'attempt_lost'>): SagaState {
  const doubtful = event.side === 'action' && canBeInDoubt(blueprint, event.step)
  return patchStep(state, event.step, (step) => {
    const side = step[event.side] ?? EMPTY_SIDE
    const flight = side.flight
    const next = remember({ ...side, lost: side.lost + (event.uncounted === true ? 0 : 1) }, event.attempt)
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

export function late(blueprint: Blueprint, state: SagaState, event: EventOf<'late_report'>): SagaState {
  return patchStep(state, event.step, (step) => {
    const side = step[event.side] ?? EMPTY_SIDE
    const open = (side.open ?? []).filter((attempt) => attempt !== event.attempt)
    const { open: _open, ...rest } = side
    const matters = event.side === 'action' && step.state !== 'completed' && canBeInDoubt(blueprint, event.step)
    const applied = matters && event.outcome === 'succeeded'
    // A verification may have cleared the doubt of this very attempt, or be about to.
    const doubtful = matters && event.verdict === 'in_doubt' && IS_OPEN.includes(step.state)
    return {
      ...step,
      [event.side]: open.length === 0 ? rest : { ...rest, open },
      ...(applied || doubtful ? { maybeApplied: true } : {}),
      ...(applied ? { tookEffect: true } : {}),
      // Where it may still complete, its ending is known better now: in doubt, not "not applied".
      ...((applied || doubtful) && step.state === 'failed' && state.direction === 'forward'
        ? { state: 'in_doubt' }
        : {}),
      ...((applied && mayBeOvertaken(step)) || (doubtful && step.verify?.flight !== undefined)
        ? { againDue: true }
        : {}),
    }
  })
}

/** Neither done nor undone. */
const IS_OPEN: readonly StepStatus[] = ['running', 'waiting', 'failed', 'in_doubt']

/** What is being done about it, or was tried, may have come to the other side before this effect did. */
function mayBeOvertaken(step: StepState): boolean {
  return step.state === 'compensating' || step.state === 'compensation_failed' || step.verify?.flight !== undefined
}

export function lateEffect(state: SagaState, event: EventOf<'late_effect_found'>): SagaState {
  const next = patchStep(backIn(state, event.step), event.step, (step) => {
    const { againDue: _again, maybeApplied: _doubt, tookEffect: _effect, ...rest } = step
    if (event.inDoubt === true && event.round !== null)
      return { ...rest, state: 'in_doubt', maybeApplied: true, round: event.round }
    return event.round === null
      ? { ...rest, lateEffect: true }
      : { ...rest, state: 'completed', round: event.round, compensation: raised(step.compensation ?? EMPTY_SIDE) }
  })
  return next.status === 'compensated' && event.round !== null ? { ...next, status: 'compensating' } : next
}

/** Completed, by whatever way that became known. */
export function isDone(blueprint: Blueprint, state: SagaState, name: string): SagaState {
  const next = patchStep(settledItem(state, name), name, (step) => ({
    ...withoutTrouble(step),
    state: 'completed',
    action: spent(step.action),
  }))
  // Past the pivot no deadline turns it any more.
  return stepOf(blueprint, name)?.pivot === true ? { ...omit(next, 'deadlineAt'), pivoted: true } : next
}

/** What is known of a step that is not done is of no interest once it is. */
function withoutTrouble(step: StepState): StepState {
  const { maybeApplied: _doubt, tookEffect: _effect, againDue: _again, ...rest } = step
  const { error: _error, rejected: _no, fallsBack: _fallsBack, ...kept } = rest
  return kept
}

/** Its chooser touches nothing, so that an earlier error of it says nothing of the branch. */
export function chosen(state: SagaState, event: EventOf<'branch_chosen'>): SagaState {
  // When its first attempt began stays: journals that were stored have it in their states.
  const done = settleSide(state, event, { state: 'completed' }, (side) => ({ ...spent(side), since: side.since }))
  return patchStep(done, event.step, (step) => {
    const { error: _error, ...rest } = step
    return rest
  })
}

export function ended(state: SagaState, event: EventOf<'step_ended'>): SagaState {
  return patchStep(state, event.step, (step) => ({
    ...step,
    state: event.as,
    action: quiet(step.action),
    ...(event.error === undefined ? {} : { error: event.error }),
  }))
}

export function verified(blueprint: Blueprint, state: SagaState, event: EventOf<'step_verified'>): SagaState {
  // The next doubt is another question: asking it has limits of its own.
  const settled = settleSide(state, event, {}, raised)
  if (event.outcome === 'applied') return isDone(blueprint, settled, event.step)
  const next = patchStep(settled, event.step, (step) => {
    const { againDue: _again, ...asked } = step
    if (event.outcome === 'unknown') return { ...asked, verifiedAt: step.action.attempts }
    const { maybeApplied: _doubt, tookEffect: _effect, ...rest } = asked
    return { ...rest, state: step.state === 'in_doubt' ? 'failed' : step.state }
  })
  // Going back, there is nothing to undo of what was not applied.
  return state.direction === 'backward' && event.outcome === 'not_applied' ? dealtWith(next, event.step) : next
}

/** What kept it from starting is over: the next error is one of the child's. */
export function childStarted(state: SagaState, event: EventOf<'child_started'>): SagaState {
  return patchStep(settleSide(state, event, {}), event.step, (step) => {
    const { error: _error, ...rest } = step
    return { ...rest, state: 'waiting', child: { id: event.childId, started: true } }
  })
}

export function childEnded(blueprint: Blueprint, state: SagaState, event: EventOf<'child_ended'>): SagaState {
  const undoAsked = state.steps[event.step]?.child?.undoAsked === true
  if (!undoAsked && event.outcome === 'completed') return isDone(blueprint, state, event.step)
  return patchStep(state, event.step, (step) => {
    const { child: _child, ...rest } = step
    // It was tried, and undone: that is its last word.
    if (!undoAsked) return { ...rest, state: 'failed', rejected: true }
    // Asked to undo and ended completed: it could not; its own dead letter said so, a person settled it.
    return { ...step, state: event.outcome === 'compensated' ? 'compensated' : 'compensation_failed' }
  })
}

export function compensated(state: SagaState, event: EventOf<'step_compensated'>): SagaState {
  return undone(settleSide(state, event, {}), event.step)
}

export function undone(state: SagaState, name: string): SagaState {
  const next = patchStep(state, name, (step) => {
    const { maybeApplied: _doubt, tookEffect: _effect, ...rest } = step
    return { ...rest, state: 'compensated', compensation: spent(quiet(step.compensation ?? EMPTY_SIDE)) }
  })
  return dealtWith(next, name)
}

/** A person has seen to it. */
export function settledByHand(
  blueprint: Blueprint,
  state: SagaState,
  event: EventOf<'step_settled_by_hand'>,
): SagaState {
  if (event.side === 'compensation') return undone(state, event.step)
  // One that was never tried takes its place in the order now.
  const isFirst = state.steps[event.step]?.order === 0
  const starts = state.starts + (isFirst ? 1 : 0)
  const still = patchStep(state, event.step, (step) => ({
    ...step,
    order: isFirst ? starts : step.order,
    action: quiet(step.action),
  }))
  return isDone(blueprint, { ...still, starts }, event.step)
}

/** Attempts to come are others than those before: those that may have got through have had the old key. */
export function inputEdited(state: SagaState, { edit }: EventOf<'input_edited'>): SagaState {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(state.steps)) {
    const isOpen = step.state === 'failed' || step.state === 'waiting'
    const isTried = isOpen && step.action.attempts > 0 && !isPassed(state, name, step)
    steps[name] = isTried ? { ...step, edit } : step
  }
  return { ...state, steps, edits: edit }
}
