import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { createDatabase, withClient } from '../../tools/postgres/database.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { openRun } from './databases.ts'
import { templateHash } from './template.ts'

const { connectionString } = inject('databases')

async function databaseNames(): Promise<readonly string[]> {
  const { rows } = await withClient(connectionString, (client) =>
    client.query<{ datname: string }>('select datname from pg_database'),
  )
  return rows.map((row) => row.datname)
}

describe('a test database', () => {
  const open: TestDatabase[] = []
  beforeAll(async () => {
    open.push(await testDatabase(), await testDatabase())
  })
  afterAll(() => Promise.all(open.map((database) => database.drop())))

  test('is apart from every other', async () => {
    const [one, two] = open as [TestDatabase, TestDatabase]
    await one.pool.query('create table only_here (id int)')
    const { rows } = await two.pool.query(`select to_regclass('only_here') as found`)
    expect(rows).toEqual([{ found: null }])
  })

  test('survives the end of its idle connections', async () => {
    const { pool, connectionString: own } = open[0] as TestDatabase
    await pool.query('select 1')
    await withClient(own, (client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      ),
    )
    await expect.poll(() => pool.idleCount).toBe(0)
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('is gone once dropped, with whoever was connected', async () => {
    const database = await testDatabase()
    const name = new URL(database.connectionString).pathname.slice(1)
    await withClient(database.connectionString, () => database.drop())
    expect(await databaseNames()).not.toContain(name)
  })
})

describe('a test run', () => {
  // Another run on the same server may be at this very test.
  let hash: string
  beforeEach(() => {
    hash = randomBytes(6).toString('hex')
  })

  test('builds a template once, however many start together', async () => {
    let builds = 0
    const open = () =>
      openRun(connectionString, hash, async (template) => {
        builds++
        await withClient(template, (client) => client.query('create table migrated (id int)'))
      })
    const runs = await Promise.all([open(), open(), open()])
    expect(builds).toBe(1)
    const name = `${runs[0].databases.prefix}copy`
    await createDatabase(connectionString, name, { template: runs[0].databases.template })
    await Promise.all(runs.map((run) => run.close()))
  })

  test('builds it again when the first attempt fails', async () => {
    const broken = openRun(connectionString, hash, () => Promise.reject(new Error('migration 3 is broken')))
    await expect(broken).rejects.toThrow('migration 3 is broken')
    const run = await openRun(connectionString, hash, async () => {})
    expect(await databaseNames()).toContain(`pg_saga_template_${hash}`)
    await run.close()
  })

  test('drops what dead runs left behind, and nothing of a living one', async () => {
    const dead = await openRun(connectionString, `${hash}0`, async () => {})
    const living = await openRun(connectionString, `${hash}1`, async () => {})
    const left = `${dead.databases.prefix}left`
    const inUse = `${living.databases.prefix}in_use`
    await createDatabase(connectionString, left)
    await createDatabase(connectionString, inUse)
    await dead.close()
    // The server may take a moment to notice that the session has gone, and with it its locks.
    await expect
      .poll(
        async () => {
          const next = await openRun(connectionString, templateHash(), async () => {})
          await next.close()
          return await databaseNames()
        },
        { timeout: 10_000 },
      )
      .not.toContain(left)
    const names = await databaseNames()
    expect(names).not.toContain(`pg_saga_template_${hash}0`)
    expect(names).toEqual(expect.arrayContaining([inUse, `pg_saga_template_${hash}1`, inject('databases').template]))
    await living.close()
  })
})
