/**
 * The builder: the user's functions and schemas become a definition and its blueprint.
 *
 * Each call returns a new definition and checks what it was given, so that a mistake shows where it was made. The
 * result is usable at any point: there is nothing to finish.
 */
import { toJSONSchema, type ZodType, type z } from 'zod'
import { defineContract } from './contract.ts'
import {
  BLUEPRINT_FORMAT,
  type Blueprint,
  checkBlueprint,
  type Hook,
  NAME_PATTERN,
  type StepNode,
} from './core/blueprint.ts'
import { type RetryPolicy, retryProblem } from './core/retry.ts'
import {
  type Contract,
  type Definition,
  hashBlueprint,
  type Known,
  type SideCode,
  type StepCode,
} from './definition.ts'
import { type Duration, toMs } from './duration.ts'
import { SagaError } from './errors.ts'
import type {
  App,
  ExternalStep,
  HookContext,
  HookFunction,
  ResultOf,
  RetryOptions,
  StepOptions,
  TransactionalStep,
  Undo,
} from './step-types.ts'

const ACTION_RETRY: RetryPolicy = {
  maxAttempts: 5,
  backoff: 'exponential',
  initialIntervalMs: 1_000,
  maxIntervalMs: 60_000,
}

/** It must outlast an outage: for a day, at most a quarter of an hour apart. */
const COMPENSATION_RETRY: RetryPolicy = {
  maxAttempts: Number.MAX_SAFE_INTEGER,
  backoff: 'exponential',
  initialIntervalMs: 1_000,
  maxIntervalMs: 15 * 60_000,
  maxDurationMs: 24 * 60 * 60_000,
}

const HOOK_RETRY: RetryPolicy = { ...ACTION_RETRY, maxAttempts: 10 }
const EXTERNAL_TIMEOUT_MS = 60_000
const TRANSACTIONAL_TIMEOUT_MS = 10_000

/** A name that is not taken yet; where it is, the error is in the argument's type. */
type Fresh<Name extends string, Results> = Name extends keyof Results ? `"${Name}" is a step already` : Name

type Simplify<T> = { [K in keyof T]: T[K] } & {}
type With<Results, Name extends string, Return> = Simplify<Results & { readonly [name in Name]: ResultOf<Return> }>

type Shape = {
  readonly contract: Contract
  readonly nodes: readonly StepNode[]
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
  step<const Name extends string, Return>(
    name: Fresh<Name, Results>,
    step: ExternalStep<A, z.output<Input>, Results, Return>,
  ): SagaDefinition<A, Input, With<Results, Name, Return>> {
    return this.#add(name, 'external', step)
  }

  /**
   * A transactional step: what it writes through `tx`, its result and the next job commit together, exactly once.
   *
   * @throws SagaError `DEFINITION_INVALID`.
   */
  transactionalStep<const Name extends string, Return>(
    name: Fresh<Name, Results>,
    step: TransactionalStep<A, z.output<Input>, Results, Return>,
  ): SagaDefinition<A, Input, With<Results, Name, Return>> {
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
    if (last === undefined)
      throw invalid(this.name, this.name, 'pivot() makes the step before it the pivot, and there is none')
    return this.#checked({ ...this.#shape, nodes: [...nodes.slice(0, -1), { ...last, pivot: true }] })
  }

  /** A final transactional step: the saga is completed only with it. */
  onCompleted(hook: HookFunction<HookContext<A, z.output<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('completed', hook)
  }

  /** A final transactional step: the saga is compensated only with it. */
  onCompensated(hook: HookFunction<HookContext<A, z.output<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('compensated', hook)
  }

  /** Runs once the saga is a dead letter. If it fails for good, that is journalled, and the status stays. */
  onDeadLettered(hook: HookFunction<HookContext<A, z.output<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('dead_lettered', hook)
  }

  /** Runs once a person has resolved the saga. */
  onResolved(hook: HookFunction<HookContext<A, z.output<Input>, Results>>): SagaDefinition<A, Input, Results> {
    return this.#hook('resolved', hook)
  }

  jsonSchemas(): unknown {
    const results: Record<string, unknown> = {}
    for (const [name, step] of this.steps) if (step.output !== undefined) results[name] = jsonSchema(step.output)
    return { input: jsonSchema(this.input), results }
  }

  #add<Next>(
    name: string,
    kind: 'external' | 'transactional',
    step: StepOptions & StepFunctions,
  ): SagaDefinition<A, Input, Next> {
    const at = `${this.name}.${name}`
    if (this.steps.has(name)) throw invalid(this.name, at, 'this name is used twice; names are unique in a saga')
    if (!NAME_PATTERN.test(name))
      throw invalid(this.name, at, 'a name has lower-case letters, digits and dashes, and starts with a letter')
    const code = stepCode(this.name, at, kind, step)
    const when = typeof step.compensation === 'object' ? step.compensation.when : undefined
    const node: StepNode = {
      node: 'step',
      name,
      kind,
      compensation: code.compensation !== undefined,
      ...(when === undefined ? {} : { compensateWhen: when }),
    }
    return this.#checked<Next>({
      ...this.#shape,
      nodes: [...this.#shape.nodes, node],
      steps: new Map([...this.steps, [name, code]]),
    })
  }

  #hook(hook: Hook, given: HookFunction<never>): SagaDefinition<A, Input, Results> {
    const at = `${this.name}.${hook}`
    if (this.hooks[hook] !== undefined) throw invalid(this.name, at, 'there is such a hook already')
    const { run, retry, timeout } =
      typeof given === 'function' ? { run: given, retry: undefined, timeout: undefined } : given
    if (typeof run !== 'function') throw invalid(this.name, at, 'a hook is a function, or an object with run')
    const code: SideCode = {
      run,
      retry: policy(this.name, at, HOOK_RETRY, retry),
      timeoutMs: timeoutOf(this.name, at, timeout, TRANSACTIONAL_TIMEOUT_MS),
    }
    return this.#checked<Results>({ ...this.#shape, hooks: { ...this.hooks, [hook]: code } })
  }

  #checked<Next = Results>(shape: Shape): SagaDefinition<A, Input, Next> {
    const next = new SagaDefinition<A, Input, Next>(shape)
    const [problem] = checkBlueprint(next.blueprint)
    if (problem !== undefined) throw invalid(next.name, problem.at, problem.problem)
    return next
  }
}

/** The definition of an app's sagas starts here: `const defineSaga = sagasFor<App>()`. */
export function sagasFor<A extends App>(): DefineSaga<A> {
  return (given: string | Contract, options?: { readonly version: number; readonly input: ZodType }) => {
    const contract =
      typeof given === 'string' ? defineContract(given, options ?? { version: 0, input: undefined as never }) : given
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

type StepFunctions = {
  readonly action: (context: never) => unknown
  readonly compensation?: Undo<never>
}

function stepCode(
  saga: string,
  at: string,
  kind: 'external' | 'transactional',
  step: StepOptions & StepFunctions,
): StepCode {
  if (typeof step.action !== 'function') throw invalid(saga, at, 'a step needs an action')
  const { compensation, classify, maxLost, whenExhausted = 'compensate', output } = step
  if (whenExhausted !== 'compensate' && whenExhausted !== 'dead_letter') {
    throw invalid(saga, at, `whenExhausted is 'compensate' or 'dead_letter', not "${String(whenExhausted)}"`)
  }
  if (maxLost !== undefined && (!Number.isSafeInteger(maxLost) || maxLost < 1)) {
    throw invalid(saga, at, `maxLost must be a whole number from 1 up, not ${maxLost}`)
  }
  const timeoutMs = kind === 'external' ? EXTERNAL_TIMEOUT_MS : TRANSACTIONAL_TIMEOUT_MS
  const undo =
    typeof compensation === 'function' ? { run: (context: never) => compensation.call(step, context) } : compensation
  if (undo !== undefined && typeof undo.run !== 'function')
    throw invalid(saga, at, 'a compensation is a function, or an object with run')
  const own = undo as { readonly retry?: RetryOptions; readonly timeout?: Duration } | undefined
  return {
    // Called on the step, so that an instance of a class finds its own fields.
    action: {
      run: (context: never) => step.action.call(step, context),
      retry: policy(saga, at, ACTION_RETRY, step.retry),
      timeoutMs: timeoutOf(saga, at, step.timeout, timeoutMs),
    },
    ...(undo === undefined
      ? {}
      : {
          compensation: {
            run: undo.run,
            retry: policy(saga, `${at}.compensation`, COMPENSATION_RETRY, own?.retry),
            timeoutMs: timeoutOf(saga, `${at}.compensation`, own?.timeout ?? step.timeout, timeoutMs),
          },
        }),
    ...(classify === undefined ? {} : { classify }),
    whenExhausted,
    ...(maxLost === undefined ? {} : { maxLost }),
    ...(step.settleAfter === undefined ? {} : { settleAfterMs: lengthOf(saga, at, 'settleAfter', step.settleAfter) }),
    ...(output === undefined ? {} : { output }),
  }
}

/** What is given overrules the default; a number of attempts ends the default's length of time as well. */
function policy(saga: string, at: string, defaults: RetryPolicy, given: RetryOptions | undefined): RetryPolicy {
  if (given === undefined) return defaults
  const initial =
    given.initialInterval === undefined ? undefined : lengthOf(saga, at, 'retry.initialInterval', given.initialInterval)
  const initialIntervalMs = initial ?? defaults.initialIntervalMs
  const maxIntervalMs =
    given.maxInterval === undefined
      ? Math.max(defaults.maxIntervalMs, initialIntervalMs)
      : lengthOf(saga, at, 'retry.maxInterval', given.maxInterval)
  const maxDurationMs =
    given.maxDuration === undefined
      ? given.maxAttempts === undefined
        ? defaults.maxDurationMs
        : undefined
      : lengthOf(saga, at, 'retry.maxDuration', given.maxDuration)
  const made: RetryPolicy = {
    maxAttempts: given.maxAttempts ?? defaults.maxAttempts,
    backoff: given.backoff ?? defaults.backoff,
    initialIntervalMs:
      given.initialInterval === undefined ? Math.min(initialIntervalMs, maxIntervalMs) : initialIntervalMs,
    maxIntervalMs,
    ...(maxDurationMs === undefined ? {} : { maxDurationMs }),
  }
  const problem = ['fixed', 'linear', 'exponential'].includes(made.backoff)
    ? retryProblem(made)
    : `backoff cannot be "${made.backoff}"`
  if (problem !== undefined) throw invalid(saga, `${at}.retry`, problem)
  return made
}

function timeoutOf(saga: string, at: string, timeout: Duration | undefined, defaultMs: number): number {
  if (timeout === undefined) return defaultMs
  const ms = lengthOf(saga, at, 'timeout', timeout)
  if (ms <= 0 || ms > 0x7fffffff)
    throw invalid(saga, `${at}.timeout`, `a timeout lies between 1 ms and 24 days, not ${String(timeout)}`)
  return ms
}

function lengthOf(saga: string, at: string, what: string, length: Duration): number {
  try {
    return toMs(length, what)
  } catch (error) {
    throw invalid(saga, `${at}.${what}`, (error as Error).message)
  }
}

function invalid(saga: string, at: string, problem: string): SagaError {
  return new SagaError('DEFINITION_INVALID', `Saga ${saga} cannot be defined like this. At ${at}: ${problem}.`, {
    details: { problems: [{ at, problem }] },
  })
}

/** Not every schema has a JSON form; a process without the code then checks nothing. */
function jsonSchema(schema: ZodType): unknown {
  return toJSONSchema(schema, { unrepresentable: 'any', io: 'input' })
}
