/** Migrations as a step of a deploy. */
import { NO_FAULTS } from '../engine/runtime/ports.ts'
import { applyMigrations } from '../engine/store/migrate.ts'
import { unreachable } from '../engine/unreachable.ts'
import type { SagaClientOptions } from './options.ts'
import { readyBoss } from './ready-boss.ts'
import { unwire, wire } from './wiring.ts'

/**
 * Brings a database up to date in a deploy step: our schema, and pg-boss's with its queues.
 *
 * @throws SagaError `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`, `NAME_INVALID`.
 */
export async function migrate(options: SagaClientOptions): Promise<void> {
  const wiring = wire(options, [], true, NO_FAULTS)
  const { parts, schema, bossSchema } = wiring
  try {
    await parts.transaction((tx) => applyMigrations(tx, schema, bossSchema))
    await readyBoss(wiring, { migrate: true, queues: true })
  } catch (error) {
    throw unreachable(error)
  } finally {
    await unwire(wiring)
  }
}
