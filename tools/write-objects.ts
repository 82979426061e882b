/** `npm run db:objects`: writes down what a schema holds after all migrations, for the doctor to compare with. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { objectsOf } from '../src/engine/store/drift.ts'
import { fromPg, migrate } from '../src/index.ts'
import { createDatabase, dropDatabase, withDatabase } from './postgres/database.ts'
import { startPostgres } from './postgres/embedded.ts'

const root = join(import.meta.dirname, '..')
const name = 'pg_saga_objects'
const server = await startPostgres({ dataDir: join(root, '.postgres', 'objects') })
try {
  await dropDatabase(server.connectionString(), name)
  await createDatabase(server.connectionString(), name)
  const connectionString = withDatabase(server.connectionString(), name)
  await migrate({ connectionString })
  const client = new pg.Client({ connectionString })
  await client.connect()
  const objects = await objectsOf(fromPg(client), 'saga')
  await client.end()
  writeFileSync(join(root, 'drizzle', 'objects.json'), `${JSON.stringify(objects, undefined, 2)}\n`)
  console.log(`${objects.length} objects are written down.`)
} finally {
  await server.stop()
}
