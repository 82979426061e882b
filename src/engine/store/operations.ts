/**
 * Operations over many sagas, and the sagas that each of them is about. Only one worker at a time moves an operation: it
 * has its row locked, from `takeOperation` to the end of the transaction.
 */

import { clause, conditions, type SagaFilter } from './conditions.ts'
import type { Db, Row } from './db.ts'

export const OPERATION_VERBS = ['retry', 'compensate', 'cancel', 'pause', 'resume', 'resolve', 'rerun'] as const

export type OperationVerb = (typeof OPERATION_VERBS)[number]

/** `running`: orders sagas, or waits for its canary. `paused`: by a person, or by itself. `done`: all sagas are ordered. */
export const OPERATION_STATES = ['running', 'paused', 'aborted', 'done'] as const

export type OperationState = (typeof OPERATION_STATES)[number]

/** `done`: the verb has done its work, and the saga goes on. `refused`: it did not fit. `failed`: it could not be done. */
export const ITEM_STATES = ['waiting', 'done', 'refused', 'failed'] as const

export type ItemState = (typeof ITEM_STATES)[number]

/** What became of a saga after its verb. `gone`: it is not stored any more. */
export const ITEM_OUTCOMES = ['completed', 'compensated', 'dead_lettered', 'resolved', 'paused', 'gone'] as const

export type ItemOutcome = (typeof ITEM_OUTCOMES)[number]

/** What else a verb needs. */
export type VerbOptions = { readonly as?: 'completed' | 'compensated'; readonly pastPivot?: boolean }

/** One line of an operation's log. */
export type OperationChange = {
  readonly change: 'started' | 'paused' | 'resumed' | 'aborted' | 'done'
  readonly at: Date
  readonly actor: string
  readonly reason: string
  readonly requestId?: string
}

/** How many of its sagas stand how. An outcome is counted beside `done`: those without one are still under way. */
export type Tally = { readonly [what in Exclude<ItemState, 'waiting'> | ItemOutcome]?: number }

export function waitingOf(total: number, { done = 0, refused = 0, failed = 0 }: Tally): number {
  return total - done - refused - failed
}

export function underWayOf(tally: Tally): number {
  return ITEM_OUTCOMES.reduce((left, outcome) => left - (tally[outcome] ?? 0), tally.done ?? 0)
}

export type OperationRow = {
  readonly id: string
  readonly verb: OperationVerb
  readonly options: VerbOptions
  readonly filter: SagaFilter
  readonly actor: string
  readonly reason: string
  readonly requestId: string
  readonly rate: number
  readonly canary: number
  readonly state: OperationState
  readonly total: number
  readonly more: boolean
  readonly reached: number
  readonly judgedTo: number
  readonly canaryJudged: boolean
  readonly lookedTo: number
  readonly tally: Tally
  readonly log: readonly OperationChange[]
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly orderAt: Date
  readonly lookAt: Date
  readonly finishedAt: Date | null
  readonly settledAt: Date | null
}

const COLUMNS = `o.id, o.verb, o.options, o.filter, o.actor, o.reason, o.request_id as "requestId", o.rate, o.canary, o.state,
  o.total, o.more, o.reached, o.judged_to as "judgedTo", o.canary_judged as "canaryJudged", o.looked_to as "lookedTo",
  o.tally, o.log, o.created_at as "createdAt", o.updated_at as "updatedAt", o.order_at as "orderAt", o.look_at as "lookAt",
  o.finished_at as "finishedAt", o.settled_at as "settledAt"`

function unpacked(row: Row): OperationRow {
  const operation = row as unknown as OperationRow
  const { startedBefore, startedAfter, compensatedStep, ...rest } = operation.filter
  const { from, to, ...compensated } = compensatedStep ?? {}
  const moments = { ...at('startedBefore', startedBefore), ...at('startedAfter', startedAfter) }
  const filter = {
    ...rest,
    ...moments,
    ...(compensatedStep === undefined
      ? {}
      : { compensatedStep: { ...compensated, ...at('from', from), ...at('to', to) } }),
  } as SagaFilter
  const log = operation.log.map((change) => ({ ...change, at: new Date(change.at) }))
  return { ...operation, filter, log }
}

/** JSON knows no moments. */
function at(name: string, moment: unknown): { readonly [name: string]: Date } {
  return moment === undefined ? {} : { [name]: new Date(moment as string) }
}

export type NewOperation = Pick<
  OperationRow,
  'id' | 'verb' | 'options' | 'filter' | 'actor' | 'reason' | 'requestId' | 'rate' | 'canary'
> & {
  /** Sagas at most. */
  readonly limit: number
}

/**
 * Stores an operation and pins its scope: the sagas that the filter gives now, the oldest first.
 *
 * @returns false when its request has started one before.
 * Transaction: required. Index: as `listSummaries`.
 */
export async function insertOperation(db: Db, schema: string, operation: NewOperation): Promise<boolean> {
  const { id, verb, options, filter, actor, reason, requestId, rate, canary, limit } = operation
  const inserted = await db.executeSql(
    `with n as materialized (select ${schema}.now() as at)
     insert into ${schema}.saga_operation (id, verb, options, filter, actor, reason, request_id, rate, canary, state, total,
       more, reached, judged_to, canary_judged, looked_to, tally, log, created_at, updated_at, order_at, look_at)
     select $1::uuid, $2::text, ($3::text)::jsonb, ($4::text)::jsonb, $5::text, $6::text, $7::text, $8::float8, $9::int,
       'running', 0, false, 0, 0, false, 0, '{}', jsonb_build_array(jsonb_build_object('change', 'started', 'at', n.at,
         'actor', $5::text, 'reason', $6::text, 'requestId', $7::text)), n.at, n.at, n.at, n.at
     from n on conflict (request_id) do nothing returning id`,
    [id, verb, JSON.stringify(options), JSON.stringify(filter), actor, reason, requestId, rate, canary],
  )
  if (inserted.rows.length === 0) return false
  const { where, values } = conditions(schema, filter, [id, limit])
  await db.executeSql(
    `with x as materialized (
       select y.id, row_number() over (order by y.id)::int as position
       from (select s.id from ${schema}.saga s ${clause(where)} order by s.id limit $2::int + 1) y
     ), i as (
       insert into ${schema}.saga_operation_item (operation_id, position, saga_id, state)
       select $1::uuid, x.position, x.id, 'waiting' from x where x.position <= $2::int
     )
     update ${schema}.saga_operation o set total = least(c.matched, $2::int), more = c.matched > $2::int
     from (select count(*)::int as matched from x) c where o.id = $1::uuid`,
    values,
  )
  return true
}

/** Index: primary key. */
export async function readOperation(
  db: Db,
  schema: string,
  id: string,
  options: { readonly lock?: boolean } = {},
): Promise<OperationRow | undefined> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_operation o where o.id = $1::uuid ${options.lock === true ? 'for update' : ''}`,
    [id],
  )
  return rows[0] === undefined ? undefined : unpacked(rows[0])
}

/** The operation that a request has started. Index: `saga_operation_request`. */
export async function operationByRequest(db: Db, schema: string, requestId: string): Promise<OperationRow | undefined> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_operation o where o.request_id = $1::text`,
    [requestId],
  )
  return rows[0] === undefined ? undefined : unpacked(rows[0])
}

/** Newest first. Index: primary key. */
export async function listOperations(
  db: Db,
  schema: string,
  filter: { readonly state?: OperationState },
  page: { readonly limit: number; readonly cursor?: string },
): Promise<readonly OperationRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_operation o
     where ($1::text is null or o.state = $1::text) and ($2::uuid is null or o.id < $2::uuid)
     order by o.id desc limit ${page.limit + 1}`,
    [filter.state ?? null, page.cursor ?? null],
  )
  return rows.map(unpacked)
}

/** Milliseconds until an operation is to be looked at; `undefined` when there is none. Index: `saga_operation_open`. */
export async function untilNextOperation(db: Db, schema: string): Promise<number | undefined> {
  const { rows } = await db.executeSql(
    `select extract(epoch from o.look_at - ${schema}.now())::float8 * 1000 as ms
     from ${schema}.saga_operation o where o.settled_at is null order by o.look_at limit 1`,
  )
  return rows[0] === undefined ? undefined : Number(rows[0]['ms'])
}

/**
 * The operation that has waited longest to be looked at, if nobody else has it.
 *
 * Transaction: required. Locks: its row, to the end of the transaction. Index: `saga_operation_open`.
 */
export async function takeOperation(
  db: Db,
  schema: string,
): Promise<{ readonly operation: OperationRow; readonly now: Date } | undefined> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS}, ${schema}.now() as now from ${schema}.saga_operation o
     where o.settled_at is null and o.look_at <= ${schema}.now() order by o.look_at limit 1 for update skip locked`,
  )
  const [row] = rows
  if (row === undefined) return undefined
  const { now, ...operation } = row
  return { operation: unpacked(operation), now: now as Date }
}

/** What a round changes of an operation. Moments that are absent stay. */
export type OperationProgress = Pick<
  OperationRow,
  'state' | 'reached' | 'judgedTo' | 'canaryJudged' | 'lookedTo' | 'tally' | 'updatedAt' | 'orderAt' | 'lookAt'
> & { readonly finishedAt: Date | null; readonly settledAt: Date | null }

/** Transaction: required, with the operation locked. @param changes are added to its log. */
export async function writeOperation(
  db: Db,
  schema: string,
  id: string,
  progress: OperationProgress,
  changes: readonly OperationChange[],
): Promise<void> {
  const { state, reached, judgedTo, canaryJudged, lookedTo, tally, updatedAt, orderAt, lookAt } = progress
  await db.executeSql(
    `update ${schema}.saga_operation set state = $2::text, reached = $3::int, judged_to = $4::int,
       canary_judged = $5::boolean, looked_to = $6::int, tally = ($7::text)::json, log = log || ($8::text)::jsonb,
       updated_at = $9::timestamptz, order_at = $10::timestamptz, look_at = $11::timestamptz,
       finished_at = $12::timestamptz, settled_at = $13::timestamptz
     where id = $1::uuid`,
    [
      id,
      state,
      reached,
      judgedTo,
      canaryJudged,
      lookedTo,
      JSON.stringify(tally),
      JSON.stringify(changes),
      updatedAt,
      orderAt,
      lookAt,
      progress.finishedAt,
      progress.settledAt,
    ],
  )
}
