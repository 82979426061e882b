/** Steps of which only so many attempts run at once, over all workers. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createSagaClient, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, until } from '../support/waiting.ts'

const define = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({ turnsBack: z.boolean().optional() })
const LIMIT = 3

let running = 0
let most = 0
let began = 0
let gate = Promise.withResolvers<void>()

async function busy(signal: AbortSignal): Promise<void> {
  began += 1
  running += 1
  most = Math.max(most, running)
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  await Promise.race([gate.promise, aborted])
  // Long enough that another one could begin meanwhile, which it must not.
  await new Promise(setImmediate)
  running -= 1
}

const limited = define('limited', { version: 1, input })
  .step('before', { action: () => {} })
  .step('call', {
    action: async ({ signal, attempt, input }) => {
      await busy(signal)
      if (attempt === 1 && input.turnsBack === true) throw new StepNotApplied('Once more.')
      if (attempt === 2) throw new Error('In doubt.')
    },
    verify: async ({ signal }) => {
      await busy(signal)
      return { result: undefined }
    },
    compensation: async ({ signal }) => busy(signal),
    maxConcurrent: LIMIT,
    retry: QUICK,
    timeout: '10m',
  })
  .step('after', {
    action: ({ input }) => {
      if (input.turnsBack === true) throw new StepRejected('No.')
    },
  })
const written = define('written', { version: 1, input }).transactionalStep('write', {
  action: async ({ signal }) => busy(signal),
  maxConcurrent: 1,
  timeout: '10m',
})
const free = define('free', { version: 1, input }).step('one', { action: () => {} })

describe('a step with maxConcurrent', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(() => {
    running = 0
    most = 0
    began = 0
    gate = Promise.withResolvers<void>()
  })
  afterEach(async () => {
    gate.resolve()
    await database.pool.query('select 1')
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ input: { turnsBack: index % 4 === 0 } }))

  test('never runs more often at once over two workers, and all sagas come to rest', async () => {
    const one = await startEngine(database.connectionString, [limited, free])
    await startEngine(database.connectionString, [limited])
    await one.enqueueMany(limited, many(40))
    await until('as many run as may', async () => running === LIMIT)
    // What is not limited goes on, behind all of them in the queue.
    const { id } = await one.enqueue(free, {})
    expect((await one.outcome(id)).status).toBe('completed')
    gate.resolve()
    await atRest(database.pool, 41)
    expect(most).toBe(LIMIT)
    // 30 go through; 10 are tried, tried again, verified and undone.
    expect(began).toBe(30 + 10 * 4)
    const { rows } = await database.pool.query('select status, count(*)::int from saga.saga group by 1 order by 1')
    expect(rows).toEqual([
      { status: 'compensated', count: 10 },
      { status: 'completed', count: 31 },
    ])
  })

  test('counts what another worker is fetching at the same time', async () => {
    const waiting = async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and application_name = 'pg-saga fetch'
           and wait_event_type = 'Lock'`,
      )
      return rows.length
    }
    const one = await startEngine(database.connectionString, [limited])
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    // It cannot claim what it has fetched.
    await blocker.query('select from saga.saga_worker where id = $1 for update', [one.workerId])
    const started = await one.enqueueMany(limited, many(20))
    await until('the first worker has fetched, and waits', async () => (await waiting()) === 1)
    const other = await startEngine(database.connectionString, [limited])
    await until('the second one waits for the first', async () => (await waiting()) === 2)
    await blocker.query('commit')
    blocker.release()
    await until('as many run as may', async () => running === LIMIT)
    gate.resolve()
    for (const saga of started) if (saga.ok) await other.outcome(saga.id)
    expect(most).toBe(LIMIT)
  })

  test('that is transactional runs one at a time where that is the limit, the next as soon as one ends', async () => {
    const engine = await startEngine(database.connectionString, [written])
    await engine.enqueueMany(written, many(20))
    await until('one runs', async () => running === 1)
    const since = performance.now()
    gate.resolve()
    await until('all are done', async () => (await engine.count({ definition: 'written' })).completed === 20)
    expect([most, began]).toEqual([1, 20])
    // Nobody waits for the next poll: twenty of them would take ten seconds.
    expect(performance.now() - since).toBeLessThan(5_000)
  })

  test('of a map, or of another name than before, begins as soon as one ends too: nobody waits for a poll', async () => {
    const options = { action: ({ signal }: { signal: AbortSignal }) => busy(signal), maxConcurrent: 1 }
    const mapped = define('mapped', { version: 1, input }).map('each', { over: () => [1, 2, 3], ...options })
    const older = define('renamed', { version: 1, input }).step('old', options)
    const renamed = define('renamed', { version: 1, input }).step('new', { ...options, formerly: ['old'] })
    await using client = createSagaClient({ connectionString: database.connectionString })
    // The worker never polls.
    vi.useFakeTimers({ toFake: ['setInterval'] })
    try {
      await client.enqueueMany(older, many(3))
      await client.enqueue(mapped, {})
      const engine = await startEngine(database.connectionString, [mapped, renamed])
      await until('one of each runs', async () => running === 2)
      gate.resolve()
      await until('all are done', async () => {
        const counts = await Promise.all(['mapped', 'renamed'].map((definition) => client.count({ definition })))
        return counts.every(({ running: live, completed }) => live === 0 && completed > 0)
      })
      expect(began).toBe(6)
      await stopEngine(engine)
    } finally {
      vi.useRealTimers()
    }
  })

  test('keeps neither others nor the database busy while 900 wait for their turn', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    let fetches = 0
    await client.enqueueMany(written, many(900))
    const count = (point: string) => {
      if (point === 'fetched') fetches += 1
    }
    const engine = await startEngine(database.connectionString, [written, free], { drainGrace: '10ms' }, count)
    await until('one runs', async () => running === 1)
    const { id } = await engine.enqueue(free, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    const [since, from] = [performance.now(), fetches]
    await until('it has looked six times', async () => fetches >= from + 6)
    // Twice a second, and now and then for a reason.
    expect(performance.now() - since).toBeGreaterThan(1_500)
    expect([most, began]).toEqual([1, 1])
    await stopEngine(engine)
    await database.pool.query(`delete from pgboss.job where name = 'saga_step'`)
    await database.pool.query(`delete from saga.saga where definition = 'written'`)
    await database.pool.query(
      'delete from saga.saga_event e where not exists (select from saga.saga s where s.id = e.saga_id)',
    )
  })

  test('is counted though a process without its code has inserted its job: it is handed back once', async () => {
    const noted = define('noted', { version: 1, input })
      .step('limited', { action: ({ signal }) => busy(signal), maxConcurrent: 1 })
      .step('last', { action: () => {} })
    // The same shape, as it was before there was a limit.
    const older = define('noted', { version: 1, input })
      .step('limited', { action: () => {} })
      .step('last', { action: () => {} })
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.enqueueMany(older, many(5))
    const engine = await startEngine(database.connectionString, [noted])
    await until('one runs', async () => running === 1)
    gate.resolve()
    await until('all are done', async () => (await client.count({ definition: 'noted' })).completed === 5)
    expect([most, began]).toEqual([1, 5])
    for (const { id } of (await client.list({ definition: 'noted' })).sagas) {
      const types = (await engine.journal(id)).map(({ event }) => event.type)
      expect(types.filter((type) => type === 'attempt_returned')).toHaveLength(1)
    }
  })

  test('follows a limit that is changed on call, for jobs that are queued already', async () => {
    const withLimit = (maxConcurrent: number) =>
      define('changed', { version: 1, input }).step('call', {
        action: ({ signal }) => busy(signal),
        maxConcurrent,
        timeout: '10m',
      })
    await using client = createSagaClient({ connectionString: database.connectionString })
    const first = await startEngine(database.connectionString, [withLimit(1)], { drainGrace: '10ms' })
    await first.enqueueMany(withLimit(1), many(10))
    await until('one runs', async () => running === 1)
    await stopEngine(first)
    const engine = await startEngine(database.connectionString, [withLimit(4)])
    await until('four run', async () => running === 4)
    gate.resolve()
    await until('all are done', async () => (await client.count({ definition: 'changed' })).completed === 10)
    expect(most).toBe(4)
    expect(engine.workerId).toBeDefined()
  })

  test.each([0, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 31, '3', null])(
    'of %s is refused where it is defined',
    (given) => {
      const options = { action: () => {}, maxConcurrent: given as number }
      const refused = expect.objectContaining({
        code: 'DEFINITION_INVALID',
        message: expect.stringContaining('At call: maxConcurrent must be a whole number'),
      })
      expect(() => define('wrong', { version: 1, input }).step('call', options)).toThrow(refused)
      expect(() => define('wrong', { version: 1, input }).transactionalStep('call', options)).toThrow(refused)
      expect(() =>
        define('wrong', { version: 1, input }).parallel('both', (group) => group.step('call', options)),
      ).toThrow(refused)
    },
  )
})
