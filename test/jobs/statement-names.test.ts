/** Statements that the server plans once a session, and where it must not be asked to. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'
import { Session } from '../../src/jobs/sessions.ts'
import { statementName } from '../../src/jobs/statement-names.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const plain = sagasFor<{ services: unknown; tx: unknown }>()('plain', {
  version: 1,
  input: z.object({ fail: z.boolean().default(false) }),
})
  .step('one', { action: () => 1, compensation: () => {} })
  .step('two', {
    action: ({ input }) => {
      if (input.fail) throw new Error('No.')
    },
    retry: { maxAttempts: 1 },
    compensation: () => {},
  })

let database: TestDatabase
let session: Session | undefined
const query = Reflect.get(pg.Client.prototype, 'query') as (...args: unknown[]) => unknown

beforeAll(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  pg.Client.prototype.query = query as typeof pg.Client.prototype.query
  await session?.close()
  session = undefined
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

function open(keepsPlans: boolean): Session {
  session = new Session(database.connectionString, 'test', { keepsPlans: () => keepsPlans })
  return session
}

const PLANNED = 'select statement from pg_prepared_statements'
const SUM = 'select $1::int + 1 as sum'

describe('a session', () => {
  test('has a statement planned once, and goes on with it after it has failed', async () => {
    const db = await open(true).db()
    expect((await db.executeSql(SUM, [1])).rows).toEqual([{ sum: 2 }])
    await expect(db.executeSql(SUM, ['no number'])).rejects.toMatchObject({ code: '22P02' })
    await expect(db.executeSql('select $1::int as x from nowhere', [1])).rejects.toMatchObject({ code: '42P01' })
    await expect(db.executeSql('select $1::int as x from nowhere', [1])).rejects.toMatchObject({ code: '42P01' })
    expect((await db.executeSql(SUM, [2])).rows).toEqual([{ sum: 3 }])
    expect((await db.executeSql(PLANNED)).rows).toEqual([{ statement: SUM }])
  })

  test('in which a transaction has been aborted plans its statements all the same', async () => {
    const db = await open(true).db()
    await db.executeSql('begin')
    const sent = [db.executeSql('select 1 / $1::int', [0]), db.executeSql('select $1::int as late', [1])]
    expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await db.executeSql('rollback')
    expect((await db.executeSql('select $1::int as late', [1])).rows).toEqual([{ late: 1 }])
  })

  test('that is a pooler’s has none', async () => {
    const db = await open(false).db()
    expect((await db.executeSql(SUM, [1])).rows).toEqual([{ sum: 2 }])
    expect((await db.executeSql(PLANNED)).rows).toEqual([])
  })
})

describe('a worker', () => {
  /** The names that statements of this process were sent under. */
  function listen(): Set<string> {
    const names = new Set<string>()
    pg.Client.prototype.query = function told(this: pg.Client, ...args: unknown[]) {
      const [statement] = args as [string | { name?: string }]
      if (typeof statement === 'object' && statement.name !== undefined) names.add(statement.name)
      return Reflect.apply(query, this, args)
    } as typeof pg.Client.prototype.query
    return names
  }

  const run = async (options: object) => {
    const names = listen()
    const engine = await startEngine(database.connectionString, [plain], options)
    const ids = await Promise.all([engine.enqueue(plain, {}), engine.enqueue(plain, { fail: true })])
    const ends = await Promise.all(ids.map(({ id }) => engine.outcome(id)))
    expect(ends.map(({ status }) => status)).toEqual(['completed', 'compensated'])
    return names
  }

  test('on connections of its own has what it asks all the time planned once', async () => {
    expect((await run({})).size).toBeGreaterThan(3)
  })

  test('whose own session needs another address than the others has not: those go through a pooler', async () => {
    const directConnectionString = `${database.connectionString}?application_name=direct`
    expect([...(await run({ directConnectionString }))]).toEqual([])
  })
})

// The last one: names are this process's.
describe('a server', () => {
  test('is not asked to keep ever new ones', () => {
    const names = Array.from({ length: 500 }, (_, index) => statementName(`select ${index}`))
    expect(names.at(-1)).toBeUndefined()
    expect(statementName('select 0')).toBe(names[0])
  })
})
