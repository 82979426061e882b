/**
 * Two shapes of one name and version: whether they are the same but for renames that one of them declares, and what
 * differs where they are not.
 *
 * A rename is known by where the step stands, and by the word of whoever made it (`formerly`). It is never guessed: two
 * names at one place can be two steps.
 */
import { type Blueprint, type BlueprintNode, NO_NAMES } from './blueprint.ts'

/** From the names of one shape to those of the other, for everything that has a name. */
export type Names = ReadonlyMap<string, string>

/** What the names of `one` are in `other`; `undefined` where the shapes differ by more than declared renames. */
export function namesIn(one: Blueprint, other: Blueprint): Names | undefined {
  const names = new Map<string, string>()
  if (!agree(one.hooks, other.hooks, names) || !agree(one.nodes, other.nodes, names)) return undefined
  const theirs = new Set(names.values())
  // A name that both have is one step in both: else a code that is looked up by it would be that of another.
  for (const [name, their] of names) if (name !== their && (theirs.has(name) || names.has(their))) return undefined
  return names
}

/** Compares all that a blueprint can hold, nodes of kinds to come included. Notes the names of nodes that stand for each other. */
function agree(one: unknown, other: unknown, names: Map<string, string>): boolean {
  if (!isObject(one) || !isObject(other)) return one === other
  if (Array.isArray(one) !== Array.isArray(other)) return false
  if (isNode(one) && isNode(other)) {
    if (!isOneName(one, other)) return false
    names.set(one.name, other.name)
    return agreeInEach(nameless(one), nameless(other), names)
  }
  return agreeInEach(one, other, names)
}

function agreeInEach(one: Anything, other: Anything, names: Map<string, string>): boolean {
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && agree(one[key], other[key], names))
  )
}

type Anything = { readonly [key: string]: unknown }
type Named = { readonly node: string; readonly name: string; readonly formerly?: readonly string[] }

function isOneName(one: Named, other: Named): boolean {
  const { formerly: ours = NO_NAMES } = one
  const { formerly: theirs = NO_NAMES } = other
  return one.name === other.name || ours.includes(other.name) || theirs.includes(one.name)
}

function nameless(node: Named): Anything {
  const { name: _name, formerly: _formerly, ...rest } = node
  return rest
}

function isObject(value: unknown): value is Anything {
  return typeof value === 'object' && value !== null
}

function isNode(value: unknown): value is Named {
  return isObject(value) && typeof value['node'] === 'string' && typeof value['name'] === 'string'
}

/** A node as it is compared for what to say of it: what it is without what stands in it, and in what it stands. */
type Entry = {
  readonly name: string
  readonly what: string
  readonly formerly: readonly string[]
  /** Of what the node itself says, as JSON. */
  readonly own: ReadonlyMap<string, string>
  readonly within: string
}

/**
 * What differs between a shape that is stored and one that is given, in words: steps that are new or gone, renames that
 * nobody declared, other kinds, another order.
 */
export function differences(stored: Blueprint, given: Blueprint): readonly string[] {
  const before = [...entries(stored.nodes, 'the saga')]
  const after = [...entries(given.nodes, 'the saga')]
  const earlier = new Map(before.map((entry) => [entry.name, entry]))
  const later = new Map(after.map((entry) => [entry.name, entry]))
  // By declared renames too: what was renamed and changed is told of as changed.
  const sameAs = (entry: Entry) =>
    later.get(entry.name) ?? after.find((other) => isOneName(nodeLike(entry), nodeLike(other)))
  const pairs = before.flatMap((entry) => {
    const other = sameAs(entry)
    return other === undefined ? [] : [[entry, other] as const]
  })
  const paired = new Set(pairs.map(([, other]) => other))
  const gone = before.filter((entry) => sameAs(entry) === undefined)
  const fresh = after.filter((entry) => !paired.has(entry) && !earlier.has(entry.name))
  const found = [
    ...hooksThatDiffer(stored, given),
    ...comingAndGoing(gone, fresh, before, after),
    ...pairs.flatMap(([entry, other]) => changes(entry, other)),
    ...orderThatDiffers(pairs, after),
  ]
  return found.length > 0 ? found : ['the same names stand at other places']
}

function nodeLike({ name, formerly }: Entry): Named {
  return { node: 'step', name, formerly }
}

function* entries(nodes: readonly BlueprintNode[], within: string): Generator<Entry> {
  for (const node of nodes) {
    const own = new Map<string, string>()
    const inner: [string, readonly BlueprintNode[]][] = []
    for (const [key, value] of Object.entries(node) as [string, unknown][]) {
      if (key === 'name' || key === 'formerly') continue
      const sequences = sequencesOf(`${whatIs(node)} "${node.name}"`, value)
      if (sequences.length === 0) own.set(key, JSON.stringify(value))
      else inner.push(...sequences)
    }
    const formerly = 'formerly' in node && node.formerly !== undefined ? node.formerly : NO_NAMES
    yield { name: node.name, what: whatIs(node), formerly, own, within }
    for (const [place, sequence] of inner) yield* entries(sequence, place)
  }
}

/** The sequences of nodes that a property holds: one, several in order, or several by name. */
function sequencesOf(place: string, value: unknown): [string, readonly BlueprintNode[]][] {
  if (!isObject(value)) return []
  if (Array.isArray(value) && value.every(isNode)) return [[place, value as unknown as readonly BlueprintNode[]]]
  return Object.entries(value).flatMap(([key, inner]) => sequencesOf(`${place}, ${key}`, inner))
}

function whatIs(node: BlueprintNode): string {
  return node.node === 'parallel' ? 'group' : node.node
}

function hooksThatDiffer(stored: Blueprint, given: Blueprint): readonly string[] {
  return [
    ...given.hooks.filter((hook) => !stored.hooks.includes(hook)).map((hook) => `the hook "${hook}" is new`),
    ...stored.hooks.filter((hook) => !given.hooks.includes(hook)).map((hook) => `the hook "${hook}" is gone`),
  ]
}

/** What is gone, and what is new: where one stands in the other's place, it may be the same step. */
function comingAndGoing(
  gone: readonly Entry[],
  fresh: readonly Entry[],
  before: readonly Entry[],
  after: readonly Entry[],
): readonly string[] {
  const left = new Set(fresh)
  const told: string[] = []
  for (const entry of gone) {
    const heir = [...left].find((other) => isInItsPlace(entry, before, other, after))
    if (heir === undefined) {
      told.push(`the ${entry.what} "${entry.name}" is gone`)
      continue
    }
    left.delete(heir)
    const names = [...new Set([...heir.formerly, entry.name])].sort().map((name) => `'${name}'`)
    told.push(
      entry.what === 'group'
        ? `the group "${entry.name}" is called "${heir.name}", and a group keeps its name under one version`
        : `the ${heir.what} "${heir.name}" stands where "${entry.name}" stood (if it is the same one, give it formerly: [${names.join(', ')}])`,
    )
  }
  return [...told, ...[...left].map((entry) => `the ${entry.what} "${entry.name}" is new`)]
}

/** Of the same kind, in the same group or way, after the same step that both shapes have. */
function isInItsPlace(gone: Entry, before: readonly Entry[], fresh: Entry, after: readonly Entry[]): boolean {
  const common = new Set(before.map(({ name }) => name).filter((name) => after.some((entry) => entry.name === name)))
  const previous = (entry: Entry, all: readonly Entry[]) =>
    all.slice(0, all.indexOf(entry)).findLast(({ name }) => common.has(name))?.name
  return gone.what === fresh.what && gone.within === fresh.within && previous(gone, before) === previous(fresh, after)
}

function changes(before: Entry, after: Entry): readonly string[] {
  const keys = new Set([...before.own.keys(), ...after.own.keys()])
  const own = [...keys].flatMap((key) => {
    const [was, is] = [before.own.get(key) ?? 'not set', after.own.get(key) ?? 'not set']
    return was === is ? [] : [`${key} of "${after.name}" was ${was} and is ${is}`]
  })
  const moved =
    before.within === after.within ? [] : [`"${after.name}" was in ${before.within} and is in ${after.within}`]
  return [...own, ...moved]
}

function orderThatDiffers(pairs: readonly (readonly [Entry, Entry])[], after: readonly Entry[]): readonly string[] {
  const now = pairs.map(([, entry]) => entry).toSorted((a, b) => after.indexOf(a) - after.indexOf(b))
  const first = pairs.findIndex(([, entry], at) => entry !== now[at])
  if (first < 0) return []
  const [was, is] = [pairs[first]?.[1].name, now[first]?.name]
  return [`the order is another one: "${is}" stands where "${was}" stood`]
}

/** Every name that a step of any of these shapes has or had which has, or had, this one. The name itself comes first. */
export function aliasesOf(shapes: readonly Blueprint[], name: string): readonly string[] {
  const known = new Set([name])
  const groups = shapes.flatMap(({ nodes }) =>
    [...entries(nodes, '')]
      .filter(({ formerly }) => formerly.length > 0)
      .map((entry) => [entry.name, ...entry.formerly]),
  )
  for (let size = 0; size < known.size; ) {
    size = known.size
    for (const group of groups) if (group.some((one) => known.has(one))) for (const one of group) known.add(one)
  }
  return [...known]
}
