/** The inbox: what SQL users ask for, in their own transactions, until a worker has settled it, and some time longer. */
import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { COMMAND_STATES, COMMAND_VERBS, SAGA_VERBS } from './commands.ts'
import { anyOf, moment, schema } from './table-parts.ts'

/** One command. Only the functions of the schema insert it, only workers change it. */
export const sagaCommand = schema.table(
  'saga_command',
  {
    /** What the function returned: of an `enqueue`, the saga's own id. */
    id: uuid('id').primaryKey(),
    /** The order in which they were given: ids of one millisecond have none. */
    position: bigint('position', { mode: 'number' }).generatedAlwaysAsIdentity(),
    verb: text('verb').notNull(),
    sagaId: uuid('saga_id'),
    definition: text('definition'),
    version: integer('version'),
    /** In the clear, whatever codec there is: gone as soon as the command is settled. */
    input: jsonb('input'),
    /** What is left of the input: what tells a repeated start from another one. */
    inputHash: text('input_hash'),
    key: text('key'),
    startAt: moment('start_at'),
    priority: integer('priority'),
    tags: text('tags').array(),
    /** What else the verb needs: `pastPivot`, `stuckAfterMs`, `keepMs`. */
    options: jsonb('options').notNull(),
    /** `sql:` and the name that the session logged in with. */
    actor: text('actor').notNull(),
    reason: text('reason'),
    /** Rule 14: a repeated request acts once. */
    requestId: text('request_id').notNull(),
    requestedAt: moment('requested_at').notNull(),
    state: text('state').notNull(),
    /** How often it could neither be done nor refused. */
    tries: smallint('tries').notNull().default(0),
    /** Not before this moment it is tried again. */
    tryAt: moment('try_at').notNull(),
    settledAt: moment('settled_at'),
    /** What came of it, once it was accepted. */
    result: jsonb('result'),
    /** Why it was refused; of one that waits, what kept it from being done the last time. */
    code: text('code'),
    message: text('message'),
    /** The fields of an input that do not fit. */
    fields: jsonb('fields'),
  },
  (table) => [
    // Orders, however many starts wait beside them; and starts by the code that they need.
    index('saga_command_orders')
      .on(table.position)
      .where(sql`${table.state} = 'waiting' and ${table.verb} <> 'enqueue'`),
    index('saga_command_waiting')
      .on(table.definition, table.version, table.position)
      .where(sql`${table.state} = 'waiting' and ${table.verb} = 'enqueue'`),
    // Whether another command about the same saga comes first.
    index('saga_command_saga').on(table.sagaId, table.position).where(sql`${table.state} = 'waiting'`),
    index('saga_command_settled').on(table.settledAt).where(sql`${table.settledAt} is not null`),
    check('saga_command_verb_known', sql`${table.verb} in ${anyOf(COMMAND_VERBS)}`),
    check('saga_command_state_known', sql`${table.state} in ${anyOf(COMMAND_STATES)}`),
    check(
      'saga_command_of_saga',
      sql`(${table.sagaId} is not null) = (${table.verb} in ${anyOf([...SAGA_VERBS, 'enqueue'])})`,
    ),
    check('saga_command_reason', sql`${table.verb} not in ${anyOf(SAGA_VERBS)} or ${table.reason} is not null`),
    check(
      'saga_command_start',
      sql`(${table.verb} = 'enqueue') = (${table.definition} is not null and ${table.version} is not null and ${table.id} = coalesce(${table.sagaId}, ${table.id}))`,
    ),
    check(
      'saga_command_input_waits',
      sql`(${table.input} is not null) = (${table.verb} = 'enqueue' and ${table.state} = 'waiting')`,
    ),
    check('saga_command_settles', sql`(${table.state} = 'waiting') = (${table.settledAt} is null)`),
    check('saga_command_result', sql`${table.result} is null or ${table.state} = 'accepted'`),
    check(
      'saga_command_refusal',
      sql`case ${table.state} when 'refused' then ${table.code} is not null and ${table.message} is not null when 'accepted' then ${table.code} is null and ${table.message} is null else true end`,
    ),
    check('saga_command_fields', sql`${table.fields} is null or ${table.state} = 'refused'`),
  ],
)
