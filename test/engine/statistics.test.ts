/** What became of sagas, hour by hour: counted once, when the hour is over. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { firstIdAt, firstIdSql } from '../../src/engine/store/first-ids.ts'
import { type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'

const HOUR_MS = 60 * 60 * 1_000
const one = sagasFor<{ services: unknown; tx: unknown }>()('one', {
  version: 1,
  input: z.object({ fails: z.string().optional() }),
})
  .step('first', {
    action: () => 1,
    compensation: ({ input }) => {
      if (input.fails === 'twice') throw new StepRejected('No.')
    },
  })
  .step('second', {
    action: ({ input }) => {
      if (input.fails !== undefined) throw new StepRejected('No.')
    },
  })

let database: TestDatabase
let engine: SagaEngine
let base: Date

beforeAll(async () => {
  database = await testDatabase()
  base = (await database.pool.query(`select date_trunc('hour', now(), 'UTC') as hour`)).rows[0].hour
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [one])
})
afterAll(async () => {
  await database.drop()
})

/** So long after the beginning of the hour in which the tests began. */
async function at(ms: number): Promise<void> {
  await database.pool.query('delete from saga.saga_clock')
  await database.pool.query(
    `insert into saga.saga_clock select (extract(epoch from $2::timestamptz - now()) * 1000)::bigint + $1::bigint`,
    [ms, base],
  )
}
const all = async () => {
  const hour = base.getTime()
  const found = await engine.system.statistics({
    from: new Date(hour - 9 * HOUR_MS),
    to: new Date(hour + 99 * HOUR_MS),
  })
  return found.map(({ hour: from, ...rest }) => ({ after: (from.getTime() - hour) / HOUR_MS, ...rest }))
}

describe('statistics', () => {
  test('begin at the same id in SQL as lists do', async () => {
    for (const moment of [new Date(0), new Date('2026-11-22T03:00:00.123Z'), new Date('2199-01-01')]) {
      const { rows } = await database.pool.query(`select ${firstIdSql('$1::timestamptz')} as id`, [moment])
      expect(rows[0].id).toBe(firstIdAt(moment.getTime()))
    }
    expect(firstIdAt(-1)).toBe('00000000-0000-0000-0000-000000000000')
    expect(firstIdAt(2 ** 60)).toBe('ffffffff-ffff-0000-0000-000000000000')
  })

  test('count an hour when it is over: what ended how, and how long that took', async () => {
    await at(HOUR_MS / 2)
    const started = await engine.enqueueMany(one, [
      { input: {} },
      { input: {} },
      { input: { fails: 'once' } },
      { input: { fails: 'twice' } },
    ])
    for (const item of started) if (item.ok) await engine.outcome(item.id)
    expect((await engine.maintenance.count()).rows).toBe(0)
    expect(await all()).toEqual([])
    await at(HOUR_MS + 1_000)
    expect(await engine.maintenance.count({ dryRun: true })).toMatchObject({ rows: 0 })
    expect(await all()).toEqual([])
    expect((await engine.maintenance.count()).rows).toBe(1)
    const [counted, ...others] = await all()
    expect(others).toEqual([])
    expect(counted).toMatchObject({
      after: 0,
      definition: 'one',
      completed: 2,
      compensated: 1,
      resolved: 0,
      deadLettered: 1,
    })
    expect(counted?.p50Ms).toBeGreaterThan(0)
    expect(counted?.p99Ms).toBeGreaterThanOrEqual(counted?.p50Ms ?? 0)
    expect(counted?.meanMs).toBeGreaterThan(0)
    const { rows } = await database.pool.query(
      `select avg(extract(epoch from finished_at - created_at) * 1000)::float8 as ms from saga.saga where status in ('completed', 'compensated')`,
    )
    expect(counted?.meanMs).toBeCloseTo(rows[0].ms, 3)
  })

  test('count each hour once, however often they are asked for, and by however many', async () => {
    await at(3 * HOUR_MS)
    const before = await all()
    await Promise.all([1, 2, 3].map(() => engine.maintenance.count()))
    expect(await all()).toEqual(before)
    const { rows } = await database.pool.query('select count(*)::int as count from saga.saga_statistics')
    expect(rows[0].count).toBe(1)
  })

  test('stay when the sagas are gone', async () => {
    const before = await all()
    await database.pool.query(`delete from saga.saga_event; delete from saga.saga`)
    await engine.maintenance.count()
    expect(await all()).toEqual(before)
  })

  test('are of one definition, if asked, and of a time that is one', async () => {
    expect(await engine.system.statistics({ definition: 'other' })).toEqual([])
    const wrong = engine.system.statistics({ from: new Date(2), to: new Date(1) })
    await expect(wrong).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  })
})
