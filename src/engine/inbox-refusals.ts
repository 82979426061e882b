/** What an error means for a command of the inbox: that it is refused, or that it is put off. */
import { SagaError, type SagaErrorCode } from './errors.ts'
import { errorInfo } from './runtime/verdict.ts'
import type { Settlement } from './store/commands.ts'
import { sqlState } from './store/db.ts'

/** What says nothing of the command, and may be over the next time. */
const WORLDLY: readonly SagaErrorCode[] = [
  'BATCH_INCOMPLETE',
  'CODEC_FAILED',
  'CODEC_MISSING',
  'DATABASE_UNREACHABLE',
  'KEY_CONFLICT_RETRY',
]

/** Whether the error is an answer to the command, rather than trouble that may be over the next time. */
export function isOfCommand(error: unknown): error is SagaError {
  return error instanceof SagaError && !WORLDLY.includes(error.code)
}

export function refusalOf(id: string, { code, message, details }: SagaError): Settlement {
  return { id, state: 'refused', code, message, fields: details.fields }
}

/** What is told of a command that is put off. */
export function troubleOf(error: unknown): { readonly code: string; readonly message: string } {
  const { message, name, code = sqlState(error) ?? name } = errorInfo(error)
  return { code, message }
}
