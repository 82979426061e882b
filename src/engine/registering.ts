/**
 * Registering a definition: its shape is stored, once. Shapes of one name and version stand beside each other only where
 * they differ by nothing but declared renames, so that old and new code can each run the sagas of the other.
 */
import type { Blueprint } from './core/blueprint.ts'
import { aliasesOf, differences, namesIn } from './core/shapes.ts'
import type { Definition } from './definition.ts'
import { SagaError } from './errors.ts'
import { USUAL_KEEPING } from './keeping.ts'
import { USUAL_RECOVERING } from './recovering.ts'
import { blueprintsOf, insertBlueprint, isStored, lockShapes } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import { listHolds, renameHold } from './store/holds.ts'
import { storePolicy } from './store/policies.ts'

export type RegisterParts = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
}

/**
 * Where the shape is stored already, one look; else in a transaction of our own, so that it does not vanish with
 * somebody's rollback. Any number of processes may register at once.
 *
 * @throws SagaError `DEFINITION_CHANGED` when it does not go with the shapes that stand under its name and version.
 */
export async function registerShape({ schema, db, transaction }: RegisterParts, definition: Definition): Promise<void> {
  const { blueprintHash: hash, name, version, blueprint } = definition
  const policy = {
    definition: name,
    version,
    keeping: definition.keeping ?? USUAL_KEEPING,
    recovering: definition.recovering ?? USUAL_RECOVERING,
  }
  if (await isStored(db, schema, hash)) return storePolicy(db, schema, policy)
  await transaction(async (tx) => {
    await lockShapes(tx, schema, name)
    // A statement of its own, after the lock: it sees what others have registered meanwhile.
    const shapes = await blueprintsOf(tx, schema, name)
    for (const shape of shapes) if (shape.version === version) mustGoWith(shape, blueprint)
    await insertBlueprint(tx, schema, { hash, definition: name, version, blueprint }, definition.jsonSchemas())
    await widenHolds(tx, schema, name, [...shapes, blueprint])
    await storePolicy(tx, schema, policy)
  })
}

function mustGoWith(stored: Blueprint, given: Blueprint): void {
  if (namesIn(stored, given) !== undefined) return
  const { definition, version } = given
  const found = differences(stored, given)
  throw new SagaError(
    'DEFINITION_CHANGED',
    `The shape of ${definition} has changed under the same version ${version}: ${found.join('; ')}. Sagas in flight carry the old one: raise the version, declare what is only a rename, or undo the change.`,
    { details: { definition, version, differences: found } },
  )
}

/** A hold on a step is one on it under each of its names, those that come later included. */
async function widenHolds(db: Db, schema: string, definition: string, shapes: readonly Blueprint[]): Promise<void> {
  for (const hold of await listHolds(db, schema)) {
    if (hold.definition !== definition || hold.step === null) continue
    const names = aliasesOf(shapes, hold.step)
    if (names.length > (hold.names?.length ?? 1)) await renameHold(db, schema, hold.id, names)
  }
}
