/**
 * What a saga does next, read off the tree: the steps that are ready going forward, and those to undo going back.
 * A sequence has one frontier step; a parallel group has one a lane.
 */
import type { Blueprint, BlueprintNode } from './blueprint.ts'
import type { SagaState, StepState } from './state.ts'

/** The steps and branches that are next, forward; `null` when all are done. */
export function forwardFrontier(blueprint: Blueprint, state: SagaState): readonly string[] | null {
  const ready: string[] = []
  return advance(blueprint.nodes, state, ready) ? null : ready
}

/** Returns whether the nodes are done; pushes what is next of them. */
function advance(nodes: readonly BlueprintNode[], state: SagaState, ready: string[]): boolean {
  for (const node of nodes) {
    if (node.node === 'step') {
      if (state.steps[node.name]?.state === 'completed') continue
      ready.push(node.name)
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
      if (isToUndo(state.steps[node.name]) && !undo(node.name)) return false
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
    .filter(([name, step]) => !name.startsWith('@') && !(name in state.branches) && isToUndo(step))
    .sort(([, a], [, b]) => b.order - a.order)
    .map(([name]) => name)
}
