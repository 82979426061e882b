/** Migrations as a step of a deploy. */
import { NO_FAULTS } from '../engine/runtime/ports.ts'
import { applyMigrations, missingMigrations } from '../engine/store/migrate.ts'
import { unreachable } from '../engine/unreachable.ts'
import { KNOWN_BOSS_VERSION } from '../jobs/app-boss.ts'
import { bossPlans, bossVersion } from '../jobs/boss-plans.ts'
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

export type PlannedMigrations = {
  readonly schema: string
  /** How many migrations the schema has, and how many this version of the package brings. */
  readonly applied: number
  readonly known: number
  /** The version of pg-boss's tables, 0 for none, and the one that is needed. */
  readonly bossApplied: number
  readonly bossKnown: number
  /** What `migrate` would do, as a script: empty where nothing is missing. The queues are made by `migrate`, or an engine. */
  readonly sql: string
}

/**
 * What `migrate` would do. Changes nothing.
 *
 * @throws SagaError `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`, `NAME_INVALID`.
 */
export async function plannedMigrations(options: SagaClientOptions): Promise<PlannedMigrations> {
  const wiring = wire(options, [], false, NO_FAULTS)
  const { db, schema, bossSchema } = wiring
  try {
    const { statements, ...state } = await missingMigrations(db, schema)
    const bossApplied = await bossVersion(db, bossSchema)
    const ours =
      statements.length === 0
        ? ''
        : `begin;\n${statements.map((text) => `${text.replace(/;\s*$/, '')};`).join('\n')}\ncommit;\n`
    const sql = [ours, bossPlans(bossSchema, bossApplied)].filter((text) => text !== '').join('\n')
    return { schema, ...state, bossApplied, bossKnown: KNOWN_BOSS_VERSION, sql }
  } catch (error) {
    throw unreachable(error)
  } finally {
    await unwire(wiring)
  }
}
