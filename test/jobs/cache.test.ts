/** What a worker remembers of sagas, and how much of it. */
import { describe, expect, test } from 'vitest'
import type { LoadedSaga } from '../../src/engine/runtime/context.ts'
import { SagaCache } from '../../src/jobs/cache.ts'

function saga(id: string, revision: number, ...payloads: readonly number[]): LoadedSaga {
  const [input = 0, ...results] = payloads.map((size) => 'x'.repeat(size))
  const named = Object.fromEntries(results.map((result, index) => [`step-${index}`, result]))
  const state = {} as LoadedSaga['state']
  return {
    id,
    definition: 'order',
    version: 1,
    revision,
    state,
    deadlineAt: null,
    payloads: { input: String(input), results: named },
  }
}

describe('a cache of sagas', () => {
  test('knows a saga at the revision that is asked for, or a later one, and forgets the one that was used longest ago', () => {
    const cache = new SagaCache(2)
    cache.set(saga('a', 1))
    cache.set(saga('b', 1))
    expect(cache.get('a', 2)).toBeUndefined()
    cache.set(saga('a', 2))
    cache.set(saga('c', 1))
    expect(cache.get('a', 2)).toBeDefined()
    expect(cache.get('b', 1)).toBeUndefined()
  })

  test('does not keep a saga with large payloads, nor what it knew of it before', () => {
    const cache = new SagaCache(2)
    cache.set(saga('a', 1, 2_000_000, 2_000_000))
    expect(cache.get('a', 1)).toBeDefined()
    cache.set(saga('a', 2, 2_000_000, 2_000_000, 2_000_000))
    expect(cache.get('a', 1)).toBeUndefined()
  })

  test('keeps only so many characters of all sagas together', () => {
    const cache = new SagaCache(1_000)
    for (let index = 0; index < 30; index += 1) cache.set(saga(`s${index}`, 1, 3_000_000))
    expect(cache.get('s29', 1)).toBeDefined()
    expect(cache.get('s0', 1)).toBeUndefined()
    for (let index = 0; index < 30; index += 1) cache.delete(`s${index}`)
    cache.set(saga('a', 1, 3_000_000))
    expect(cache.get('a', 1)).toBeDefined()
  })
})
