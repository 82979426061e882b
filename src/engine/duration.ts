/** Lengths of time in options. */
import { type Duration, parseDuration } from './core/duration.ts'
import { SagaError } from './errors.ts'

export type { Duration } from './core/duration.ts'

/**
 * @param what names the option in the error.
 * @returns whole milliseconds.
 * @throws SagaError `DEFINITION_INVALID` for anything that is not a length of time from zero to a hundred years.
 */
export function toMs(duration: Duration, what: string): number {
  const ms = parseDuration(duration)
  if (ms !== undefined) return ms
  throw new SagaError('DEFINITION_INVALID', `${what} ${durationProblem(duration)}.`, {
    details: { problems: [{ at: what, problem: durationProblem(duration) }] },
  })
}

/** What is wrong with something that is no length of time. */
export function durationProblem(duration: unknown): string {
  const shown = typeof duration === 'string' ? JSON.stringify(duration.slice(0, 50)) : String(duration)
  return `is ${shown}, which is no length of time: write milliseconds, or '30s', '5 minutes', '2h', '1 day'`
}
