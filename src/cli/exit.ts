/** What the exit code says. */
import { SagaError, type SagaErrorCode } from '../index.ts'

export const EXIT = {
  done: 0,
  /** It failed, or something is not well. */
  failed: 1,
  /** It was asked wrongly. */
  usage: 2,
  notFound: 3,
  /** It does not fit the state, or one may not. */
  refused: 4,
  /** Code, lock file or tables are not what they have to be. */
  drift: 5,
} as const

const CODES: { readonly [code in SagaErrorCode]?: number } = {
  SAGA_NOT_FOUND: EXIT.notFound,
  HOLD_NOT_FOUND: EXIT.notFound,
  OPERATION_NOT_FOUND: EXIT.notFound,
  ERROR_GROUP_NOT_FOUND: EXIT.notFound,
  TRIAGE_CHANGED: EXIT.refused,
  DEFINITION_UNKNOWN: EXIT.notFound,
  ORDER_REFUSED: EXIT.refused,
  PLAN_CHANGED: EXIT.refused,
  OPERATION_REFUSED: EXIT.refused,
  NOT_AUTHORIZED: EXIT.refused,
  KEY_REUSED: EXIT.refused,
  KEY_BUSY: EXIT.refused,
  REQUEST_REUSED: EXIT.refused,
  INPUT_INVALID: EXIT.refused,
  RESULT_INVALID: EXIT.refused,
  PAYLOAD_INVALID: EXIT.refused,
  PAYLOAD_TOO_LARGE: EXIT.refused,
  FILTER_INVALID: EXIT.usage,
  OPTION_INVALID: EXIT.usage,
  NAME_INVALID: EXIT.usage,
  ACT_INVALID: EXIT.usage,
  OPERATION_INVALID: EXIT.usage,
  DEFINITION_CHANGED: EXIT.drift,
  SCHEMA_TOO_OLD: EXIT.drift,
  SCHEMA_TOO_NEW: EXIT.drift,
}

/** The program was called in a way that makes no sense. */
export class UsageError extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  return error instanceof SagaError ? (CODES[error.code] ?? EXIT.failed) : EXIT.failed
}

/** As it is written to standard error. */
export function lineOf(error: unknown): { readonly code: string; readonly message: string; readonly details?: object } {
  if (error instanceof SagaError) {
    const fields =
      error.details.fields?.map(({ path, message }) => `  ${path === '' ? 'input' : path}: ${message}`) ?? []
    return { code: error.code, message: [error.message, ...fields].join('\n'), details: error.details }
  }
  if (error instanceof UsageError) return { code: 'USAGE', message: error.message }
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) }
}
