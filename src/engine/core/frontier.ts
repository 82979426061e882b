/**
 * What a saga does next, read off the tree: the steps that are ready going forward, and those to undo going back.
 * A sequence has one frontier step; a parallel group has one a lane.
 */
import { type Blueprint, type BlueprintNode, definedName, itemName, itemOf } from './blueprint.ts'
import type { Hold } from './input.ts'
import type { Side } from './machine.ts'
import type { Items, SagaState, StepState } from './state.ts'

/** The steps and branches that are next, forward; `null` when all are done. */
export function forwardFrontier(blueprint: Blueprint, state: SagaState): readonly string[] | null {
  const ready: string[] = []
  return advance(blueprint.nodes, state, ready) ? null : ready
}

/** Returns whether the nodes are done; pushes what is next of them. */
function advance(nodes: readonly BlueprintNode[], state: SagaState, ready: string[]): boolean {
  for (const node of nodes) {
    if (node.node === 'step') {
      const step = state.steps[node.name]
      const runs = step?.fellBack === true ? node.fallback : node
      if (runs === undefined || state.steps[runs.name]?.state === 'completed') continue
      ready.push(runs.name)
      return false
    }
    if (node.node === 'map') {
      const items = state.steps[node.name]?.items
      if (items === undefined) ready.push(node.name)
      else if (areSettled(items)) continue
      else ready.push(...openItems(node.name, items))
      return false
    }
    if (node.node === 'parallel') {
      let done = true
      for (const lane of node.lanes) done = advance(lane, state, ready) && done
      if (!done) return false
      continue
    }
    const option = state.branches[node.name]
    if (option === undefined) {
      ready.push(node.name)
      return false
    }
    if (option !== null && !advance(node.options[option] ?? [], state, ready)) return false
  }
  return true
}

/** Whether nothing of the map is left to do. */
export function areSettled({ count, started, open }: Items): boolean {
  return started === count && open.length === 0
}

/** The items that are under way, and as many of the next as there is room for. */
function openItems(map: string, { count, concurrency, started, open }: Items): readonly string[] {
  const names = open.map((index) => itemName(map, index))
  const end = Math.min(count, started + Math.max(0, concurrency - open.length))
  for (let index = started; index < end; index += 1) names.push(itemName(map, index))
  return names
}

/** The steps to undo next: one, or one a lane of the group that is being undone. Empty when all are dealt with. */
export function backwardFrontier(blueprint: Blueprint, state: SagaState): readonly string[] {
  const ready: string[] = []
  retreat(blueprint.nodes, state, (step) => {
    ready.push(step)
    return false
  })
  return ready
}

/**
 * Walks back over the steps to undo, each once. `undo` returns whether the step is dealt with already, which uncovers
 * those before it; it may change the steps that it is called with, and no others.
 */
export function retreat(nodes: readonly BlueprintNode[], state: SagaState, undo: (step: string) => boolean): boolean {
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const node = nodes[index]
    if (node === undefined) continue
    if (node.node === 'step') {
      // The fallback was the later of the two.
      const { fallback } = node
      if (fallback !== undefined && isToUndo(state.steps[fallback.name]) && !undo(fallback.name)) return false
      if (isToUndo(state.steps[node.name]) && !undo(node.name)) return false
      continue
    }
    if (node.node === 'map') {
      const items = state.steps[node.name]?.items
      if (items !== undefined && !retreatItems(node.name, items, state, undo)) return false
      continue
    }
    if (node.node === 'parallel') {
      let done = true
      for (const lane of node.lanes) done = retreat(lane, state, undo) && done
      if (!done) return false
      continue
    }
    const option = state.branches[node.name]
    if (option !== undefined && option !== null && !retreat(node.options[option] ?? [], state, undo)) return false
  }
  return true
}

/** The last items first, no more of them at a time than went forward. */
function retreatItems(
  map: string,
  { started, undoFrom = started, concurrency }: Items,
  state: SagaState,
  undo: (step: string) => boolean,
): boolean {
  let open = 0
  for (let index = undoFrom - 1; index >= 0 && open < concurrency; index -= 1) {
    const name = itemName(map, index)
    if (isToUndo(state.steps[name]) && !undo(name)) open += 1
  }
  return open === 0
}

/** Whether going back has still to deal with the step: by its compensation, or by saying that there is none. */
export function isToUndo(step: StepState | undefined): boolean {
  if (step === undefined) return false
  if (step.state === 'waiting') return step.child?.started === true || step.maybeApplied === true
  return step.state === 'completed'
    ? step.lateEffect !== true
    : step.state === 'in_doubt' || step.state === 'compensating'
}

/** Steps to undo, the last started first. */
export function undoOrder(state: SagaState): readonly string[] {
  return Object.entries(state.steps)
    .filter(([name, step]) => isOwnStep(state, name) && isToUndo(step))
    .sort(([one, a], [other, b]) => b.order - a.order || indexOf(other) - indexOf(one))
    .map(([name]) => name)
}

/** Items of one map share its place in the order. */
function indexOf(step: string): number {
  return itemOf(step)?.index ?? 0
}

/** Of the definition, and no chooser of a branch or list of a map: these leave nothing that could be undone. */
export function isOwnStep(state: SagaState, name: string): boolean {
  return !name.startsWith('@') && !(name in state.branches) && state.steps[name]?.items === undefined
}

/** Whether it is a hold on this: one on a map holds its items too. */
export function covers(hold: Hold, step: string, side: Side): boolean {
  if (hold.side !== undefined && hold.side !== side) return false
  return hold.step === undefined || hold.step === step || hold.step === definedName(step)
}
