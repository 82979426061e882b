/** Statements that a connection keeps: by whom, for how long, and what happens where the session does not keep them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Db, isConnectionError, PREPARED } from '../../src/engine/store/db.ts'
import { sagasFor } from '../../src/index.ts'
import { Prepared } from '../../src/jobs/prepared.ts'
import { inSessionTransaction, Session } from '../../src/jobs/sessions.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const FOUND = 'select t.id from public.thing t where t.id > $1::int limit 1'
let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query('create table public.thing (id int) with (autovacuum_enabled = off)')
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const kept = async (db: Db) =>
  (await db.executeSql('select name, generic_plans::int as plans from pg_prepared_statements order by name')).rows

function session(prepared: Prepared): Session {
  return new Session(database.connectionString, 'prepared', { prepared })
}

async function ask(on: Session, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1)
    await inSessionTransaction(on, (db) => db.executeSql(FOUND, [1], PREPARED))
}

/** The plan that is kept for all values, with the number of rows that it was made for. */
async function plan(on: Session): Promise<string> {
  // In such a transaction as it was made in: another search path alone has it made anew.
  return inSessionTransaction(on, async (db) => {
    const [row] = await kept(db)
    const { rows } = await db.executeSql(`explain execute ${String(row?.['name'])}(1)`)
    return rows.map((line) => String(line['QUERY PLAN'])).join('\n')
  })
}

describe('a statement that is marked', () => {
  test('is prepared once a connection, if that is allowed', async () => {
    const prepared = new Prepared()
    const own = session(prepared)
    await ask(own, 1)
    expect(await kept(await own.db())).toEqual([])
    prepared.allow()
    await ask(own, 2)
    await (await own.db()).executeSql(FOUND, [1])
    expect(await kept(await own.db())).toHaveLength(1)
    await own.close()
  })

  test('gets another plan when the one that it has is old: the table may have been empty then', async () => {
    const [prepared, always] = [new Prepared(), new Prepared(0)]
    prepared.allow()
    always.allow()
    const [keeps, renews] = [session(prepared), session(always)]
    // As the server would choose by itself after a while, if it expects nothing of a plan for each value.
    for (const one of [keeps, renews]) await (await one.db()).executeSql('set plan_cache_mode = force_generic_plan')
    await ask(keeps, 1)
    await ask(renews, 1)
    expect(await kept(await keeps.db())).toMatchObject([{ plans: 1 }])
    const before = await plan(keeps)
    await database.pool.query('insert into public.thing select generate_series(1, 100000)')
    await ask(keeps, 1)
    await ask(renews, 1)
    expect(await plan(keeps)).toBe(before)
    expect(await plan(renews)).not.toBe(before)
    await keeps.close()
    await renews.close()
  })

  test('that the session has lost costs a connection, and is asked as it is from then on', async () => {
    const prepared = new Prepared()
    prepared.allow()
    const own = session(prepared)
    await ask(own, 1)
    // As a pooler does that gives the session to somebody else.
    await (await own.db()).executeSql('deallocate all')
    const lost = await ask(own, 1).catch((error: unknown) => error)
    expect(isConnectionError(lost)).toBe(true)
    await ask(own, 2)
    expect(await kept(await own.db())).toEqual([])
    await own.close()
  })
})

test('a worker goes on when its sessions do not keep what it prepares', async () => {
  const defineSaga = sagasFor<{ services: unknown; tx: { query(text: string): Promise<unknown> } }>()
  const saga = defineSaga('unkept', { version: 1, input: z.object({}) })
    .transactionalStep('first', { action: async ({ tx }) => void (await tx.query('deallocate all')) })
    .step('second', { action: () => 2 })
  const engine = await startEngine(database.connectionString, [saga])
  const ids: string[] = []
  for (let at = 0; at < 10; at += 1) ids.push((await engine.enqueue(saga, {})).id)
  for (const id of ids) expect((await engine.outcome(id)).status).toBe('completed')
  await engine.stop()
})
