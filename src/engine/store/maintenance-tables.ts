/** The tables of maintenance: what definitions want of it, and what it has done. No saga on its way writes here. */
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
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
    archive: boolean('archive').notNull(),
    whenStuck: text('when_stuck').notNull(),
    stuckAfterMs: bigint('stuck_after_ms', { mode: 'number' }).notNull(),
    maxRecoveries: integer('max_recoveries').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.definition, table.version] }),
    check('saga_policy_stuck_known', sql`${table.whenStuck} in ${anyOf(WHEN_STUCK)}`),
    check('saga_policy_recovers', sql`${table.stuckAfterMs} > 0 and ${table.maxRecoveries} > 0`),
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

/** What clean-up has deleted of definitions that want it archived. Nothing reads it: it belongs to who wants it. */
export const sagaArchive = schema.table(
  'saga_archive',
  {
    id: uuid('id').notNull(),
    definition: text('definition').notNull(),
    version: integer('version').notNull(),
    key: text('key'),
    status: text('status').notNull(),
    tags: text('tags').array(),
    createdAt: moment('created_at').notNull(),
    finishedAt: moment('finished_at').notNull(),
    archivedAt: moment('archived_at').notNull(),
    state: jsonb('state').notNull(),
    /** The rows of its journal, in order, with their payloads, as they were stored. */
    journal: jsonb('journal').notNull(),
  },
  // An id can be used again when its saga is gone.
  (table) => [primaryKey({ columns: [table.id, table.finishedAt] })],
)

/** What became of the sagas of a definition in an hour: counted once, when the hour is over. */
export const sagaStatistics = schema.table(
  'saga_statistics',
  {
    hour: moment('hour').notNull(),
    definition: text('definition').notNull(),
    started: integer('started').notNull(),
    completed: integer('completed').notNull(),
    compensated: integer('compensated').notNull(),
    resolved: integer('resolved').notNull(),
    /** In that hour, and still there when it was counted. */
    deadLettered: integer('dead_lettered').notNull(),
    /** From the start to the end, of those that have completed or were compensated. */
    meanMs: doublePrecision('mean_ms'),
    p50Ms: doublePrecision('p50_ms'),
    p95Ms: doublePrecision('p95_ms'),
    p99Ms: doublePrecision('p99_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.hour, table.definition] }),
    check('saga_statistics_hour', sql`${table.hour} = date_trunc('hour', ${table.hour}, 'UTC')`),
  ],
)

/** Up to which hour it has been counted, whether anything happened in it or not: one row, or none. */
export const sagaStatisticsMark = schema.table('saga_statistics_mark', { hour: moment('hour').notNull() })
