/** The tables of alerts on dead letters: what each channel has seen of them, and what it has to tell. No saga on its way writes here. */
import { sql } from 'drizzle-orm'
import { check, customType, index, integer, json, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { DEAD_LETTER_REASONS } from '../core/machine.ts'
import { anyOf, moment, schema } from './table-parts.ts'

/** Whom alerts are told to. Each has its own count, and its own trouble. */
export const ALERT_CHANNELS = ['callback', 'webhook'] as const
export type AlertChannel = (typeof ALERT_CHANNELS)[number]

const snapshot = customType<{ data: string }>({ dataType: () => 'pg_snapshot' })

/** How far a channel has read the journal: what was committed by then it has seen, and nothing else. */
export const sagaAlertMark = schema.table(
  'saga_alert_mark',
  { channel: text('channel').primaryKey(), seen: snapshot('seen').notNull() },
  (table) => [check('saga_alert_mark_channel_known', sql`${table.channel} in ${anyOf(ALERT_CHANNELS)}`)],
)

/** What a channel has to tell of an error group, and has told. */
export const sagaAlert = schema.table(
  'saga_alert',
  {
    channel: text('channel').notNull(),
    errorGroup: text('error_group').notNull(),
    definition: text('definition').notNull(),
    step: text('step'),
    reason: text('reason').notNull(),
    /** Dead letters that no alert has told of. */
    count: integer('count').notNull(),
    firstAt: moment('first_at'),
    lastAt: moment('last_at'),
    /** Some of them, the newest first. */
    sagas: uuid('sagas').array().notNull(),
    /** The alert that is being told, as it was when it was told first: to the letter, for receivers compare. */
    alert: json('alert'),
    /** How often it was told. */
    attempts: integer('attempts').notNull().default(0),
    lastError: text('last_error'),
    /** When the last alert got through. */
    toldAt: moment('told_at'),
    /** When it is told, or told again. */
    dueAt: moment('due_at'),
  },
  (table) => [
    primaryKey({ columns: [table.channel, table.errorGroup] }),
    index('saga_alert_waiting').on(table.channel, table.dueAt).where(sql`${table.dueAt} is not null`),
    check('saga_alert_channel_known', sql`${table.channel} in ${anyOf(ALERT_CHANNELS)}`),
    check('saga_alert_reason_known', sql`${table.reason} in ${anyOf(DEAD_LETTER_REASONS)}`),
    check('saga_alert_counts', sql`${table.count} >= 0 and ${table.attempts} >= 0`),
    check(
      'saga_alert_since',
      sql`(${table.count} > 0) = (${table.firstAt} is not null and ${table.lastAt} is not null)`,
    ),
    // Whatever is to be told is told some time.
    check('saga_alert_due', sql`(${table.dueAt} is not null) = (${table.alert} is not null or ${table.count} > 0)`),
  ],
)
