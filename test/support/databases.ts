/**
 * Names and lifetimes of what a test run makes on a server that other runs may share.
 *
 * 1. A run holds one session for as long as it lives, with an advisory lock on its own number and a shared one on the
 *    template that it copies. Both vanish with the process, however it ends.
 * 2. A test database carries its run's number, a template its hash. What nobody holds a lock on is stale: the next run
 *    drops it.
 * 3. A template is built under another name and renamed when complete.
 */

import { randomInt } from 'node:crypto'
import pg from 'pg'
import { createDatabase, dropDatabase, withDatabase } from '../../tools/postgres/database.ts'

const runClass = 727_001
const templateClass = 727_002

/** What the test files need to know, passed on by vitest. */
export type RunDatabases = { readonly connectionString: string; readonly template: string; readonly prefix: string }

export type TestRun = { readonly databases: RunDatabases; close(): Promise<void> }

/**
 * Opens a run: takes its locks, drops what is stale, and makes the template unless it is there.
 *
 * @param prepare fills the template; see `prepareTemplate`.
 */
export async function openRun(
  connectionString: string,
  hash: string,
  prepare: (connectionString: string) => Promise<void>,
): Promise<TestRun> {
  const session = new pg.Client({ connectionString })
  session.on('error', () => {})
  await session.connect()
  try {
    const runNumber = randomInt(1, 2 ** 31 - 1)
    const template = `pg_saga_template_${hash}`
    await session.query('select pg_advisory_lock($1, $2)', [runClass, runNumber])
    await session.query('select pg_advisory_lock_shared($1, hashtext($2))', [templateClass, template])
    await dropStale(session, connectionString, template)
    await ensureTemplate(session, connectionString, template, prepare)
    return {
      databases: { connectionString, template, prefix: `pg_saga_test_${runNumber}_` },
      close: () => session.end(),
    }
  } catch (error) {
    await session.end()
    throw error
  }
}

async function ensureTemplate(
  session: pg.Client,
  connectionString: string,
  template: string,
  prepare: (connectionString: string) => Promise<void>,
): Promise<void> {
  // One builder at a time, whatever the hash: 0 is no hash of a name in use.
  await session.query('select pg_advisory_lock($1, 0)', [templateClass])
  try {
    const { rowCount } = await session.query('select from pg_database where datname = $1', [template])
    if (rowCount) return
    const unfinished = `${template}_unfinished`
    await dropDatabase(connectionString, unfinished)
    await createDatabase(connectionString, unfinished)
    await prepare(withDatabase(connectionString, unfinished))
    await session.query(`alter database ${pg.escapeIdentifier(unfinished)} rename to ${pg.escapeIdentifier(template)}`)
  } finally {
    await session.query('select pg_advisory_unlock($1, 0)', [templateClass])
  }
}

/** Drops what no living run holds a lock on; `own` is this run's template, whose lock would not stand in its own way. */
async function dropStale(session: pg.Client, connectionString: string, own: string): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    `select datname as name from pg_database where datname ~ '^pg_saga_(test_[0-9]+_|template_[0-9a-f]+(_unfinished)?$)'`,
  )
  for (const { name } of rows) {
    const template = name.replace(/_unfinished$/, '')
    if (template === own) continue
    const runNumber = /^pg_saga_test_(\d+)_/.exec(name)?.[1]
    const key = runNumber === undefined ? 'hashtext($2)' : '$2::int'
    const values = runNumber === undefined ? [templateClass, template] : [runClass, runNumber]
    const { rows: locks } = await session.query<{ free: boolean }>(
      `select pg_try_advisory_lock($1, ${key}) as free`,
      values,
    )
    if (!locks[0]?.free) continue
    try {
      await dropDatabase(connectionString, name)
    } finally {
      await session.query(`select pg_advisory_unlock($1, ${key})`, values)
    }
  }
}
