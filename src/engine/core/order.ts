/**
 * What people (and deadlines, and parents) order: each fits some states and is refused in the others with the orders
 * that do fit. An order's event carries who gave it and why (rule 14).
 */

import type { Blueprint } from './blueprint.ts'
import { HOOK_STEP, isSideHook, stepOf, walk } from './blueprint.ts'
import type { Draft } from './draft.ts'
import type { Act } from './events.ts'
import { forwardFrontier, isOwnStep, undoOrder } from './frontier.ts'
import type { Ignored, Order, OrderType } from './input.ts'
import { isPassed } from './items.ts'
import { isFinished, isLive, SIDES, type Side } from './machine.ts'
import { pivotPassed } from './report.ts'
import type { Cause, SagaState, StepState } from './state.ts'

export function order(draft: Draft, input: Order): Ignored | undefined {
  switch (input.type) {
    case 'retry':
      return retry(draft, input.act)
    case 'compensate':
      return compensate(draft, input.act, input.pastPivot === true)
    case 'cancel':
      return goBack(draft, { kind: 'cancel', actor: input.act.actor }, input.act)
    case 'revert':
      if (draft.saga.erased === true) return { reason: 'erased', fits: fitsNow(draft) }
      if (draft.saga.status !== 'completed' || draft.saga.revertUntil === undefined) return doesNotFit(draft)
      if (draft.facts.now > draft.saga.revertUntil) return { reason: 'too_late', fits: [] }
      return goBack(draft, { kind: 'revert', actor: input.act.actor }, input.act)
    case 'complete':
      return complete(draft, input.step, input.act)
    case 'edit_input':
      return editInput(draft, input.act)
    case 'pause':
      if (!isLive(draft.saga.status)) return doesNotFit(draft)
      if (draft.saga.paused === true) return { reason: 'already_so', fits: ordersThatFit(draft.blueprint, draft.saga) }
      draft.emit({ type: 'saga_paused', act: input.act })
      return undefined
    case 'resume':
      if (draft.saga.paused !== true) return doesNotFit(draft)
      draft.emit({ type: 'saga_resumed', act: input.act })
      return undefined
    case 'resolve':
      if (draft.saga.status !== 'dead_lettered') return doesNotFit(draft)
      draft.emit({ type: 'saga_resolved', as: input.as, act: input.act })
      return undefined
    case 'rerun':
      if (draft.saga.erased === true) return { reason: 'erased', fits: fitsNow(draft) }
      if (!fits(draft, 'rerun')) return doesNotFit(draft)
      draft.emit({ type: 'saga_rerun', newSagaId: input.newSagaId, act: input.act })
      return undefined
    case 'erase':
      return erase(draft, input.act)
  }
}

/** Turns the saga, now or when the pivot under way turns out not applied; or says why that cannot be. */
export function goBack(draft: Draft, cause: Cause, act?: Act): Ignored | undefined {
  const { status, pivoted, recorded } = draft.saga
  const byParent = cause.kind === 'parent'
  if (status === 'compensating' || status === 'compensated') {
    // It changes nothing but what the end means: the parent asked for it.
    if (byParent && status === 'compensating') return record(draft, cause)
    return { reason: 'already_so', fits: fitsNow(draft) }
  }
  if (status === 'completed') {
    if (!byParent && cause.kind !== 'revert') return doesNotFit(draft)
    draft.turn(cause, act)
    return undefined
  }
  if (status === 'dead_lettered') {
    // A parent's undo is an order of its own; an operator's is called compensate here.
    if (!byParent) return doesNotFit(draft)
    if (draft.saga.direction === 'backward') return record(draft, cause)
    draft.turn(cause)
    return undefined
  }
  if (status === 'resolved') return doesNotFit(draft)
  // It is about to be a dead letter, which a parent's undo turns.
  if (byParent && draft.saga.stopping !== undefined) {
    draft.turn(cause)
    return undefined
  }
  if (pivoted === true || isFinishing(draft.blueprint, draft.saga)) {
    if (!byParent) return { reason: pivoted === true ? 'past_pivot' : 'finishing', fits: fitsNow(draft) }
    return record(draft, cause)
  }
  if (pivotUnderWay(draft.blueprint, draft.saga) !== undefined) {
    if (recorded !== undefined && !byParent) return { reason: 'already_so', fits: fitsNow(draft) }
    return record(draft, cause, act)
  }
  draft.turn(cause, act)
  return undefined
}

function record(draft: Draft, cause: Cause, act?: Act): Ignored | undefined {
  if (draft.saga.recorded?.kind === cause.kind || (cause.kind === 'parent' && draft.saga.undoAsked === true))
    return { reason: 'already_so', fits: fitsNow(draft) }
  draft.emit({ type: 'turn_recorded', cause, ...(act === undefined ? {} : { act }) })
  return undefined
}

/** From its first delivery to its report, and while it is in doubt, the pivot decides first (rule 9). */
export function pivotUnderWay(blueprint: Blueprint, state: SagaState): string | undefined {
  for (const node of walk(blueprint.nodes)) {
    if (node.node !== 'step' || node.pivot !== true) continue
    const step = state.steps[node.name]
    if (step === undefined || step.state === 'completed' || step.state === 'failed') continue
    if (step.maybeApplied === true || step.child?.started === true) return node.name
    if (step.action.flight !== undefined || step.verify?.flight !== undefined) return node.name
  }
  return undefined
}

/** All steps are done and the last hook is under way: its effects cannot be undone, so nothing turns any more. */
function isFinishing(blueprint: Blueprint, state: SagaState): boolean {
  const attempts = state.steps[HOOK_STEP.completed]?.action.attempts ?? 0
  return state.blueprint !== null && attempts > 0 && forwardFrontier(blueprint, state) === null
}

function retry(draft: Draft, act: Act): Ignored | undefined {
  const { status, direction } = draft.saga
  if (status === 'dead_lettered') {
    if (!canGoOn(draft.saga)) return doesNotFit(draft)
    draft.emit({ type: 'saga_retried', direction, steps: stuckSteps(draft.saga), act })
    return undefined
  }
  const waiting = waitingForBackoff(draft.saga)
  if (!isLive(status) || waiting.length === 0) return doesNotFit(draft)
  for (const { step, side } of waiting) draft.emit({ type: 'backoff_skipped', step, side, act })
  return undefined
}

/** The steps that keep a dead letter from going on in its direction. */
export function stuckSteps(state: SagaState): readonly string[] {
  return Object.entries(state.steps)
    .filter(([name, step]) => {
      if (isSideHook(name)) return false
      if (SIDES.some((side) => step[side]?.withheld === 'code')) return true
      // The hook of the other direction may have failed before the saga turned: nobody waits for it any more.
      if (name.startsWith('@')) return step.state === 'failed' && name === HOOK_STEP[endOf(state)]
      if (state.direction === 'backward') return step.state === 'compensation_failed'
      return hasEnded(state, name, step)
    })
    .map(([name]) => name)
}

/** It has ended without completing, and the saga cannot go on without it. */
export function hasEnded(state: SagaState, name: string, step: StepState): boolean {
  return (step.state === 'failed' || step.state === 'in_doubt') && !isPassed(state, name, step)
}

function endOf(state: SagaState): 'completed' | 'compensated' {
  return state.direction === 'forward' ? 'completed' : 'compensated'
}

/** Whether a retry can get a dead letter any further. A late effect that nothing can undo stays what it is. */
function canGoOn(state: SagaState): boolean {
  // The last hook is no way on: it waits until every effect is undone.
  const isStuck = () => stuckSteps(state).some((step) => !step.startsWith('@'))
  const isToUndo = () => state.direction === 'backward' && undoOrder(state).length > 0
  return state.deadLetter?.reason !== 'late_effect' || isStuck() || isToUndo()
}

function waitingForBackoff(state: SagaState): readonly { step: string; side: Side }[] {
  // On its way to the dead letters nothing starts, however early.
  if (state.stopping !== undefined) return []
  return Object.entries(state.steps).flatMap(([step, entry]) =>
    SIDES.filter((side) => entry[side]?.due !== undefined).map((side) => ({ step, side })),
  )
}

function compensate(draft: Draft, act: Act, pastPivot: boolean): Ignored | undefined {
  const { status, direction, pivoted } = draft.saga
  if (status !== 'dead_lettered') {
    // A live saga is turned by the same means as a cancel: only the word differs.
    return goBack(draft, { kind: 'compensate', actor: act.actor }, act)
  }
  if (direction === 'backward') return retry(draft, act)
  const needsAdmin = pivoted === true || pivotUnderWay(draft.blueprint, draft.saga) !== undefined
  if (needsAdmin && !pastPivot) return { reason: 'needs_admin', fits: ['retry', 'resolve'] }
  draft.turn({ kind: 'compensate', actor: act.actor }, act)
  return undefined
}

/** The step, or its undoing, was seen to outside: the saga goes on as if it had done it itself. */
function complete(draft: Draft, name: string, act: Act): Ignored | undefined {
  if (stepOf(draft.blueprint, name) === undefined || draft.saga.steps[name] === undefined)
    return { reason: 'unknown_step', fits: fitsNow(draft) }
  const side = sideByHand(draft.blueprint, draft.saga, name)
  if (side === undefined) return doesNotFit(draft)
  draft.emit({ type: 'step_settled_by_hand', step: name, side, act })
  if (side === 'action') pivotPassed(draft, name)
  const { status, direction } = draft.saga
  // What else it is stuck with still needs somebody.
  if (status === 'dead_lettered' && stuckSteps(draft.saga).length === 0)
    draft.emit({ type: 'saga_retried', direction, steps: [], act })
  return undefined
}

/** What of a step a person can settle now; `undefined` where something of it is under way, or nothing is left to do. */
function sideByHand(blueprint: Blueprint, state: SagaState, name: string): 'action' | 'compensation' | undefined {
  const step = state.steps[name]
  const node = stepOf(blueprint, name)
  if (step === undefined || node === undefined || node.kind === 'child' || !isOwnStep(state, name)) return undefined
  if (state.status !== 'dead_lettered' && !isLive(state.status)) return undefined
  if (state.direction === 'backward') return step.state === 'compensation_failed' ? 'compensation' : undefined
  const isBusy = (step.action.flight ?? step.verify?.flight) !== undefined || state.stopping !== undefined
  if (isBusy || isPassed(state, name, step)) return undefined
  return step.state === 'failed' || step.state === 'in_doubt' || step.state === 'waiting' ? 'action' : undefined
}

/** A doubt is about the old input: it has to be cleared first. */
function editInput(draft: Draft, act: Act): Ignored | undefined {
  const { status, direction, edits = 0 } = draft.saga
  if (status !== 'dead_lettered' || direction === 'backward' || !canGoOn(draft.saga)) return doesNotFit(draft)
  if (isInDoubt(draft.blueprint, draft.saga)) return { reason: 'in_doubt', fits: fitsNow(draft) }
  draft.emit({ type: 'input_edited', edit: edits + 1, act })
  draft.emit({ type: 'saga_retried', direction, steps: stuckSteps(draft.saga), act })
  return undefined
}

/** What still runs would need its payloads, and could say something more. */
function erase(draft: Draft, act: Act): Ignored | undefined {
  if (!isFinished(draft.saga.status)) return doesNotFit(draft)
  if (draft.saga.erased === true) return { reason: 'already_so', fits: fitsNow(draft) }
  if (!isQuiet(draft.saga)) return { reason: 'finishing', fits: fitsNow(draft) }
  draft.emit({ type: 'saga_erased', act })
  return undefined
}

/** The hooks that run beside a status have come to their end as well. */
function isQuiet({ steps }: SagaState): boolean {
  return Object.values(steps).every((step) =>
    SIDES.every((side) => (step[side]?.flight ?? step[side]?.due ?? step[side]?.withheld) === undefined),
  )
}

function isInDoubt(blueprint: Blueprint, state: SagaState): boolean {
  return Object.entries(state.steps).some(([name, step]) => {
    if (step.state === 'completed' || isPassed(state, name, step)) return false
    // A verification has found nothing of it, and it may come all the same: under the old key, so that both would stand.
    const mayComeLate = stepOf(blueprint, name)?.kind === 'external' && step.action.open !== undefined
    return step.maybeApplied === true || mayComeLate
  })
}

function doesNotFit(draft: Draft): Ignored {
  return { reason: 'does_not_fit', fits: fitsNow(draft) }
}

function fitsNow(draft: Draft): readonly OrderType[] {
  return ordersThatFit(draft.blueprint, draft.saga)
}

function fits(draft: Draft, type: OrderType): boolean {
  return fitsNow(draft).includes(type)
}

/** The orders that would do something now, in the order in which a person should think of them. */
export function ordersThatFit(blueprint: Blueprint, state: SagaState): readonly OrderType[] {
  const orders: OrderType[] = []
  const live = isLive(state.status)
  if (state.status === 'dead_lettered') {
    if (canGoOn(state)) orders.push('retry')
    if (state.direction === 'forward' || orders.includes('retry')) orders.push('compensate')
    orders.push('resolve')
    if (state.direction === 'forward' && canGoOn(state) && !isInDoubt(blueprint, state)) orders.push('edit_input')
  }
  const isErased = state.erased === true
  if (state.status === 'completed' && state.revertUntil !== undefined && !isErased) orders.push('revert')
  if (live && waitingForBackoff(state).length > 0) orders.push('retry')
  if (state.status === 'pending') orders.push('cancel', 'compensate')
  if (
    state.status === 'running' &&
    state.pivoted !== true &&
    state.recorded === undefined &&
    !isFinishing(blueprint, state)
  ) {
    orders.push('cancel', 'compensate')
  }
  if (live) orders.push(state.paused === true ? 'resume' : 'pause')
  if (Object.keys(state.steps).some((name) => sideByHand(blueprint, state, name) !== undefined)) orders.push('complete')
  const wasUndone =
    state.status === 'compensated' || (state.status === 'resolved' && state.resolvedAs === 'compensated')
  if (wasUndone && !isErased) orders.push('rerun')
  if (isFinished(state.status) && !isErased && isQuiet(state)) orders.push('erase')
  return orders
}
