/**
 * The hot row, and the journal rows that are written with it.
 *
 * Order of locks, everywhere: saga rows, in id order, then jobs, then the journal (rule 3). Nothing here waits for a
 * lock while it holds another, unless the caller asks to wait for a single saga.
 */
import { EVENT_FORMAT, type SagaEvent } from '../core/events.ts'
import { isFinished } from '../core/machine.ts'
import { type SagaState, STATE_FORMAT, waitOf } from '../core/state.ts'
import { packEvent, packState, unpackState } from './codec.ts'
import type { Db } from './db.ts'

/** What a decision needs to know of a saga, beside its state. */
export type SagaRow = {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly blueprint: string | null
  readonly revision: number
  readonly state: SagaState
}

/** A row as locked: without its state where the caller's cached one is current. */
export type LockedRow = Omit<SagaRow, 'state'> & { readonly state: SagaState | null }

const COLUMNS = 's.id, s.definition, s.version, s.blueprint, s.revision'

/**
 * Locks sagas and tells their revisions; the state comes along where `revision` is not the one that is cached.
 * Locking and reading anything else are separate statements: one statement would see a new row with an old journal.
 *
 * Transaction: required. Locks: saga rows, `FOR NO KEY UPDATE`, in id order. Index: primary key.
 */
export async function lockSagas(
  db: Db,
  schema: string,
  wanted: readonly { readonly id: string; readonly revision: number }[],
  options: { readonly wait: boolean },
): Promise<readonly LockedRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS}, case when s.revision = w.revision then null else s.state end as state
     from unnest($1::uuid[], $2::int[]) as w(id, revision)
     join ${schema}.saga s on s.id = w.id
     order by s.id
     for no key update of s${options.wait ? '' : ' skip locked'}`,
    [wanted.map((saga) => saga.id), wanted.map((saga) => saga.revision)],
  )
  return rows.map((row) => ({ ...row, state: row.state === null ? null : unpackState(row.state) })) as LockedRow[]
}

/** Reads sagas without locking them. Index: primary key. */
export async function readSagas(db: Db, schema: string, ids: readonly string[]): Promise<readonly SagaRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS}, s.state from ${schema}.saga s where s.id = any($1::uuid[])`,
    [ids],
  )
  return rows.map((row) => ({ ...row, state: unpackState(row.state) })) as SagaRow[]
}

/** One decided transition of one saga, ready to be written. */
export type Write = {
  readonly sagaId: string
  /** The revision that was decided on. */
  readonly revision: number
  readonly state: SagaState
  readonly events: readonly SagaEvent[]
  /** Payloads by position in `events`, as JSON text that has been checked. */
  readonly payloads: ReadonlyMap<number, string>
  /** Worker ids by position in `events`. */
  readonly worker?: string | undefined
  readonly requestId?: string | undefined
}

/**
 * Writes transitions: rows and journal in one statement. The moment of each event is the row's new one, which never
 * lies before its old one.
 *
 * @returns how many rows were written: fewer than asked means that a revision moved, and the caller rolls back.
 * Transaction: required, with the sagas locked. Index: primary keys.
 */
export async function writeTransitions(db: Db, schema: string, writes: readonly Write[]): Promise<number> {
  const { rows } = await db.executeSql(
    `with s as materialized (
       select * from jsonb_to_recordset($1::text::jsonb) as x(
         id uuid, revision int, added int, status text, waiting text, paused boolean, blueprint text, state jsonb,
         failure jsonb, dead_reason text, finished boolean, events jsonb)
     ), n as materialized (
       select ${schema}.now() as at
     ), u as (
       update ${schema}.saga t set
         status = s.status, waiting = s.waiting, paused = s.paused, blueprint = s.blueprint,
         revision = t.revision + s.added, format = ${STATE_FORMAT}, state = s.state, failure = s.failure,
         dead_reason = s.dead_reason, updated_at = greatest(t.updated_at, n.at),
         finished_at = case when s.finished then coalesce(t.finished_at, n.at) end
       from s, n where t.id = s.id and t.revision = s.revision
       returning t.id, t.updated_at, s.events
     ), e as (
       insert into ${schema}.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload, worker, request_id)
       select u.id, x.sequence, x.type, x.step, x.side, x.attempt, u.updated_at, ${EVENT_FORMAT}, x.data, x.payload,
              x.worker, x.request
       from u cross join lateral jsonb_to_recordset(u.events) as x(sequence int, type text, step text, side text,
         attempt int, data jsonb, payload jsonb, worker text, request text)
     )
     select count(*)::int as written from u`,
    [`[${writes.map(rowJson).join(',')}]`],
  )
  return Number(rows[0]?.written)
}

function rowJson(write: Write): string {
  const { state } = write
  const row = JSON.stringify({
    id: write.sagaId,
    revision: write.revision,
    added: write.events.length,
    status: state.status,
    waiting: waitOf(state),
    paused: state.paused === true,
    blueprint: state.blueprint,
    state: packState(state),
    failure: state.failure ?? null,
    dead_reason: state.deadLetter?.reason ?? null,
    finished: isFinished(state.status),
  })
  return `${row.slice(0, -1)},"events":[${eventsJson(write).join(',')}]}`
}

/** Payloads are spliced in as the text they are: they were checked, and are not parsed again. */
function eventsJson(write: Write): readonly string[] {
  return write.events.map((event, position) => {
    const row = packEvent(event)
    row.sequence = write.revision + position + 1
    // The worker stands where something was run; what followed from it is nobody's work.
    if (write.worker !== undefined && 'attempt' in event && event.type !== 'attempt_scheduled')
      row.worker = write.worker
    if (position === 0 && write.requestId !== undefined) row.request = write.requestId
    return withPayload(JSON.stringify(row), write.payloads.get(position))
  })
}

function withPayload(row: string, payload: string | undefined): string {
  return payload === undefined ? row : `${row.slice(0, -1)},"payload":${payload}}`
}

/** A saga to be stored for the first time. */
export type NewSaga = {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly key: string | null
  readonly inputHash: string
  readonly tags: readonly string[] | null
  readonly parent: { readonly id: string; readonly step: string } | null
  readonly rerunOf: string | null
  /** In ms. */
  readonly startAt: number | null
  readonly deadlineAt: number | null
  readonly state: SagaState
  readonly events: readonly SagaEvent[]
  /** Of the first event, as JSON text that has been checked. */
  readonly input: string
}

/**
 * Stores sagas with their first events. A key that is taken leaves its saga out, silently: the caller reads who has
 * it in a second statement.
 *
 * @param transaction nothing is stored unless this is the one that it runs in.
 * @returns the ids that were stored. Transaction: required. Locks: waits for another start under the same key.
 */
export async function insertSagas(
  db: Db,
  schema: string,
  sagas: readonly NewSaga[],
  transaction?: string,
): Promise<ReadonlySet<string>> {
  const { rows } = await db.executeSql(
    `with n as materialized (
       select ${schema}.now() as at
     ), x as materialized (
       select * from jsonb_to_recordset($1::text::jsonb) as x(id uuid, definition text, version int, blueprint text, key text,
         input_hash text, status text, waiting text, revision int, state jsonb, tags jsonb, parent_id uuid,
         parent_step text, rerun_of uuid, start_at float8, deadline_at float8, events jsonb)
     ), i as materialized (
       insert into ${schema}.saga (id, definition, version, blueprint, key, input_hash, status, waiting, revision, format,
         state, tags, parent_id, parent_step, rerun_of, start_at, deadline_at, created_at, updated_at)
       select x.id, x.definition, x.version, x.blueprint, x.key, x.input_hash, x.status, x.waiting, x.revision,
         ${STATE_FORMAT}, x.state, case when x.tags is null then null else array(select jsonb_array_elements_text(x.tags)) end,
         x.parent_id, x.parent_step, x.rerun_of, to_timestamp(x.start_at / 1000.0), to_timestamp(x.deadline_at / 1000.0),
         n.at, n.at
       from n, x
       where ${transaction === undefined ? 'true' : 'pg_current_xact_id()::text = $2::text'}
       on conflict do nothing
       returning id, created_at
     ), e as (
       insert into ${schema}.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload)
       select i.id, y.sequence, y.type, y.step, y.side, y.attempt, i.created_at, ${EVENT_FORMAT}, y.data, y.payload
       from i join x on x.id = i.id cross join lateral jsonb_to_recordset(x.events) as y(sequence int, type text, step text,
         side text, attempt int, data jsonb, payload jsonb)
     )
     select id from i`,
    [`[${sagas.map(newRowJson).join(',')}]`, ...(transaction === undefined ? [] : [transaction])],
  )
  return new Set(rows.map((row) => String(row.id)))
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
  })
  return `${row.slice(0, -1)},"events":[${newEventsJson(saga).join(',')}]}`
}

function newEventsJson(saga: NewSaga): readonly string[] {
  return saga.events.map((event, position) => {
    const row = packEvent(event)
    row.sequence = position + 1
    return withPayload(JSON.stringify(row), position === 0 ? saga.input : undefined)
  })
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

/** Sagas of a definition that a hold, or missing code, keeps waiting. Index: `saga_held`. */
export async function waitingSagas(
  db: Db,
  schema: string,
  definitions: readonly string[],
  why: 'hold' | 'code',
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s
     where s.definition = any($1::text[]) and s.waiting = $2::text and s.waiting in ('hold', 'code')
     order by s.definition, s.id limit ${limit}`,
    [definitions, why],
  )
  return rows.map((row) => String(row.id))
}

/**
 * Sagas with a step that waits for a hold which is not in force any more: whoever released it did not get to them.
 * Looked for only where something was released lately, so that a long hold on many sagas costs nothing. Index: `saga_held`.
 */
export async function strandedByHolds(db: Db, schema: string, limit: number): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s
     where s.waiting = 'hold' and s.waiting in ('hold', 'code')
       and exists (
         select from ${schema}.saga_hold h where h.definition = s.definition and h.released_at > ${schema}.now() - interval '1 day')
       and exists (
         select from jsonb_each(s.state -> 'steps') e cross join (values ('action'), ('compensation'), ('verify')) as v(side)
         where e.value -> v.side ->> 'withheld' = 'hold' and not exists (
           select from ${schema}.saga_hold h
           where h.definition = s.definition and h.released_at is null
             and coalesce(h.step, e.key) = e.key and coalesce(h.side, v.side) = v.side))
     order by s.definition, s.id limit ${limit}`,
  )
  return rows.map((row) => String(row.id))
}
