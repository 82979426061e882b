/** How long a retry waits, and which policies are refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RetryPolicy, retryDelay, retryProblem } from '../../src/engine/core/retry.ts'
import { runs } from './support/scenario.ts'

const policy: RetryPolicy = { maxAttempts: 5, backoff: 'exponential', initialIntervalMs: 1_000, maxIntervalMs: 60_000 }
const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 100 }),
  backoff: fc.constantFrom('fixed' as const, 'linear' as const, 'exponential' as const),
  initialIntervalMs: fc.integer({ min: 1, max: 10_000 }),
  maxIntervalMs: fc.integer({ min: 10_000, max: 1_000_000 }),
})
const jitters = fc.double({ min: 0, max: 1, noNaN: true })
const full = (backoff: RetryPolicy['backoff'], failures: number) => retryDelay({ ...policy, backoff }, failures, 1)

describe('the delay before a retry', () => {
  test('doubles, grows in even steps, or stays', () => {
    expect([1, 2, 3, 4].map((failures) => full('exponential', failures))).toEqual([1_000, 2_000, 4_000, 8_000])
    expect([1, 2, 3, 4].map((failures) => full('linear', failures))).toEqual([1_000, 2_000, 3_000, 4_000])
    expect([1, 2, 3, 4].map((failures) => full('fixed', failures))).toEqual([1_000, 1_000, 1_000, 1_000])
  })

  test('is between half of the interval and all of it, but fixed when that was asked for', () => {
    expect(retryDelay(policy, 1, 0)).toBe(500)
    expect(retryDelay(policy, 1, 0.5)).toBe(750)
    expect(retryDelay({ ...policy, backoff: 'fixed' }, 1, 0)).toBe(1_000)
  })

  test('is never longer than the longest interval, jitter included, however many failures there were', () => {
    fc.assert(
      fc.property(policies, fc.nat(5_000), jitters, (some, failures, jitter) => {
        const delay = retryDelay(some, failures, jitter)
        expect(delay).toBeLessThanOrEqual(some.maxIntervalMs)
        expect(delay).toBeGreaterThanOrEqual(Math.round(some.initialIntervalMs / 2))
        expect(Number.isSafeInteger(delay)).toBe(true)
      }),
      runs(),
    )
  })

  test('does not get shorter with more failures', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 200 }), jitters, (some, failures, jitter) => {
        expect(retryDelay(some, failures + 1, jitter)).toBeGreaterThanOrEqual(retryDelay(some, failures, jitter))
      }),
      runs(),
    )
  })

  test('may be shorter than a second', () => {
    const fast: RetryPolicy = { ...policy, initialIntervalMs: 20, maxIntervalMs: 100 }
    expect(retryDelay(fast, 1, 0)).toBe(10)
    expect(retryDelay(fast, 9, 1)).toBe(100)
  })

  test('is never shorter than what the other side asked for, whatever the longest interval', () => {
    expect(retryDelay(policy, 1, 0, 90_000)).toBe(90_000)
    expect(retryDelay(policy, 1, 1, 10)).toBe(1_000)
  })

  test('takes odd jitter and odd counts for the nearest that make sense', () => {
    expect(retryDelay(policy, 0, 1)).toBe(1_000)
    expect(retryDelay(policy, 1, 7)).toBe(1_000)
    expect(retryDelay(policy, 1, -7)).toBe(500)
  })
})

describe('a retry policy', () => {
  test.each<[string, Partial<RetryPolicy>, string]>([
    ['no attempts', { maxAttempts: 0 }, 'maxAttempts'],
    ['half an attempt', { maxAttempts: 1.5 }, 'maxAttempts'],
    ['attempts that are no number', { maxAttempts: Number.NaN }, 'maxAttempts'],
    ['no first interval', { initialIntervalMs: 0 }, 'initialInterval'],
    ['a longest interval that is shorter than the first', { maxIntervalMs: 999 }, 'maxInterval'],
    ['no duration', { maxDurationMs: 0 }, 'maxDuration'],
  ])('with %s is refused', (_what, part, named) => {
    expect(retryProblem({ ...policy, ...part })).toContain(named)
  })

  test('that makes sense is not, nor one without an end', () => {
    expect(retryProblem(policy)).toBeUndefined()
    expect(retryProblem({ ...policy, maxAttempts: Number.POSITIVE_INFINITY, maxDurationMs: 1 })).toBeUndefined()
    expect(retryProblem({ ...policy, maxIntervalMs: 1_000 })).toBeUndefined()
  })
})
