/** What a deploy would leave without code. */
import type { AnyDefinition, Definition } from '../engine/definition.ts'
import { type DeployReport, leftBehindBy } from '../engine/left-behind.ts'
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
export async function leftBehind(
  options: SagaClientOptions,
  definitions: readonly AnyDefinition[],
): Promise<DeployReport> {
  const wiring = wire(options, [], false, NO_FAULTS)
  const { db, schema, parts } = wiring
  try {
    await checkSchema(db, schema)
    return await parts.transaction((tx) => leftBehindBy(tx, schema, definitions as unknown as readonly Definition[]))
  } catch (error) {
    throw unreachable(error)
  } finally {
    await unwire(wiring)
  }
}
