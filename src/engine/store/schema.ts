/**
 * The tables, as drizzle sees them: migrations are generated from here, and the CHECK constraints that repeat the
 * rules are made from the lists of the core's machine.
 */
import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  doublePrecision,
  index,
  integer,
  json,
  jsonb,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { BREAKER_STATES } from '../core/breaker.ts'
import { SIDE_TIMERS } from '../core/command.ts'
import { EVENT_TYPES } from '../core/events.ts'
import { DEAD_LETTER_REASONS, FINISHED_STATUSES, LIVE_STATUSES, SIDES, STATUSES, WAITS } from '../core/machine.ts'
import { IS_OWN_ACT } from './own-requests.ts'
import { anyOf, moment, schema } from './table-parts.ts'

const transactionId = customType<{ data: string }>({ dataType: () => 'xid8' })

/** One narrow, hot row a saga. What changes with each step stands in no index, so that updates stay in the page. */
export const saga = schema.table(
  'saga',
  {
    id: uuid('id').primaryKey(),
    definition: text('definition').notNull(),
    version: integer('version').notNull(),
    /** Hash of the blueprint; null until a worker with the code has taken a saga that was started without it. */
    blueprint: text('blueprint'),
    key: text('key'),
    /** Hash of the input as it was given: tells a repeated start from another one under the same key. */
    inputHash: text('input_hash').notNull(),
    status: text('status').notNull(),
    waiting: text('waiting'),
    paused: boolean('paused').notNull().default(false),
    /** Of its jobs, before those of lower ones: from -1000 to 1000. */
    priority: integer('priority').notNull().default(0),
    /** The sequence of its last event. */
    revision: integer('revision').notNull(),
    format: smallint('format').notNull(),
    /** Written with each transition and hardly ever looked into by SQL: as text it costs the server a third less. */
    state: json('state').notNull(),
    failure: json('failure'),
    deadReason: text('dead_reason'),
    /** Dead letters with the same trouble have the same one: see `errorGroupOf`. */
    errorGroup: text('error_group'),
    tags: text('tags').array(),
    parentId: uuid('parent_id'),
    parentStep: text('parent_step'),
    rerunOf: uuid('rerun_of'),
    /** Of the line in which it stands, or has stood. */
    concurrencyKey: text('concurrency_key'),
    /** The saga whose harm this one makes good. */
    correctionOf: uuid('correction_of'),
    /** Of the span that was active when it was started, as W3C headers: its own are below it, whoever runs it. */
    traceparent: text('traceparent'),
    tracestate: text('tracestate'),
    startAt: moment('start_at'),
    deadlineAt: moment('deadline_at'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    // By bytes, so that it also finds how a key begins, in a database of any collation.
    uniqueIndex('saga_key').on(table.definition, table.key.op('text_pattern_ops')).where(sql`${table.key} is not null`),
    // For the list of one definition, which may be one in a thousand, or one of long ago.
    index('saga_definition').on(table.definition, table.id),
    index('saga_open').on(table.status, table.id).where(sql`${table.status} <> 'completed'`),
    index('saga_held').on(table.waiting, table.definition, table.id).where(sql`${table.waiting} in ('hold', 'code')`),
    index('saga_error_group').on(table.errorGroup, table.id).where(sql`${table.errorGroup} is not null`),
    index('saga_tags').using('gin', table.tags).where(sql`${table.tags} is not null`),
    index('saga_correction').on(table.correctionOf).where(sql`${table.correctionOf} is not null`),
    // For clean-up and statistics; written once in a saga's life.
    index('saga_finished')
      .on(table.definition, table.status, table.finishedAt)
      .where(sql`${table.finishedAt} is not null`),
    index('saga_parent').on(table.parentId).where(sql`${table.parentId} is not null`),
    check('saga_status_known', sql`${table.status} in ${anyOf(STATUSES)}`),
    check('saga_waiting_known', sql`${table.waiting} in ${anyOf(WAITS)}`),
    check('saga_dead_reason_known', sql`${table.deadReason} in ${anyOf(DEAD_LETTER_REASONS)}`),
    // Rule 11: only a live saga waits or is paused.
    check('saga_waits_while_live', sql`${table.waiting} is null or ${table.status} in ${anyOf(LIVE_STATUSES)}`),
    check('saga_paused_while_live', sql`not ${table.paused} or ${table.status} in ${anyOf(LIVE_STATUSES)}`),
    check(
      'saga_pending_waits',
      sql`(${table.status} = 'pending') = coalesce(${table.waiting} in ('start', 'line'), false)`,
    ),
    // A dead letter always says why, and nothing else does.
    check('saga_dead_letter_reason', sql`(${table.status} = 'dead_lettered') = (${table.deadReason} is not null)`),
    check('saga_dead_letter_group', sql`(${table.status} = 'dead_lettered') = (${table.errorGroup} is not null)`),
    check(
      'saga_finished_at',
      sql`(${table.status} in ${anyOf(FINISHED_STATUSES)}) = (${table.finishedAt} is not null)`,
    ),
    // Rule 13: the row is what the journal folds to, so the columns cannot say something else than the state.
    check('saga_state_agrees', sql`${table.state} ->> 'status' = ${table.status}`),
    check('saga_format', sql`${table.format} >= 1 and ${table.revision} >= 1`),
    check('saga_version', sql`${table.version} >= 1`),
    check('saga_names', sql`${table.definition} ~ '^[a-z][a-z0-9-]*$'`),
  ],
)

/**
 * The journal: append-only. No foreign key to the saga: events are only ever inserted by a statement that has just
 * written the saga's row, and the check of each of them would cost more than the insert.
 */
export const sagaEvent = schema.table(
  'saga_event',
  {
    sagaId: uuid('saga_id').notNull(),
    sequence: integer('sequence').notNull(),
    type: text('type').notNull(),
    step: text('step'),
    side: text('side'),
    attempt: integer('attempt'),
    /** Taken after the lock; never runs backwards within a saga. */
    at: moment('at').notNull(),
    /** Orders a feed over all sagas without gaps: read up to the oldest transaction that is still running. */
    xid: transactionId('xid').notNull().default(sql`pg_current_xact_id()`),
    format: smallint('format').notNull(),
    /** What the event says beside the columns above: together they are the event as the core folds it. */
    data: jsonb('data'),
    /** The input, or a step's result. */
    payload: jsonb('payload'),
    /** Which worker it was. */
    worker: text('worker'),
    /** What code it ran, if it says so: workers' rows do not stay. */
    build: text('build'),
    /** How long its function ran: with `at`, that says for how long it had waited in the queue. */
    ranMs: integer('ran_ms'),
    /** Rule 14: a repeated request finds its first one here. */
    requestId: text('request_id'),
  },
  (table) => [
    primaryKey({ columns: [table.sagaId, table.sequence] }),
    uniqueIndex('saga_event_request').on(table.sagaId, table.requestId).where(sql`${table.requestId} is not null`),
    // For "which sagas were undone by the bad build?": 3 ms instead of a second among 300 000 that were undone. It costs 75
    // bytes of WAL for each compensation, and nothing for a saga that goes forward.
    // The items of a map are found by its name.
    index('saga_event_compensated')
      .on(sql`split_part(${table.step}, '[', 1)`, table.at)
      .where(sql`${table.type} = 'step_compensated'`),
    // For alerts: what was committed since somebody looked. It costs a saga on its way nothing.
    index('saga_event_dead').on(table.xid).where(sql`${table.type} = 'saga_dead_lettered'`),
    // For the audit: what people did, over all sagas. What an operation or maintenance ordered of many is left out, for that
    // stands there as one. It costs a saga on its way nothing.
    index('saga_event_act').on(table.at, table.sagaId, table.sequence).where(sql.raw(IS_OWN_ACT)),
    index('saga_event_actor')
      .on(sql`(${table.data} #>> '{act,actor}')`, table.at, table.sagaId, table.sequence)
      .where(sql.raw(IS_OWN_ACT)),
    check('saga_event_type_known', sql`${table.type} in ${anyOf(EVENT_TYPES)}`),
    check('saga_event_side_known', sql`${table.side} in ${anyOf(SIDES)}`),
    check('saga_event_sequence', sql`${table.sequence} >= 1 and ${table.format} >= 1`),
    check('saga_event_begins', sql`(${table.sequence} = 1) = (${table.type} = 'saga_started')`),
  ],
)

export const sagaBlueprint = schema.table(
  'saga_blueprint',
  {
    hash: text('hash').primaryKey(),
    definition: text('definition').notNull(),
    version: integer('version').notNull(),
    blueprint: jsonb('blueprint').notNull(),
    /** JSON Schemas of the input and of results, for processes without the code. Not part of the hash. */
    schemas: jsonb('schemas').notNull(),
    createdAt: moment('created_at').notNull(),
  },
  // Several shapes of a name and version differ by declared renames only: that is checked when one is registered.
  (table) => [index('saga_blueprint_shapes').on(table.definition, table.version)],
)

export const sagaTimer = schema.table(
  'saga_timer',
  {
    sagaId: uuid('saga_id')
      .notNull()
      .references(() => saga.id, { onDelete: 'cascade' }),
    timer: text('timer').notNull(),
    dueAt: moment('due_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sagaId, table.timer] }),
    index('saga_timer_due').on(table.dueAt),
    // Of hooks beside a status, which are few: workers look whether they have the code that such a hook waits for.
    index('saga_timer_side')
      .on(table.sagaId)
      .where(sql`${table.timer} in ${anyOf(SIDE_TIMERS)}`),
  ],
)

/**
 * Sagas with a concurrency key that are not at rest, in the order of their starts. The database itself sees to it that
 * one of a key is at the front.
 */
export const sagaLine = schema.table(
  'saga_line',
  {
    sagaId: uuid('saga_id')
      .primaryKey()
      .references(() => saga.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    position: bigserial('position', { mode: 'number' }).notNull(),
    /** Since when it is at the front. */
    frontAt: moment('front_at'),
  },
  (table) => [
    uniqueIndex('saga_line_front').on(table.key).where(sql`${table.frontAt} is not null`),
    index('saga_line_waiting').on(table.key, table.position).where(sql`${table.frontAt} is null`),
  ],
)

export const sagaWorker = schema.table('saga_worker', {
  id: uuid('id').primaryKey(),
  /** Raised by who takes it over: claims and lock go with one epoch. */
  epoch: integer('epoch').notNull(),
  /** Of the advisory lock that its session holds. */
  lockKey: integer('lock_key').notNull().generatedAlwaysAsIdentity(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  build: text('build'),
  /** Whether the advisory lock says anything: not behind a pooler in transaction mode. */
  holdsLock: boolean('holds_lock').notNull(),
  /** `name@version` of each definition that it has the code of. */
  definitions: text('definitions').array().notNull(),
  startedAt: moment('started_at').notNull(),
  heartbeatAt: moment('heartbeat_at').notNull(),
  takenOverAt: moment('taken_over_at'),
})

/** What one fetch brought to a worker; deleted when all of it is settled. */
export const sagaClaim = schema.table(
  'saga_claim',
  {
    id: uuid('id').primaryKey(),
    workerId: uuid('worker_id')
      .notNull()
      .references(() => sagaWorker.id, { onDelete: 'restrict' }),
    jobs: json('jobs').notNull(),
    claimedAt: moment('claimed_at').notNull(),
  },
  (table) => [index('saga_claim_worker').on(table.workerId)],
)

export const sagaHold = schema.table(
  'saga_hold',
  {
    id: uuid('id').primaryKey(),
    definition: text('definition').notNull(),
    step: text('step'),
    /** Of that step: all that it has or had under its version, so that a hold stops it under each of them. */
    names: text('names').array(),
    side: text('side'),
    actor: text('actor').notNull(),
    reason: text('reason').notNull(),
    createdAt: moment('created_at').notNull(),
    releasedAt: moment('released_at'),
    releasedBy: text('released_by'),
    releaseReason: text('release_reason'),
    /** Rule 14: a repeated request finds its first one here. */
    requestId: text('request_id').notNull(),
    releaseRequestId: text('release_request_id'),
    /** Of a release at a rate: what has waited goes on, so many sagas a second. */
    releaseRate: doublePrecision('release_rate'),
    /** How many have been let go so far. */
    letGo: integer('let_go').notNull().default(0),
    /** Not before this moment the next are let go. */
    letGoAt: moment('let_go_at'),
    /** In force no more, and nothing is left to be let go at its rate. */
    endedAt: moment('ended_at'),
    /** One saga passes it all the same: the breaker that placed it looks what becomes of that one. */
    probeSaga: uuid('probe_saga'),
  },
  (table) => [
    uniqueIndex('saga_hold_request').on(table.requestId),
    index('saga_hold_open').on(table.definition).where(sql`${table.endedAt} is null`),
    check('saga_hold_side_known', sql`${table.side} in ${anyOf(SIDES)}`),
    check('saga_hold_ended', sql`${table.endedAt} is null or ${table.releasedAt} is not null`),
    check(
      'saga_hold_rate',
      sql`(${table.releaseRate} is null) = (${table.letGoAt} is null) and (${table.releaseRate} is null or ${table.releasedAt} is not null)`,
    ),
  ],
)

/** Breakers that have something to say: rows are written when steps fail, and never by a saga on its way. */
export const sagaBreaker = schema.table(
  'saga_breaker',
  {
    definition: text('definition').notNull(),
    step: text('step').notNull(),
    state: text('state').notNull(),
    /** In a row, over all workers. */
    failures: integer('failures').notNull(),
    /** The one that it has placed, or placed last. */
    holdId: uuid('hold_id'),
    openedAt: moment('opened_at'),
    cooldownMs: bigint('cooldown_ms', { mode: 'number' }).notNull(),
    /** When the next saga is let through. */
    probeAt: moment('probe_at'),
    /** The saga that was let through last. */
    probeSaga: uuid('probe_saga'),
    /** After this moment nothing more is heard of it, and another one follows. */
    probeUntil: moment('probe_until'),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.definition, table.step] }),
    check('saga_breaker_state_known', sql`${table.state} in ${anyOf(BREAKER_STATES)}`),
    check('saga_breaker_open', sql`(${table.state} = 'closed') = (${table.probeAt} is null)`),
    check('saga_breaker_probes', sql`(${table.state} = 'probing') = (${table.probeUntil} is not null)`),
    check('saga_breaker_counts', sql`${table.failures} >= 0 and ${table.cooldownMs} > 0`),
  ],
)

/** An offset that only tests set: one row, or none. */
export const sagaClock = schema.table('saga_clock', { offsetMs: bigint('offset_ms', { mode: 'number' }).notNull() })
