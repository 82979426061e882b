/** Blueprints in memory: from the code where there is code, else as stored. */
import type { Blueprint } from '../core/blueprint.ts'
import { BLUEPRINT_FORMAT } from '../core/blueprint.ts'
import { readBlueprints } from '../store/blueprints.ts'
import type { Db } from '../store/db.ts'

/** Stands in for the blueprint of a saga that no worker with the code has taken yet: nothing but adoption can happen. */
export const NOT_ADOPTED: Blueprint = {
  format: BLUEPRINT_FORMAT,
  definition: 'not-adopted',
  version: 1,
  nodes: [],
  hooks: [],
}

export class BlueprintShelf {
  readonly #schema: string
  readonly #byHash = new Map<string, Blueprint>()

  constructor(schema: string, known: Iterable<readonly [hash: string, blueprint: Blueprint]>) {
    this.#schema = schema
    for (const [hash, blueprint] of known) this.#byHash.set(hash, blueprint)
  }

  /** `undefined` when it has to be loaded first. */
  get(hash: string | null): Blueprint | undefined {
    return hash === null ? NOT_ADOPTED : this.#byHash.get(hash)
  }

  add(hash: string, blueprint: Blueprint): void {
    this.#byHash.set(hash, blueprint)
  }

  /** Loads what is missing. There are few distinct ones, and they never change. */
  async load(db: Db, hashes: Iterable<string | null>): Promise<void> {
    const missing = new Set<string>()
    for (const hash of hashes) if (hash !== null && !this.#byHash.has(hash)) missing.add(hash)
    if (missing.size === 0) return
    for (const stored of await readBlueprints(db, this.#schema, [...missing])) this.add(stored.hash, stored.blueprint)
  }
}
