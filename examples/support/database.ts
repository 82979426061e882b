/** Where an example gets its Postgres from: `DATABASE_URL`, or one that npm installed and that is started for it. */
import { join } from 'node:path'
import { startPostgres } from '../../tools/postgres/embedded.ts'

/** Runs the example, and leaves no server behind. */
export async function withPostgres(example: (connectionString: string) => Promise<unknown>): Promise<void> {
  const { DATABASE_URL: given } = process.env
  if (given !== undefined) {
    await example(given)
    return
  }
  const server = await startPostgres({ dataDir: join(import.meta.dirname, '..', '..', '.postgres', 'examples') })
  try {
    await example(server.connectionString())
  } finally {
    await server.stop()
  }
}
