/** The list that the doctor compares a schema with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { driftOf, objectsOf } from '../../src/engine/store/drift.ts'
import { migrate } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

test('is that of a schema that has just been migrated: npm run db:objects', async () => {
  const path = join(import.meta.dirname, '..', '..', 'drizzle', 'objects.json')
  const db = { executeSql: async (text: string, values?: unknown[]) => database.pool.query(text, values) }
  expect(await objectsOf(db, 'saga')).toEqual(JSON.parse(readFileSync(path, 'utf8')))
  expect(await driftOf(db, 'saga')).toEqual({ missing: [], unknown: [] })
})

test('is the same in a schema of any name', async () => {
  const { connectionString, pool } = database
  await migrate({ connectionString, schema: 'billing' })
  const db = { executeSql: async (text: string, values?: unknown[]) => pool.query(text, values) }
  expect(await driftOf(db, 'billing')).toEqual({ missing: [], unknown: [] })
})
