/**
 * A step's circuit breaker, as a pure function: what its counts come to, and what is to be done about it.
 *
 *   closed ─ so many failures in a row ─▶ open ─ cooled down ─▶ probing ─ the probe succeeded ─▶ closed
 *                                          ▲                       │
 *                                          └─ it failed: longer ───┴─ nothing was heard of it: another one
 *
 * While it is open, a hold keeps the step's action from starting. Who holds and releases, and which saga is the probe, is
 * the shell's affair.
 */

export const BREAKER_STATES = ['closed', 'open', 'probing'] as const

export type BreakerStatus = (typeof BREAKER_STATES)[number]

/** What a step's author says of it, in units. */
export type BreakerLimits = {
  /** So many in a row open it. */
  readonly failures: number
  /** How long it stays open the first time, in ms. */
  readonly cooldownMs: number
  /** How long at most, in ms: it doubles with each probe that fails. */
  readonly maxCooldownMs: number
  /** Sagas a second that are let go when it closes; all at once, when absent. */
  readonly releaseRate?: number
}

export type BreakerState = {
  readonly status: BreakerStatus
  /** In a row. */
  readonly failures: number
  /** The one in force, or the next one, in ms. */
  readonly cooldownMs: number
  /** When the next probe may go, in ms. */
  readonly probeAt?: number
  /** The saga that is, or was last, let through. */
  readonly probe?: string
  /** When a probe of which nothing was heard counts no more, in ms. */
  readonly probeUntil?: number
}

/** What a worker has seen of a step since it last said something: only the failures after the last success count on. */
export type Tally = { readonly failures: number; readonly hasSucceeded: boolean }

export const EMPTY_TALLY: Tally = { failures: 0, hasSucceeded: false }

/** One more outcome. */
export function tallied(tally: Tally, isSuccess: boolean): Tally {
  return isSuccess ? { failures: 0, hasSucceeded: true } : { ...tally, failures: tally.failures + 1 }
}

/** Two tallies, the second one seen after the first. */
export function joined(first: Tally, second: Tally): Tally {
  return second.hasSucceeded ? second : { ...first, failures: first.failures + second.failures }
}

export function closedBreaker(limits: BreakerLimits): BreakerState {
  return { status: 'closed', failures: 0, cooldownMs: limits.cooldownMs }
}

/** While it is open, what was under way before says nothing new: only its probe counts. */
export function counted(breaker: BreakerState, tally: Tally, limits: BreakerLimits, now: number): BreakerState {
  if (breaker.status !== 'closed') return breaker
  const failures = tally.hasSucceeded ? tally.failures : breaker.failures + tally.failures
  const { cooldownMs } = limits
  if (failures < limits.failures) return { status: 'closed', failures, cooldownMs }
  return { status: 'open', failures, cooldownMs, probeAt: now + cooldownMs }
}

/** Whether the next probe may go. */
export function isProbeDue(breaker: BreakerState, now: number): boolean {
  if (breaker.status === 'open') return (breaker.probeAt ?? now) <= now
  return breaker.status === 'probing' && (breaker.probeUntil ?? now) <= now
}

/** A saga is let through; nothing is waited for longer than `patienceMs`. */
export function probing(breaker: BreakerState, probe: string, patienceMs: number, now: number): BreakerState {
  return { ...breaker, status: 'probing', probeAt: breaker.probeAt ?? now, probe, probeUntil: now + patienceMs }
}

/** What the saga that was let through came to. */
export function probed(breaker: BreakerState, isSuccess: boolean, limits: BreakerLimits, now: number): BreakerState {
  if (breaker.status !== 'probing') return breaker
  if (isSuccess) return closedBreaker(limits)
  const { probeUntil: _over, ...before } = breaker
  const cooldownMs = Math.min(breaker.cooldownMs * 2, limits.maxCooldownMs)
  return { ...before, status: 'open', failures: breaker.failures + 1, cooldownMs, probeAt: now + cooldownMs }
}
