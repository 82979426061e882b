/** The graph of a definition: what kind each step is, whether something undoes it, and what is held. */
import type { Blueprint, BlueprintNode, StepNode } from '../../engine/core/blueprint.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import { HELD_SIGN, isHeld, KIND_SIGNS, UNDO_SIGN } from '../words/definitions.ts'
import { type Face, faceOf, type GraphNode, type GraphStep } from './nodes.ts'
import { canBeUndone } from './of-saga.ts'

/** @param holds Of this definition. */
export function definitionNodes(blueprint: Blueprint, holds: readonly HoldView[]): readonly GraphNode[] {
  return blueprint.nodes.map((node) => graphNode(node, holds))
}

function graphNode(node: BlueprintNode, holds: readonly HoldView[]): GraphNode {
  const each = (nodes: readonly BlueprintNode[]) => nodes.map((inner) => graphNode(inner, holds))
  switch (node.node) {
    case 'step':
      return stepBox(node, holds)
    case 'map': {
      const forward = isHeld(holds, node.name, 'action') ? HELD_SIGN : KIND_SIGNS.map
      return { ...stepBox(node.item, holds), name: node.name, forward: faceOf(forward, true), isMap: true }
    }
    case 'parallel':
      return { node: 'parallel', lanes: node.lanes.map(each) }
    case 'branch': {
      const sign = isHeld(holds, node.name, 'action') ? HELD_SIGN : KIND_SIGNS.branch
      const choice = { node: 'step', name: node.name, href: anchor(node.name), forward: faceOf(sign, true) } as const
      const options = Object.entries(node.options).map(([label, nodes]) => ({
        label,
        nodes: each(nodes),
        isTaken: true,
      }))
      return { node: 'branch', choice, options, isNoneTaken: true }
    }
  }
}

function stepBox(node: StepNode, holds: readonly HoldView[]): GraphStep {
  const { name } = node
  const forward = isHeld(holds, name, 'action') ? HELD_SIGN : KIND_SIGNS[node.kind]
  return {
    node: 'step',
    name,
    href: anchor(name),
    forward: faceOf(forward, true),
    back: backFace(node, holds),
    ...(node.pivot === true ? { isPivot: true } : {}),
    ...(node.fallback === undefined ? {} : { fallback: stepBox(node.fallback, holds) }),
  }
}

function backFace(node: StepNode, holds: readonly HoldView[]): Face | 'none' {
  if (!canBeUndone(node)) return 'none'
  return faceOf(isHeld(holds, node.name, 'compensation') ? HELD_SIGN : UNDO_SIGN, true)
}

function anchor(name: string): string {
  return `#step-${name}`
}
