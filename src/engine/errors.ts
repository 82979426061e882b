/**
 * Errors: a stable `code` to act on, and a message that says what, which, and what to do. None of them carries payloads
 * or SQL parameters.
 */
import { type Duration, parseDuration } from './core/duration.ts'

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
  /** A payload is encoded, and this process has no codec. */
  | 'CODEC_MISSING'
  /** The codec could not encode or decode a payload; the `cause` says why. */
  | 'CODEC_FAILED'
  /** The payload was erased, and nothing brings it back. */
  | 'PAYLOAD_ERASED'
  /** The key, or id, belongs to a saga with another input; `details.sagaId`. */
  | 'KEY_REUSED'
  /** Another saga has the concurrency key, and this start does not wait; `details.sagaId`. */
  | 'KEY_BUSY'
  /** The saga that has the key cannot be seen from this transaction: retry it. */
  | 'KEY_CONFLICT_RETRY'
  /** A start in the caller's transaction, on a connection that is in none. */
  | 'TRANSACTION_REQUIRED'
  | 'SAGA_NOT_FOUND'
  | 'HOLD_NOT_FOUND'
  | 'OPERATION_NOT_FOUND'
  /** No dead letter is in the group, and nobody has made anything of it. */
  | 'ERROR_GROUP_NOT_FOUND'
  /** An operation over many sagas that makes no sense. */
  | 'OPERATION_INVALID'
  /** The change does not fit the operation's state. */
  | 'OPERATION_REFUSED'
  /** The order does not fit the saga's state; `details.fits` lists those that do. */
  | 'ORDER_REFUSED'
  /** What would be done is not what was shown; `details.plan`. */
  | 'PLAN_CHANGED'
  /** Somebody has said something else of the error group since it was looked at. */
  | 'TRIAGE_CHANGED'
  /** An act without actor or reason. */
  | 'ACT_INVALID'
  /** The request id belongs to another order. */
  | 'REQUEST_REUSED'
  | 'FILTER_INVALID'
  | 'NOT_AUTHORIZED'
  | 'DATABASE_UNREACHABLE'
  /** Reading that has a limit took longer: see `forReading`. */
  | 'READ_TOO_SLOW'
  /** A change was asked of a client that only reads: see `forReading`. */
  | 'READ_ONLY'
  | 'SCHEMA_TOO_OLD'
  | 'SCHEMA_TOO_NEW'
  /** Fewer rows or jobs than asked: the transaction must be rolled back. */
  | 'BATCH_INCOMPLETE'
  /** The wait is over, the saga goes on. */
  | 'TIMEOUT'
  | 'STEP_TIMEOUT'
  /** The saga goes back while the attempt runs: a step beside it has failed, say. Its group asked for being told. */
  | 'SAGA_TURNED'
  /** The attempt that says how far it has come is not the one that the saga waits for. */
  | 'ATTEMPT_SUPERSEDED'
  /** A result or an input given by hand does not fit the stored schema; `details.fields`. */
  | 'RESULT_INVALID'
  | 'NAME_INVALID'
  /** An option of an engine or a client that makes no sense. */
  | 'OPTION_INVALID'

/** What an error is about, as data to act on. Never payloads. */
export type SagaErrorDetails = {
  readonly sagaId?: string | undefined
  readonly definition?: string | undefined
  readonly version?: number | undefined
  readonly step?: string | undefined
  /** The field of a payload: `lines[0].note`. Empty for the whole. */
  readonly field?: string | undefined
  /** The fields of an input that do not fit. */
  readonly fields?: readonly { readonly path: string; readonly message: string }[]
  /** What is wrong with a definition, and where. */
  readonly problems?: readonly { readonly at: string; readonly problem: string }[]
  /** The orders that do fit. */
  readonly fits?: readonly string[]
  readonly [more: string]: unknown
}

export type SagaErrorOptions = { readonly cause?: unknown; readonly details?: SagaErrorDetails }

/** What this library throws. Tell them apart by `code`; messages may change. */
export class SagaError extends Error {
  readonly code: SagaErrorCode
  readonly details: SagaErrorDetails

  constructor(code: SagaErrorCode, message: string, options: SagaErrorOptions = {}) {
    super(message, causeOf(options))
    this.code = code
    this.details = options.details ?? {}
  }
}
SagaError.prototype.name = 'SagaError'

/** `code` is kept with the attempt, so that like errors can be found together. */
export type StepErrorOptions = { readonly cause?: unknown; readonly code?: string }

/**
 * Thrown by an action: refused for good, and nothing was applied. It is not tried again.
 *
 * Thrown by a compensation: it gives up.
 */
export class StepRejected extends Error {
  readonly code: string

  constructor(message: string, options: StepErrorOptions = {}) {
    super(message, causeOf(options))
    this.code = options.code ?? 'STEP_REJECTED'
  }
}
StepRejected.prototype.name = 'StepRejected'

/** Thrown by an action: nothing was applied, try again; not sooner than `retryAfter`. */
export class StepNotApplied extends Error {
  readonly code: string
  /** `undefined` also when what was given is no length of time: a provider's odd header must not change the verdict. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: StepErrorOptions & { readonly retryAfter?: Duration | undefined } = {}) {
    super(message, causeOf(options))
    this.code = options.code ?? 'STEP_NOT_APPLIED'
    this.retryAfterMs = parseDuration(options.retryAfter)
  }
}
StepNotApplied.prototype.name = 'StepNotApplied'

function causeOf({ cause }: { readonly cause?: unknown }): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause }
}
