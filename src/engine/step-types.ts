/** What the functions of a step are given, as types. Results come back from jsonb, and the types say so. */

import type { ZodType } from 'zod'
import type { DeadLetterReason, Verdict } from './core/machine.ts'
import type { ErrorInfo } from './core/state.ts'
import type { Duration } from './duration.ts'

/** Fixed once an app: what its steps may use. */
export type App = { readonly services: unknown; readonly tx: unknown }

/** A value after JSON: a `Date` is a string, what JSON cannot hold is gone. */
export type Jsonified<T> = T extends { toJSON(): infer J }
  ? Jsonified<J>
  : T extends string | number | boolean | null
    ? T
    : T extends undefined
      ? undefined
      : T extends (...args: never[]) => unknown
        ? never
        : T extends readonly unknown[]
          ? { [K in keyof T]: Jsonified<T[K]> }
          : T extends object
            ? { [K in keyof T as Jsonified<T[K]> extends never ? never : K]: Jsonified<T[K]> }
            : unknown extends T
              ? unknown
              : never

/** An action that returns nothing has no result. */
export type ResultOf<R> = [Awaited<R>] extends [void] ? undefined : Jsonified<Awaited<R>>

export type BaseContext<A extends App, Input, Results> = {
  readonly sagaId: string
  readonly definition: string
  readonly version: number
  readonly step: string
  /** Counts deliveries, from 1. */
  readonly attempt: number
  /** As the input schema parsed it. */
  readonly input: Input
  /** Of the steps before this one, by name. */
  readonly results: Results
  readonly services: A['services']
  /** Aborted when the step's time is up, or the worker has to go. */
  readonly signal: AbortSignal
  /** The same for all attempts of this function; another one for the compensation. */
  readonly idempotencyKey: string
}

/** What is undone: completed, with its result; or in doubt, when nobody knows whether it took effect. */
export type UndoneAction<Result> =
  | { readonly outcome: 'completed'; readonly result: Result; readonly idempotencyKey: string }
  | { readonly outcome: 'in_doubt'; readonly result: undefined; readonly idempotencyKey: string }

export type StepContext<A extends App, Input, Results> = BaseContext<A, Input, Results>

export type CompensationContext<A extends App, Input, Results, Result> = BaseContext<A, Input, Results> & {
  readonly action: UndoneAction<Result>
  /** `undefined` when the action is in doubt. */
  readonly result: Result | undefined
}

export type TransactionalContext<A extends App, Input, Results> = BaseContext<A, Input, Results> & {
  /** The app's transaction: what is written through it takes effect exactly once. It ends with the function. */
  readonly tx: A['tx']
}

export type TransactionalCompensationContext<A extends App, Input, Results, Result> = TransactionalContext<
  A,
  Input,
  Results
> & {
  /** Always there: a transactional step is never in doubt. */
  readonly result: Result
  readonly action: { readonly outcome: 'completed'; readonly result: Result; readonly idempotencyKey: string }
}

export type HookContext<A extends App, Input, Results> = TransactionalContext<A, Input, Partial<Results>> & {
  readonly failure?: { readonly step: string; readonly error: ErrorInfo }
  /** Why a dead letter is one. */
  readonly reason?: DeadLetterReason
  readonly resolvedAs?: 'completed' | 'compensated'
}

export type RetryOptions = {
  /** Attempts that report, the first one included. */
  readonly maxAttempts?: number
  readonly backoff?: 'fixed' | 'linear' | 'exponential'
  readonly initialInterval?: Duration
  readonly maxInterval?: Duration
  /** No retry later than this after the first attempt. */
  readonly maxDuration?: Duration
}

/** A function alone, or with a policy of its own. */
export type Undo<Context> =
  | ((context: Context) => unknown)
  | {
      readonly run: (context: Context) => unknown
      readonly retry?: RetryOptions
      readonly timeout?: Duration
      /** `completed`: not run for an action that ended in doubt. */
      readonly when?: 'completed'
    }

export type StepOptions = {
  readonly retry?: RetryOptions
  readonly timeout?: Duration
  /** How long an attempt that ran out of time is waited for before it is given up on: 10 s by default. */
  readonly settleAfter?: Duration
  /** Deliveries that may be lost with their workers: 3 by default. */
  readonly maxLost?: number
  /** `dead_letter`: when its attempts are used up a person decides, and forward is still possible. */
  readonly whenExhausted?: 'compensate' | 'dead_letter'
  /** What an error says of the effect; `undefined` leaves it to the defaults. */
  readonly classify?: (error: unknown) => Verdict | undefined
  /** Results are checked by it. */
  readonly output?: ZodType
}

export type ExternalStep<A extends App, Input, Results, Return> = StepOptions & {
  readonly action: (context: StepContext<A, Input, Results>) => Return
  readonly compensation?: Undo<CompensationContext<A, Input, Results, ResultOf<NoInfer<Return>>>>
}

export type TransactionalStep<A extends App, Input, Results, Return> = Omit<StepOptions, 'settleAfter'> & {
  readonly action: (context: TransactionalContext<A, Input, Results>) => Return
  readonly compensation?: Undo<TransactionalCompensationContext<A, Input, Results, ResultOf<NoInfer<Return>>>>
}

/** A hook alone, or with a policy of its own. */
export type HookFunction<Context> =
  | ((context: Context) => unknown)
  | { readonly run: (context: Context) => unknown; readonly retry?: RetryOptions; readonly timeout?: Duration }
