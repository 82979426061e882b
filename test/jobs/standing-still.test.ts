/** What a worker that stands still has locked is free before its lease is over; others' code has its time. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BEGIN, BEGIN_APART, BEGIN_BATCH, BEGIN_FETCH } from '../../src/jobs/connection.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

describe('a transaction that stands idle', () => {
  test.each([
    ['a fetch', BEGIN_FETCH, 15],
    ['a batch', BEGIN_BATCH, 15],
    ['what is tried apart', BEGIN_APART, 15],
    ['a verb, in which a codec may take 30 s', BEGIN, 30],
  ])('of %s is ended by the server in time', async (_, begin, seconds) => {
    const client = new pg.Client({ connectionString: database.connectionString })
    await client.connect()
    await client.query(begin)
    const { rows } = await client.query(
      `select extract(epoch from current_setting('idle_in_transaction_session_timeout')::interval)::int as seconds`,
    )
    await client.end()
    expect(rows[0].seconds).toBe(seconds)
  })
})
