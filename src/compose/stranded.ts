/** Which sagas a deploy would leave without code. */
import type { AnyDefinition, Definition } from '../engine/definition.ts'
import { type Stranded, strandedBy } from '../engine/lock-file.ts'
import { NO_FAULTS } from '../engine/runtime/ports.ts'
import { checkSchema } from '../engine/store/migrate.ts'
import { unreachable } from '../engine/unreachable.ts'
import type { SagaClientOptions } from './options.ts'
import { unwire, wire } from './wiring.ts'

/**
 * What is in flight, dead letters included, that code with these definitions alone could not carry on. Changes nothing.
 *
 * @throws SagaError `DATABASE_UNREACHABLE`, `SCHEMA_TOO_OLD`, `SCHEMA_TOO_NEW`.
 */
export async function stranded(
  options: SagaClientOptions,
  definitions: readonly AnyDefinition[],
): Promise<readonly Stranded[]> {
  const wiring = wire(options, [], false, NO_FAULTS)
  const { db, schema, parts } = wiring
  try {
    await checkSchema(db, schema)
    return await parts.transaction((tx) => strandedBy(tx, schema, definitions as unknown as readonly Definition[]))
  } catch (error) {
    throw unreachable(error)
  } finally {
    await unwire(wiring)
  }
}
