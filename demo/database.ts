/** A fresh database on a real Postgres, whatever an earlier run has left behind. */
import { join, relative } from 'node:path'
import { createDatabase, dropDatabase, withClient, withDatabase } from '../tools/postgres/database.ts'
import { startPostgres } from '../tools/postgres/embedded.ts'

const ROOT = join(import.meta.dirname, '..')
const DATA = join(ROOT, '.postgres', 'demo')

export type Database = {
  readonly connectionString: string
  /** One sentence for the person who looks on. */
  readonly description: string
  close(): Promise<void>
}

export async function openDatabase(): Promise<Database> {
  const server = await startPostgres({ dataDir: DATA })
  try {
    const admin = server.connectionString()
    // Somebody else's demo is still up on this server: theirs stays as it is.
    const name = server.attached ? `demo_${process.pid}` : 'demo'
    if (!server.attached) await dropAll(admin)
    await createDatabase(admin, name)
    const version = await withClient(admin, async (client) => (await client.query('show server_version')).rows[0])
    return {
      connectionString: withDatabase(admin, name),
      description: `Postgres ${version.server_version} on port ${server.port}, data in ${relative(ROOT, DATA)}`,
      async close() {
        if (server.attached) await dropDatabase(admin, name)
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** What earlier runs have left, however they ended. */
async function dropAll(admin: string): Promise<void> {
  const { rows } = await withClient(admin, (client) =>
    client.query<{ name: string }>(`select datname as name from pg_database where datname ~ '^demo(_[0-9]+)?$'`),
  )
  for (const { name } of rows) await dropDatabase(admin, name)
}
