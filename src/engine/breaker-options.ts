/** The circuit breaker of a step, as its author writes it. */
import type { BreakerLimits } from './core/breaker.ts'
import { parseDuration } from './core/duration.ts'
import { definitionInvalid } from './definition.ts'
import { type Duration, durationProblem } from './duration.ts'

/**
 * Stops a step by itself while it fails: a hold on its action, which nothing has to be undone for. What waits goes on when
 * it succeeds again.
 */
export type BreakerOptions = {
  /**
   * So many attempts in a row, over all workers and sagas, that ended not applied, in doubt or out of time: a whole number
   * from 1 up. One that is refused for good is an answer, and counts like a success.
   */
  readonly failures: number
  /** So long after that one saga is let through, and all of them if it succeeds. */
  readonly cooldown: Duration
  /** The cooldown doubles with each saga that is let through and fails, up to here: 10 minutes, or `cooldown` if that is longer. */
  readonly maxCooldown?: Duration
  /** So many sagas a second are let go in the end, from 0.001 to 1000; all at once, by default. */
  readonly releaseRate?: number
}

const DEFAULT_MAX_COOLDOWN_MS = 10 * 60_000
/** Of Postgres's integer, in which failures are counted. */
const MAX_FAILURES = 2 ** 31 - 1
const MIN_RATE = 0.001
const MAX_RATE = 1_000

/** @throws SagaError `DEFINITION_INVALID`. */
export function breakerLimits(place: { readonly saga: string; readonly at: string }, given: unknown): BreakerLimits {
  const fail = (what: string, problem: string): never => {
    throw definitionInvalid(place.saga, [{ at: `${place.at}.breaker${what === '' ? '' : `.${what}`}`, problem }])
  }
  const lengthOf = (what: string, length: unknown): number =>
    parseDuration(length) ?? fail(what, `it ${durationProblem(length)}`)
  if (typeof given !== 'object' || given === null) {
    return fail(
      '',
      "a breaker is { failures, cooldown, maxCooldown?, releaseRate? }, like { failures: 5, cooldown: '30s' }",
    )
  }
  const { failures, cooldown, maxCooldown, releaseRate } = given as { readonly [option: string]: unknown }
  const isCount = typeof failures === 'number' && Number.isSafeInteger(failures)
  if (!isCount || failures < 1 || failures > MAX_FAILURES) {
    return fail('failures', `it must be a whole number from 1 up, not ${shown(failures)}`)
  }
  const cooldownMs = lengthOf('cooldown', cooldown)
  if (cooldownMs === 0) fail('cooldown', 'it must be longer than zero')
  const maxCooldownMs =
    maxCooldown === undefined ? Math.max(DEFAULT_MAX_COOLDOWN_MS, cooldownMs) : lengthOf('maxCooldown', maxCooldown)
  if (maxCooldownMs < cooldownMs) {
    fail('maxCooldown', `the cooldown is ${cooldownMs} ms, and cannot be at most ${maxCooldownMs} ms`)
  }
  const isRate = typeof releaseRate === 'number' && releaseRate >= MIN_RATE && releaseRate <= MAX_RATE
  if (releaseRate !== undefined && !isRate) {
    return fail(
      'releaseRate',
      `it is a number of sagas a second from ${MIN_RATE} to ${MAX_RATE}, not ${shown(releaseRate)}`,
    )
  }
  return { failures, cooldownMs, maxCooldownMs, ...(releaseRate === undefined ? {} : { releaseRate }) }
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'undefined')
}
