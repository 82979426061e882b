/** Statements that a connection keeps: by whom, for how long, and what happens where the session does not keep them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { askPrepared, type Db, PreparedLost } from '../../src/engine/store/db.ts'
import { createSagaClient, fromPg, type Logger, sagasFor } from '../../src/index.ts'
import { openPool } from '../../src/jobs/pools.ts'
import { Prepared } from '../../src/jobs/prepared.ts'
import { poolKeepsSessions } from '../../src/jobs/session-probe.ts'
import { inSessionTransaction, Session } from '../../src/jobs/sessions.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const FOUND = 'select t.id from public.thing t where t.id > $1::int limit 1'
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const defineSaga = sagasFor<{ services: unknown; tx: { query(text: string): Promise<unknown> } }>()
const callers = defineSaga('callers', { version: 1, input: z.object({}) }).step('one', { action: () => 1 })

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
  for (let time = 0; time < times; time += 1) await inSessionTransaction(on, (db) => askPrepared(db, FOUND, [1]))
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
    expect(lost).toBeInstanceOf(PreparedLost)
    await ask(own, 2)
    expect(await kept(await own.db())).toEqual([])
    await own.close()
  })
})

describe('a pool', () => {
  const opened = (max: number, port?: number) => {
    const url = new URL(database.connectionString)
    if (port !== undefined) url.port = String(port)
    return openPool(url.href, max, 'asked', SILENT)
  }

  test('keeps its sessions, be it of one connection', async () => {
    const pool = opened(1)
    expect(await poolKeepsSessions(pool)).toBe(true)
    await pool.end()
  })

  test('does not behind a pooler, which tells clients of processes that there are not', async () => {
    const pool = opened(2)
    pool.on('connect', (client) => Object.assign(client, { processID: 0 }))
    expect(await poolKeepsSessions(pool)).toBe(false)
    await pool.end()
  })

  test('that cannot be asked is not known to', async () => {
    const pool = opened(1, 1)
    expect(await poolKeepsSessions(pool)).toBe(false)
    await pool.end()
  })
})

test('what a caller asks for is prepared on their connection, and nothing without', async () => {
  const client = createSagaClient({ connectionString: database.connectionString })
  const connection = await database.pool.connect()
  const names = async () => (await connection.query('select name from pg_prepared_statements')).rows
  for (const [options, expected] of [
    [{}, 0],
    [{ prepared: true }, 2],
    [{ prepared: true }, 2],
  ] as const) {
    await connection.query('begin')
    await connection.query('insert into public.thing values (0)')
    await client.enqueue(callers, {}, { db: fromPg(connection, options) })
    await connection.query('rollback')
    expect(await names()).toHaveLength(expected)
  }
  await connection.query('deallocate all')
  connection.release()
  await client.close()
})

test('a worker prepares, and goes on without when its sessions do not keep it', async () => {
  let runs = 0
  const saga = defineSaga('unkept', { version: 1, input: z.object({}) })
    .transactionalStep('first', {
      action: async ({ tx }) => {
        runs += 1
        await tx.query('deallocate all')
      },
    })
    .step('second', { action: () => 2 })
  const engine = await startEngine(database.connectionString, [saga], { transactionPoolSize: 1 })
  const work = async () => {
    runs = 0
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    return runs
  }
  // The first one prepares after its function has run; what that is lost to is the next one's, which is repeated.
  expect([await work(), await work(), await work()]).toEqual([1, 2, 1])
  await engine.stop()
})
