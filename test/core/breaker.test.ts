import { describe, expect, test } from 'vitest'
import {
  type BreakerLimits,
  type BreakerState,
  closedBreaker,
  counted,
  EMPTY_TALLY,
  isProbeDue,
  joined,
  probed,
  probing,
  tallied,
} from '../../src/engine/core/breaker.ts'

const limits: BreakerLimits = { failures: 3, cooldownMs: 10, maxCooldownMs: 25 }
const FAILED = { failures: 1, hasSucceeded: false }
const open: BreakerState = { status: 'open', failures: 3, cooldownMs: 10, probeAt: 110 }

describe('a tally', () => {
  const of = (...outcomes: boolean[]) => outcomes.reduce(tallied, EMPTY_TALLY)

  test('counts the failures since the last success', () => {
    expect(of(false, false)).toEqual({ failures: 2, hasSucceeded: false })
    expect(of(false, true, false)).toEqual({ failures: 1, hasSucceeded: true })
  })

  test.each([
    [[false], [false, false]],
    [[false, true, false], [false]],
    [[false, false], [true]],
    [[true], [false, true, false]],
  ])('of %j and then %j is that of all of them', (first, second) => {
    expect(joined(of(...first), of(...second))).toEqual(of(...first, ...second))
  })
})

describe('a breaker', () => {
  test('opens with the last of so many failures in a row, for as long as it cools down', () => {
    const two = counted(counted(closedBreaker(limits), FAILED, limits, 100), FAILED, limits, 100)
    expect(two).toEqual({ status: 'closed', failures: 2, cooldownMs: 10 })
    expect(counted(two, FAILED, limits, 100)).toEqual(open)
    expect(counted(two, { failures: 1, hasSucceeded: true }, limits, 100)).toMatchObject({ failures: 1 })
  })

  test('hears nothing while it is open but what its probe says', () => {
    expect(counted(open, { failures: 9, hasSucceeded: true }, limits, 105)).toBe(open)
    expect(probed(open, true, limits, 105)).toBe(open)
  })

  test('probes when it has cooled down, and again when nothing is heard', () => {
    expect([isProbeDue(open, 109), isProbeDue(open, 110), isProbeDue(closedBreaker(limits), 1_000)]).toEqual([
      false,
      true,
      false,
    ])
    const now = probing(open, 'a', 50, 120)
    expect(now).toMatchObject({ status: 'probing', probe: 'a', probeUntil: 170 })
    expect([isProbeDue(now, 169), isProbeDue(now, 170)]).toEqual([false, true])
  })

  test('closes when its probe succeeds, and waits twice as long when it fails, up to its limit', () => {
    const now = probing(open, 'a', 50, 120)
    expect(probed(now, true, limits, 130)).toEqual(closedBreaker(limits))
    const again = probed(now, false, limits, 130)
    expect(again).toEqual({ status: 'open', failures: 4, cooldownMs: 20, probeAt: 150, probe: 'a' })
    expect(probed(probing(again, 'b', 50, 150), false, limits, 160)).toMatchObject({ cooldownMs: 25, probeAt: 185 })
  })
})
