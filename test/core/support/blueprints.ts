/** Random blueprints that `checkBlueprint` accepts: any tree is made, and what is not allowed is taken out of it. */
import fc from 'fast-check'
import {
  BLUEPRINT_FORMAT,
  type Blueprint,
  type BlueprintNode,
  type Hook,
  itemName,
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
      readonly fallback: boolean
    }
  | {
      readonly node: 'map'
      readonly kind: 'external' | 'transactional'
      readonly compensation: boolean
      readonly onlyCompleted: boolean
      readonly verify: boolean
      readonly collect: boolean
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
  fallback: mostly(2),
})

const map: fc.Arbitrary<Shape> = fc.record({
  node: fc.constant('map' as const),
  kind: fc.constantFrom('external' as const, 'external' as const, 'transactional' as const),
  compensation: mostly(8),
  onlyCompleted: mostly(1),
  verify: mostly(3),
  collect: fc.boolean(),
})

/** The most items that a list has here. */
export const MAP_INDEXES = [0, 1, 2] as const

function sequenceOf(depth: number, minLength: number, maxLength: number): fc.Arbitrary<readonly Shape[]> {
  const leaf = fc.oneof({ weight: 8, arbitrary: step }, { weight: 1, arbitrary: map })
  if (depth === 0) return fc.array(leaf, { minLength, maxLength })
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
    { weight: 7, arbitrary: leaf },
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
    if (shape.node === 'map') {
      const item = this.#step(`m${number}`, shape)
      return { node: 'map', name: `m${number}`, item, ...(shape.collect ? { collect: true as const } : {}) }
    }
    const step = this.#step(`s${number}`, shape)
    if (shape.pivot && !place.inParallel && !place.afterPivot) return { ...step, pivot: true }
    if (!shape.fallback || shape.kind === 'child') return step
    this.#count += 1
    return { ...step, fallback: this.#step(`s${this.#count}`, { ...shape, compensation: true, verify: false }) }
  }

  #step(
    name: string,
    shape: Pick<Shape & { node: 'step' }, 'kind' | 'compensation' | 'onlyCompleted' | 'verify'>,
  ): StepNode {
    const { kind, onlyCompleted, verify } = shape
    const compensation = shape.compensation || kind === 'child'
    return {
      node: 'step',
      name,
      kind,
      compensation,
      ...(compensation && onlyCompleted && kind === 'external' ? { compensateWhen: 'completed' as const } : {}),
      ...(verify && kind === 'external' ? { verify: true as const } : {}),
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

/** Steps and items that the name of a chooser, a list or a hook is not among. */
export function ownNames(blueprint: Blueprint): readonly string[] {
  return [...walk(blueprint.nodes)].flatMap((node) => {
    if (node.node === 'map') return MAP_INDEXES.map((index) => itemName(node.name, index))
    return node.node === 'step' ? [node.name] : []
  })
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
          ? [node.name, ...(node.fallback === undefined ? [] : [node.fallback.name])]
          : node.node === 'parallel'
            ? node.lanes.flatMap(visit)
            : node.node === 'map'
              ? MAP_INDEXES.map((index) => itemName(node.name, index))
              : Object.values(node.options).flatMap(visit)
      for (const before of all) for (const after of inner) pairs.push([before, after])
      all.push(...inner)
    }
    return all
  }
  visit(blueprint.nodes)
  return pairs
}
