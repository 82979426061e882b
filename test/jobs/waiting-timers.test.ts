/** Whoever waits for a moment costs nothing until it has come: the look for due timers does not read those that are not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '../../src/engine/store/db.ts'
import { dueTimers } from '../../src/engine/store/timers.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

test('the look for due timers goes to the due ones by the index', async () => {
  let plan = ''
  const explaining: Db = {
    async executeSql(text, values) {
      // A table so small would be read as a whole; of a large one this is about the condition that the index gets.
      const client = await database.pool.connect()
      try {
        await client.query('begin; set local enable_seqscan = off')
        const { rows } = await client.query(`explain ${text}`, values)
        plan = rows.map((row) => row['QUERY PLAN']).join('\n')
        return { rows: [] }
      } finally {
        await client.query('rollback')
        client.release()
      }
    },
  }
  await dueTimers(explaining, 'saga', 100)
  expect(plan).toMatch(/Index Scan using saga_timer_due/)
  expect(plan).toMatch(/Index Cond: \(due_at <= /)
})
