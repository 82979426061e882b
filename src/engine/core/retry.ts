/** How long to wait before the next attempt. */

export type RetryPolicy = {
  /** Attempts that report, the first one included. */
  readonly maxAttempts: number
  readonly backoff: 'fixed' | 'linear' | 'exponential'
  readonly initialIntervalMs: number
  readonly maxIntervalMs: number
  /** No retry later than this after the first attempt. */
  readonly maxDurationMs?: number
}

/**
 * The delay before the attempt that follows `failures` failed ones, in ms. The cap holds after jitter.
 *
 * @param jitter from 0 to 1: the shell's randomness. The delay is between half of the interval and all of it, so that
 * a thousand sagas that failed together do not come back together. Source: "equal jitter", AWS Architecture Blog,
 * "Exponential Backoff And Jitter" (2015).
 * @param askedMs what the other side asked for ("retry after"); the delay is never shorter, whatever the cap.
 */
export function retryDelay(policy: RetryPolicy, failures: number, jitter: number, askedMs?: number): number {
  const count = Math.max(1, failures)
  const factor = policy.backoff === 'fixed' ? 1 : policy.backoff === 'linear' ? count : 2 ** Math.min(count - 1, 60)
  const interval = Math.min(policy.initialIntervalMs * factor, policy.maxIntervalMs)
  const delay = policy.backoff === 'fixed' ? interval : interval / 2 + (interval / 2) * Math.min(1, Math.max(0, jitter))
  return Math.max(Math.round(delay), askedMs ?? 0)
}

/** What is wrong with a policy, in words; `undefined` when nothing is. */
export function retryProblem(policy: RetryPolicy): string | undefined {
  if (
    !(policy.maxAttempts >= 1) ||
    (policy.maxAttempts !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(policy.maxAttempts))
  ) {
    return `maxAttempts must be a whole number from 1 up, not ${policy.maxAttempts}`
  }
  if (!(policy.initialIntervalMs > 0))
    return `initialInterval must be longer than zero, not ${policy.initialIntervalMs} ms`
  if (!(policy.maxIntervalMs >= policy.initialIntervalMs)) {
    return `maxInterval (${policy.maxIntervalMs} ms) is shorter than initialInterval (${policy.initialIntervalMs} ms)`
  }
  if (policy.maxDurationMs !== undefined && !(policy.maxDurationMs > 0)) {
    return `maxDuration must be longer than zero, not ${policy.maxDurationMs} ms`
  }
  return undefined
}
