/** What a thrown error says of the effect of the attempt that threw it. */
import { VERDICTS, type Verdict } from '../core/machine.ts'
import type { ErrorInfo } from '../core/state.ts'
import { StepNotApplied, StepRejected } from '../errors.ts'

const MAX_MESSAGE = 1000
const MAX_NAME = 100

/** Nothing has reached the other side, or it said that it did nothing. */
const NOT_APPLIED_CODES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const NOT_APPLIED_STATUSES = new Set([429, 503])

/**
 * @param classify the step's own judgement; it comes first, and may leave a case open with `undefined`.
 * @param transactional its writes are gone with the throw, so that it is never in doubt (rule 6).
 */
export function verdictOf(
  error: unknown,
  classify: ((error: unknown) => Verdict | undefined) | undefined,
  transactional: boolean,
): Verdict {
  const verdict = judged(error, classify) ?? byDefault(error)
  return transactional && verdict === 'in_doubt' ? 'not_applied' : verdict
}

function judged(error: unknown, classify: ((error: unknown) => Verdict | undefined) | undefined): Verdict | undefined {
  if (error instanceof StepRejected) return 'rejected'
  if (error instanceof StepNotApplied) return 'not_applied'
  try {
    const judgement: unknown = classify?.(error)
    // Anything else is no judgement, a promise among them: taken for one, it would hide a doubt.
    if (judgement instanceof Promise) judgement.catch(() => {})
    return VERDICTS.find((verdict) => verdict === judgement)
  } catch {
    // A judge that fails has not judged; the attempt's own error is the one to keep.
    return undefined
  }
}

function byDefault(error: unknown): Verdict {
  try {
    return isNotApplied(error) ? 'not_applied' : 'in_doubt'
  } catch {
    // Anything can be thrown, also what cannot be read.
    return 'in_doubt'
  }
}

function isNotApplied(error: unknown): boolean {
  for (let at = error, depth = 0; at !== null && typeof at === 'object' && depth < 5; depth += 1) {
    const { code, status, statusCode, cause } = at as Record<string, unknown>
    if (typeof code === 'string' && NOT_APPLIED_CODES.has(code)) return true
    if (NOT_APPLIED_STATUSES.has(Number(status ?? statusCode))) return true
    at = cause
  }
  return false
}

/** The error as the journal keeps it: bounded, and without its stack or anything that it carries. Never throws. */
export function errorInfo(error: unknown): ErrorInfo {
  try {
    return described(teller(error))
  } catch {
    return { name: 'Error', message: 'Something was thrown that cannot be read.' }
  }
}

function described(error: unknown): ErrorInfo {
  if (error === null || typeof error !== 'object' || !('message' in error)) {
    return { name: 'Error', message: clean(String(error), MAX_MESSAGE) }
  }
  const { name, message, code } = error as { name?: unknown; message: unknown; code?: unknown }
  return {
    name: clean(typeof name === 'string' ? name : 'Error', MAX_NAME),
    message: clean(typeof message === 'string' ? message : (JSON.stringify(message) ?? ''), MAX_MESSAGE),
    ...(typeof code === 'string' ? { code: clean(code, MAX_NAME) } : {}),
  }
}

/**
 * Drizzle's own error carries the statement with all its parameters in its message, which belongs in no journal; what
 * the database said is its cause.
 */
function teller(error: unknown): unknown {
  const isQuery = error instanceof Error && String(error.message).startsWith('Failed query:')
  return isQuery && error.cause instanceof Error ? teller(error.cause) : error
}

/** What jsonb refuses is taken out: an error message must never be the reason why a failure cannot be recorded. */
function clean(text: string, max: number): string {
  const bounded = text.length > max ? `${text.slice(0, max)}…` : text
  return bounded.replaceAll('\u0000', '').toWellFormed()
}
