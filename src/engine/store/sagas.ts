/**
 * The hot row, and the journal rows that are written with it.
 *
 * Order of locks, everywhere: saga rows, in id order, then jobs, then the journal (rule 3). Nothing here waits for a
 * lock while it holds another, unless the caller asks to wait for a single saga.
 */
import { EVENT_FORMAT, type SagaEvent } from '../core/events.ts'
import { errorGroupOf } from '../core/fingerprint.ts'
import { isFinished } from '../core/machine.ts'
import { type SagaState, STATE_FORMAT, waitOf } from '../core/state.ts'
import { packEvents, packState, unpackState } from './codec.ts'
import { plainColumn, textColumn, textsFrom } from './columns.ts'
import { clause, conditions, type SagaFilter } from './conditions.ts'
import { askPrepared, type Db, type Row } from './db.ts'

/** The span below which a saga's own are, as W3C headers; `null` where it was started without one. */
export type TraceParent = { readonly traceparent: string | null; readonly tracestate: string | null }

/** When a saga began, in ms, and in whose trace. */
export type Origin = TraceParent & { readonly startedAt: number }

/** What a decision needs to know of a saga, beside its state. */
export type SagaRow = Partial<TraceParent> & {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly blueprint: string | null
  readonly priority: number
  readonly revision: number
  readonly state: SagaState
  /** When it is to be at rest; the state knows when it turns. */
  readonly deadlineAt: Date | null
}

/** A row as locked: without its state where the caller's cached one is current. */
export type LockedRow = Omit<SagaRow, 'state' | 'deadlineAt' | keyof TraceParent> & {
  readonly state: SagaState | null
  /** Where it was asked for. */
  readonly key?: string | null
  readonly origin?: Origin
}

const COLUMNS = 's.id, s.definition, s.version, s.blueprint, s.priority, s.revision'
const TRACE = 's.traceparent, s.tracestate'

/**
 * Locks sagas and tells their revisions; the state comes along where `revision` is not the one that is cached.
 * Locking and reading anything else are separate statements: one statement would see a new row with an old journal.
 *
 * @param options `keys` and `origins`: these columns too.
 * Transaction: required. Locks: saga rows, `FOR NO KEY UPDATE`, in id order. Index: primary key.
 */
export async function lockSagas(
  db: Db,
  schema: string,
  wanted: readonly { readonly id: string; readonly revision: number }[],
  options: { readonly wait: boolean; readonly keys?: boolean; readonly origins?: boolean },
): Promise<readonly LockedRow[]> {
  const origin = `, ${TRACE}, extract(epoch from greatest(s.created_at, s.start_at))::float8 * 1000 as "startedAt"`
  const { rows } = await askPrepared(
    db,
    `select ${COLUMNS}${options.keys === true ? ', s.key' : ''}${options.origins === true ? origin : ''}, case when s.revision = w.revision then null else s.state end as state
     from unnest($1::uuid[], $2::int[]) as w(id, revision)
     join ${schema}.saga s on s.id = w.id
     order by s.id
     for no key update of s${options.wait ? '' : ' skip locked'}`,
    [plainColumn(wanted.map((saga) => saga.id)), plainColumn(wanted.map((saga) => saga.revision))],
  )
  return rows.map((row) => ({
    ...row,
    state: row.state === null ? null : unpackState(row.state),
    ...(options.origins === true ? { origin: originOf(row) } : {}),
  })) as LockedRow[]
}

function originOf(row: Row): Origin {
  const { traceparent, tracestate, startedAt } = row as Origin
  return { traceparent, tracestate, startedAt }
}

/** Reads sagas without locking them. Index: primary key. */
export async function readSagas(db: Db, schema: string, ids: readonly string[]): Promise<readonly SagaRow[]> {
  const { rows } = await askPrepared(
    db,
    `select ${COLUMNS}, ${TRACE}, s.state, s.deadline_at as "deadlineAt" from ${schema}.saga s where s.id = any($1::uuid[])`,
    [plainColumn(ids)],
  )
  return rows.map((row) => ({ ...row, state: unpackState(row.state) })) as SagaRow[]
}

/** The worker that ran an attempt, and the build of its code where it has one. */
export type Ran = {
  readonly worker: string
  readonly build?: string | undefined
  /** How long the function ran, where one did. */
  readonly ms?: number | undefined
}

/** Those that a filter gives, behind `after`, the oldest first. Not locked. Index: as `listSummaries`. */
export async function pageOfSagas(
  db: Db,
  schema: string,
  filter: SagaFilter,
  after: string | undefined,
  limit: number,
): Promise<readonly SagaRow[]> {
  const { where, values } = conditions(schema, filter)
  if (after !== undefined) where.push(`s.id > $${values.push(after)}::uuid`)
  const { rows } = await db.executeSql(
    `select ${COLUMNS}, s.state from ${schema}.saga s ${clause(where)} order by s.id limit ${limit}`,
    values,
  )
  return rows.map((row) => ({ ...row, state: unpackState(row.state) })) as SagaRow[]
}

/** One decided transition of one saga, ready to be written. */
export type Write = {
  readonly sagaId: string
  readonly definition: string
  /** The revision that was decided on. */
  readonly revision: number
  readonly state: SagaState
  readonly events: readonly SagaEvent[]
  /** Payloads by position in `events`, as JSON text that has been checked. */
  readonly payloads: ReadonlyMap<number, string>
  /** Who ran it, by position in `events`. */
  readonly workers: ReadonlyMap<number, Ran>
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
  const { rows } = await askPrepared(
    db,
    `with s as materialized (
       select * from unnest(($1::text)::uuid[], ($2::text)::int[], ($3::text)::int[], ${textsFrom(4)}, ${textsFrom(5)}, ($6::text)::boolean[],
         ${textsFrom(7)}, ${textsFrom(8)}, ${textsFrom(9)}, ${textsFrom(10)}, ($11::text)::boolean[], ${textsFrom(12)})
       as x(id, revision, added, status, waiting, paused, blueprint, state, failure, dead_reason, finished, error_group)
     ), n as materialized (
       select ${schema}.now() as at
     ), u as (
       update ${schema}.saga t set
         status = s.status, waiting = s.waiting, paused = s.paused, blueprint = s.blueprint,
         revision = t.revision + s.added, format = ${STATE_FORMAT}, state = s.state::json, failure = s.failure::json,
         dead_reason = s.dead_reason, error_group = s.error_group, updated_at = greatest(t.updated_at, n.at),
         finished_at = case when s.finished then coalesce(t.finished_at, n.at) end
       from s, n where t.id = s.id and t.revision = s.revision
       returning t.id, t.updated_at
     ), e as (
       insert into ${schema}.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload, worker, build,
         ran_ms, request_id)
       select x.saga_id, x.sequence, x.type, x.step, x.side, x.attempt, u.updated_at, ${EVENT_FORMAT}, x.data::jsonb,
              x.payload::jsonb, x.worker, x.build, x.ran_ms, x.request_id
       from unnest(($13::text)::uuid[], ($14::text)::int[], ${textsFrom(15)}, ${textsFrom(16)}, ${textsFrom(17)}, ($18::text)::int[],
         ${textsFrom(19)}, ${textsFrom(20)}, ${textsFrom(21)}, ${textsFrom(22)}, ($23::text)::int[], $24::text[])
       as x(saga_id, sequence, type, step, side, attempt, data, payload, worker, build, ran_ms, request_id)
       join u on u.id = x.saga_id
     )
     select count(*)::int as written from u`,
    [...rowColumns(writes), ...eventColumns(writes)],
  )
  return Number(rows[0]?.written)
}

function rowColumns(writes: readonly Write[]): readonly (string | null)[] {
  const states = writes.map(({ state }) => state)
  return [
    plainColumn(writes.map((write) => write.sagaId)),
    plainColumn(writes.map((write) => write.revision)),
    plainColumn(writes.map((write) => write.events.length)),
    textColumn(states.map((state) => state.status)),
    textColumn(states.map(waitOf)),
    plainColumn(states.map((state) => state.paused === true)),
    textColumn(states.map((state) => state.blueprint)),
    textColumn(states.map((state) => JSON.stringify(packState(state)))),
    textColumn(states.map((state) => (state.failure === undefined ? null : JSON.stringify(state.failure)))),
    textColumn(states.map((state) => state.deadLetter?.reason)),
    plainColumn(states.map((state) => isFinished(state.status))),
    anyColumn(writes.map(({ definition, state }) => errorGroupOf(definition, state))),
  ]
}

/** Deliveries that pg-boss repeated were somebody else's: whoever reports the last one knows only that they are lost. */
function isOfReporter(event: SagaEvent | undefined): boolean {
  if (event === undefined) return false
  if (event.type === 'attempt_lost') return event.redelivered !== true
  return 'attempt' in event && event.type !== 'attempt_scheduled'
}

/** Of what hardly any row has: where none has it, the others are as long as they are. */
function anyColumn(values: readonly (string | null | undefined)[]): string | null {
  return values.some((value) => value !== null && value !== undefined) ? textColumn(values) : null
}

/** Payloads go as the text they are: they were checked, and are not parsed again. */
function eventColumns(writes: readonly Write[]): readonly unknown[] {
  const rows = writes.flatMap((write) =>
    packEvents(write.events).map((row) => {
      const { position } = row
      return {
        sagaId: write.sagaId,
        sequence: write.revision + position + 1,
        row,
        payload: write.payloads.get(position),
        // The worker stands where something was run; what followed from it is nobody's work.
        ran: isOfReporter(write.events[position]) ? write.workers.get(position) : undefined,
        request: position === 0 ? write.requestId : undefined,
      }
    }),
  )
  return [
    plainColumn(rows.map(({ sagaId }) => sagaId)),
    plainColumn(rows.map(({ sequence }) => sequence)),
    textColumn(rows.map(({ row }) => row.type)),
    textColumn(rows.map(({ row }) => row.step)),
    textColumn(rows.map(({ row }) => row.side)),
    plainColumn(rows.map(({ row }) => row.attempt)),
    textColumn(rows.map(({ row }) => (row.data === undefined ? null : JSON.stringify(row.data)))),
    textColumn(rows.map((row) => row.payload)),
    textColumn(rows.map((row) => row.ran?.worker)),
    anyColumn(rows.map((row) => row.ran?.build)),
    rows.some((row) => row.ran?.ms !== undefined) ? plainColumn(rows.map((row) => row.ran?.ms)) : null,
    // Somebody else's text, so it goes the long way; where there is none, the others are as long as they are.
    rows.some((row) => row.request !== undefined) ? rows.map((row) => row.request ?? null) : null,
  ]
}

/** Those of the sagas that do not go forward any more. Index: primary key. */
export async function turnedSagas(db: Db, schema: string, ids: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s where s.id = any($1::uuid[]) and s.status not in ('pending', 'running')`,
    [ids],
  )
  return rows.map((row) => String(row['id']))
}
