/** What a fetch takes for true, and what is read back when the answer of one was lost (rules 4 and 11). */
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { BlueprintShelf } from '../../src/engine/runtime/blueprint-shelf.ts'
import { newId } from '../../src/engine/runtime/ids.ts'
import { NO_FAULTS, SILENT } from '../../src/engine/runtime/ports.ts'
import { insertClaim, registerWorker } from '../../src/engine/store/workers.ts'
import { sagasFor } from '../../src/index.ts'
import { SagaCache } from '../../src/jobs/cache.ts'
import { FetchLoop } from '../../src/jobs/fetch-loop.ts'
import { Fetcher } from '../../src/jobs/fetcher.ts'
import { Prepared } from '../../src/jobs/prepared.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('a fetch', () => {
  const gates = { first: Promise.withResolvers<void>(), other: Promise.withResolvers<void>() }
  const ran: string[] = []
  const two = defineSaga('two', { version: 1, input: z.object({ gate: z.enum(['first', 'other']) }) })
    .step('one', {
      action: async ({ input }) => {
        ran.push(`one ${input.gate}`)
        await gates[input.gate].promise
      },
      compensation: () => {},
    })
    .step('two', {
      action: ({ input }) => {
        ran.push(`two ${input.gate}`)
      },
      compensation: () => {},
    })

  afterEach(() => {
    gates.first.resolve()
    gates.other.resolve()
  })

  test('sees a pause that came after the commit that it remembers: the step does not start', async () => {
    const engine = await startEngine(database.connectionString, [two])
    const [first] = await engine.enqueueMany(two, [{ input: { gate: 'first' } }, { input: { gate: 'other' } }])
    const id = first?.ok === true ? first.id : ''
    await until('both run', async () => ran.length === 2)
    // The next fetch stands still after it has taken its jobs, before its transaction looks at the saga.
    const blocker = await database.pool.connect()
    await blocker.query('begin; lock table saga.saga_claim in share mode')
    gates.first.resolve()
    await until('a fetch waits', async () => {
      const { rows } = await database.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and application_name = 'pg-saga fetch'
           and wait_event_type = 'Lock'`,
      )
      return rows.length === 1
    })
    await engine.operator.pause(id, { actor: 'tester', reason: 'before step two' })
    await blocker.query('commit')
    blocker.release()
    await journalled(engine, id, 'attempt_returned')
    expect(ran).not.toContain('two first')
    await engine.operator.resume(id, { actor: 'tester', reason: 'go on' })
    expect((await engine.outcome(id)).status).toBe('completed')
  })
})

const IDLE = {
  logger: SILENT,
  wanted: () => 1,
  identity: () => ({ id: 'me', epoch: 1 }),
  take: () => {},
  onFetched: () => {},
  isTold: () => true,
  onTakenOver: () => {},
}

test('the loop fetches again at once only while it gets as much as it asks for', async () => {
  const { promise: taken, resolve } = Promise.withResolvers<void>()
  const answers = [true, true, false]
  let fetches = 0
  const loop = new FetchLoop({
    ...IDLE,
    fetcher: {
      reconcile: async () => [],
      fetch: async () => {
        const isFull = answers[fetches]
        fetches += 1
        if (isFull === undefined) return undefined
        return { claim: { id: String(fetches), open: 0 }, jobs: [], sagas: new Map(), holds: new Map(), isFull }
      },
    },
    take: ({ isFull }) => {
      if (!isFull) resolve()
    },
  })
  loop.open()
  await taken
  // The loop would look again before anything else is done.
  await new Promise((resolve) => setImmediate(resolve))
  await loop.close()
  expect(fetches).toBe(3)
})

test('a worker that nobody tells looks again after a fetch that brought anything', async () => {
  const { promise: looked, resolve } = Promise.withResolvers<void>()
  let fetches = 0
  const loop = new FetchLoop({
    ...IDLE,
    isTold: () => false,
    fetcher: {
      reconcile: async () => [],
      fetch: async () => {
        fetches += 1
        if (fetches > 1) resolve()
        if (fetches > 1) return undefined
        return { claim: { id: '1', open: 0 }, jobs: [], sagas: new Map(), holds: new Map(), isFull: false }
      },
    },
    // By its poll it would look in half a second: the clock stands still for that.
  })
  vi.useFakeTimers({ toFake: ['setInterval'] })
  loop.open()
  vi.useRealTimers()
  await looked
  await loop.close()
  expect(fetches).toBe(2)
})

describe('reading back what a worker owns', () => {
  test('is repeated when it failed halfway', async () => {
    const schema = 'saga'
    const db = { executeSql: async (text: string, values?: unknown[]) => database.pool.query(text, values) }
    const id = newId()
    const worker = { id, host: 'here', pid: 1, build: null, holdsLock: false, definitions: [] }
    const { epoch } = await registerWorker(db, schema, worker)
    const job = {
      id: newId(),
      retryCount: 0,
      saga: newId(),
      step: 'one',
      side: 'action',
      attempt: 1,
      revision: 1,
    } as const
    await insertClaim(db, schema, { id: newId(), workerId: id, epoch, jobs: [job] })
    const fetcher = new Fetcher({
      connectionString: database.connectionString,
      prepared: new Prepared(),
      schema,
      boss: undefined as never,
      cache: new SagaCache(10),
      shelf: new BlueprintShelf(schema, []),
      faults: NO_FAULTS,
      permits: new Map(),
    })
    await database.pool.query('alter table saga.saga_hold rename to elsewhere')
    await expect(fetcher.reconcile({ id, epoch })).rejects.toThrow('saga_hold')
    await database.pool.query('alter table saga.elsewhere rename to saga_hold')
    expect((await fetcher.reconcile({ id, epoch })).map((found) => found.jobs)).toEqual([[job]])
    expect(await fetcher.reconcile({ id, epoch })).toEqual([])
    await fetcher.close()
    await database.pool.query('delete from saga.saga_claim; delete from saga.saga_worker')
  })

  test('follows a connection error until it succeeds, and once more for a COMMIT that was under way', async () => {
    const { promise: thrice, resolve: isThrice } = Promise.withResolvers<void>()
    const calls: string[] = []
    let isAway = true
    const loop = new FetchLoop({
      fetcher: {
        reconcile: async () => {
          calls.push('reconcile')
          if (isAway) {
            isAway = false
            throw new Error('Connection terminated unexpectedly')
          }
          if (calls.filter((call) => call === 'reconcile').length === 3) isThrice()
          return []
        },
        fetch: async () => {
          calls.push('fetch')
          if (calls.length === 1) throw new Error('Connection terminated unexpectedly')
          return undefined
        },
      },
      ...IDLE,
    })
    loop.open()
    await thrice
    await loop.close()
    expect(calls.slice(0, 4)).toEqual(['fetch', 'reconcile', 'reconcile', 'fetch'])
  })

  test('is done again when it was asked for while it was under way', async () => {
    const { promise: twice, resolve: isTwice } = Promise.withResolvers<void>()
    let reads = 0
    const loop = new FetchLoop({
      ...IDLE,
      fetcher: {
        fetch: async () => undefined,
        reconcile: async () => {
          reads += 1
          if (reads === 1) loop.reconcile()
          else isTwice()
          return []
        },
      },
    })
    loop.open()
    loop.reconcile()
    await twice
    await loop.close()
    expect(reads).toBe(2)
  })

  test('is done every minute, without any reason', async () => {
    vi.useFakeTimers()
    try {
      let reads = 0
      const reconcile = async () => {
        reads += 1
        return []
      }
      const loop = new FetchLoop({ ...IDLE, fetcher: { fetch: async () => undefined, reconcile } })
      loop.open()
      await vi.advanceTimersByTimeAsync(59_000)
      expect(reads).toBe(0)
      await vi.advanceTimersByTimeAsync(122_000)
      expect(reads).toBe(3)
      await loop.close()
    } finally {
      vi.useRealTimers()
    }
  })
})
