/** Whose results a step is shown: of those before it on its own way through the tree, and of no sibling. */
import { type Blueprint, type BlueprintNode, definedName, nodeOf } from '../core/blueprint.ts'

/** Nodes from one number up to another, in reading order, the last one excluded. */
type Range = readonly [from: number, to: number]

type Place = {
  /** In reading order. */
  readonly at: number
  /** Other lanes, and other options, of all that it stands in. Only those before it matter. */
  readonly hidden: readonly Range[]
}

const places = new WeakMap<Blueprint, ReadonlyMap<string, Place>>()

/** Those of the names whose results the step sees. Hooks see all. */
export function visibleTo(blueprint: Blueprint, step: string, names: readonly string[]): readonly string[] {
  if (nodeOf(blueprint, step) === undefined) return names
  const known = placesOf(blueprint)
  const own = known.get(definedName(step))
  if (own === undefined) return names
  return names.filter((name) => {
    const at = known.get(name)?.at
    return at !== undefined && at < own.at && !own.hidden.some(([from, to]) => from <= at && at < to)
  })
}

function placesOf(blueprint: Blueprint): ReadonlyMap<string, Place> {
  let found = places.get(blueprint)
  if (found === undefined) {
    const made = new Map<string, Place>()
    number(blueprint.nodes, 0, [], made)
    found = made
    places.set(blueprint, found)
  }
  return found
}

/** Linear in the size of the tree: the steps of a lane share what is hidden from them. */
function number(
  nodes: readonly BlueprintNode[],
  from: number,
  hidden: readonly Range[],
  found: Map<string, Place>,
): number {
  let at = from
  for (const node of nodes) {
    found.set(node.name, { at, hidden })
    at += 1
    if (node.node === 'step' && node.fallback !== undefined) {
      found.set(node.fallback.name, { at, hidden })
      at += 1
    }
    if (node.node === 'step' || node.node === 'map') continue
    const first = at
    const ways = node.node === 'parallel' ? node.lanes : Object.values(node.options)
    for (const way of ways) at = number(way, at, at === first ? hidden : [...hidden, [first, at]], found)
  }
  return at
}
