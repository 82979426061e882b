/** The planner's statistics, after a burst. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

const believed = async () => {
  const { rows } = await database.pool.query(
    `select reltuples::int as count from pg_class where oid = 'saga.saga_event'::regclass`,
  )
  return Number(rows[0].count)
}

test('are renewed where they are far behind, once, and no others are', async () => {
  await database.pool.query('alter table saga.saga_event set (autovacuum_enabled = off); analyze saga.saga_event')
  await database.pool.query(
    `insert into saga.saga_event (saga_id, sequence, type, at, format)
     select gen_random_uuid(), 1, 'saga_started', now(), 1 from generate_series(1, 30000)`,
  )
  const report = () => client.maintenance.analyze({ dryRun: true })
  // What a session has changed is known to others soon after.
  await until('it is known', async () => (await report()).tables.length > 0)
  expect((await report()).tables).toEqual(['saga.saga_event'])
  expect(await believed()).toBeLessThan(100)
  expect(await client.maintenance.analyze()).toEqual({ tables: ['saga.saga_event'], failed: [], hasMore: false })
  expect(await believed()).toBe(30_000)
  expect((await client.maintenance.analyze()).tables).toEqual([])
  expect((await client.maintenance.log({ duty: 'analysis', limit: 1 }))[0]).toMatchObject({ outcome: { tables: [] } })
  await database.pool.query('delete from saga.saga_event')
})
