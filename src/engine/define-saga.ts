/**
 * The builder: the user's functions and schemas become a definition and its blueprint.
 *
 * Each call returns a new definition and checks what it was given, so that a mistake shows where it was made. The
 * result is usable at any point: there is nothing to finish.
 */
import { toJSONSchema, type ZodType } from 'zod'
import { defineContract } from './contract.ts'
import { BLUEPRINT_FORMAT, type Blueprint, checkBlueprint, type Hook } from './core/blueprint.ts'
import {
  type Contract,
  type Definition,
  definitionInvalid,
  hashBlueprint,
  type Known,
  type StepCode,
} from './definition.ts'
import type { Keeping, KeepingOptions } from './keeping.ts'
import type { Recovering, RecoveringOptions } from './recovering.ts'
import { type AddedByBranch, type BranchOptions, builtBranch, builtParallel, type Parallel } from './sequence.ts'
import type { Starting, StartingOptions } from './starting.ts'
import { hookCode } from './step-code.ts'
import type {
  App,
  Chooser,
  CompensatedContext,
  CompletedContext,
  DeadLetteredContext,
  ExternalStep,
  FallbackFor,
  Flat,
  Fresh,
  GroupOptions,
  HookFunction,
  MapStep,
  ResolvedContext,
  StoredInput,
  TransactionalStep,
  When,
  WhenItemFails,
  With,
  WithFallback,
  WithMap,
  Without,
} from './step-types.ts'
import { emptyTree, invalid, type Tree, withFallback, withMap, withPivot, withStep } from './tree.ts'

type Shape = {
  readonly contract: Contract
  readonly tree: Tree
  readonly hooks: Definition['hooks']
}

/**
 * A definition, and the calls that add to it.
 *
 * @typeParam Results of the steps so far, by name, as they come back from JSON.
 * @typeParam Last The step that was just added, for its fallback.
 */
export class SagaDefinition<A extends App, Input extends ZodType, Results, Last extends string = never>
  implements Definition
{
  declare readonly ' known'?: Known<Input, Results, A['services'], A['tx']>
  readonly name: string
  readonly version: number
  readonly input: Input
  readonly starting?: Starting
  readonly keeping?: Keeping
  readonly recovering?: Recovering
  readonly steps: ReadonlyMap<string, StepCode>
  readonly hooks: Definition['hooks']
  readonly blueprint: Blueprint
  readonly blueprintHash: string
  readonly #shape: Shape

  /** @internal Use `sagasFor()`. */
  constructor(shape: Shape) {
    const { contract, tree, hooks } = shape
    this.#shape = shape
    this.name = contract.name
    this.version = contract.version
    this.input = contract.input as Input
    if (contract.starting !== undefined) this.starting = contract.starting
    if (contract.keeping !== undefined) this.keeping = contract.keeping
    if (contract.recovering !== undefined) this.recovering = contract.recovering
    this.steps = tree.steps
    this.hooks = hooks
    this.blueprint = {
      format: BLUEPRINT_FORMAT,
      definition: contract.name,
      version: contract.version,
      nodes: tree.nodes,
      hooks: (Object.keys(hooks) as Hook[]).sort(),
    }
    this.blueprintHash = hashBlueprint(this.blueprint)
  }

  /**
   * An external step: its action runs at least once, always with the same key, and can end in doubt. Write `action`
   * before `compensation`: the result's type is inferred from it. An instance of a class with these methods will do.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  step<const Name extends string, Return, Output extends ZodType | undefined = undefined, W extends When = undefined>(
    name: Fresh<Name, Results>,
    step: ExternalStep<A, StoredInput<Input>, Results, Return, Output, W>,
  ): SagaDefinition<A, Input, With<Results, Name, Return, Output>, Name> {
    return this.#grown(withStep(this.#shape.tree, name, 'external', step))
  }

  /**
   * A transactional step: what it writes through `tx`, its result and the next job commit together, exactly once.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  transactionalStep<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Results>,
    step: TransactionalStep<A, StoredInput<Input>, Results, Return, Output>,
  ): SagaDefinition<A, Input, With<Results, Name, Return, Output>, Name> {
    return this.#grown(withStep(this.#shape.tree, name, 'transactional', step))
  }

  /**
   * Runs in the place of the step before it, when that has failed with nothing applied and its last error is one of
   * those listed. It sees what that step saw. A step in doubt is not fallen back from: it may have taken effect.
   *
   * @throws SagaError `DEFINITION_INVALID`: after anything but a step, after a pivot, for a second fallback.
   */
  fallback<
    const Name extends string,
    Return,
    Output extends ZodType | undefined = undefined,
    W extends When = undefined,
  >(
    name: Fresh<Name, Results>,
    step: FallbackFor & ExternalStep<A, StoredInput<Input>, Without<Results, Last>, Return, Output, W>,
  ): SagaDefinition<A, Input, WithFallback<Results, Last, Name, Return, Output>> {
    return this.#grown(withFallback(this.#shape.tree, name, 'external', step))
  }

  /**
   * A fallback that writes through `tx` only: see `fallback`.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  transactionalFallback<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Results>,
    step: FallbackFor & TransactionalStep<A, StoredInput<Input>, Without<Results, Last>, Return, Output>,
  ): SagaDefinition<A, Input, WithFallback<Results, Last, Name, Return, Output>> {
    return this.#grown(withFallback(this.#shape.tree, name, 'transactional', step))
  }

  /**
   * An external step for each item of a list, some of them at a time. Later steps see a list of results, in the list's
   * order. Items are undone like steps, together.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  map<
    const Name extends string,
    Item,
    Return,
    Output extends ZodType | undefined = undefined,
    W extends When = undefined,
    Fails extends WhenItemFails = 'undo',
  >(
    name: Fresh<Name, Results>,
    map: MapStep<A, StoredInput<Input>, Results, Item, Return, Output, W, Fails>,
  ): SagaDefinition<A, Input, WithMap<Results, Name, Return, Output, Fails>> {
    return this.#grown(withMap(this.#shape.tree, name, map))
  }

  /**
   * Lanes side by side: steps, and sequences with `lane`. None sees the results of the others; what follows sees them
   * all. When one fails, those under way are waited for (or told to end: `whenOneFails: 'abort'`), and then all that is
   * done is undone together.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  parallel<const Name extends string, Added>(
    name: Fresh<Name, Results>,
    build: (group: Parallel<A, StoredInput<Input>, Results>) => Parallel<A, StoredInput<Input>, Results, Added>,
    options?: GroupOptions,
  ): SagaDefinition<A, Input, Flat<Results & Added>> {
    return this.#grown(builtParallel(this.#shape.tree, name, build as never, options))
  }

  /**
   * One of several ways, or none. `choose` is asked once and its answer is journalled: recovery never asks again. It
   * touches nothing outside, so that it is never in doubt. The results of options are optional to what follows.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  branch<const Name extends string, const Options extends BranchOptions<A, StoredInput<Input>, Results>>(
    name: Fresh<Name, Results>,
    choose: Chooser<A, StoredInput<Input>, Results, keyof NoInfer<Options>>,
    options: Options,
  ): SagaDefinition<A, Input, Flat<Results & AddedByBranch<Options>>> {
    return this.#grown(builtBranch(this.#shape.tree, name, choose, options as never))
  }

  /**
   * Makes the last step the pivot: refused, the saga is undone; completed, it goes only forward.
   *
   * @throws SagaError `DEFINITION_INVALID` before the first step, or for a second pivot.
   */
  pivot(): SagaDefinition<A, Input, Results> {
    return this.#grown(withPivot(this.#shape.tree))
  }

  /** A final transactional step: the saga is completed only with it. */
  onCompleted(hook: HookFunction<CompletedContext<A, StoredInput<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('completed', hook)
  }

  /** A final transactional step: the saga is compensated only with it. */
  onCompensated(
    hook: HookFunction<CompensatedContext<A, StoredInput<Input>, Results>>,
  ): SagaDefinition<A, Input, Results> {
    return this.#hook('compensated', hook)
  }

  /** Runs once the saga is a dead letter. If it fails for good, that is journalled, and the status stays. */
  onDeadLettered(
    hook: HookFunction<DeadLetteredContext<A, StoredInput<Input>, Results>>,
  ): SagaDefinition<A, Input, Results> {
    return this.#hook('dead_lettered', hook)
  }

  /** Runs once a person has resolved the saga. If it fails for good, that is journalled, and the status stays. */
  onResolved(hook: HookFunction<ResolvedContext<A, StoredInput<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('resolved', hook)
  }

  /** For processes without the code: of the input as it is given and as it is stored, and of results as they are stored. */
  jsonSchemas(): {
    readonly input: unknown
    readonly storedInput: unknown
    readonly results: Readonly<Record<string, unknown>>
  } {
    const results: Record<string, unknown> = {}
    for (const [name, step] of this.steps) {
      if (step.output !== undefined) results[name] = jsonSchema(step.output, 'output')
    }
    return { input: jsonSchema(this.input, 'input'), storedInput: jsonSchema(this.input, 'output'), results }
  }

  #grown<Next, NextLast extends string>(tree: Tree): SagaDefinition<A, Input, Next, NextLast> {
    return this.#next<Next, NextLast>({ ...this.#shape, tree })
  }

  #hook(hook: Hook, given: unknown): SagaDefinition<A, Input, Results> {
    if (this.hooks[hook] !== undefined) throw invalid(this.#shape.tree, hook, 'there is such a hook already')
    const code = hookCode({ saga: this.name, at: hook }, given)
    return this.#next({ ...this.#shape, hooks: { ...this.hooks, [hook]: code } })
  }

  #next<Next = Results, NextLast extends string = never>(shape: Shape): SagaDefinition<A, Input, Next, NextLast> {
    const next = new SagaDefinition<A, Input, Next, NextLast>(shape)
    const problems = checkBlueprint(next.blueprint)
    // A hook may come before the first step; that there is one is asked when the definition is used.
    if (problems.length > 0 && shape.tree.nodes.length > 0) throw definitionInvalid(next.name, problems)
    return next
  }
}

/** The definition of an app's sagas starts here: `const defineSaga = sagasFor<App>()`. */
export function sagasFor<A extends App>(): DefineSaga<A> {
  return (given: string | Contract, options?: { readonly version: number; readonly input: ZodType }) => {
    const contract =
      typeof given === 'string'
        ? defineContract(given, options as Contract)
        : { ...given, ...defineContract(given.name, given) }
    return new SagaDefinition({ contract, tree: emptyTree(contract.name), hooks: {} }) as never
  }
}

export type DefineSaga<A extends App> = {
  /** @throws SagaError `DEFINITION_INVALID`. */
  <const Input extends ZodType>(
    name: string,
    options: { readonly version: number; readonly input: Input } & StartingOptions<Input> &
      KeepingOptions &
      RecoveringOptions,
  ): SagaDefinition<A, Input, Record<never, never>>
  /** From a contract that is shared with the processes that only start it. */
  <const Input extends ZodType>(contract: Contract<Input>): SagaDefinition<A, Input, Record<never, never>>
}

/** Not every schema has a JSON form; a process without the code then checks nothing. */
function jsonSchema(schema: ZodType, io: 'input' | 'output'): unknown {
  try {
    return toJSONSchema(schema, { unrepresentable: 'any', io })
  } catch {
    return {}
  }
}
