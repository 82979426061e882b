import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Db } from '../../src/engine/store/db.ts'
import { WakeUp } from '../../src/jobs/wake-up.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** @returns it, and the moments at which it has notified, in ms from now. */
function watched(): { wakeUp: WakeUp; told: number[] } {
  const told: number[] = []
  const from = performance.now()
  const db: Db = {
    async executeSql() {
      told.push(Math.round(performance.now() - from))
      return { rows: [] }
    },
  }
  return { wakeUp: new WakeUp('saga', db, SILENT, true), told }
}

/** Starts one each ms. */
function startFor(wakeUp: WakeUp, ms: number, committed: boolean): void {
  for (let at = 0; at < ms; at += 1) {
    wakeUp.soon(committed)
    vi.advanceTimersByTime(1)
  }
}

describe('waking workers', () => {
  test('of a start that is committed is done at once', () => {
    const { wakeUp, told } = watched()
    wakeUp.soon(true)
    vi.advanceTimersByTime(1_000)
    expect(told).toEqual([0])
  })

  test('of a start in an open transaction is done when it may be committed, and again later', () => {
    const { wakeUp, told } = watched()
    wakeUp.soon(false)
    vi.advanceTimersByTime(1_000)
    expect(told).toEqual([5, 60])
  })

  test('of a thousand starts a second takes no more than a hundred notifications', () => {
    const { wakeUp, told } = watched()
    startFor(wakeUp, 1_000, true)
    expect(told.length).toBeLessThanOrEqual(101)
  })

  test('of a thousand starts in open transactions takes a few more, and the last one has its second', () => {
    const { wakeUp, told } = watched()
    startFor(wakeUp, 1_000, false)
    vi.advanceTimersByTime(1_000)
    expect(told.length).toBeLessThanOrEqual(125)
    expect(told.at(-1)).toBeGreaterThanOrEqual(999 + 60)
  })
})
