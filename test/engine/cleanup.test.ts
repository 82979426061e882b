/** Sagas that have finished long ago are deleted, and nothing else is. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { deleteOld } from '../../src/engine/store/old-sagas.ts'
import { readKept } from '../../src/engine/store/policies.ts'
import { createSagaClient, type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { inTransaction, poolDb } from '../../src/jobs/pools.ts'
import { MAINTENANCE_QUEUE } from '../../src/jobs/queues.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({ fails: z.enum(['no', 'yes', 'and cannot be undone']).default('no') })
const DAY_MS = 24 * 60 * 60 * 1_000

function saga(name: string, options: { version?: number; keepFor?: object | string; revertWithin?: string } = {}) {
  return defineSaga(name, { version: 1, input, ...(options as object) })
    .step('one', {
      action: () => 1,
      compensation: ({ input: { fails } }) => {
        if (fails === 'and cannot be undone') throw new StepRejected('It stays.')
      },
    })
    .step('two', {
      action: ({ input: { fails } }) => {
        if (fails !== 'no') throw new StepRejected('It fails.')
      },
      retry: { ...QUICK, maxAttempts: 1 },
    })
}

const usual = saga('usual')
const kept = saga('kept', { keepFor: 'forever' })
const brief = saga('brief', { keepFor: { completed: '1 day', compensated: '90 days' } })
const revertible = saga('revertible', { keepFor: '1 day', revertWithin: '60 days' })
const by = { actor: 'ada', reason: 'test' }

let database: TestDatabase
let engine: SagaEngine
let client: ReturnType<typeof createSagaClient>

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
  await database.pool.query('create table public.kept_rows (id uuid)')
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock; delete from saga.saga_maintenance')
  expect(await brokenRules(database.pool)).toEqual([])
  const { rows } = await database.pool.query(
    'select from saga.saga_event e where not exists (select from saga.saga s where s.id = e.saga_id)',
  )
  expect(rows).toEqual([])
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

const open = async () => {
  engine = await startEngine(database.connectionString, [usual, kept, brief, revertible])
}
const days = (count: number) =>
  database.pool
    .query('delete from saga.saga_clock')
    .then(() => database.pool.query('insert into saga.saga_clock values ($1)', [count * DAY_MS]))
type Definition = typeof usual
async function ended(definition: Definition, fails: 'no' | 'yes' | 'and cannot be undone' = 'no'): Promise<string> {
  const { id } = await engine.enqueue(definition, { fails })
  await engine.outcome(id)
  return id
}
const isThere = async (id: string) => (await client.get(id)) !== undefined

describe('clean-up', () => {
  test('deletes what has finished longer ago than its definition keeps it, by status', async () => {
    await open()
    const completed = { usual: await ended(usual), kept: await ended(kept), brief: await ended(brief) }
    const compensated = { usual: await ended(usual, 'yes'), brief: await ended(brief, 'yes') }
    const reverted = await ended(revertible)
    await days(2)
    expect(await client.maintenance.cleanup()).toEqual({
      sagas: 1,
      by: [{ definition: 'brief', status: 'completed', sagas: 1 }],
      failed: [],
      hasMore: false,
    })
    expect(await isThere(completed.brief)).toBe(false)
    await days(31)
    expect((await client.maintenance.cleanup()).by).toEqual([
      { definition: 'usual', status: 'compensated', sagas: 1 },
      { definition: 'usual', status: 'completed', sagas: 1 },
    ])
    expect([await isThere(completed.usual), await isThere(compensated.usual)]).toEqual([false, false])
    expect([await isThere(completed.kept), await isThere(compensated.brief), await isThere(reverted)]).toEqual([
      true,
      true,
      true,
    ])
    await days(91)
    expect((await client.maintenance.cleanup()).sagas).toBe(2)
    expect(await isThere(completed.kept)).toBe(true)
    expect((await client.maintenance.cleanup()).sagas).toBe(0)
  })

  test('leaves dead letters however old they are, and sagas that are under way; what was resolved goes', async () => {
    await open()
    const dead = await ended(usual, 'and cannot be undone')
    const resolved = await ended(usual, 'and cannot be undone')
    await engine.operator.resolve(resolved, { ...by, as: 'compensated' })
    const { id: waiting } = await engine.enqueue(
      usual,
      { fails: 'no' },
      { startAt: new Date(Date.now() + 400 * DAY_MS) },
    )
    await days(365)
    expect((await client.maintenance.cleanup()).by).toEqual([{ definition: 'usual', status: 'resolved', sagas: 1 }])
    expect([await isThere(dead), await isThere(waiting), await isThere(resolved)]).toEqual([true, true, false])
    await days(0)
    await engine.operator.resolve(dead, { ...by, as: 'compensated' })
    await engine.operator.cancel(waiting, by)
  })

  test('leaves a child until its parent has finished, and what somebody has locked until the next time', async () => {
    await open()
    const [parent, child, locked] = [await ended(usual, 'and cannot be undone'), await ended(usual), await ended(usual)]
    await database.pool.query('update saga.saga set parent_id = $1, parent_step = $2 where id = $3', [
      parent,
      'one',
      child,
    ])
    const holder = await database.pool.connect()
    await holder.query('begin')
    await holder.query('select from saga.saga where id = $1 for update', [locked])
    await days(31)
    await client.maintenance.cleanup()
    const whileLocked = [await isThere(child), await isThere(locked)]
    await holder.query('commit')
    holder.release()
    await client.maintenance.cleanup()
    expect([whileLocked, [await isThere(child), await isThere(locked)]]).toEqual([
      [true, true],
      [true, false],
    ])
    await database.pool.query('update saga.saga set parent_id = null, parent_step = null where id = $1', [child])
    await client.maintenance.cleanup()
    expect(await isThere(child)).toBe(false)
    await days(0)
    await engine.operator.resolve(parent, { ...by, as: 'compensated' })
  })

  test('leaves what can still be reverted by what its own version said, and what has a hook to run', async () => {
    await open()
    const first = await startEngine(database.connectionString, [
      saga('later', { keepFor: '1 day', revertWithin: '60 days' }),
    ])
    const reverted = await first.enqueue(saga('later', { keepFor: '1 day', revertWithin: '60 days' }), {})
    await first.outcome(reverted.id)
    await stopEngine(first)
    const second = await startEngine(database.connectionString, [saga('later', { version: 2, keepFor: '1 day' })])
    const hooked = saga('hooked', { keepFor: '1 day' }).onResolved({ run: () => {} })
    const third = await startEngine(database.connectionString, [hooked])
    const { id: dead } = await third.enqueue(hooked, { fails: 'and cannot be undone' })
    await third.outcome(dead)
    await stopEngine(third)
    await client.operator.resolve(dead, { ...by, as: 'compensated' })
    await days(31)
    await client.maintenance.cleanup()
    expect([await isThere(reverted.id), await isThere(dead)]).toEqual([true, true])
    await days(0)
    const fourth = await startEngine(database.connectionString, [hooked])
    await until('its hook has run', async () => {
      const { rows } = await database.pool.query(
        `select from saga.saga where id = $1 and (state -> 'steps' -> '@resolved')::text !~ 'flight|due|withheld'`,
        [dead],
      )
      return rows.length === 1
    })
    await days(61)
    await client.maintenance.cleanup()
    expect([await isThere(reverted.id), await isThere(dead)]).toEqual([false, false])
    await stopEngine(second)
    await stopEngine(fourth)
  })

  test('finds them by their index, and reads nothing that is not old', async () => {
    const plan = await inTransaction(database.pool, async (db) => {
      const asked: string[] = []
      const spy = {
        executeSql: async (text: string, values?: unknown[]) => {
          if (!text.includes('skip locked')) return { rows: [] }
          const { rows } = await db.executeSql(`explain (costs off) ${text}`, values)
          asked.push(...rows.map((row) => String(row['QUERY PLAN'])))
          return { rows: [] }
        },
      }
      await deleteOld(
        spy,
        'saga',
        { definition: 'usual', status: 'completed', keepMs: DAY_MS, archive: false },
        { sagas: 500, events: 1 },
      )
      return asked.join('\n')
    })
    expect(plan).toMatch(/Index Scan using saga_finished on saga s\n\s+Index Cond: .*finished_at < /)
  })

  test('goes in batches, any number of them at once, and each saga is deleted once', async () => {
    await open()
    const ids = (
      await engine.enqueueMany(
        usual,
        Array.from({ length: 1_200 }, () => ({ input: {} })),
      )
    ).map((one) => (one.ok ? one.id : ''))
    for (const id of ids) await engine.outcome(id)
    await days(31)
    const dry = await client.maintenance.cleanup({ dryRun: true })
    const reports = await Promise.all([1, 2, 3].map(() => client.maintenance.cleanup()))
    // What one of them had locked when the others came to their ends is left to the next.
    reports.push(await client.maintenance.cleanup())
    // The others have finished in the tests before.
    expect(dry.sagas).toBeGreaterThanOrEqual(1_200)
    expect(reports.reduce((sum, { sagas }) => sum + sagas, 0)).toBe(dry.sagas)
    expect((await client.maintenance.cleanup({ dryRun: true })).sagas).toBe(0)
  })

  test('that is dry says what would be deleted, and deletes nothing', async () => {
    await open()
    await days(31)
    await client.maintenance.cleanup()
    await days(0)
    const id = await ended(usual)
    await days(31)
    const would = await client.maintenance.cleanup({ dryRun: true, actor: 'ada' })
    expect(would.by).toEqual([{ definition: 'usual', status: 'completed', sagas: 1 }])
    expect(await isThere(id)).toBe(true)
    const [run] = await client.maintenance.log()
    expect(run).toMatchObject({ duty: 'cleanup', by: 'ada', isDry: true, outcome: would, error: null })
  })

  test('that fails is recorded with why', async () => {
    await open()
    await ended(brief)
    await days(400)
    await database.pool.query('alter table saga.saga_event rename to elsewhere')
    const { sagas, failed } = await client.maintenance.cleanup()
    await database.pool.query('alter table saga.elsewhere rename to saga_event')
    await days(0)
    expect({ sagas, failed }).toEqual({
      sagas: 0,
      failed: expect.arrayContaining([
        { definition: 'brief', status: 'completed', error: expect.stringContaining('saga_event') },
      ]),
    })
    await database.pool.query('alter table saga.saga_policy rename to elsewhere')
    await expect(client.maintenance.cleanup()).rejects.toThrow('saga_policy')
    await database.pool.query('alter table saga.elsewhere rename to saga_policy')
    const [run] = await client.maintenance.log({ duty: 'cleanup', limit: 1 })
    expect(run).toMatchObject({ outcome: null, error: expect.stringContaining('saga_policy') })
    expect(run?.finishedAt).toBeInstanceOf(Date)
  })

  test('is for those who may', async () => {
    const asked: string[] = []
    const careful = createSagaClient({
      connectionString: database.connectionString,
      authorize: (actor, action) => asked.push(`${actor} ${action}`) === 0,
    })
    await expect(careful.maintenance.cleanup({ actor: 'eve' })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    expect(asked).toEqual(['eve maintain'])
    expect(await careful.maintenance.log()).toEqual([])
    await expect(careful.maintenance.log({ duty: 'tidy' as never })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    await expect(careful.maintenance.log({ limit: 0 })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    await careful.close()
  })
})

describe('how long sagas are kept', () => {
  test('is the longest of what the versions say that live workers have; of none, what the newest says', async () => {
    const counts = async () =>
      (await readKept(poolDb(database.pool), 'saga')).filter((one) => one.definition === 'aging')
    const completed = async () =>
      (await counts()).filter(({ status }) => status === 'completed').map(({ keepMs }) => keepMs)
    const old = await startEngine(database.connectionString, [saga('aging', { version: 1, keepFor: '9 days' })])
    const next = await startEngine(database.connectionString, [saga('aging', { version: 2, keepFor: '2 days' })])
    expect(await completed()).toEqual([9 * DAY_MS])
    await stopEngine(old)
    expect(await completed()).toEqual([2 * DAY_MS])
    await stopEngine(next)
    expect(await completed()).toEqual([2 * DAY_MS])
    // Rolled back: nobody wants the two days any more.
    const again = await startEngine(database.connectionString, [saga('aging', { version: 1, keepFor: 'forever' })])
    expect(await completed()).toEqual([])
    await stopEngine(again)
  })

  test.each([
    ['soon', 'At keepFor: it is "soon"'],
    [0, 'At keepFor: it must be longer than zero'],
    [[], 'At keepFor: it is'],
    [{ completed: -1 }, 'At keepFor.completed: it is -1'],
    [{ running: '1 day' }, 'At keepFor.running: there is no such status'],
  ])('is a length of time, and not %j', (keepFor, problem) => {
    const make = () => defineSaga('bad', { version: 1, input, keepFor: keepFor as never })
    expect(make).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
    expect(make).toThrow(problem)
  })
})

describe('the schedule of clean-up', () => {
  const scheduled = async () => {
    const { rows } = await database.pool.query(
      `select cron, timezone, options ->> 'missed' as missed from pgboss.schedule where name = $1 and key = 'cleanup'`,
      [MAINTENANCE_QUEUE],
    )
    return rows
  }

  test('is every hour, and once for what was missed, unless it is said otherwise', async () => {
    await startEngine(database.connectionString, [usual])
    expect(await scheduled()).toEqual([{ cron: '17 * * * *', timezone: 'UTC', missed: 'once' }])
    const maintenance = { cleanup: { cron: '0 4 * * *', tz: 'Europe/Berlin' } }
    await startEngine(database.connectionString, [usual], { maintenance })
    expect(await scheduled()).toEqual([{ cron: '0 4 * * *', timezone: 'Europe/Berlin', missed: 'once' }])
    await startEngine(database.connectionString, [usual], { maintenance: { cleanup: false } })
    expect(await scheduled()).toEqual([])
  })

  test.each([
    [{ cron: 'every hour' }, 'maintenance.cleanup cannot be scheduled'],
    [{ cron: '0 4 * * *', tz: 'Europe/Atlantis' }, 'Atlantis'],
  ])('cannot be %j', async (cleanup, problem) => {
    const started = startEngine(database.connectionString, [usual], { maintenance: { cleanup } })
    await expect(started).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(started).rejects.toThrow(problem)
  })

  test('has a worker run it when it is due, which records it and tells of it', async () => {
    const { promise: told, resolve } = Promise.withResolvers<object>()
    engine = await startEngine(database.connectionString, [usual], {
      onEvent: (event) => event.type === 'maintained' && resolve(event),
    })
    const id = await ended(usual)
    await days(31)
    // As pg-boss does when it is due.
    await database.pool.query(`insert into pgboss.job (name, data) values ($1, '{"duty":"cleanup"}')`, [
      MAINTENANCE_QUEUE,
    ])
    expect(await told).toMatchObject({ type: 'maintained', duty: 'cleanup', report: { hasMore: false } })
    expect(await isThere(id)).toBe(false)
    const [run] = await client.maintenance.log({ duty: 'cleanup' })
    expect(run).toMatchObject({ by: `worker ${engine.workerId}`, isDry: false, error: null })
    await until('its job is settled', async () => {
      const { rows } = await database.pool.query('select from pgboss.job where name = $1', [MAINTENANCE_QUEUE])
      return rows.length === 0
    })
  })
})
