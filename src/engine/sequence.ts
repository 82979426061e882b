/** What stands inside a parallel group or a branch: sequences, and the group itself, each with a builder of its own. */
import type { ZodType } from 'zod'
import type {
  App,
  Chooser,
  ExternalStep,
  FallbackFor,
  Flat,
  Fresh,
  GroupOptions,
  MapStep,
  TransactionalStep,
  When,
  WhenItemFails,
  With,
  WithFallback,
  WithMap,
  Without,
} from './step-types.ts'
import {
  inside,
  invalid,
  type Tree,
  withBranch,
  withFallback,
  withMap,
  withParallel,
  withPivot,
  withStep,
} from './tree.ts'

/** The results that a builder has added. */
export type AddedBy<B> = B extends { readonly ' added'?: infer Added } ? NonNullable<Added> : never

/** By option; which of them is chosen is not known, so that none of their results is certain. */
export type BranchOptions<A extends App, Input, Before> = {
  readonly [option: string]: (sequence: Sequence<A, Input, Before>) => Built
}

/** A sequence, whatever is in it. */
type Built = Pick<Sequence<App, unknown, unknown>, 'tree'>

/** What a branch adds: the results of all its options, each optional. */
export type AddedByBranch<Options> = Partial<
  Together<
    {
      [option in keyof Options]: Options[option] extends (sequence: never) => infer B ? AddedBy<B> : never
    }[keyof Options]
  >
>
type Together<Union> = (Union extends unknown ? (one: Union) => void : never) extends (all: infer All) => void
  ? All
  : never

/** Steps one after another: a lane of a parallel group, or an option of a branch. */
export class Sequence<A extends App, Input, Before, Added = Record<never, never>, Last extends string = never> {
  declare readonly ' added'?: Added
  /** @internal */
  readonly tree: Tree

  /** @internal */
  constructor(tree: Tree) {
    this.tree = tree
  }

  /** See `SagaDefinition.step`. */
  step<const Name extends string, Return, Output extends ZodType | undefined = undefined, W extends When = undefined>(
    name: Fresh<Name, Before & Added>,
    step: ExternalStep<A, Input, Flat<Before & Added>, Return, Output, W>,
  ): Sequence<A, Input, Before, With<Added, Name, Return, Output>, Name> {
    return new Sequence(withStep(this.tree, name, 'external', step))
  }

  /** See `SagaDefinition.transactionalStep`. */
  transactionalStep<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Before & Added>,
    step: TransactionalStep<A, Input, Flat<Before & Added>, Return, Output>,
  ): Sequence<A, Input, Before, With<Added, Name, Return, Output>, Name> {
    return new Sequence(withStep(this.tree, name, 'transactional', step))
  }

  /** See `SagaDefinition.fallback`. */
  fallback<
    const Name extends string,
    Return,
    Output extends ZodType | undefined = undefined,
    W extends When = undefined,
  >(
    name: Fresh<Name, Before & Added>,
    step: FallbackFor & ExternalStep<A, Input, Without<Before & Added, Last>, Return, Output, W>,
  ): Sequence<A, Input, Before, WithFallback<Added, Last, Name, Return, Output>> {
    return new Sequence(withFallback(this.tree, name, 'external', step))
  }

  /** See `SagaDefinition.transactionalFallback`. */
  transactionalFallback<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Before & Added>,
    step: FallbackFor & TransactionalStep<A, Input, Without<Before & Added, Last>, Return, Output>,
  ): Sequence<A, Input, Before, WithFallback<Added, Last, Name, Return, Output>> {
    return new Sequence(withFallback(this.tree, name, 'transactional', step))
  }

  /** See `SagaDefinition.map`. */
  map<
    const Name extends string,
    Item,
    Return,
    Output extends ZodType | undefined = undefined,
    W extends When = undefined,
    Fails extends WhenItemFails = 'undo',
  >(
    name: Fresh<Name, Before & Added>,
    map: MapStep<A, Input, Flat<Before & Added>, Item, Return, Output, W, Fails>,
  ): Sequence<A, Input, Before, WithMap<Added, Name, Return, Output, Fails>> {
    return new Sequence(withMap(this.tree, name, map))
  }

  /** See `SagaDefinition.parallel`. */
  parallel<const Name extends string, More>(
    name: Fresh<Name, Before & Added>,
    build: (group: Parallel<A, Input, Flat<Before & Added>>) => Parallel<A, Input, Flat<Before & Added>, More>,
    options?: GroupOptions,
  ): Sequence<A, Input, Before, Flat<Added & More>> {
    return new Sequence(builtParallel(this.tree, name, build as never, options))
  }

  /** See `SagaDefinition.branch`. */
  branch<const Name extends string, const Options extends BranchOptions<A, Input, Flat<Before & Added>>>(
    name: Fresh<Name, Before & Added>,
    choose: Chooser<A, Input, Flat<Before & Added>, keyof NoInfer<Options>>,
    options: Options,
  ): Sequence<A, Input, Before, Flat<Added & AddedByBranch<Options>>> {
    return new Sequence(builtBranch(this.tree, name, choose, options as never))
  }

  /** Makes the last step the pivot of this way through the saga. Not in a parallel group. */
  pivot(): Sequence<A, Input, Before, Added> {
    return new Sequence(withPivot(this.tree))
  }
}

/** The lanes of a parallel group. None sees the results of the others. */
export class Parallel<A extends App, Input, Before, Added = Record<never, never>> {
  declare readonly ' added'?: Added
  /** @internal */
  readonly lanes: readonly Tree[]
  readonly #outer: Tree

  /** @internal */
  constructor(outer: Tree, lanes: readonly Tree[] = []) {
    this.#outer = outer
    this.lanes = lanes
  }

  /** A lane of one step: see `SagaDefinition.step`. */
  step<const Name extends string, Return, Output extends ZodType | undefined = undefined, W extends When = undefined>(
    name: Fresh<Name, Before & Added>,
    step: ExternalStep<A, Input, Before, Return, Output, W>,
  ): Parallel<A, Input, Before, With<Added, Name, Return, Output>> {
    return this.#with(withStep(inside(this.#outer), name, 'external', step))
  }

  /** A lane of one step: see `SagaDefinition.transactionalStep`. */
  transactionalStep<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Before & Added>,
    step: TransactionalStep<A, Input, Before, Return, Output>,
  ): Parallel<A, Input, Before, With<Added, Name, Return, Output>> {
    return this.#with(withStep(inside(this.#outer), name, 'transactional', step))
  }

  /** Steps one after another, beside the other lanes. */
  lane<S extends Built>(
    build: (sequence: Sequence<A, Input, Before>) => S,
  ): Parallel<A, Input, Before, Flat<Added & AddedBy<S>>> {
    return this.#with(builtSequence(this.#outer, 'lane', build as never))
  }

  #with<Next>(lane: Tree): Parallel<A, Input, Before, Next> {
    return new Parallel(this.#outer, [...this.lanes, lane])
  }
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function builtParallel(
  tree: Tree,
  name: string,
  build: (group: Parallel<App, unknown, object>) => unknown,
  options?: GroupOptions,
): Tree {
  if (typeof build !== 'function') throw invalid(tree, name, 'a parallel group takes a function that adds its steps')
  const group = build(new Parallel(inside(tree)))
  if (!(group instanceof Parallel)) {
    throw invalid(tree, name, 'the function of a parallel group returns the group that it was given, with its steps')
  }
  return withParallel(tree, name, group.lanes, options)
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function builtBranch(
  tree: Tree,
  name: string,
  choose: unknown,
  options: Readonly<Record<string, unknown>>,
): Tree {
  if (typeof options !== 'object' || options === null) throw invalid(tree, name, 'a branch takes its options by name')
  const built = Object.entries(options).map(([option, build]) => {
    return [option, builtSequence(inside(tree), `${name}.${option}`, build)] as const
  })
  return withBranch(tree, name, choose, new Map(built))
}

function builtSequence(outer: Tree, at: string, build: unknown): Tree {
  if (typeof build !== 'function') throw invalid(outer, at, 'a function is needed that adds the steps')
  const sequence: unknown = build(new Sequence(inside(outer)))
  if (!(sequence instanceof Sequence)) {
    throw invalid(outer, at, 'the function returns the sequence that it was given, with its steps')
  }
  return sequence.tree
}
