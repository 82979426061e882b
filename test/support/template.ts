/** The database that every test database is a copy of. */

import { createHash, type Hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** What decides on the content of the template, besides the packages that package-lock.json fixes. */
const sources = ['drizzle', 'package-lock.json', 'test/support/template.ts', 'src/engine/store/migrate.ts']

/**
 * Fills a fresh, empty database that becomes the template: the engine's migrations, then pg-boss's own schema.
 *
 * For now it does nothing: neither `migrate` of src/engine/store/migrate.ts nor the install of pg-boss is called
 * yet. Every connection must be closed when it resolves, or the template cannot be copied.
 */
export async function prepareTemplate(_connectionString: string): Promise<void> {}

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
