/** Random blueprints that `checkBlueprint` accepts: any tree is made, and what is not allowed is taken out of it. */
import fc from 'fast-check'
import {
  BLUEPRINT_FORMAT,
  type Blueprint,
  type BlueprintNode,
  type Hook,
  type StepKind,
  type StepNode,
  walk,
} from '../../../src/engine/core/blueprint.ts'

type Shape =
  | {
      readonly node: 'step'
      readonly kind: StepKind
      readonly compensation: boolean
      readonly onlyCompleted: boolean
      readonly verify: boolean
      readonly pivot: boolean
    }
  | { readonly node: 'parallel'; readonly lanes: readonly (readonly Shape[])[] }
  | { readonly node: 'branch'; readonly x: readonly Shape[]; readonly y: readonly Shape[] }

const mostly = (weight: number): fc.Arbitrary<boolean> =>
  fc.oneof({ weight, arbitrary: fc.constant(true) }, { weight: 10 - weight, arbitrary: fc.constant(false) })

const step: fc.Arbitrary<Shape> = fc.record({
  node: fc.constant('step' as const),
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('external' as const) },
    { weight: 2, arbitrary: fc.constant('transactional' as const) },
    { weight: 2, arbitrary: fc.constant('child' as const) },
  ),
  compensation: mostly(8),
  onlyCompleted: mostly(1),
  verify: mostly(3),
  pivot: mostly(2),
})

function sequenceOf(depth: number, minLength: number, maxLength: number): fc.Arbitrary<readonly Shape[]> {
  if (depth === 0) return fc.array(step, { minLength, maxLength })
  const parallel = fc.record({
    node: fc.constant('parallel' as const),
    lanes: fc.array(sequenceOf(depth - 1, 1, 2), { minLength: 1, maxLength: 3 }),
  })
  const branch = fc.record({
    node: fc.constant('branch' as const),
    x: sequenceOf(depth - 1, 1, 2),
    y: sequenceOf(depth - 1, 0, 2),
  })
  const node = fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 2, arbitrary: parallel as fc.Arbitrary<Shape> },
    { weight: 1, arbitrary: branch as fc.Arbitrary<Shape> },
  )
  return fc.array(node, { minLength, maxLength })
}

type Place = { readonly inParallel: boolean; readonly afterPivot: boolean }

/** Gives names, in reading order, and drops the pivots that may not stand where they are. */
class Naming {
  #count = 0

  nodes(shapes: readonly Shape[], place: Place): readonly BlueprintNode[] {
    const nodes: BlueprintNode[] = []
    let afterPivot = place.afterPivot
    for (const shape of shapes) {
      const node = this.#node(shape, { ...place, afterPivot })
      nodes.push(node)
      if ([...walk([node])].some((inner) => inner.node === 'step' && inner.pivot === true)) afterPivot = true
    }
    return nodes
  }

  #node(shape: Shape, place: Place): BlueprintNode {
    this.#count += 1
    const number = this.#count
    if (shape.node === 'parallel') {
      const lanes = shape.lanes.map((lane) => this.nodes(lane, { ...place, inParallel: true }))
      return { node: 'parallel', name: `p${number}`, lanes }
    }
    if (shape.node === 'branch') {
      return {
        node: 'branch',
        name: `b${number}`,
        options: { x: this.nodes(shape.x, place), y: this.nodes(shape.y, place) },
      }
    }
    const compensation = shape.compensation || shape.kind === 'child'
    return {
      node: 'step',
      name: `s${number}`,
      kind: shape.kind,
      compensation,
      ...(compensation && shape.onlyCompleted && shape.kind === 'external'
        ? { compensateWhen: 'completed' as const }
        : {}),
      ...(shape.verify && shape.kind === 'external' ? { verify: true as const } : {}),
      ...(shape.pivot && !place.inParallel && !place.afterPivot ? { pivot: true as const } : {}),
    }
  }
}

const HOOKS: readonly Hook[] = ['completed', 'compensated', 'dead_lettered', 'resolved']

export const blueprints: fc.Arbitrary<Blueprint> = fc
  .record({ shapes: sequenceOf(2, 1, 4), hooks: fc.subarray([...HOOKS]) })
  .map(({ shapes, hooks }) => blueprintOf(new Naming().nodes(shapes, { inParallel: false, afterPivot: false }), hooks))

export function blueprintOf(nodes: readonly BlueprintNode[], hooks: readonly Hook[] = []): Blueprint {
  return { format: BLUEPRINT_FORMAT, definition: 'proof', version: 1, nodes, hooks }
}

/** A step for the examples: external, with a compensation, unless told otherwise. */
export function aStep(name: string, parts: Partial<Omit<StepNode, 'node' | 'name'>> = {}): StepNode {
  return { node: 'step', name, kind: 'external', compensation: true, ...parts }
}

export function stepsOf(blueprint: Blueprint): readonly StepNode[] {
  return [...walk(blueprint.nodes)].filter((node) => node.node === 'step')
}

/**
 * Pairs of steps of which the first must be done before the second starts: those that share a sequence, at whatever
 * depth. An oracle of its own, apart from the frontiers: it compares paths through the tree.
 */
export function sequentialPairs(blueprint: Blueprint): readonly (readonly [before: string, after: string])[] {
  const pairs: [string, string][] = []
  const visit = (nodes: readonly BlueprintNode[]): readonly string[] => {
    const all: string[] = []
    for (const node of nodes) {
      const inner =
        node.node === 'step'
          ? [node.name]
          : node.node === 'parallel'
            ? node.lanes.flatMap(visit)
            : Object.values(node.options).flatMap(visit)
      for (const before of all) for (const after of inner) pairs.push([before, after])
      all.push(...inner)
    }
    return all
  }
  visit(blueprint.nodes)
  return pairs
}
