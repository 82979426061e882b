/** The tables of maintenance: what definitions want of it, and what it has done. No saga on its way writes here. */
import { sql } from 'drizzle-orm'
import { bigint, boolean, check, index, integer, jsonb, text, uuid } from 'drizzle-orm/pg-core'
import { moment, schema } from './table-parts.ts'

/** What the newest version of a definition says. For ever, where there is no number. */
export const sagaPolicy = schema.table(
  'saga_policy',
  {
    definition: text('definition').primaryKey(),
    version: integer('version').notNull(),
    keepCompletedMs: bigint('keep_completed_ms', { mode: 'number' }),
    keepCompensatedMs: bigint('keep_compensated_ms', { mode: 'number' }),
    keepResolvedMs: bigint('keep_resolved_ms', { mode: 'number' }),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
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
