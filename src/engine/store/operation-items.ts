/** The sagas of an operation: which come next, what became of them, and the results that people page through. */
import type { Status } from '../core/machine.ts'
import type { Db } from './db.ts'
import type { ItemOutcome, ItemState } from './operations.ts'

/** What became of one saga of an operation. */
export type OperationResult = {
  /** In the order in which they are ordered, from 1: the oldest saga first. */
  readonly position: number
  readonly sagaId: string
  readonly state: ItemState
  /** Where the saga came to rest after the verb; `null` as long as it has not. Of a rerun: where the new saga did. */
  readonly outcome: ItemOutcome | null
  /** Why it was refused, or failed. */
  readonly code: string | null
  readonly message: string | null
  /** Of a rerun. */
  readonly newSagaId: string | null
  readonly orderedAt: Date | null
  /** When it was refused, or its outcome was seen. */
  readonly endedAt: Date | null
}

/** A saga that the verb is still to be applied to. */
export type WaitingItem = { readonly position: number; readonly sagaId: string; readonly tries: number }

/** Index: `saga_operation_item_open`. */
export async function waitingItems(
  db: Db,
  schema: string,
  operationId: string,
  upTo: number,
  limit: number,
): Promise<readonly WaitingItem[]> {
  const { rows } = await db.executeSql(
    `select i.position, i.saga_id as "sagaId", i.tries from ${schema}.saga_operation_item i
     where i.operation_id = $1::uuid and i.ended_at is null and i.state = 'waiting' and i.position <= $2::int
     order by i.position limit ${limit}`,
    [operationId, upTo],
  )
  return rows as unknown as WaitingItem[]
}

export type OrderedItem = {
  readonly position: number
  readonly state: ItemState
  readonly outcome?: ItemOutcome | undefined
  readonly code?: string | undefined
  readonly message?: string | undefined
  readonly newSagaId?: string | undefined
  readonly tries: number
}

/** Transaction: required, with the operation locked. */
export async function writeOrdered(
  db: Db,
  schema: string,
  operationId: string,
  items: readonly OrderedItem[],
  now: Date,
): Promise<void> {
  if (items.length === 0) return
  await db.executeSql(
    `update ${schema}.saga_operation_item i set state = x.state, outcome = x.outcome, code = x.code, message = x.message,
       new_saga_id = x.new_saga_id, tries = x.tries, ordered_at = case when x.state <> 'waiting' then $9::timestamptz end,
       ended_at = case when x.outcome is not null or x.state in ('refused', 'failed') then $9::timestamptz end
     from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::int[])
       as x(position, state, outcome, code, message, new_saga_id, tries)
     where i.operation_id = $1::uuid and i.position = x.position`,
    [
      operationId,
      items.map((item) => item.position),
      items.map((item) => item.state),
      items.map((item) => item.outcome ?? null),
      items.map((item) => item.code ?? null),
      items.map((item) => item.message ?? null),
      items.map((item) => item.newSagaId ?? null),
      items.map((item) => item.tries),
      now,
    ],
  )
}

/** Sagas whose outcome is not known, with the status that they have now: `null` when they are not stored. */
export type UnderWay = { readonly position: number; readonly status: Status | null }

/** Those behind `after`, in order. Index: `saga_operation_item_open`, and the saga's primary key. */
export async function itemsUnderWay(
  db: Db,
  schema: string,
  operationId: string,
  after: number,
  limit: number,
): Promise<readonly UnderWay[]> {
  const { rows } = await db.executeSql(
    `select i.position, s.status
     from (select i.position, coalesce(i.new_saga_id, i.saga_id) as saga_id from ${schema}.saga_operation_item i
       where i.operation_id = $1::uuid and i.ended_at is null and i.state = 'done' and i.position > $2::int
       order by i.position limit ${limit}) i
     left join ${schema}.saga s on s.id = i.saga_id
     order by i.position`,
    [operationId, after],
  )
  return rows as unknown as UnderWay[]
}

/** Transaction: required, with the operation locked. Index: primary key. */
export async function writeOutcomes(
  db: Db,
  schema: string,
  operationId: string,
  ended: readonly { readonly position: number; readonly outcome: ItemOutcome }[],
  now: Date,
): Promise<void> {
  if (ended.length === 0) return
  await db.executeSql(
    `update ${schema}.saga_operation_item i set outcome = x.outcome, ended_at = $4::timestamptz
     from unnest($2::int[], $3::text[]) as x(position, outcome)
     where i.operation_id = $1::uuid and i.position = x.position`,
    [operationId, ended.map((item) => item.position), ended.map((item) => item.outcome), now],
  )
}

/** How sagas ended: those that were refused, that failed, or that became dead letters again ended badly. */
export type Ends = {
  readonly known: number
  readonly open: number
  readonly refused: number
  readonly failed: number
  readonly badOutcomes: number
}

const BAD_OUTCOMES = `i.outcome = any($2::text[])`

const ENDS = `count(*) filter (where i.ended_at is not null)::int as known, count(*) filter (where i.ended_at is null)::int as open,
  count(*) filter (where i.state = 'refused')::int as refused, count(*) filter (where i.state = 'failed')::int as failed,
  count(*) filter (where ${BAD_OUTCOMES})::int as "badOutcomes"`

/** Of the first ones. Index: primary key. */
export async function endsOfFirst(
  db: Db,
  schema: string,
  operationId: string,
  bad: readonly ItemOutcome[],
  upTo: number,
): Promise<Ends> {
  const { rows } = await db.executeSql(
    `select ${ENDS} from ${schema}.saga_operation_item i where i.operation_id = $1::uuid and i.position <= $3::int`,
    [operationId, bad, upTo],
  )
  return rows[0] as unknown as Ends
}

/** Of the last ones whose end is known, behind `after`. Index: primary key, backward. */
export async function endsOfLast(
  db: Db,
  schema: string,
  operationId: string,
  bad: readonly ItemOutcome[],
  range: { readonly after: number; readonly upTo: number; readonly limit: number },
): Promise<Ends> {
  const { rows } = await db.executeSql(
    `select ${ENDS} from (
       select i.state, i.outcome, i.ended_at from ${schema}.saga_operation_item i
       where i.operation_id = $1::uuid and i.position > $3::int and i.position <= $4::int and i.ended_at is not null
       order by i.position desc limit ${range.limit}) i`,
    [operationId, bad, range.after, range.upTo],
  )
  return rows[0] as unknown as Ends
}

/** In order of position. Index: primary key. */
export async function readResults(
  db: Db,
  schema: string,
  operationId: string,
  filter: { readonly state?: ItemState; readonly outcome?: ItemOutcome },
  page: { readonly limit: number; readonly after: number },
): Promise<readonly OperationResult[]> {
  const { rows } = await db.executeSql(
    `select i.position, i.saga_id as "sagaId", i.state, i.outcome, i.code, i.message, i.new_saga_id as "newSagaId",
       i.ordered_at as "orderedAt", i.ended_at as "endedAt"
     from ${schema}.saga_operation_item i
     where i.operation_id = $1::uuid and i.position > $2::int and ($3::text is null or i.state = $3::text)
       and ($4::text is null or i.outcome = $4::text)
     order by i.position limit ${page.limit + 1}`,
    [operationId, page.after, filter.state ?? null, filter.outcome ?? null],
  )
  return rows as unknown as OperationResult[]
}
