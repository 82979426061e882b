/** The database that every test database is a copy of. */

import { createHash, type Hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { migrate } from '../../src/compose/migrate.ts'

const root = join(import.meta.dirname, '..', '..')

/** What decides on the content of the template, besides the packages that package-lock.json fixes. */
const sources = [
  'drizzle',
  'package-lock.json',
  'test/support/template.ts',
  'src/engine/store/migrate.ts',
  'src/jobs/queues.ts',
]

/** Fills a fresh, empty database that becomes the template: the engine's migrations, pg-boss's schema, the queues. */
export async function prepareTemplate(connectionString: string): Promise<void> {
  await migrate({ connectionString })
}

/** Changes whenever the template would come out differently. */
export function templateHash(): string {
  const hash = createHash('sha256')
  for (const source of sources) addToHash(hash, source)
  return hash.digest('hex').slice(0, 12)
}

function addToHash(hash: Hash, source: string): void {
  const path = join(root, source)
  if (!existsSync(path)) return
  if (statSync(path).isFile()) hash.update(`${source}\0`).update(readFileSync(path))
  else for (const entry of readdirSync(path).sort()) addToHash(hash, join(source, entry))
}
