/**
 * What follows from the state by itself, once the fact that changed it is recorded: the next attempts, the start of
 * undoing, the end. Run after every input, so that a live saga never stands still without a reason (rule 11).
 */
import { ADOPT, type Blueprint, HOOK_STEP, isSideHook, itemName, type StepNode, stepOf, walk } from './blueprint.ts'
import type { Draft } from './draft.ts'
import { backwardFrontier, covers, forwardFrontier, retreat, undoOrder } from './frontier.ts'
import type { Side } from './machine.ts'
import { EMPTY_SIDE, flightsOf, type SideState, type StepState } from './state.ts'

export function follow(draft: Draft): void {
  sideHooks(draft)
  if (draft.saga.status === 'running') forward(draft)
  // Going forward can end in turning: a parent asked for the undo of a saga that has just completed.
  if (draft.saga.status === 'compensating') backward(draft)
  sideHooks(draft)
}

/** Attempts that a change of direction or a dead letter waits for. Side hooks keep nothing from happening. */
export function hasFlights(draft: Draft): boolean {
  return flightsOf(draft.saga).some((inFlight) => !isSideHook(inFlight.step))
}

function forward(draft: Draft): void {
  if (parkWhenQuiet(draft)) return
  if (draft.saga.blueprint === null) return launch(draft, ADOPT, 'action')
  const ready = forwardFrontier(draft.blueprint, draft.saga)
  if (ready !== null) {
    for (const step of ready) launch(draft, step, 'action')
    return
  }
  const twice = doneTwice(draft)
  if (twice !== undefined) {
    draft.stop('late_effect', twice, undefined)
    return void parkWhenQuiet(draft)
  }
  if (owesHook(draft, 'completed')) return launch(draft, HOOK_STEP.completed, 'action')
  const isRevertible = draft.saga.revertWithinMs !== undefined
  draft.emit({ type: 'saga_completed', ...(isRevertible ? { at: draft.facts.now } : {}) })
  // Only a parent's or a person's undo outlives the pivot.
  const recorded = draft.saga.recorded
  if (recorded !== undefined) draft.turn(recorded)
}

/** A step that turned out to have taken effect, or to be in doubt, after its fallback was taken: both stand. */
function doneTwice(draft: Draft): string | undefined {
  const { steps } = draft.saga
  for (const name in steps) if (steps[name]?.fellBack === true && steps[name].state === 'in_doubt') return name
  return undefined
}

function backward(draft: Draft): void {
  if (draft.saga.draining === true) {
    if (hasFlights(draft)) return
    draft.emit({ type: 'undo_started', order: undoOrder(draft.saga) })
  }
  if (parkWhenQuiet(draft)) return
  if (isUndoingOthers(draft)) return
  if (!retreat(draft.blueprint.nodes, draft.saga, (step) => undo(draft, step))) return
  // The last hook can still be under way when a late effect turns up.
  if (hasFlights(draft)) return
  const { steps } = draft.saga
  const gaveUp = Object.keys(steps).find((step) => steps[step]?.state === 'compensation_failed')
  if (gaveUp !== undefined) return draft.deadLetter('compensation_exhausted', gaveUp)
  const late = Object.keys(steps).find((step) => steps[step]?.lateEffect === true)
  if (late !== undefined) return draft.deadLetter('late_effect', late)
  if (owesHook(draft, 'compensated')) return launch(draft, HOOK_STEP.compensated, 'action')
  const leftInDoubt = Object.keys(steps).filter((step) => steps[step]?.state === 'left_in_doubt')
  draft.emit({ type: 'saga_compensated', leftInDoubt })
}

/** A late effect can put a step back before the one that is being undone: that one comes to its end first (rule 8). */
function isUndoingOthers(draft: Draft): boolean {
  const { blueprint, saga } = draft
  const ready = new Set(backwardFrontier(blueprint, saga))
  if (ready.size === 0) return false
  // Along the blueprint, not along the state: that may have ten thousand items.
  for (const node of walk(blueprint.nodes)) {
    const items = node.node === 'map' ? saga.steps[node.name]?.items : undefined
    const names = items === undefined ? [node.name] : items.open.map((index) => itemName(node.name, index))
    if (names.some((name) => isBeingUndone(saga.steps[name]) && !ready.has(name))) return true
  }
  return false
}

function isBeingUndone(step: StepState | undefined): boolean {
  if (step === undefined) return false
  const isUnderWay = (step.compensation?.flight ?? step.verify?.flight) !== undefined
  return isUnderWay || (step.state === 'compensating' && step.child?.undoAsked === true)
}

/** Whether it is on its way to the dead letters: then nothing new starts. */
function parkWhenQuiet(draft: Draft): boolean {
  const { stopping } = draft.saga
  if (stopping === undefined) return false
  if (!hasFlights(draft)) draft.deadLetter(stopping.reason, stopping.step)
  return true
}

/** Returns whether the step is dealt with already, because there is nothing to run. */
function undo(draft: Draft, name: string): boolean {
  const step = draft.saga.steps[name]
  const node = stepOf(draft.blueprint, name)
  if (step === undefined || step.child?.undoAsked === true) return false
  if (step.state === 'in_doubt' && isUnverified(draft.blueprint, name, step)) {
    launch(draft, name, 'verify')
    return false
  }
  const inDoubt = step.state === 'in_doubt'
  const undoable = node !== undefined && (node.compensation || node.kind === 'child')
  if (!undoable || (inDoubt && isLeftInDoubt(node, step))) {
    draft.emit({ type: inDoubt ? 'step_left_in_doubt' : 'step_skipped', step: name })
    return true
  }
  launch(draft, name, 'compensation')
  return false
}

/** Whether its author wants it left alone: not where it is known to have taken effect. */
export function isLeftInDoubt(node: StepNode, step: StepState): boolean {
  return node.compensateWhen === 'completed' && step.tookEffect !== true
}

/** In doubt, with a hook that can find out and has not been asked since the last attempt. */
export function isUnverified(blueprint: Blueprint, name: string, step: StepState): boolean {
  return (
    step.maybeApplied === true && stepOf(blueprint, name)?.verify === true && step.verifiedAt !== step.action.attempts
  )
}

function owesHook(draft: Draft, hook: 'completed' | 'compensated'): boolean {
  const has = draft.saga.blueprint !== null && draft.blueprint.hooks.includes(hook)
  return has && draft.saga.steps[HOOK_STEP[hook]]?.state !== 'completed'
}

function sideHooks(draft: Draft): void {
  for (const hook of ['dead_lettered', 'resolved'] as const) {
    const state = draft.saga.steps[HOOK_STEP[hook]]?.state
    if (state === 'pending' || state === 'waiting') launch(draft, HOOK_STEP[hook], 'action')
  }
}

/** Schedules the next attempt, unless one is in flight or due later, or a pause or a hold withholds it. */
export function launch(draft: Draft, name: string, side: Side, isDue = false): void {
  const step = draft.saga.steps[name]
  const sideState = step?.[side] ?? EMPTY_SIDE
  if (step !== undefined && (step[side]?.flight ?? step.verify?.flight) !== undefined) return
  if (!isDue && isPutOff(draft, sideState)) return
  if (side === 'action' && step?.child?.started === true) return
  if (side === 'action' && step !== undefined && isUnverified(draft.blueprint, name, step))
    return launch(draft, name, 'verify')
  const why = withheldBy(draft, name, side, sideState)
  if (why !== undefined) {
    if (sideState.withheld !== why) draft.emit({ type: 'step_withheld', step: name, side, why, at: draft.facts.now })
    return
  }
  draft.emit({
    type: 'attempt_scheduled',
    step: name,
    side,
    attempt: sideState.attempts + 1,
    jobId: draft.facts.newId(),
    at: draft.facts.now,
    ...(side === 'compensation' && step !== undefined ? { round: step.round } : {}),
    ...(side === 'action' && stepOf(draft.blueprint, name)?.kind === 'child'
      ? { childId: step?.child?.id ?? draft.facts.newId() }
      : {}),
  })
}

/** Its moment is still to come, or a worker that knows it. */
function isPutOff(draft: Draft, side: SideState): boolean {
  if (side.due !== undefined) return side.due > draft.facts.now
  return side.withheld === 'code'
}

function withheldBy(draft: Draft, name: string, side: Side, before: SideState): 'pause' | 'hold' | undefined {
  if (isSideHook(name)) return undefined
  if (draft.saga.paused === true) return 'pause'
  return isHeld(draft, name, side, before.withheld === 'hold') ? 'hold' : undefined
}

/** A hold that lets go is passed by what comes now, and not, before its turn, by what has waited for it. */
function isHeld(draft: Draft, name: string, side: Side, hasWaited: boolean): boolean {
  return draft.facts.holds.some((hold) => (hold.lettingGo !== true || hasWaited) && covers(hold, name, side))
}
