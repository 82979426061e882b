/** What is deleted behind the engine's back, and is put back (rule 11). */
import type pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaEngine, sagasFor, type WorkerEvent } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, journalled, until } from '../support/waiting.ts'

type Report = Extract<WorkerEvent, { type: 'watched' }>['report']

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const input = z.object({ fail: z.boolean().default(false) })

let gate = Promise.withResolvers<void>()
let runs: string[] = []

const plain = defineSaga('plain', { version: 1, input })
  .step('one', { action: () => void runs.push('one') })
  .map('each', { over: () => [1, 2], concurrency: 2, action: ({ item }) => void runs.push(`each ${item}`) })

const gated = defineSaga('gated', { version: 1, input }).step('wait', {
  action: async ({ attempt }) => {
    runs.push(`wait ${attempt}`)
    await gate.promise
    return attempt
  },
})

const later = defineSaga('later', { version: 1, input, deadline: '2h' }).step('again', {
  action: ({ attempt }) => {
    if (attempt === 1) throw new Error('Not yet.')
    return attempt
  },
  retry: { maxAttempts: 2, backoff: 'fixed', initialInterval: '1h', maxInterval: '1h' },
})

const dead = defineSaga('dead', { version: 1, input }).step('refused', {
  action: () => Promise.reject(new Error('No.')),
  retry: { maxAttempts: 1 },
  whenExhausted: 'dead_letter',
})

/** All its steps are done when its deadline comes, and its last hook is tried again later: nothing is left to be turned. */
const finishing = defineSaga('finishing', { version: 1, input, deadline: '1s' })
  .step('one', { action: () => 1, compensation: () => {} })
  .onCompleted(() => {
    if (!runs.includes('may finish')) throw new Error('Not yet.')
  })

/** It is on its way to the dead letters while one step waits for a moment that passes, and another runs. */
const stopping = defineSaga('stopping', { version: 1, input }).parallel('both', (both) =>
  both
    .step('gives-up', {
      action: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        throw new Error('No.')
      },
      retry: { maxAttempts: 1 },
      whenExhausted: 'dead_letter',
    })
    .step('waits', {
      action: ({ attempt }) => {
        if (attempt === 1) throw new Error('Not yet.')
      },
      retry: { maxAttempts: 3, backoff: 'fixed', initialInterval: '300ms', maxInterval: '300ms' },
    })
    .step('runs', {
      action: async () => {
        runs.push('runs')
        await gate.promise
      },
    }),
)

const definitions = [plain, gated, later, dead, finishing, stopping]

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterEach(() => {
  gate.resolve()
  gate = Promise.withResolvers<void>()
  runs = []
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

/** Looks all the time. */
async function start(options: Parameters<typeof startEngine>[2] = {}) {
  const reports: Report[] = []
  const engine = await startEngine(database.connectionString, definitions, {
    watchdogEvery: 20,
    ...options,
    onEvent: (event: WorkerEvent) => {
      if (event.type === 'watched') reports.push(event.report)
    },
  })
  /** A report that was begun after this call. */
  const looked = async () => {
    const from = reports.length + 2
    await until('the watchdog has looked', async () => reports.length >= from)
  }
  const mended = async () => {
    await looked()
    return reports.flatMap((report) => report.mended)
  }
  return { engine, looked, mended, reports }
}

const deleteJobs = () => database.pool.query('delete from pgboss.job')

describe('the watchdog', () => {
  test('puts back the jobs of sagas whose jobs were all deleted', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { engine } = await start()
    await stopEngine(engine)
    const started = await client.enqueueMany(
      plain,
      Array.from({ length: 20 }, () => ({ input: {} })),
    )
    await deleteJobs()
    const { mended } = await start()
    for (const one of started) if (one.ok) expect((await client.outcome(one.id)).status).toBe('completed')
    const ids = (await mended()).map(({ sagaId, what }) => `${what} ${sagaId}`)
    expect(ids.toSorted()).toEqual(started.map((one) => `job ${one.ok ? one.id : ''}`).toSorted())
    expect(runs.filter((run) => run === 'one')).toHaveLength(20)
  })

  test('lets what a worker has under way come to its end, though its job is gone: it runs once', async () => {
    const { engine, mended } = await start()
    const { id } = await engine.enqueue(gated, {})
    await until('it runs', async () => runs.length === 1)
    await deleteJobs()
    expect(await mended()).toEqual([])
    gate.resolve()
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { wait: 1 } })
    expect(runs).toEqual(['wait 1'])
  })

  test('does not take a deleted job for one that killed its worker, however often that happens', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { engine } = await start({ concurrency: 1 })
    const busy = await engine.enqueue(gated, {})
    await until('the worker has no room', async () => runs.length === 1)
    const { id } = await client.enqueue(plain, {})
    for (let times = 1; times <= 5; times += 1) {
      await database.pool.query(`delete from pgboss.job where data ->> 'saga' = $1`, [id])
      await until(`it has been mended ${times} times`, async () => {
        const { rows } = await database.pool.query(
          `select from saga.saga_event where saga_id = $1 and type = 'attempt_lost'`,
          [id],
        )
        return rows.length === times
      })
    }
    // Nor does a loss that counts find them counted.
    const boss = new PgBoss({ connectionString: database.connectionString, supervise: false, schedule: false })
    await boss.start()
    const { rows } = await database.pool.query(`select id from pgboss.job where data ->> 'saga' = $1`, [id])
    await boss.fail('saga_step', rows[0].id)
    await boss.stop()
    await until('the one that counts is recorded', async () => {
      const { steps = [] } = (await client.get(id)) ?? {}
      return steps.some(({ name, attempts }) => name === 'one' && attempts === 7)
    })
    gate.resolve()
    expect((await client.outcome(id)).status).toBe('completed')
    expect((await client.outcome(busy.id)).status).toBe('completed')
  })

  test('follows a job that somebody has cancelled in pg-boss', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { engine } = await start({ concurrency: 1 })
    const busy = await engine.enqueue(gated, {})
    await until('the worker has no room', async () => runs.length === 1)
    const { id } = await client.enqueue(plain, {})
    const boss = new PgBoss({ connectionString: database.connectionString, supervise: false, schedule: false })
    await boss.start()
    const { rows } = await database.pool.query(`select id from pgboss.job where data ->> 'saga' = $1`, [id])
    await boss.cancel('saga_step', rows[0].id)
    await boss.stop()
    await journalled(engine, id, 'attempt_lost')
    gate.resolve()
    expect((await client.outcome(id)).status).toBe('completed')
    expect((await client.outcome(busy.id)).status).toBe('completed')
  })

  test('sets timers again, to the moments that they had', async () => {
    const { engine, mended } = await start()
    const timers = async () => {
      const { rows } = await database.pool.query('select * from saga.saga_timer order by saga_id, timer')
      return rows
    }
    const { id } = await engine.enqueue(later, {})
    await journalled(engine, id, 'attempt_failed')
    const delayed = await engine.enqueue(plain, {}, { startAt: new Date(Date.now() + 3_600_000) })
    const before = await timers()
    expect(before.map(({ timer }) => String(timer)).toSorted()).toEqual(['@deadline', '@start', 'again:action'])
    await database.pool.query('delete from saga.saga_timer')
    await until('they are back', async () => (await timers()).length === 3)
    expect(await timers()).toEqual(before)
    expect((await mended()).map(({ what }) => what)).toEqual(['timer', 'timer', 'timer'])
    await database.pool.query(
      `update saga.saga_timer set due_at = saga.now() - interval '1 second' where timer = '@start'`,
    )
    await engine.operator.cancel(id, await confirmed(engine, id))
    // Nothing of this is left for the tests that follow.
    expect((await engine.outcome(delayed.id)).status).toBe('completed')
    expect((await engine.outcome(id)).status).toBe('compensated')
  })

  test('puts sagas back into their lines', async () => {
    const { engine } = await start()
    const ids: string[] = []
    for (let place = 0; place < 3; place += 1)
      ids.push((await engine.enqueue(gated, {}, { concurrencyKey: 'account' })).id)
    await until('the first runs', async () => runs.includes('wait 1'))
    await database.pool.query('delete from saga.saga_line')
    const line = async () => {
      const { rows } = await database.pool.query(
        'select saga_id from saga.saga_line order by front_at is null, position',
      )
      return rows.map((row) => row.saga_id)
    }
    await until('they stand in line again', async () => (await line()).length === 3)
    expect(await line()).toEqual(ids)
    gate.resolve()
    for (const id of ids) expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('puts the job of a dead letter back when it is gone, not when somebody has consumed it', async () => {
    const { engine, looked } = await start()
    const { id } = await engine.enqueue(dead, {})
    expect((await engine.outcome(id)).status).toBe('dead_lettered')
    const letters = async () =>
      (await database.pool.query(`select id, state, data from pgboss.job where name = 'saga_dead_letter'`)).rows
    const before = await letters()
    await deleteJobs()
    await until('it is back', async () => (await letters()).length === 1)
    expect(await letters()).toEqual(before)
    const boss = new PgBoss({ connectionString: database.connectionString, supervise: false, schedule: false })
    await boss.start()
    const [job] = await boss.fetch('saga_dead_letter')
    await boss.complete('saga_dead_letter', job?.id ?? '')
    await boss.stop()
    await looked()
    expect((await letters()).map(({ state }) => state)).toEqual(['completed'])
    await engine.operator.resolve(id, { actor: 'ada', reason: 'a test', as: 'compensated' })
    expect(await letters()).toEqual([])
  })

  test('gets a saga going that nothing would move any more', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { engine } = await start()
    await stopEngine(engine)
    const { id } = await client.enqueue(plain, {})
    await deleteJobs()
    await database.pool.query(
      `update saga.saga set state = (state::jsonb #- '{steps,one,action,flight}')::json where id = $1`,
      [id],
    )
    const { mended } = await start()
    expect((await client.outcome(id)).status).toBe('completed')
    expect(await mended()).toEqual([{ what: 'reason', sagaId: id }])
    // What was done to its row is in no journal.
    await database.pool.query('delete from saga.saga where id = $1', [id])
  })

  test('does not miss timers that have fired and had nothing to say', async () => {
    const { engine, looked, reports } = await start()
    const ends = await engine.enqueue(finishing, {})
    const stops = await engine.enqueue(stopping, {})
    await journalled(engine, ends.id, 'attempt_failed')
    await until('one runs', async () => runs.includes('runs'))
    await until('the step that waits has been told, and the deadline is over', async () => {
      const { rows } = await database.pool.query(
        `select timer from saga.saga_timer where saga_id = any($1) and (timer in ('waits:action') or timer = '@deadline' or due_at < saga.now() - interval '50 milliseconds')`,
        [[ends.id, stops.id]],
      )
      return rows.length === 0
    })
    await looked()
    expect(reports.flatMap(({ mended, left }) => [...mended, ...left])).toEqual([])
    runs.push('may finish')
    gate.resolve()
    expect((await engine.outcome(stops.id)).status).toBe('dead_lettered')
    await engine.operator.resolve(stops.id, { actor: 'ada', reason: 'a test', as: 'completed' })
    expect((await engine.outcome(ends.id)).status).toBe('completed')
  })

  test('raises no alarm while 300 sagas come and go, with two workers looking for trouble', async () => {
    const { engine, looked, reports } = await start()
    const second = await start()
    const mixed = Array.from({ length: 100 }, () => ({ input: {} }))
    await Promise.all([engine.enqueueMany(plain, mixed), second.engine.enqueueMany(plain, mixed)])
    await engine.enqueueMany(dead, mixed)
    await looked()
    await atRest(database.pool, 300)
    await looked()
    const found = [...reports, ...second.reports].flatMap(({ mended, left }) => [...mended, ...left])
    expect(found).toEqual([])
    // One of them looks for both.
    expect(second.reports).toEqual([])
  })
})

async function confirmed(engine: SagaEngine, id: string) {
  const { hash } = await engine.operator.plan(id, 'cancel')
  return { actor: 'ada', reason: 'a test', plan: hash }
}
