/** What the functions of a step are given, as types. Results come back from jsonb, and the types say so. */
import type { ZodType, z } from 'zod'
import type { BreakerOptions } from './breaker-options.ts'
import type { DeadLetterReason, Verdict } from './core/machine.ts'
import type { Cause, ErrorInfo } from './core/state.ts'
import type { Duration } from './duration.ts'
import type { Jsonified } from './jsonified.ts'
import type { KeyFor } from './runtime/keys.ts'
import type { Collected } from './runtime/map-results.ts'

export type { BreakerOptions } from './breaker-options.ts'
export type { Jsonified } from './jsonified.ts'
export type { KeyFor } from './runtime/keys.ts'
export type { Collected } from './runtime/map-results.ts'

/** Fixed once an app: what its steps may use. */
export type App = { readonly services: unknown; readonly tx: unknown }

/** The input as steps see it: parsed by the schema when the saga was started, and back from JSON. */
export type StoredInput<Input extends ZodType> = Jsonified<z.output<Input>>

/** What is stored of an action's return: as `output` parsed it, if there is one. An action that returns nothing has no result. */
export type ResultOf<Return, Output = undefined> = Output extends ZodType
  ? Jsonified<z.output<Output>>
  : Jsonified<Awaited<Return>>

export type BaseContext<A extends App, Input, Results> = {
  readonly sagaId: string
  readonly definition: string
  readonly version: number
  readonly step: string
  /** Counts deliveries, from 1. */
  readonly attempt: number
  /** As the input schema parsed it, and back from JSON: a fresh copy for each attempt. */
  readonly input: Input
  /** Of the steps before this one, by name. */
  readonly results: Results
  /** When the saga is to be at rest, undoing included; past its pivot it goes on all the same. */
  readonly deadlineAt: Date | undefined
  readonly services: A['services']
  /** Aborted when the step's time is up, or the worker has to go. */
  readonly signal: AbortSignal
  /** The same for all attempts of this function; another one for the compensation. */
  readonly idempotencyKey: string
  /** More keys, for a function that makes several calls: one for each name of yours. */
  readonly keyFor: KeyFor
}

/** The action to undo is known to be done. */
export type CompletedAction<Result> = {
  readonly outcome: 'completed'
  readonly result: Result
  /** The last one of its attempts; `undefined` where there was none. */
  readonly checkpoint: unknown
  readonly idempotencyKey: string
  readonly keyFor: KeyFor
}

/** What is undone: completed, with its result; or in doubt, when nobody knows whether it took effect. */
export type UndoneAction<Result> =
  | CompletedAction<Result>
  | {
      readonly outcome: 'in_doubt'
      readonly result: undefined
      readonly checkpoint: unknown
      readonly idempotencyKey: string
      readonly keyFor: KeyFor
    }

export type StepContext<A extends App, Input, Results> = BaseContext<A, Input, Results>

/** What functions that call the outside have beside the rest. */
export type Progress = {
  /**
   * Keeps how far this attempt has come, as JSON, for the next one and for the compensation. Resolves when it is stored.
   *
   * @throws SagaError `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, or `ATTEMPT_SUPERSEDED`: another attempt does this one's
   * work by now, so stop.
   */
  readonly checkpoint: (progress: unknown) => Promise<void>
  /** The last checkpoint of the attempts before this one, or of this one; `undefined` where there was none. */
  readonly checkpointed: unknown
}

export type ExternalContext<A extends App, Input, Results> = StepContext<A, Input, Results> & Progress

/** One item of a map's list: its own copy, and where it stands. */
export type OfItem<Item> = { readonly item: Item; readonly index: number }

export type CompensationContext<
  A extends App,
  Input,
  Results,
  Result,
  W extends When = undefined,
> = W extends 'completed'
  ? CompletedCompensationContext<A, Input, Results, Result>
  : ExternalContext<A, Input, Results> & {
      readonly action: UndoneAction<Result>
      /** `undefined` when the action is in doubt. */
      readonly result: Result | undefined
    }

/** Of a compensation that does not run for an action in doubt. */
export type CompletedCompensationContext<A extends App, Input, Results, Result> = ExternalContext<A, Input, Results> & {
  readonly action: CompletedAction<Result>
  readonly result: Result
}

export type TransactionalContext<A extends App, Input, Results> = BaseContext<A, Input, Results> & {
  /** The app's transaction: what is written through it takes effect exactly once. It ends with the function. */
  readonly tx: A['tx']
}

/** A transactional step is never in doubt, so its result is always there. */
export type TransactionalCompensationContext<A extends App, Input, Results, Result> = TransactionalContext<
  A,
  Input,
  Results
> & {
  readonly action: CompletedAction<Result>
  readonly result: Result
}

/** The first error of the saga: it is never replaced by a later one. */
export type Failure = { readonly step: string; readonly error: ErrorInfo }

export type CompletedContext<A extends App, Input, Results> = TransactionalContext<A, Input, Results>

export type CompensatedContext<A extends App, Input, Results> = TransactionalContext<A, Input, Partial<Results>> & {
  /** Why it was undone: a failure, a cancel, a deadline, … */
  readonly cause?: Cause
  /** Absent where nothing failed: a cancel, say. */
  readonly failure?: Failure
}

/** A person may have taken the saga up again before the hook runs: it is no dead letter then, and has no reason. */
export type DeadLetteredContext<A extends App, Input, Results> = CompensatedContext<A, Input, Results> & {
  readonly reason?: DeadLetterReason
  readonly deadLetter?: { readonly reason: DeadLetterReason; readonly step?: string }
}

export type ResolvedContext<A extends App, Input, Results> = CompensatedContext<A, Input, Results> & {
  /** As what a person settled it. */
  readonly resolvedAs?: 'completed' | 'compensated'
}

export type RetryOptions = {
  /** Attempts that report, the first one included; `Infinity` for no limit but `maxDuration`. */
  readonly maxAttempts?: number
  readonly backoff?: 'fixed' | 'linear' | 'exponential'
  readonly initialInterval?: Duration
  readonly maxInterval?: Duration
  /** No retry later than this after the first attempt. */
  readonly maxDuration?: Duration
}

/** A function with a policy of its own. */
export type Bounded<Context> = {
  readonly run: (context: Context) => unknown
  readonly retry?: RetryOptions
  readonly timeout?: Duration
}

/** Whether a compensation also runs for an action in doubt: it does, unless it says `when: 'completed'`. */
export type When = 'completed' | undefined

/** Undone only if this says so; otherwise it counts as undone, and the journal says that there was nothing to do. */
export type OnlyIf<Context> = { readonly onlyIf?: (context: Context) => boolean | Promise<boolean> }

/** A function alone, or with a policy of its own. */
export type Undo<Context, W extends When = undefined> =
  | ((context: Context) => unknown)
  | (Bounded<Context> & {
      /** `completed`: not run for an action that ended in doubt, so that the result is always there. */
      readonly when?: W
    } & OnlyIf<Context>)

/** Of a transactional step, which is never in doubt. */
export type TransactionalUndo<Context> = ((context: Context) => unknown) | (Bounded<Context> & OnlyIf<Context>)

/** A hook alone, or with a policy of its own. */
export type HookFunction<Context> = ((context: Context) => unknown) | Bounded<Context>

/** For a step that has got another name under the same version. */
export type FormerNames = {
  /**
   * Names that it had before. A saga that was started under one of them keeps it, with its key and its journal; this
   * code runs it. Leave it here for as long as the version stands.
   */
  readonly formerly?: readonly string[]
}

/** Which option of a branch the saga takes; `null` for none. Chosen once: its answer is journalled. */
export type Chooser<A extends App, Input, Results, Option> =
  | ((context: StepContext<A, Input, Results>) => Option | null | Promise<Option | null>)
  | (Omit<Bounded<never>, 'run'> &
      FormerNames & {
        readonly run: (context: StepContext<A, Input, Results>) => Option | null | Promise<Option | null>
      })

/** A name that is not taken yet; where it is, the error is in the argument's type. */
export type Fresh<Name extends string, Results> = Name extends keyof Results ? `"${Name}" is a step already` : Name

export type Flat<T> = { [K in keyof T]: T[K] } & {}

/** The results so far, and that of one more step. */
export type With<Results, Name extends string, Return, Output> = Flat<
  Results & { readonly [name in Name]: ResultOf<Return, Output> }
>

export type StepOptions<Output extends ZodType | undefined = ZodType | undefined> = {
  /**
   * What is given overrules the default: 5 attempts, exponentially from 1 s to 1 min apart. A limit that is given
   * (attempts, or a duration) replaces both of the defaults.
   */
  readonly retry?: RetryOptions
  /** Of the action, and of a compensation that sets none: 60 s by default, 10 s for a transactional step. */
  readonly timeout?: Duration
  /** Deliveries that may be lost with their workers: 3 by default. */
  readonly maxLost?: number
  /**
   * How many attempts of this step may run at the same time, over all workers and sagas: its action, compensation and
   * verification together. A whole number from 1 up; without it there is no limit.
   */
  readonly maxConcurrent?: number
  /**
   * Stops the step by itself while it fails, over all workers and sagas: nothing more of it starts, no attempts are used up,
   * and sagas wait as for any hold.
   */
  readonly breaker?: BreakerOptions
  /** `dead_letter`: when its attempts are used up a person decides, and forward is still possible. */
  readonly whenExhausted?: 'compensate' | 'dead_letter'
  /** What an error says of the effect; `undefined` leaves it to the defaults. */
  readonly classify?: (error: unknown) => Verdict | undefined
  /** Results are checked by it, and stored as it parsed them. */
  readonly output?: Output
} & FormerNames

export type ExternalStep<
  A extends App,
  Input,
  Results,
  Return,
  Output extends ZodType | undefined = undefined,
  W extends When = undefined,
> = StepOptions<Output> & {
  readonly action: (context: ExternalContext<A, Input, Results>) => Return
  readonly compensation?: Undo<
    CompensationContext<A, Input, Results, ResultOf<NoInfer<Return>, NoInfer<Output>>, NoInfer<W>>,
    W
  >
  /**
   * Asked while the step is in doubt: before it is tried again, before it is undone, and before a person is asked. Its
   * `idempotencyKey` is the action's.
   */
  readonly verify?: Verification<A, Input, Results, NoInfer<Return>>
  /** How long an attempt that ran out of time is waited for before it is given up on: 10 s by default. */
  readonly settleAfter?: Duration
}

/** The step is done, with the result that its action would have returned; it has not been applied; or nobody can tell. */
export type Found<Return> = { readonly result: Awaited<Return> } | 'not_applied' | 'unknown'

/** Finds out what became of an attempt in doubt, by its key. */
export type Verification<A extends App, Input, Results, Return> =
  | ((context: StepContext<A, Input, Results>) => Found<Return> | Promise<Found<Return>>)
  | (Omit<Bounded<never>, 'run'> & {
      readonly run: (context: StepContext<A, Input, Results>) => Found<Return> | Promise<Found<Return>>
    })

export type TransactionalStep<
  A extends App,
  Input,
  Results,
  Return,
  Output extends ZodType | undefined = undefined,
> = StepOptions<Output> & {
  readonly action: (context: TransactionalContext<A, Input, Results>) => Return
  readonly compensation?: TransactionalUndo<
    TransactionalCompensationContext<A, Input, Results, ResultOf<NoInfer<Return>, NoInfer<Output>>>
  >
}

/** For which failures a fallback runs: errors with one of these codes, or names; or those that a function says yes to. */
export type FallbackFor = { readonly for: readonly string[] | ((error: unknown) => boolean) }

/** Neither of the two results is certain any more: exactly one of them is there. */
export type WithFallback<Results, Last, Name extends string, Return, Output> = Flat<
  Omit<Results, Extract<Last, keyof Results>> &
    Partial<Pick<Results, Extract<Last, keyof Results>>> & {
      readonly [name in Name]?: ResultOf<Return, Output>
    }
>

/** The results as they were before the step that failed. */
export type Without<Results, Last> = Flat<Omit<Results, Extract<Last, keyof Results>>>

/** What becomes of a map when one of its items fails. */
export type WhenItemFails = 'undo' | 'collect'

/**
 * A step for each item of a list. The list is read once, when the saga comes to it, and journalled; at most 100 000
 * items. The key of item *i* is `<sagaId>:<name>[i]`.
 */
export type MapStep<
  A extends App,
  Input,
  Results,
  Item,
  Return,
  Output extends ZodType | undefined = undefined,
  W extends When = undefined,
  Fails extends WhenItemFails = 'undo',
> = StepOptions<Output> & {
  /** Touches nothing outside: it is asked again until its answer is journalled. */
  readonly over: (context: StepContext<A, Input, Results>) => readonly Item[] | Promise<readonly Item[]>
  /** How many items may be under way, or waiting for their next attempt, at a time: 10 by default, at most 1 000. */
  readonly concurrency?: number
  /**
   * `undo` (the default): the first item that fails turns the saga, as any step does. `collect`: the others go on, and
   * the failure is that item's result.
   */
  readonly whenItemFails?: Fails
  readonly action: (context: ExternalContext<A, Input, Results> & OfItem<Jsonified<NoInfer<Item>>>) => Return
  readonly compensation?: Undo<
    CompensationContext<A, Input, Results, ResultOf<NoInfer<Return>, NoInfer<Output>>, NoInfer<W>> &
      OfItem<Jsonified<NoInfer<Item>>>,
    W
  >
  readonly verify?: ItemVerification<A, Input, Results, NoInfer<Return>, Jsonified<NoInfer<Item>>>
  /** How long an attempt that ran out of time is waited for before it is given up on: 10 s by default. */
  readonly settleAfter?: Duration
}

type ItemVerification<A extends App, Input, Results, Return, Item> =
  | ((context: StepContext<A, Input, Results> & OfItem<Item>) => Found<Return> | Promise<Found<Return>>)
  | (Omit<Bounded<never>, 'run'> & {
      readonly run: (context: StepContext<A, Input, Results> & OfItem<Item>) => Found<Return> | Promise<Found<Return>>
    })

/** The results so far, and the list of those of a map. */
export type WithMap<Results, Name extends string, Return, Output, Fails> = Flat<
  Results & {
    readonly [name in Name]: readonly (Fails extends 'collect'
      ? Collected<ResultOf<Return, Output>>
      : ResultOf<Return, Output>)[]
  }
>

/** What a parallel group does when one of its lanes fails. */
export type GroupOptions = {
  /**
   * `wait` (the default): attempts under way in the other lanes come to their end. `abort`: their signals are aborted,
   * with a reason whose code is `SAGA_TURNED`; what they then report counts as it always does, so an action that is
   * cut off without knowing better is in doubt, and is undone as such.
   */
  readonly whenOneFails?: 'wait' | 'abort'
}
