/** The tables of operations over many sagas. They are written when somebody operates, and never by a saga on its way. */
import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
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
import { ITEM_OUTCOMES, ITEM_STATES, OPERATION_STATES, OPERATION_VERBS } from './operations.ts'
import { anyOf, moment, schema } from './table-parts.ts'

/** A verb over the sagas that a filter gave when it was started. */
export const sagaOperation = schema.table(
  'saga_operation',
  {
    id: uuid('id').primaryKey(),
    verb: text('verb').notNull(),
    /** What else the verb needs: `as` of resolve, `pastPivot` of compensate. */
    options: jsonb('options').notNull(),
    filter: jsonb('filter').notNull(),
    actor: text('actor').notNull(),
    reason: text('reason').notNull(),
    /** Rule 14: a repeated request finds its first one here. */
    requestId: text('request_id').notNull(),
    /** Sagas a second. */
    rate: doublePrecision('rate').notNull(),
    canary: integer('canary').notNull(),
    state: text('state').notNull(),
    total: integer('total').notNull(),
    /** The filter gave more than an operation takes. */
    more: boolean('more').notNull(),
    /** The last position that was ordered. */
    reached: integer('reached').notNull(),
    /** What became of the sagas up to here is no reason to pause any more: somebody has resumed it since. */
    judgedTo: integer('judged_to').notNull(),
    canaryJudged: boolean('canary_judged').notNull(),
    /** Where looking for outcomes goes on. */
    lookedTo: integer('looked_to').notNull(),
    /** How many of its sagas stand how: see `Tally`. */
    tally: json('tally').notNull(),
    /** Append-only: each change of its state, with actor and reason. */
    log: jsonb('log').notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    /** Not before this moment the next saga is ordered: so its rate is kept. */
    orderAt: moment('order_at').notNull(),
    /** When a worker looks at it next. */
    lookAt: moment('look_at').notNull(),
    /** Nothing more is ordered. */
    finishedAt: moment('finished_at'),
    /** Nothing more becomes of it: all outcomes are known. */
    settledAt: moment('settled_at'),
  },
  (table) => [
    uniqueIndex('saga_operation_request').on(table.requestId),
    index('saga_operation_open').on(table.lookAt).where(sql`${table.settledAt} is null`),
    check('saga_operation_verb_known', sql`${table.verb} in ${anyOf(OPERATION_VERBS)}`),
    check('saga_operation_state_known', sql`${table.state} in ${anyOf(OPERATION_STATES)}`),
    check('saga_operation_finished', sql`(${table.state} in ('aborted', 'done')) = (${table.finishedAt} is not null)`),
    check('saga_operation_settled', sql`${table.settledAt} is null or ${table.finishedAt} is not null`),
  ],
)

/** One saga of an operation: the scope is pinned, so these rows are written once and never added to. */
export const sagaOperationItem = schema.table(
  'saga_operation_item',
  {
    operationId: uuid('operation_id')
      .notNull()
      .references(() => sagaOperation.id, { onDelete: 'cascade' }),
    /** From 1, the oldest saga first. */
    position: integer('position').notNull(),
    sagaId: uuid('saga_id').notNull(),
    state: text('state').notNull(),
    /** What became of the saga afterwards. */
    outcome: text('outcome'),
    code: text('code'),
    message: text('message'),
    /** Of a rerun: whose outcome counts. */
    newSagaId: uuid('new_saga_id'),
    tries: smallint('tries').notNull().default(0),
    orderedAt: moment('ordered_at'),
    endedAt: moment('ended_at'),
  },
  (table) => [
    primaryKey({ columns: [table.operationId, table.position] }),
    index('saga_operation_item_open')
      .on(table.operationId, table.state, table.position)
      .where(sql`${table.endedAt} is null`),
    check('saga_operation_item_state_known', sql`${table.state} in ${anyOf(ITEM_STATES)}`),
    check('saga_operation_item_outcome_known', sql`${table.outcome} in ${anyOf(ITEM_OUTCOMES)}`),
    check('saga_operation_item_outcome', sql`${table.outcome} is null or ${table.state} = 'done'`),
    check(
      'saga_operation_item_ended',
      sql`(${table.endedAt} is not null) = (${table.outcome} is not null or ${table.state} in ('refused', 'failed'))`,
    ),
  ],
)
