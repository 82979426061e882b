/** The tables of maintenance: what definitions want of it, and what it has done. No saga on its way writes here. */
import { sql } from 'drizzle-orm'
import { bigint, boolean, check, index, integer, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { WHEN_STUCK } from '../recovering.ts'
import { saga } from './schema.ts'
import { anyOf, moment, schema } from './table-parts.ts'

/** What a version of a definition says. For ever, where there is no number. */
export const sagaPolicy = schema.table(
  'saga_policy',
  {
    definition: text('definition').notNull(),
    version: integer('version').notNull(),
    keepCompletedMs: bigint('keep_completed_ms', { mode: 'number' }),
    keepCompensatedMs: bigint('keep_compensated_ms', { mode: 'number' }),
    keepResolvedMs: bigint('keep_resolved_ms', { mode: 'number' }),
    whenStuck: text('when_stuck'),
    stuckAfterMs: bigint('stuck_after_ms', { mode: 'number' }),
    maxRecoveries: integer('max_recoveries'),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.definition, table.version] }),
    check('saga_policy_stuck_known', sql`${table.whenStuck} in ${anyOf(WHEN_STUCK)}`),
    check(
      'saga_policy_recovers',
      sql`coalesce(${table.stuckAfterMs}, 1) > 0 and coalesce(${table.maxRecoveries}, 1) > 0`,
    ),
    check(
      'saga_policy_keeps',
      sql`coalesce(${table.keepCompletedMs}, 1) > 0 and coalesce(${table.keepCompensatedMs}, 1) > 0 and coalesce(${table.keepResolvedMs}, 1) > 0`,
    ),
  ],
)

/** What was done of a duty, one time. */
export const sagaMaintenance = schema.table(
  'saga_maintenance',
  {
    id: uuid('id').primaryKey(),
    duty: text('duty').notNull(),
    /** The worker that saw to it, or who asked for it. */
    by: text('by').notNull(),
    /** Nothing was done: it says what would be. */
    isDry: boolean('is_dry').notNull(),
    startedAt: moment('started_at').notNull(),
    finishedAt: moment('finished_at'),
    /** What it did. */
    outcome: jsonb('outcome'),
    error: text('error'),
  },
  (table) => [
    index('saga_maintenance_duty').on(table.duty, table.id),
    check(
      'saga_maintenance_ends',
      sql`(${table.finishedAt} is not null) = (${table.outcome} is not null or ${table.error} is not null)`,
    ),
  ],
)

/** How often a saga has been recovered since it made progress last: up to the revision that it had then. */
export const sagaRecovery = schema.table(
  'saga_recovery',
  {
    sagaId: uuid('saga_id')
      .primaryKey()
      .references(() => saga.id, { onDelete: 'cascade' }),
    revision: integer('revision').notNull(),
    recoveries: integer('recoveries').notNull(),
    recoveredAt: moment('recovered_at').notNull(),
  },
  (table) => [check('saga_recovery_counts', sql`${table.recoveries} > 0 and ${table.revision} > 0`)],
)
