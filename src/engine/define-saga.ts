/**
 * The builder: the user's functions and schemas become a definition and its blueprint.
 *
 * Each call returns a new definition and checks what it was given, so that a mistake shows where it was made. The
 * result is usable at any point: there is nothing to finish.
 */
import { toJSONSchema, type ZodType } from 'zod'
import { defineContract } from './contract.ts'
import {
  BLUEPRINT_FORMAT,
  type Blueprint,
  type BlueprintNode,
  checkBlueprint,
  type Hook,
  NAME_PATTERN,
} from './core/blueprint.ts'
import {
  type Contract,
  type Definition,
  definitionInvalid,
  hashBlueprint,
  type Known,
  type StepCode,
} from './definition.ts'
import { type GivenStep, hookCode, stepCode } from './step-code.ts'
import type {
  App,
  CompensatedContext,
  CompletedContext,
  DeadLetteredContext,
  ExternalStep,
  HookFunction,
  ResolvedContext,
  ResultOf,
  StoredInput,
  TransactionalStep,
  When,
} from './step-types.ts'

/** A name that is not taken yet; where it is, the error is in the argument's type. */
type Fresh<Name extends string, Results> = Name extends keyof Results ? `"${Name}" is a step already` : Name

type Flat<T> = { [K in keyof T]: T[K] } & {}
type With<Results, Name extends string, Return, Output> = Flat<
  Results & { readonly [name in Name]: ResultOf<Return, Output> }
>

type Shape = {
  readonly contract: Contract
  readonly nodes: readonly BlueprintNode[]
  readonly steps: ReadonlyMap<string, StepCode>
  readonly hooks: Definition['hooks']
}

/**
 * A definition, and the calls that add to it.
 *
 * @typeParam Results of the steps so far, by name, as they come back from JSON.
 */
export class SagaDefinition<A extends App, Input extends ZodType, Results> implements Definition {
  declare readonly ' known'?: Known<Input, Results, A['services'], A['tx']>
  readonly name: string
  readonly version: number
  readonly input: Input
  readonly steps: ReadonlyMap<string, StepCode>
  readonly hooks: Definition['hooks']
  readonly blueprint: Blueprint
  readonly blueprintHash: string
  readonly #shape: Shape

  /** @internal Use `sagasFor()`. */
  constructor(shape: Shape) {
    const { contract, nodes, steps, hooks } = shape
    this.#shape = shape
    this.name = contract.name
    this.version = contract.version
    this.input = contract.input as Input
    this.steps = steps
    this.hooks = hooks
    this.blueprint = {
      format: BLUEPRINT_FORMAT,
      definition: contract.name,
      version: contract.version,
      nodes,
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
  ): SagaDefinition<A, Input, With<Results, Name, Return, Output>> {
    return this.#add(name, 'external', step)
  }

  /**
   * A transactional step: what it writes through `tx`, its result and the next job commit together, exactly once.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  transactionalStep<const Name extends string, Return, Output extends ZodType | undefined = undefined>(
    name: Fresh<Name, Results>,
    step: TransactionalStep<A, StoredInput<Input>, Results, Return, Output>,
  ): SagaDefinition<A, Input, With<Results, Name, Return, Output>> {
    return this.#add(name, 'transactional', step)
  }

  /**
   * Makes the last step the pivot: refused, the saga is undone; completed, it goes only forward.
   *
   * @throws SagaError `DEFINITION_INVALID` before the first step, or for a second pivot.
   */
  pivot(): SagaDefinition<A, Input, Results> {
    const { nodes } = this.#shape
    const last = nodes.at(-1)
    if (last?.node !== 'step')
      throw this.#invalid(this.name, 'pivot() belongs right after the step that it makes the pivot')
    if (last.pivot === true) throw this.#invalid(last.name, 'it is the pivot already')
    return this.#next({ ...this.#shape, nodes: [...nodes.slice(0, -1), { ...last, pivot: true }] })
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

  /** For processes without the code: of the input as it is given, and of results as they are stored. */
  jsonSchemas(): { readonly input: unknown; readonly results: Readonly<Record<string, unknown>> } {
    const results: Record<string, unknown> = {}
    for (const [name, step] of this.steps) {
      if (step.output !== undefined) results[name] = jsonSchema(step.output, 'output')
    }
    return { input: jsonSchema(this.input, 'input'), results }
  }

  #add<Next>(name: string, kind: 'external' | 'transactional', step: GivenStep): SagaDefinition<A, Input, Next> {
    const { nodes } = this.#shape
    // Asked here, and not only of the blueprint: the name is needed to say where something else is wrong.
    if (!NAME_PATTERN.test(name)) {
      throw this.#invalid(
        String(name),
        'a step has a name of lower-case letters, digits and dashes that starts with a letter',
      )
    }
    if (this.steps.has(name)) throw this.#invalid(name, 'this name is used twice; names are unique in a saga')
    const { code, compensateWhen } = stepCode({ saga: this.name, at: name }, kind, step)
    if (step.whenExhausted === 'compensate' && nodes.some((node) => node.node === 'step' && node.pivot === true)) {
      throw this.#invalid(
        name,
        "after the pivot nothing is undone by itself, so whenExhausted cannot be 'compensate'; leave it out",
      )
    }
    const node: BlueprintNode = {
      node: 'step',
      name,
      kind,
      compensation: code.compensation !== undefined,
      ...(compensateWhen === undefined ? {} : { compensateWhen }),
    }
    return this.#next<Next>({ ...this.#shape, nodes: [...nodes, node], steps: new Map([...this.steps, [name, code]]) })
  }

  #hook(hook: Hook, given: unknown): SagaDefinition<A, Input, Results> {
    if (this.hooks[hook] !== undefined) throw this.#invalid(hook, 'there is such a hook already')
    const code = hookCode({ saga: this.name, at: hook }, given)
    return this.#next({ ...this.#shape, hooks: { ...this.hooks, [hook]: code } })
  }

  #next<Next = Results>(shape: Shape): SagaDefinition<A, Input, Next> {
    const next = new SagaDefinition<A, Input, Next>(shape)
    const problems = checkBlueprint(next.blueprint)
    // A hook may come before the first step; that there is one is asked when the definition is used.
    if (problems.length > 0 && shape.nodes.length > 0) throw definitionInvalid(next.name, problems)
    return next
  }

  #invalid(at: string, problem: string): Error {
    return definitionInvalid(this.name, [{ at, problem }])
  }
}

/** The definition of an app's sagas starts here: `const defineSaga = sagasFor<App>()`. */
export function sagasFor<A extends App>(): DefineSaga<A> {
  return (given: string | Contract, options?: { readonly version: number; readonly input: ZodType }) => {
    const contract =
      typeof given === 'string' ? defineContract(given, options as Contract) : defineContract(given.name, given)
    return new SagaDefinition({ contract, nodes: [], steps: new Map(), hooks: {} }) as never
  }
}

export type DefineSaga<A extends App> = {
  /** @throws SagaError `DEFINITION_INVALID`. */
  <const Input extends ZodType>(
    name: string,
    options: { readonly version: number; readonly input: Input },
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
