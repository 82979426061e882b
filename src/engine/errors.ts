/**
 * Errors: a stable `code` to act on, and a message that says what, which, and what to do. None of them carries payloads
 * or SQL parameters.
 */
import { type Duration, toMs } from './duration.ts'

export type SagaErrorCode =
  /** A definition that cannot be run; `details.problems` says where and why. */
  | 'DEFINITION_INVALID'
  | 'DEFINITION_UNKNOWN'
  /** Another shape under the same name and version. */
  | 'DEFINITION_CHANGED'
  /** The input does not fit the schema; `details.fields`. */
  | 'INPUT_INVALID'
  /** Not JSON, or not storable as such; the message names the field. */
  | 'PAYLOAD_INVALID'
  | 'PAYLOAD_TOO_LARGE'
  /** The key, or id, belongs to a saga with another input; `details.sagaId`. */
  | 'KEY_REUSED'
  /** The saga that has the key cannot be seen from this transaction: retry it. */
  | 'KEY_CONFLICT_RETRY'
  | 'SAGA_NOT_FOUND'
  | 'HOLD_NOT_FOUND'
  /** The order does not fit the saga's state; `details.fits` lists those that do. */
  | 'ORDER_REFUSED'
  /** What would be done is not what was shown; `details.plan`. */
  | 'PLAN_CHANGED'
  /** An act without actor or reason. */
  | 'ACT_INVALID'
  | 'FILTER_INVALID'
  | 'NOT_AUTHORIZED'
  | 'DATABASE_UNREACHABLE'
  | 'SCHEMA_TOO_OLD'
  | 'SCHEMA_TOO_NEW'
  /** Fewer rows or jobs than asked: the transaction must be rolled back. */
  | 'BATCH_INCOMPLETE'
  /** The wait is over, the saga goes on. */
  | 'TIMEOUT'
  | 'STEP_TIMEOUT'
  | 'NAME_INVALID'

export type SagaErrorOptions = { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> }

export class SagaError extends Error {
  readonly code: SagaErrorCode
  /** Plain data to act on, by code. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: SagaErrorCode, message: string, options: SagaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
SagaError.prototype.name = 'SagaError'

/**
 * Thrown by an action: refused for good, and nothing was applied. It is not tried again.
 *
 * Thrown by a compensation: it gives up.
 */
export class StepRejected extends Error {}
StepRejected.prototype.name = 'StepRejected'

/** Thrown by an action: nothing was applied, try again; not sooner than `retryAfter`. */
export class StepNotApplied extends Error {
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfter?: Duration } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.retryAfterMs = options.retryAfter === undefined ? undefined : toMs(options.retryAfter, 'retryAfter')
  }
}
StepNotApplied.prototype.name = 'StepNotApplied'
