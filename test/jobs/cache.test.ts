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
  test('knows a saga at its revision only, and forgets the one that was used longest ago', () => {
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
    cache.set(saga('a', 1, 30_000, 30_000))
    expect(cache.get('a', 1)).toBeDefined()
    cache.set(saga('a', 2, 30_000, 30_000, 30_000))
    expect(cache.get('a', 2)).toBeUndefined()
    expect(cache.get('a', 1)).toBeUndefined()
    cache.set(saga('b', 1, 100_000))
    expect(cache.get('b', 1)).toBeUndefined()
  })
})
