/**
 * The blueprint: a definition's pure shape (names, order, kinds, pivot), as a tree.
 *
 * A saga carries the blueprint that it was started with; code supplies only functions, schemas and policies.
 * Nothing here knows what a step does, so a process without the code can still read, verify and move a saga.
 */

/** Version of the shape below; stored with it, so that a later version can still read an old one. */
export const BLUEPRINT_FORMAT = 1

export type StepKind =
  /** Calls the outside: at least once, with a key. */
  | 'external'
  /** Writes through `ctx.tx` only: exactly once, never in doubt. */
  | 'transactional'
  /** Starts another saga and waits for its end. */
  | 'child'

export type StepNode = {
  readonly node: 'step'
  readonly name: string
  readonly kind: StepKind
  /** Whether something can undo it. A child step always can. */
  readonly compensation: boolean
  /** `completed`: not undone when it ends in doubt. */
  readonly compensateWhen?: 'completed'
  /** Whether a hook can find out what became of an attempt in doubt. */
  readonly verify?: true
  /** After it there is only forward. */
  readonly pivot?: true
  /** Runs in its place when it has failed, with nothing applied, for a reason that its author has listed. */
  readonly fallback?: StepNode
  /** Names that it had under this version: a saga that was started with one of them keeps it. Sorted. */
  readonly formerly?: readonly string[]
}

export type ParallelNode = {
  readonly node: 'parallel'
  readonly name: string
  /** Lanes run side by side; each is a sequence. */
  readonly lanes: readonly (readonly BlueprintNode[])[]
  /** When one lane fails, attempts under way in the others are told to end. */
  readonly abort?: true
}

/** One step for each item of a list that is read when the saga comes to it: `name[0]`, `name[1]`, … */
export type MapNode = {
  readonly node: 'map'
  readonly name: string
  /** What each item's step is like; it has the map's name. */
  readonly item: StepNode
  /** Items that fail are a result like the others; otherwise the first one turns the saga. */
  readonly collect?: true
  /** As of a step. */
  readonly formerly?: readonly string[]
}

export type BranchNode = {
  readonly node: 'branch'
  readonly name: string
  /** Sequences by option; a chooser may also choose none (`null`). */
  readonly options: { readonly [option: string]: readonly BlueprintNode[] }
  /** As of a step. */
  readonly formerly?: readonly string[]
}

export type BlueprintNode = StepNode | ParallelNode | BranchNode | MapNode

/** What has a name of its own in the state: what is run, or chosen. */
export type NamedNode = StepNode | BranchNode | MapNode

export type Hook = 'completed' | 'compensated' | 'dead_lettered' | 'resolved'

export type Blueprint = {
  readonly format: number
  readonly definition: string
  readonly version: number
  readonly nodes: readonly BlueprintNode[]
  readonly hooks: readonly Hook[]
}

/** Step names that a definition cannot use, because `@` is not in a name: what the engine itself runs. */
export const ADOPT = '@adopt'
export const HOOK_STEP: { readonly [hook in Hook]: string } = {
  completed: '@completed',
  compensated: '@compensated',
  dead_lettered: '@dead-lettered',
  resolved: '@resolved',
}

/**
 * Names are part of idempotency keys (`<sagaId>:<step>:compensation`), so they hold no separator. The state looks steps
 * up by name, and `constructor` is the one name of this shape that every JavaScript object has already.
 */
export const NAME_PATTERN: RegExp = /^(?!constructor$)[a-z][a-z0-9-]*$/

/** Hooks that run beside a status, not before it: they never keep a saga from anything. */
export function isSideHook(step: string): boolean {
  return step === HOOK_STEP.dead_lettered || step === HOOK_STEP.resolved
}

/** All steps, branches and maps of a tree, in reading order. */
export function* walk(nodes: readonly BlueprintNode[]): Generator<NamedNode> {
  for (const node of nodes) {
    if (node.node === 'step') {
      yield node
      if (node.fallback !== undefined) yield node.fallback
    } else if (node.node === 'map') yield node
    else if (node.node === 'parallel') for (const lane of node.lanes) yield* walk(lane)
    else {
      yield node
      for (const option of Object.keys(node.options)) yield* walk(node.options[option] ?? [])
    }
  }
}

/** The step of one item of a map. Names hold no bracket, so that it is nobody else's. */
export function itemName(map: string, index: number): string {
  return `${map}[${index}]`
}

/** The map and the index that an item's step is of; `undefined` for all other steps. */
export function itemOf(step: string): { readonly map: string; readonly index: number } | undefined {
  if (!step.endsWith(']')) return undefined
  const at = step.indexOf('[')
  return { map: step.slice(0, at), index: Number(step.slice(at + 1, -1)) }
}

/** The name that the definition knows: the map's for the step of an item. */
export function definedName(step: string): string {
  return step.endsWith(']') ? step.slice(0, step.indexOf('[')) : step
}

const indexes = new WeakMap<Blueprint, ReadonlyMap<string, NamedNode>>()

/** The step, branch or map of that name; `undefined` for the engine's own steps and unknown names. */
export function nodeOf(blueprint: Blueprint, name: string): NamedNode | undefined {
  let index = indexes.get(blueprint)
  if (index === undefined) {
    index = new Map([...walk(blueprint.nodes)].map((node) => [node.name, node]))
    indexes.set(blueprint, index)
  }
  if (!name.endsWith(']')) return index.get(name)
  const map = index.get(definedName(name))
  return map?.node === 'map' ? map.item : undefined
}

export function stepOf(blueprint: Blueprint, name: string): StepNode | undefined {
  const node = nodeOf(blueprint, name)
  return node?.node === 'step' ? node : undefined
}

/** One thing that is wrong with a blueprint: where, and what. */
export type BlueprintProblem = { readonly at: string; readonly problem: string }

/** Everything that is wrong with a blueprint; empty when it can be run. */
export function checkBlueprint(blueprint: Blueprint): readonly BlueprintProblem[] {
  const problems: BlueprintProblem[] = []
  if (!NAME_PATTERN.test(blueprint.definition))
    problems.push({ at: 'name', problem: nameProblem(blueprint.definition) })
  if (!Number.isSafeInteger(blueprint.version) || blueprint.version < 1) {
    problems.push({ at: 'version', problem: `the version must be a whole number from 1 up, not ${blueprint.version}` })
  }
  if (blueprint.nodes.length === 0)
    problems.push({ at: blueprint.definition, problem: 'a saga needs at least one step' })
  const seen = new Set<string>()
  checkNodes(blueprint.nodes, { inParallel: false, pivotBefore: undefined }, seen, problems)
  checkFormerNames(blueprint, seen, problems)
  return problems
}

export const NO_NAMES: readonly string[] = []

/** A former name that is another step's would say of two steps that they are one. */
function checkFormerNames(blueprint: Blueprint, current: ReadonlySet<string>, problems: BlueprintProblem[]): void {
  const given = new Set<string>()
  for (const { name, formerly = NO_NAMES } of walk(blueprint.nodes)) {
    for (const former of formerly) {
      const at = `${name}.formerly`
      if (!NAME_PATTERN.test(former)) problems.push({ at, problem: nameProblem(former) })
      else if (current.has(former))
        problems.push({ at, problem: `"${former}" is a name in use; a former name is one that nothing has any more` })
      else if (given.has(former)) problems.push({ at, problem: `the former name "${former}" is given twice` })
      given.add(former)
    }
  }
}

type Place = { readonly inParallel: boolean; readonly pivotBefore: string | undefined }

/** Returns the pivot that lies on some path through the nodes. */
function checkNodes(
  nodes: readonly BlueprintNode[],
  place: Place,
  seen: Set<string>,
  problems: BlueprintProblem[],
): string | undefined {
  let pivot = place.pivotBefore
  for (const node of nodes) {
    if (!NAME_PATTERN.test(node.name)) problems.push({ at: node.name, problem: nameProblem(node.name) })
    if (seen.has(node.name))
      problems.push({ at: node.name, problem: 'this name is used twice; names are unique in a saga' })
    seen.add(node.name)
    if (node.node === 'map') {
      if (node.item.pivot === true) problems.push({ at: node.name, problem: 'a pivot cannot stand inside a map' })
    } else if (node.node === 'step') {
      if (node.fallback !== undefined) checkFallback(node, node.fallback, seen, problems)
      if (node.pivot !== true) continue
      if (place.inParallel) problems.push({ at: node.name, problem: 'a pivot cannot stand inside a parallel group' })
      else if (pivot !== undefined)
        problems.push({ at: node.name, problem: `a second pivot on one path, after ${pivot}` })
      pivot = node.name
    } else if (node.node === 'parallel') {
      if (node.lanes.length === 0) problems.push({ at: node.name, problem: 'a parallel group needs at least one step' })
      for (const lane of node.lanes) {
        if (lane.length === 0) problems.push({ at: node.name, problem: 'a lane needs at least one step' })
        checkNodes(lane, { inParallel: true, pivotBefore: pivot }, seen, problems)
      }
    } else {
      const options = Object.keys(node.options)
      if (options.length === 0) problems.push({ at: node.name, problem: 'a branch needs at least one option' })
      let inOption: string | undefined
      for (const option of options) {
        if (!NAME_PATTERN.test(option)) problems.push({ at: `${node.name}.${option}`, problem: nameProblem(option) })
        inOption = checkNodes(node.options[option] ?? [], { ...place, pivotBefore: pivot }, seen, problems) ?? inOption
      }
      pivot = inOption ?? pivot
    }
  }
  return pivot
}

function checkFallback(step: StepNode, fallback: StepNode, seen: Set<string>, problems: BlueprintProblem[]): void {
  const { name } = fallback
  if (!NAME_PATTERN.test(name)) problems.push({ at: name, problem: nameProblem(name) })
  if (seen.has(name)) problems.push({ at: name, problem: 'this name is used twice; names are unique in a saga' })
  seen.add(name)
  if (step.pivot === true) problems.push({ at: step.name, problem: 'a pivot has no fallback: it is refused, or done' })
  if (fallback.pivot === true) problems.push({ at: name, problem: 'a fallback cannot be the pivot' })
  if (fallback.fallback !== undefined) problems.push({ at: name, problem: 'a fallback has no fallback of its own' })
}

function nameProblem(name: string): string {
  if (name === 'constructor') return '"constructor" is not a name: it is a reserved word'
  return `"${name}" is not a name: lower-case letters, digits and dashes, starting with a letter`
}
