/** Sagas as they are first stored, with their first events, and who has their keys. */
import { EVENT_FORMAT, type SagaEvent } from '../core/events.ts'
import { type SagaState, STATE_FORMAT, waitOf } from '../core/state.ts'
import { packEvents, packState } from './codec.ts'
import { askPrepared, type Db } from './db.ts'
import type { TraceParent } from './sagas.ts'

/** A saga to be stored for the first time. */
export type NewSaga = TraceParent & {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly key: string | null
  readonly inputHash: string
  readonly tags: readonly string[] | null
  readonly priority: number
  readonly concurrencyKey: string | null
  readonly parent: { readonly id: string; readonly step: string } | null
  readonly rerunOf: string | null
  readonly correctionOf: string | null
  /** In ms. */
  readonly startAt: number | null
  readonly deadlineAt: number | null
  readonly state: SagaState
  readonly events: readonly SagaEvent[]
  /** Of the first event, as JSON text that has been checked. */
  readonly input: string
}

export type Inside = 'ours' | 'begun' | { readonly transaction: string }

function isInside(inside: Inside): string {
  if (inside === 'ours') return 'true'
  return inside === 'begun' ? 'pg_current_xact_id_if_assigned() is not null' : 'pg_current_xact_id()::text = $2::text'
}

/**
 * Stores sagas with their first events. A key that is taken leaves its saga out, silently: the caller reads who has
 * it in a second statement.
 *
 * @param inside nothing is stored unless it is inside of this: `ours`, a transaction of our own, which needs no look;
 * `begun`, one that has written something before, for that one was begun at all is nothing that a statement can ask; or
 * the one with this id.
 * @returns the ids that were stored; `undefined` when it is not. Transaction: required. Locks: waits for another start
 * under the same key.
 */
export async function insertSagas(
  db: Db,
  schema: string,
  sagas: readonly NewSaga[],
  inside: Inside,
): Promise<ReadonlySet<string> | undefined> {
  const { rows } = await askPrepared(
    db,
    `with n as materialized (
       select ${schema}.now() as at, ${isInside(inside)} as ours
     ), x as materialized (
       select * from json_to_recordset((select $1::text)::json) as x(id uuid, definition text, version int, blueprint text, key text,
         input_hash text, status text, waiting text, revision int, state json, tags json, parent_id uuid,
         parent_step text, rerun_of uuid, start_at float8, deadline_at float8, events json,
         priority int, concurrency_key text, correction_of uuid, traceparent text, tracestate text)
     ), i as materialized (
       insert into ${schema}.saga (id, definition, version, blueprint, key, input_hash, status, waiting, revision, format,
         state, tags, parent_id, parent_step, rerun_of, start_at, deadline_at, created_at, updated_at,
         priority, concurrency_key, correction_of, traceparent, tracestate)
       select x.id, x.definition, x.version, x.blueprint, x.key, x.input_hash, x.status, x.waiting, x.revision,
         ${STATE_FORMAT}, x.state, case when x.tags is null then null else array(select json_array_elements_text(x.tags)) end,
         x.parent_id, x.parent_step, x.rerun_of, to_timestamp(x.start_at / 1000.0), to_timestamp(x.deadline_at / 1000.0),
         n.at, n.at, coalesce(x.priority, 0), x.concurrency_key, x.correction_of, x.traceparent, x.tracestate
       from n, x
       where n.ours
       on conflict do nothing
       returning id, created_at
     ), e as (
       insert into ${schema}.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload)
       select i.id, y.sequence, y.type, y.step, y.side, y.attempt, i.created_at, ${EVENT_FORMAT}, y.data, y.payload
       from i join x on x.id = i.id cross join lateral json_to_recordset(x.events) as y(sequence int, type text, step text,
         side text, attempt int, data jsonb, payload jsonb)
     )
     select i.id, n.ours from n left join i on true`,
    [`[${sagas.map(newRowJson).join(',')}]`, ...(typeof inside === 'string' ? [] : [inside.transaction])],
  )
  if (rows[0]?.['ours'] !== true) return undefined
  return new Set(rows.flatMap(({ id }) => (id === null ? [] : [id as string])))
}

function newRowJson(saga: NewSaga): string {
  const row = JSON.stringify({
    id: saga.id,
    definition: saga.definition,
    version: saga.version,
    blueprint: saga.state.blueprint,
    key: saga.key,
    input_hash: saga.inputHash,
    status: saga.state.status,
    waiting: waitOf(saga.state),
    revision: saga.events.length,
    state: packState(saga.state),
    tags: saga.tags,
    parent_id: saga.parent?.id ?? null,
    parent_step: saga.parent?.step ?? null,
    rerun_of: saga.rerunOf,
    start_at: saga.startAt,
    deadline_at: saga.deadlineAt,
    ...(saga.concurrencyKey === null ? {} : { concurrency_key: saga.concurrencyKey }),
    ...(saga.correctionOf === null ? {} : { correction_of: saga.correctionOf }),
    ...(saga.priority === 0 ? {} : { priority: saga.priority }),
    ...(saga.traceparent === null ? {} : { traceparent: saga.traceparent }),
    ...(saga.tracestate === null ? {} : { tracestate: saga.tracestate }),
  })
  return `${row.slice(0, -1)},"events":[${newEventsJson(saga).join(',')}]}`
}

function newEventsJson(saga: NewSaga): readonly string[] {
  return packEvents(saga.events).map(({ position, ...columns }) => {
    const row = JSON.stringify({ ...columns, sequence: position + 1 })
    return withPayload(row, position === 0 ? saga.input : undefined)
  })
}

/** Takes back what this very transaction has stored: a caller may go on in it. Index: primary keys. */
export async function removeSagas(db: Db, schema: string, ids: readonly string[]): Promise<void> {
  await db.executeSql(
    `with s as (delete from ${schema}.saga where id = any($1::uuid[]) returning id)
     delete from ${schema}.saga_event e using s where e.saga_id = s.id`,
    [ids],
  )
}

export type Taken = {
  readonly id: string
  readonly definition: string
  readonly key: string | null
  readonly inputHash: string
}

/** Who has these keys, or ids. Index: `saga_key` and the primary key. */
export async function sagasByKey(
  db: Db,
  schema: string,
  wanted: readonly { readonly id: string; readonly definition: string; readonly key: string | null }[],
): Promise<readonly Taken[]> {
  const columns = 's.id, s.definition, s.key, s.input_hash as "inputHash"'
  const { rows } = await db.executeSql(
    `select ${columns}
     from unnest($1::text[], $2::text[]) as w(definition, key)
     join ${schema}.saga s on s.definition = w.definition and s.key = w.key
     union
     select ${columns} from ${schema}.saga s where s.id = any($3::uuid[])`,
    [wanted.map((saga) => saga.definition), wanted.map((saga) => saga.key), wanted.map((saga) => saga.id)],
  )
  return rows as unknown as Taken[]
}

/** Payloads are spliced in as the text they are: they were checked, and are not parsed again. */
function withPayload(row: string, payload: string | undefined): string {
  return payload === undefined ? row : `${row.slice(0, -1)},"payload":${payload}}`
}
