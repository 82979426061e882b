/** A backlog of starts that SQL has asked for: what is looked for beside it, and in it, is found by index. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { awaitedByCommands, hasCommands, takeOrder, takeStarts } from '../../src/engine/store/commands.ts'
import type { Db } from '../../src/engine/store/db.ts'
import { inTransaction } from '../../src/jobs/pools.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const STARTS = 30_000
/** Pages of the buffer cache: the table has some thousand. */
const FEW = 400

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query(
    `insert into saga.saga_command (id, verb, saga_id, definition, version, input, options, actor, request_id, requested_at, state, try_at)
     select i, 'enqueue', i, 'other', 1, jsonb_build_object('filler', repeat('x', 200)), '{}', 'sql:ada', i::text, now(), 'waiting', now()
     from (select gen_random_uuid() as i from generate_series(1, ${STARTS})) x`,
  )
  await database.pool.query('analyze saga.saga_command')
})
afterAll(() => database.drop())

/** How many pages its statements have looked at. */
async function pagesOf(ask: (db: Db) => Promise<unknown>): Promise<number> {
  return inTransaction(database.pool as never, async (db) => {
    let pages = 0
    await ask({
      executeSql: async (text, values) => {
        const { rows } = await db.executeSql(`explain (analyze, buffers, format json) ${text}`, values)
        const explained = (rows[0]?.['QUERY PLAN'] ?? []) as readonly { Plan: Record<string, number> }[]
        const plan = explained[0]?.Plan ?? {}
        pages += (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
        return { rows: [] }
      },
    })
    return pages
  })
}

test.each([
  ['whether there is anything to do', (db: Db) => hasCommands(db, 'saga', ['mine@1', 'mine@2'])],
  ['the next order', (db: Db) => takeOrder(db, 'saga', true)],
  ['the next starts of other code', (db: Db) => takeStarts(db, 'saga', ['mine@1', 'mine@2'], 50)],
  ['the next starts in the backlog', (db: Db) => takeStarts(db, 'saga', ['mine@1', 'other@1'], 50)],
  ['which code is waited for', (db: Db) => awaitedByCommands(db, 'saga')],
])('%s is found without going through it', async (_what, ask) => {
  const { rows } = await database.pool.query(`select pg_relation_size('saga.saga_command') / 8192 as pages`)
  expect(Number(rows[0].pages)).toBeGreaterThan(2 * FEW)
  expect(await pagesOf(ask)).toBeLessThan(FEW)
})

test('what is waited for is told by name', async () => {
  await database.pool.query(
    `insert into saga.saga_command (id, verb, saga_id, definition, version, input, options, actor, request_id, requested_at, state, try_at)
     select i, 'enqueue', i, d, v, '{}', '{}', 'sql:ada', i::text, now(), 'waiting', now()
     from (select gen_random_uuid() as i, d, v from (values ('another', 3), ('other', 2), ('zebra', 1)) as x(d, v)) y`,
  )
  const db = { executeSql: async (text: string, values?: unknown[]) => database.pool.query(text, values) }
  expect(await awaitedByCommands(db, 'saga')).toEqual(['another@3', 'other@1', 'other@2', 'zebra@1'])
})
