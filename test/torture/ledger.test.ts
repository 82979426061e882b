import { describe, expect, test } from 'vitest'
import { Ledger } from './ledger.ts'

const call = (key: string, attempt = 1, more: { cents?: number; cancels?: string } = {}) => ({
  key,
  attempt,
  cents: 100,
  ...more,
})

describe('the ledger', () => {
  test('applies a key once, and counts every call of it', () => {
    const ledger = new Ledger(0)
    expect([ledger.call(call('a')), ledger.call(call('a')), ledger.call(call('a', 2))]).toEqual(Array(3).fill('done'))
    expect(ledger.takeBooks()).toEqual({
      entries: { a: { cents: 100, isApplied: true, isCancelled: false } },
      calls: { 'a#1': 2, 'a#2': 1 },
      balance: 100,
    })
    expect(ledger.takeBooks()).toEqual({ entries: {}, calls: {}, balance: 100 })
  })

  test('cancels by key, also before the call, which is then refused', () => {
    const ledger = new Ledger(0)
    ledger.call(call('a'))
    ledger.call(call('a:undo', 1, { cancels: 'a' }))
    ledger.call(call('b:undo', 1, { cancels: 'b' }))
    expect([ledger.call(call('a', 2)), ledger.call(call('b'))]).toEqual(['refused', 'refused'])
    expect(ledger.takeBooks().balance).toBe(0)
  })

  test('misbehaves by plan, the same for the same calls, until it is calmed', () => {
    const answers = (ledger: Ledger) => Array.from({ length: 100 }, (_, index) => ledger.call(call(`${index}`)))
    const planned = answers(new Ledger(50))
    expect(answers(new Ledger(50))).toEqual(planned)
    expect(new Set(planned)).toEqual(new Set(['done', 'refused', 'away', 'nothing']))
    const calm = new Ledger(50)
    calm.calm(true)
    expect(new Set(answers(calm))).toEqual(new Set(['done']))
  })
})
