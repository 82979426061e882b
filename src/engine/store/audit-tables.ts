/** The tables of what people do beside acts on one saga, which stand in its journal; and of what they make of error groups. */
import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { DEAD_LETTER_REASONS } from '../core/machine.ts'
import { anyOf, moment, schema } from './table-parts.ts'
import { TRIAGE_STATES } from './triage.ts'

/**
 * Acts, and what was refused for want of a right. Append-only, but for the count of what was refused. No saga on its way
 * writes here.
 */
export const sagaAudit = schema.table(
  'saga_audit',
  {
    at: moment('at').notNull(),
    /** Of an act on a saga that has been deleted since: the saga's id, and the sequence that the event had. */
    id: uuid('id').notNull(),
    sequence: integer('sequence').notNull().default(0),
    action: text('action').notNull(),
    actor: text('actor').notNull(),
    reason: text('reason'),
    requestId: text('request_id'),
    definition: text('definition'),
    sagaId: uuid('saga_id'),
    errorGroup: text('error_group'),
    /** What else it was about. Never a payload. */
    about: jsonb('about').notNull(),
    /** Of what was refused for want of a right: how often in that minute. */
    times: bigint('times', { mode: 'number' }),
    /** Which minute, actor, action and target that was. */
    deniedKey: text('denied_key'),
  },
  (table) => [
    primaryKey({ columns: [table.at, table.id, table.sequence] }),
    index('saga_audit_actor').on(table.actor, table.at, table.id, table.sequence),
    index('saga_audit_saga').on(table.sagaId, table.at).where(sql`${table.sagaId} is not null`),
    index('saga_audit_group').on(table.errorGroup, table.at).where(sql`${table.errorGroup} is not null`),
    index('saga_audit_denied').on(table.at, table.id, table.sequence).where(sql`${table.times} is not null`),
    uniqueIndex('saga_audit_denied_key').on(table.deniedKey).where(sql`${table.deniedKey} is not null`),
    // Rule 14: what somebody has made of a group finds its first request here.
    uniqueIndex('saga_audit_request')
      .on(table.requestId)
      .where(sql`${table.errorGroup} is not null and ${table.requestId} is not null`),
    check('saga_audit_denied', sql`(${table.times} is null) = (${table.deniedKey} is null) and ${table.times} > 0`),
    check('saga_audit_sequence', sql`${table.sequence} >= 0`),
  ],
)

/** What somebody has made of an error group. It stays when no saga is in the group any more. */
export const sagaTriage = schema.table(
  'saga_triage',
  {
    errorGroup: text('error_group').primaryKey(),
    definition: text('definition').notNull(),
    step: text('step'),
    direction: text('direction').notNull(),
    reason: text('reason').notNull(),
    /** As it was said. Whether it still is so depends on the dead letters that came since. */
    state: text('state').notNull(),
    /** Resolved in this version of the definition: dead letters of older ones are no regression. */
    version: integer('version'),
    untilAt: moment('until_at'),
    /** Ignored until so many more have come. */
    untilMore: integer('until_more'),
    /** Who said so, why, and since when. */
    by: text('by'),
    why: text('why'),
    at: moment('at'),
    note: text('note'),
    noteBy: text('note_by'),
    noteAt: moment('note_at'),
    /** Counts the changes: who has seen an older one has not seen this. */
    revision: integer('revision').notNull(),
  },
  (table) => [
    index('saga_triage_state').on(table.state, table.at),
    check('saga_triage_state_known', sql`${table.state} in ${anyOf(TRIAGE_STATES)}`),
    check('saga_triage_reason_known', sql`${table.reason} in ${anyOf(DEAD_LETTER_REASONS)}`),
    check('saga_triage_direction_known', sql`${table.direction} in ${anyOf(['forward', 'backward'])}`),
    check(
      'saga_triage_version',
      sql`${table.version} is null or (${table.state} = 'resolved' and ${table.version} >= 1)`,
    ),
    check(
      'saga_triage_until',
      sql`(${table.untilAt} is null and ${table.untilMore} is null) or (${table.state} = 'ignored' and coalesce(${table.untilMore}, 1) >= 1)`,
    ),
    check(
      'saga_triage_note',
      sql`(${table.note} is null) = (${table.noteBy} is null) and (${table.note} is null) = (${table.noteAt} is null)`,
    ),
    check(
      'saga_triage_said',
      sql`(${table.by} is null) = (${table.at} is null) and (${table.why} is null) = (${table.at} is null) and (${table.state} = 'open' or ${table.at} is not null)`,
    ),
    check('saga_triage_revision', sql`${table.revision} >= 1`),
  ],
)
