/** The worker's own session, and that whoever is closed comes back under no name (rule 11). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SILENT } from '../../src/engine/runtime/ports.ts'
import { Owner } from '../../src/jobs/owner.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const sessions = async (waiting: boolean): Promise<readonly number[]> => {
  const { rows } = await database.pool.query(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'pg-saga owner'
       and (not $1::boolean or wait_event_type = 'Lock')`,
    [waiting],
  )
  return rows.map((row) => Number(row.pid))
}
const workers = async () => (await database.pool.query('select id from saga.saga_worker')).rows

describe('a worker', () => {
  test('that is closed while it comes back, and was taken over meanwhile, leaves no other one behind', async () => {
    const owner = new Owner({
      connectionString: database.connectionString,
      schema: 'saga',
      build: null,
      definitions: [],
      logger: SILENT,
      onWake: () => {},
      onLost: () => {},
      onBack: () => {},
      onTakenOver: () => {},
    })
    await owner.open()
    // Somebody is about to have taken it over and removed it.
    const other = await database.pool.connect()
    await other.query('begin')
    await other.query('delete from saga.saga_worker')
    const [old] = await sessions(false)
    await database.pool.query('select pg_terminate_backend($1::int)', [old])
    await until('it asks on another session who it is', async () => {
      const waiting = await sessions(true)
      return waiting.length === 1 && !waiting.includes(old ?? 0)
    })
    const closing = owner.close()
    await other.query('commit')
    other.release()
    await closing
    expect(await workers()).toEqual([])
    expect(owner.isAlive).toBe(false)
  })
})
