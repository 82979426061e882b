/**
 * The items of a map, in the state: each is a step of its own, and the map's entry keeps how far it is, so that nobody
 * has to look at ten thousand of them to find the next one.
 */
import { itemName, itemOf } from './blueprint.ts'
import { isToUndo } from './frontier.ts'
import { withStep } from './patches.ts'
import { EMPTY_SIDE, type SagaState, type StepState } from './state.ts'

export const UNSTARTED: StepState = { state: 'pending', order: 0, action: EMPTY_SIDE, round: 1 }

/** The next item of a map comes in with its map's place in the order: they are all undone together. */
export function reached(state: SagaState, name: string): SagaState {
  const item = itemOf(name)
  if (item === undefined || state.steps[name] !== undefined) return state
  const map = state.steps[item.map]
  if (map?.items === undefined) return state
  const { started, open, ...rest } = map.items
  const items = { ...rest, started: started + 1, open: [...open, item.index] }
  const next = withStep(state, item.map, { ...map, items })
  return withStep(next, name, { ...UNSTARTED, order: map.order })
}

/** An item that is done with, whichever way: there is room for the next one. */
export function settledItem(state: SagaState, name: string): SagaState {
  const item = itemOf(name)
  const map = item === undefined ? undefined : state.steps[item.map]
  if (item === undefined || map?.items === undefined) return state
  const open = map.items.open.filter((index) => index !== item.index)
  return withStep(state, item.map, { ...map, items: { ...map.items, open } })
}

/** Going back, the last items are dealt with first: how far that is, is kept, so that nobody has to count again. */
export function dealtWith(state: SagaState, name: string): SagaState {
  const item = itemOf(name)
  const map = item === undefined ? undefined : state.steps[item.map]
  if (item === undefined || map?.items === undefined) return state
  let undoFrom = map.items.undoFrom ?? map.items.started
  while (undoFrom > 0 && !isToUndo(state.steps[itemName(item.map, undoFrom - 1)])) undoFrom -= 1
  const open = map.items.open.filter((index) => index !== item.index)
  return withStep(state, item.map, { ...map, items: { ...map.items, open, undoFrom } })
}

/** The undoing of an item begins. */
export function beingUndone(state: SagaState, name: string): SagaState {
  const item = itemOf(name)
  const map = item === undefined ? undefined : state.steps[item.map]
  if (item === undefined || map?.items === undefined || map.items.open.includes(item.index)) return state
  return withStep(state, item.map, { ...map, items: { ...map.items, open: [...map.items.open, item.index] } })
}

/**
 * Undoing begins: what was open going forward is of no interest any more. Nor is what was dealt with while attempts were
 * in flight, for those beside it may have completed since.
 */
export function closed(steps: SagaState['steps']): SagaState['steps'] {
  const next: Record<string, StepState> = { ...steps }
  for (const name in next) {
    const step = next[name]
    if (step?.items === undefined) continue
    const { undoFrom: _early, ...items } = step.items
    next[name] = { ...step, items: { ...items, open: [] } }
  }
  return next
}

/** An item has to be dealt with once more. */
export function backIn(state: SagaState, name: string): SagaState {
  const item = itemOf(name)
  const map = item === undefined ? undefined : state.steps[item.map]
  if (item === undefined || map?.items?.undoFrom === undefined) return state
  const undoFrom = Math.max(map.items.undoFrom, item.index + 1)
  return withStep(state, item.map, { ...map, items: { ...map.items, undoFrom } })
}

/** Its saga goes on without it: by its fallback, or with its failure as the result. */
export function isPassed(state: SagaState, name: string, step: StepState): boolean {
  const item = itemOf(name)
  if (item === undefined) return step.fellBack === true
  return state.steps[item.map]?.items?.open.includes(item.index) !== true
}
