/** A database of its own for a test file. */

import pg from 'pg'
import { inject } from 'vitest'
import { createDatabase, dropDatabase, withDatabase } from '../../tools/postgres/database.ts'
import { hasFailed } from './failure.ts'

export type TestDatabase = {
  readonly connectionString: string
  readonly pool: pg.Pool
  /**
   * Ends the pool and drops the database with whoever is still connected; call it in `afterAll`.
   *
   * With `PG_SAGA_KEEP_DATABASES=1` the database of a file with a failed test stays until the next run, and its
   * address is printed.
   */
  drop(): Promise<void>
}

let count = 0

/** Copies the template in which all migrations are applied. Takes some 20 ms. */
export async function testDatabase(): Promise<TestDatabase> {
  const { connectionString: server, template, prefix } = inject('databases')
  const name = `${prefix}${process.pid}_${++count}`
  await createDatabase(server, name, { template })
  const connectionString = withDatabase(server, name)
  const pool = new pg.Pool({ connectionString, max: 10 })
  // An idle connection that breaks, as in tests that end sessions, is not this process's end.
  pool.on('error', () => {})
  // Nor is one that is closing while its database is dropped.
  pool.on('connect', (client) => client.on('error', () => {}))
  return {
    connectionString,
    pool,
    async drop() {
      await pool.end()
      if (hasFailed() && process.env['PG_SAGA_KEEP_DATABASES'] === '1') console.log(`Kept: ${connectionString}`)
      else await dropDatabase(server, name)
    },
  }
}
