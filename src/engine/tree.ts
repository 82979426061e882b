/**
 * The tree of a definition while it is being built: its nodes, and the code of its steps. Whatever is added gives a new
 * tree, checked as far as it can be where it is added; what only the whole shows is checked with the blueprint.
 */
import { type BlueprintNode, NAME_PATTERN, type StepNode } from './core/blueprint.ts'
import { definitionInvalid, type StepCode } from './definition.ts'
import type { SagaError } from './errors.ts'
import { fallbackFor, formerNames, type GivenMap, type GivenStep, hookCode, mapCode, stepCode } from './step-code.ts'

export type Tree = {
  /** The definition's name, for errors. */
  readonly saga: string
  readonly nodes: readonly BlueprintNode[]
  readonly steps: ReadonlyMap<string, StepCode>
  /** Stands after a pivot: what is added is not undone by itself. */
  readonly isAfterPivot: boolean
}

export function emptyTree(saga: string, isAfterPivot = false): Tree {
  return { saga, nodes: [], steps: new Map(), isAfterPivot }
}

/** Where something is built inside another: it begins empty, and knows what it stands after. */
export function inside(tree: Tree): Tree {
  return emptyTree(tree.saga, tree.isAfterPivot)
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function withStep(tree: Tree, name: string, kind: 'external' | 'transactional', step: GivenStep): Tree {
  // Asked here, and not only of the blueprint: the name is needed to say where something else is wrong.
  checkName(tree, name, 'a step')
  const { code, compensateWhen } = stepCode({ saga: tree.saga, at: name }, kind, step)
  if (step.whenExhausted === 'compensate' && tree.isAfterPivot) {
    throw invalid(
      tree,
      name,
      "after the pivot nothing is undone by itself, so whenExhausted cannot be 'compensate'; leave it out",
    )
  }
  const formerly = formerNames({ saga: tree.saga, at: name }, step)
  const node: BlueprintNode = {
    node: 'step',
    name,
    kind,
    compensation: code.compensation !== undefined,
    ...(compensateWhen === undefined ? {} : { compensateWhen }),
    ...(code.verify === undefined ? {} : { verify: true }),
    ...(formerly.length === 0 ? {} : { formerly }),
  }
  return { ...tree, nodes: [...tree.nodes, node], steps: joined(tree, [new Map([[name, code]])]) }
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function withMap(tree: Tree, name: string, map: GivenMap): Tree {
  checkName(tree, name, 'a map')
  const { code, compensateWhen, collect } = mapCode({ saga: tree.saga, at: name }, map)
  const formerly = formerNames({ saga: tree.saga, at: name }, map)
  const item: StepNode = {
    node: 'step',
    name,
    kind: 'external',
    compensation: code.compensation !== undefined,
    ...(compensateWhen === undefined ? {} : { compensateWhen }),
    ...(code.verify === undefined ? {} : { verify: true }),
    ...(formerly.length === 0 ? {} : { formerly }),
  }
  const node: BlueprintNode = {
    node: 'map',
    name,
    item,
    ...(collect ? { collect: true } : {}),
    ...(formerly.length === 0 ? {} : { formerly }),
  }
  return { ...tree, nodes: [...tree.nodes, node], steps: joined(tree, [new Map([[name, code]])]) }
}

/** The step takes the place of the last one when that fails. @throws SagaError `DEFINITION_INVALID`. */
export function withFallback(
  tree: Tree,
  name: string,
  kind: 'external' | 'transactional',
  step: GivenStep & { readonly for?: unknown },
): Tree {
  const last = tree.nodes.at(-1)
  if (last?.node !== 'step' || last.pivot === true || last.fallback !== undefined) {
    const what = 'a fallback belongs right after the step that it stands in for, which has none yet and is no pivot'
    throw invalid(tree, String(name), what)
  }
  const isWanted = fallbackFor({ saga: tree.saga, at: String(name) }, step?.for)
  const alone = withStep(inside(tree), name, kind, step)
  const [fallback] = alone.nodes
  const code = tree.steps.get(last.name)
  if (fallback?.node !== 'step' || code === undefined) throw invalid(tree, name, 'the step before it has no code')
  const steps = new Map(joined(tree, [alone.steps]))
  steps.set(last.name, { ...code, fallsBack: isWanted })
  return { ...tree, nodes: [...tree.nodes.slice(0, -1), { ...last, fallback }], steps }
}

/** @throws SagaError `DEFINITION_INVALID` before the first step, after a group or a branch, or for a pivot. */
export function withPivot(tree: Tree): Tree {
  const last = tree.nodes.at(-1)
  if (last?.node !== 'step')
    throw invalid(tree, last?.name ?? tree.saga, 'pivot() belongs right after the step that it makes the pivot')
  if (last.pivot === true) throw invalid(tree, last.name, 'it is the pivot already')
  if (last.fallback !== undefined)
    throw invalid(tree, last.name, 'a pivot has no fallback: it is refused, or done. Leave one of the two out')
  return { ...tree, nodes: [...tree.nodes.slice(0, -1), { ...last, pivot: true }], isAfterPivot: true }
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function withParallel(tree: Tree, name: string, lanes: readonly Tree[], options: unknown): Tree {
  checkName(tree, name, 'a parallel group')
  const { whenOneFails = 'wait' } = (options ?? {}) as { readonly whenOneFails?: unknown }
  if (whenOneFails !== 'wait' && whenOneFails !== 'abort') {
    throw invalid(tree, name, `whenOneFails is 'wait' or 'abort', not ${JSON.stringify(whenOneFails)}`)
  }
  const node: BlueprintNode = {
    node: 'parallel',
    name,
    lanes: lanes.map((lane) => lane.nodes),
    ...(whenOneFails === 'abort' ? { abort: true } : {}),
  }
  const steps = lanes.map((lane) => lane.steps)
  return { ...tree, nodes: [...tree.nodes, node], steps: joined(tree, steps) }
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function withBranch(tree: Tree, name: string, choose: unknown, options: ReadonlyMap<string, Tree>): Tree {
  checkName(tree, name, 'a branch')
  const chooser: StepCode = { action: hookCode({ saga: tree.saga, at: name }, choose), whenExhausted: 'compensate' }
  const nodes = Object.fromEntries([...options].map(([option, { nodes }]) => [option, nodes]))
  const steps = [new Map([[name, chooser]]), ...[...options.values()].map((option) => option.steps)]
  const formerly = formerNames({ saga: tree.saga, at: name }, choose)
  const node: BlueprintNode = {
    node: 'branch',
    name,
    options: nodes,
    ...(formerly.length === 0 ? {} : { formerly }),
  }
  return { ...tree, nodes: [...tree.nodes, node], steps: joined(tree, steps) }
}

function joined(tree: Tree, added: readonly ReadonlyMap<string, StepCode>[]): ReadonlyMap<string, StepCode> {
  const steps = new Map(tree.steps)
  for (const [name, code] of added.flatMap((map) => [...map])) {
    if (steps.has(name)) throw invalid(tree, name, 'this name is used twice; names are unique in a saga')
    steps.set(name, code)
  }
  return steps
}

function checkName(tree: Tree, name: string, what: string): void {
  if (NAME_PATTERN.test(name)) return
  throw invalid(
    tree,
    String(name),
    `${what} has a name of lower-case letters, digits and dashes that starts with a letter`,
  )
}

export function invalid(tree: Tree, at: string, problem: string): SagaError {
  return definitionInvalid(tree.saga, [{ at, problem }])
}
