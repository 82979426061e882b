/** The doctor: each trouble that it is to find, made on purpose, and nothing found where nothing is wrong. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type DoctorReport,
  type ExamineOptions,
  examine,
  type Finding,
  type SagaEngine,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const one = defineSaga('one', { version: 1, input: z.object({}) }).step('only', { action: () => 1 })
const dying = defineSaga('dying', { version: 2, input: z.object({}) }).step('only', {
  action: () => Promise.reject(new Error('No.')),
  retry: { maxAttempts: 1 },
  whenExhausted: 'dead_letter',
})
const HOUR_MS = 60 * 60 * 1_000

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock')
})
afterAll(async () => {
  await database.drop()
})

const look = (options: Partial<ExamineOptions> = {}) =>
  examine({ connectionString: database.connectionString, ...options })
const of = (report: DoctorReport, check: string) => report.findings.filter((finding) => finding.check === check)
const levels = (findings: readonly Finding[]) => findings.map(({ level }) => level)
const clock = (ms: number) => database.pool.query('insert into saga.saga_clock values ($1)', [ms])

async function withWorker<T>(use: (engine: SagaEngine) => Promise<T>): Promise<T> {
  const engine = await startEngine(database.connectionString, [one, dying], { build: 'b-1' })
  try {
    return await use(engine)
  } finally {
    await stopEngine(engine)
  }
}

describe('where all is well, the doctor', () => {
  test('finds nothing wrong, and says of each thing that it was looked at', async () => {
    const report = await withWorker(async (engine) => {
      const { id } = await engine.enqueue(one, {})
      await engine.outcome(id)
      return look()
    })
    // A server of tests may do without fsync, which is the one thing that is wrong then.
    const wrong = report.findings.filter(({ level }) => level === 'warning' || level === 'error')
    const { rows } = await database.pool.query(`select current_setting('fsync') as fsync`)
    expect(wrong.map(({ says }) => says)).toEqual(
      rows[0].fsync === 'on' ? [] : ['fsync is off: a crash of the machine can destroy the database.'],
    )
    expect(report.isHealthy).toBe(rows[0].fsync === 'on')
    expect([...new Set(report.findings.map(({ check }) => check))].toSorted()).toEqual([
      'clock',
      'dead-letters',
      'definitions',
      'fetching',
      'lag',
      'maintenance',
      'notify',
      'orphans',
      'pg-boss',
      'queues',
      'schema',
      'server',
      'sessions',
      'stuck',
      'tables',
      'timers',
      'transactions',
      'watchdog',
      'workers',
    ])
    expect(of(report, 'workers')[0]?.says).toBe('1 worker lives: b-1.')
  })

  test('changes nothing', async () => {
    await withWorker(async (engine) => {
      const { id } = await engine.enqueue(one, {})
      await engine.outcome(id)
    })
    const before = await counts()
    await look()
    expect(await counts()).toEqual(before)
  })
})

async function counts(): Promise<unknown> {
  const { rows } = await database.pool.query(
    `select (select count(*) from saga.saga_event) as events, (select count(*) from pgboss.job) as jobs,
       (select count(*) from saga.saga_maintenance) as entries, (select count(*) from saga.saga_worker) as workers`,
  )
  return rows[0]
}

describe('the doctor finds', () => {
  test('that nobody answers at that address', async () => {
    const report = await look({ connectionString: 'postgres://nobody@127.0.0.1:1/none' })
    expect(report).toMatchObject({ isHealthy: false, findings: [{ check: 'connection', level: 'error' }] })
  })

  test('that nothing is installed, and looks no further', async () => {
    const report = await look({ schema: 'elsewhere', bossSchema: 'elsewhere_boss' })
    expect(report.isHealthy).toBe(false)
    expect(of(report, 'schema')[0]).toMatchObject({ level: 'error', todo: expect.stringContaining('pg-saga migrate') })
    expect(of(report, 'pg-boss')[0]).toMatchObject({ level: 'error' })
    expect(of(report, 'workers')).toEqual([])
  })

  test('what somebody has taken from the tables: it is drift', async () => {
    await database.pool.query(
      'drop index saga.saga_finished; alter table saga.saga_event drop constraint saga_event_side_known',
    )
    const [found] = of(await look(), 'schema')
    expect(found).toMatchObject({ level: 'error', isDrift: true })
    expect(found?.says).toBe(
      'The schema "saga" lacks constraint saga_event.saga_event_side_known, index saga_finished.',
    )
    await database.pool.query(`create index saga_finished on saga.saga (definition, status, finished_at) where finished_at is not null;
      alter table saga.saga_event add constraint saga_event_side_known check (side in ('action', 'compensation', 'verify'))`)
    await database.pool.query('create table saga.mine (id int)')
    expect(of(await look(), 'schema')).toMatchObject([{ level: 'notice', says: expect.stringContaining('table mine') }])
    await database.pool.query('drop table saga.mine')
  })

  test('a queue that is not as it has to be, or is gone', async () => {
    await database.pool.query(`update pgboss.queue set retry_limit = 7 where name = 'saga_step'`)
    expect(of(await look(), 'queues')).toMatchObject([
      { level: 'error', says: 'Of the queue saga_step, retryLimit is 7 and has to be 0.' },
    ])
    await database.pool.query(`update pgboss.queue set retry_limit = 0 where name = 'saga_step'`)
  })

  test('that no worker lives, and how many sagas wait for one', async () => {
    const before = await look()
    expect(of(before, 'workers')).toMatchObject([{ level: 'warning', says: 'None lives.' }])
    const engine = await startEngine(database.connectionString, [one])
    const hold = await engine.operator.hold({ definition: 'one' }, { actor: 'ada', reason: 'test' })
    await engine.enqueue(one, {})
    await stopEngine(engine)
    const report = await look()
    expect(of(report, 'workers')).toMatchObject([{ level: 'error', says: 'None lives, and 1 saga is under way.' }])
    expect(of(report, 'definitions')).toMatchObject([
      { level: 'error', says: 'No worker has one v1: 1 saga keeps it.' },
    ])
    await withWorker(async (worker) => {
      await worker.operator.release(hold, { actor: 'ada', reason: 'test' })
      await until('it is done', async () => (await worker.count({ status: ['pending', 'running'] })).running === 0)
    })
  })

  test('dead letters by reason, and the version that they keep alive', async () => {
    await withWorker(async (engine) => {
      for (const item of await engine.enqueueMany(dying, [{ input: {} }, { input: {} }, { input: {} }])) {
        if (item.ok) await engine.outcome(item.id)
      }
    })
    const report = await look()
    expect(of(report, 'dead-letters')).toMatchObject([
      { level: 'warning', says: expect.stringContaining('3 sagas need a person: forward_exhausted') },
    ])
    expect(of(report, 'definitions')).toMatchObject([
      { level: 'warning', says: 'No worker has dying v2: 3 dead letters keep it.' },
    ])
  })

  test('sagas that wait for what is not there, and those that nobody has in hand', async () => {
    const engine = await startEngine(database.connectionString, [dying])
    await engine.operator.hold({ definition: 'one' }, { actor: 'ada', reason: 'test' })
    await stopEngine(engine)
    const lone = await startEngine(database.connectionString, [dying])
    const { id } = await lone.enqueue(one, {})
    await stopEngine(lone)
    await database.pool.query(`update pgboss.job set state = 'active', started_on = now() where data ->> 'saga' = $1`, [
      id,
    ])
    await clock(2 * HOUR_MS)
    expect(of(await look(), 'stuck')).toMatchObject([{ level: 'error', says: expect.stringContaining(`${id} (one)`) }])
    await database.pool.query(`delete from pgboss.job where data ->> 'saga' = $1`, [id])
    const [found] = of(await look(), 'orphans')
    expect(found).toMatchObject({
      level: 'error',
      says: expect.stringContaining(`1 saga waits for what is not there: ${id} (job)`),
    })
  })

  test('a clock that tests have left behind', async () => {
    await clock(HOUR_MS)
    expect(of(await look(), 'clock')).toMatchObject([
      { level: 'error', todo: expect.stringContaining('delete from saga.saga_clock') },
    ])
  })

  test('timers that nobody looks at', async () => {
    const { rows } = await database.pool.query('select id from saga.saga limit 1')
    await database.pool.query(
      `insert into saga.saga_timer (saga_id, timer, due_at) values ($1, 'start', now() - interval '1 hour')`,
      [rows[0].id],
    )
    expect(of(await look(), 'timers')).toMatchObject([
      { level: 'warning', says: expect.stringMatching(/^1 timer is overdue, the oldest for 36\d\d s/) },
    ])
    await database.pool.query(`delete from saga.saga_timer where timer = 'start'`)
  })

  test('jobs that have waited for longer than a minute although a worker lives, and not if none does', async () => {
    await database.pool.query(
      `insert into pgboss.job (name, created_on, start_after, keep_until, data)
       values ('saga_schedule', now() - interval '9 minutes', now() - interval '9 minutes', now() + interval '1 day', '{"schedule": "no-such"}')`,
    )
    expect(of(await look(), 'lag')).toEqual([])
    await database.pool.query(
      `insert into saga.saga_worker (id, epoch, host, pid, holds_lock, definitions, started_at, heartbeat_at)
       values (gen_random_uuid(), 1, 'h', 1, true, '{}', now(), now())`,
    )
    expect(of(await look(), 'lag')).toMatchObject([
      { level: 'warning', says: expect.stringMatching(/^In saga_schedule 1 job waits, the oldest for 5[34]\d s/) },
    ])
    await database.pool.query(`delete from pgboss.job where name = 'saga_schedule'`)
    expect(levels(of(await look(), 'lag'))).toEqual(['ok'])
    await database.pool.query(`delete from saga.saga_worker where host = 'h'`)
  })

  test('maintenance that has failed, or was not seen to for hours', async () => {
    await database.pool.query(
      `insert into saga.saga_maintenance (id, duty, by, is_dry, started_at, finished_at, outcome, error)
       values (gen_random_uuid(), 'cleanup', 'x', false, now(), now(), null, 'disk full'),
         (gen_random_uuid(), 'recovery', 'x', false, now() - interval '5 hours', now(), '{}', null)`,
    )
    const found = of(await look(), 'maintenance')
    expect(found.find(({ says }) => says.startsWith('cleanup'))).toMatchObject({
      level: 'warning',
      says: expect.stringContaining('disk full'),
    })
    expect(found.find(({ says }) => says.startsWith('recovery'))).toMatchObject({ level: 'warning' })
    await database.pool.query(`delete from saga.saga_maintenance`)
  })

  test('what the watchdog has mended', async () => {
    await database.pool.query(
      `insert into saga.saga_maintenance (id, duty, by, is_dry, started_at, finished_at, outcome)
       values (gen_random_uuid(), 'watchdog', 'x', false, now(), now(), '{"sagas": 9, "mended": 2, "left": 0, "what": {"job": 2}, "first": []}')`,
    )
    expect(of(await look(), 'watchdog')).toMatchObject([
      { level: 'notice', says: expect.stringContaining('sagas lacked 2 job; 2 were mended') },
    ])
  })

  test('a role that may not look, without an exception', async () => {
    await database.pool.query(
      `do $$ begin create role nobody_of_sagas login password 'x'; exception when duplicate_object then null; end $$`,
    )
    const url = new URL(database.connectionString)
    url.username = 'nobody_of_sagas'
    url.password = 'x'
    const report = await look({ connectionString: url.href })
    expect(report.isHealthy).toBe(false)
    expect(levels(of(report, 'schema'))).toEqual(['error'])
  })
})

test('what can be found lies between ok and error, the worst first', async () => {
  const { findings } = await look()
  const order = ['error', 'warning', 'notice', 'ok']
  const found = levels(findings).map((level) => order.indexOf(level))
  expect(found).toEqual(found.toSorted((a, b) => a - b))
  for (const { level, todo } of findings) if (order.indexOf(level) < 2) expect(todo).toBeTruthy()
})

test('an old transaction is named with what ends it', async () => {
  const holder = new pg.Client({ connectionString: database.connectionString, application_name: 'somebody' })
  await holder.connect()
  await holder.query('begin; select 1')
  const { longTransactions } = await import('../../src/doctor/checks/server.ts')
  const found = await longTransactions({ executeSql: (text, values) => database.pool.query(text, values) }, 0)
  await holder.query('rollback')
  await holder.end()
  expect(found.find(({ says }) => says.includes('somebody'))).toMatchObject({
    level: 'warning',
    todo: expect.stringContaining('pg_terminate_backend'),
  })
})
