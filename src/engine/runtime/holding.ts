/** Placing a hold: on a step under all the names that it has or had. */
import type { Blueprint } from '../core/blueprint.ts'
import { aliasesOf } from '../core/shapes.ts'
import { blueprintsOf, lockShapes } from '../store/blueprints.ts'
import type { Db } from '../store/db.ts'
import { insertHold, type NewHold } from '../store/holds.ts'

/**
 * @param check throws where the shapes of its definition do not have what is to be held.
 * @returns the hold's id; `undefined` when the request has placed one before. Transaction: required.
 */
export async function holdUnderAllNames(
  tx: Db,
  schema: string,
  hold: Omit<NewHold, 'names'>,
  check: (shapes: readonly Blueprint[]) => void = () => {},
): Promise<string | undefined> {
  const { definition, step } = hold
  // Whoever registers a shape with another name for the step meanwhile sees this hold, or is seen by it.
  await lockShapes(tx, schema, definition)
  const shapes = await blueprintsOf(tx, schema, definition)
  check(shapes)
  return insertHold(tx, schema, { ...hold, names: step === null ? null : aliasesOf(shapes, step) })
}
