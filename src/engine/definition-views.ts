/** Definitions as people see them: versions, the workers that have them, and what of them is under way. */
import type { Blueprint } from './core/blueprint.ts'
import { checkCap } from './filter.ts'
import { newestBlueprints } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import { readFlights } from './store/flights.ts'
import { onlyInOrder } from './store/in-order.ts'
import { readWorkerViews } from './store/worker-views.ts'

/** A definition that was registered, or of which there are sagas. */
export type DefinitionView = {
  readonly name: string
  /** The newest first. */
  readonly versions: readonly VersionView[]
}

export type VersionView = {
  readonly version: number
  /** Its newest shape; `null` where sagas were started from a contract, and no worker with the code has come since. */
  readonly blueprint: Blueprint | null
  /** How many shapes it has had: each renaming of a step makes one. */
  readonly shapes: number
  /** Ids of the live workers that have its code. */
  readonly workers: readonly string[]
  /** Sagas that are not at rest, and no dead letters. */
  readonly underWay: number
  readonly deadLetters: number
}

const COUNTED = 10_000

/** Transaction: one of its own. Index: `saga_blueprint_shapes`, `saga_open`. */
export async function definitionViews(
  tx: Db,
  schema: string,
  { name, cap = COUNTED }: { readonly name?: string; readonly cap?: number },
): Promise<readonly DefinitionView[]> {
  checkCap(cap)
  const shapes = await newestBlueprints(tx, schema, name)
  const workers = (await readWorkerViews(tx, schema)).filter(({ isAlive }) => isAlive)
  const versions = new Map<string, VersionView>()
  const versionOf = (definition: string, version: number): VersionView =>
    versions.get(keyOf(definition, version)) ?? {
      version,
      blueprint: null,
      shapes: 0,
      workers: workers.filter((worker) => worker.definitions.includes(keyOf(definition, version))).map(({ id }) => id),
      underWay: 0,
      deadLetters: 0,
    }
  for (const { definition, version, blueprint, shapes: number } of shapes) {
    versions.set(keyOf(definition, version), { ...versionOf(definition, version), blueprint, shapes: number })
  }
  await onlyInOrder(tx)
  for (const { definition, version, sagas, deadLetters } of (await readFlights(tx, schema, cap)).flights) {
    if (name !== undefined && definition !== name) continue
    const seen = versionOf(definition, version)
    versions.set(keyOf(definition, version), {
      ...seen,
      underWay: seen.underWay + sagas - deadLetters,
      deadLetters: seen.deadLetters + deadLetters,
    })
  }
  return byName(versions)
}

/** As workers name what they have. */
function keyOf(definition: string, version: number): string {
  return `${definition}@${version}`
}

function byName(versions: ReadonlyMap<string, VersionView>): readonly DefinitionView[] {
  const names = new Map<string, VersionView[]>()
  for (const [key, version] of versions) {
    const name = key.slice(0, key.lastIndexOf('@'))
    names.set(name, [...(names.get(name) ?? []), version])
  }
  return [...names]
    .map(([name, own]) => ({ name, versions: own.toSorted((a, b) => b.version - a.version) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
