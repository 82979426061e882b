/** Dead letters for the same error are one thing to look at. */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readErrorGroups } from '../../src/engine/store/error-groups.ts'
import { listSummaries } from '../../src/engine/store/reading.ts'
import { type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const by = { actor: 'ada', reason: 'a test' }

/** Past its pivot, so that a refusal is a dead letter. */
const order = defineSaga('order', { version: 1, input: z.object({ error: z.string(), code: z.string().optional() }) })
  .step('decide', { action: () => 'yes' })
  .pivot()
  .step('ship', {
    action: ({ input: { error, code } }) => {
      if (error !== '') throw new StepRejected(error, code === undefined ? {} : { code })
    },
  })

describe('an error group', () => {
  let database: TestDatabase
  let engine: SagaEngine

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(async () => {
    await database.pool.query('delete from saga.saga')
    await database.pool.query('delete from saga.saga_event')
    await database.pool.query('delete from pgboss.job')
    engine = await startEngine(database.connectionString, [order])
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  async function dead(error: string, code?: string): Promise<string> {
    const { id } = await engine.enqueue(order, code === undefined ? { error } : { error, code })
    expect((await engine.outcome(id)).status).toBe('dead_lettered')
    return id
  }

  test('holds the sagas whose errors differ in ids only, and no others', async () => {
    const first = await dead('No parcel 17 of customer "ada"')
    const second = await dead('No parcel 4711 of customer "bob"')
    const other = await dead('No stamps')
    const groups = await engine.errorGroups()
    expect(groups).toMatchObject([
      {
        definition: 'order',
        step: 'ship',
        direction: 'forward',
        reason: 'past_pivot',
        message: 'No parcel 4711 of customer "bob"',
        code: 'STEP_REJECTED',
        count: 2,
      },
      { message: 'No stamps', count: 1 },
    ])
    const [parcels, stamps] = groups
    const sagas = async (errorGroup: string | undefined) =>
      (await engine.list(errorGroup === undefined ? {} : { errorGroup })).sagas.map(({ id }) => id)
    expect(await sagas(parcels?.id)).toEqual([second, first])
    expect(await sagas(stamps?.id)).toEqual([other])
    const times = await Promise.all([first, second].map(async (id) => (await engine.get(id))?.updatedAt))
    expect([parcels?.firstSeenAt, parcels?.lastSeenAt]).toEqual(times)
    expect((await engine.count({ errorGroup: parcels?.id ?? '' })).dead_lettered).toBe(2)
    const { rows } = await database.pool.query('select error_group from saga.dead_letter where id = $1', [first])
    expect(rows).toEqual([{ error_group: parcels?.id }])
  })

  test('is told apart by the error’s code, and counted no further than one asks', async () => {
    await dead('Refused', 'A')
    await dead('Refused', 'A')
    await dead('Refused', 'B')
    expect((await engine.errorGroups()).map(({ code, count }) => [code, count])).toEqual([
      ['A', 2],
      ['B', 1],
    ])
    expect((await engine.errorGroups({}, { cap: 1 })).map(({ count }) => count)).toEqual([1, 1])
    expect(await engine.errorGroups({}, { limit: 1 })).toHaveLength(1)
    expect(await engine.errorGroups({ definition: 'another' })).toEqual([])
    expect(await engine.errorGroups({ startedBefore: new Date(0) })).toEqual([])
  })

  test('is left by a saga that is no dead letter any more', async () => {
    const [one, two] = [await dead('Lost'), await dead('Lost')]
    const [group] = await engine.errorGroups()
    expect(group?.count).toBe(2)
    await engine.operator.resolve(one, { ...by, as: 'completed' })
    expect((await engine.errorGroups()).map(({ count }) => count)).toEqual([1])
    expect((await engine.get(one))?.errorGroup).toBeNull()
    // Refused once more for the same reason, it is back where it was.
    await engine.operator.retry(two, by)
    expect((await engine.outcome(two)).status).toBe('dead_lettered')
    expect((await engine.get(two))?.errorGroup).toBe(group?.id)
  })

  test('is asked for within limits', async () => {
    for (const options of [{ cap: 0 }, { limit: 0 }, { limit: 1_001 }]) {
      await expect(engine.errorGroups({}, options)).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    }
    await expect(engine.errorGroups({ errorGroup: 'a\u0000' })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  })

  test('is found by its index, also among many dead letters', async () => {
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`insert into saga.saga (id, definition, version, input_hash, status, revision, format, state,
          dead_reason, error_group, created_at, updated_at)
        select gen_random_uuid(), 'order', 1, 'h', 'dead_lettered', 1, 1, '{"status":"dead_lettered","steps":{}}',
          'past_pivot', '1:' || lpad(to_hex(n % 50), 16, '0'), now(), now() from generate_series(1, 20000) n`)
      await client.query('analyze saga.saga')
      const plans: string[] = []
      const db = {
        executeSql: async (text: string, values: unknown[] = []) => {
          plans.push(JSON.stringify((await client.query(`explain (format json) ${text}`, values)).rows))
          return { rows: [] }
        },
      }
      await listSummaries(db, 'saga', { errorGroup: '1:0000000000000001' }, { limit: 50 })
      await readErrorGroups(db, 'saga', {}, { cap: 100, limit: 100 })
      for (const plan of plans) {
        expect(plan).toContain('saga_error_group')
        expect(plan).not.toContain('Seq Scan')
      }
      expect(plans).toHaveLength(2)
    } finally {
      await client.query('rollback')
      client.release()
    }
  })
})
