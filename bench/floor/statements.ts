/**
 * The floor's three statements: to start, to fetch, to commit. Each does all of it at once, in one round trip, and is
 * a transaction of its own unless the caller has one.
 */

import { newId } from '../../src/engine/runtime/ids.ts'
import { plainColumn, textColumn, textsFrom } from '../../src/engine/store/columns.ts'
import { filled, type Tape, type TapeTransition } from './tape.ts'

export type Statement = { readonly text: string; readonly values: unknown[] }

export type FloorStatements = {
  start(count: number): Statement & { readonly ids: readonly string[] }
  /** One saga, with a plain insert for each table, as an app would write them by hand. */
  startPlainly(): readonly Statement[]
  fetch(limit: number, claimId: string, workerId: string): Statement
  commit(moves: readonly Move[], claims: readonly string[], workerId: string): Statement
}

/** One transition of one saga, whose jobs have run. */
export type Move = { readonly sagaId: string; readonly transition: TapeTransition; readonly jobs: readonly string[] }

export function statementsFor(tape: Tape): FloorStatements {
  const start = startText(tape)
  const commit = commitText(tape)
  return {
    start(count) {
      const ids = Array.from({ length: count }, newId)
      return { ids, text: start, values: startValues(tape, ids) }
    },
    startPlainly: () => plainStart(tape),
    fetch: (limit, claimId, workerId) => ({ text: fetchText(tape, limit), values: [claimId, workerId] }),
    commit: (moves, claims, workerId) => ({ text: commit, values: commitValues(moves, claims, workerId) }),
  }
}

const EVENT_COLUMNS = `saga_id, sequence, type, step, side, attempt, at, format, data, payload`

function jobInsert({ jobTable, keepSeconds }: Tape, first: number): string {
  return `insert into ${jobTable} (id, name, data, priority, start_after, created_on, expire_seconds, deletion_seconds, keep_until,
       retry_limit, retry_delay, retry_backoff, policy, dead_letter, blocked, blocking, pending_dependencies)
     select x.id, 'saga_step', x.data::jsonb, x.priority, now(), now(), x.expire, 3600, now() + interval '${keepSeconds}s',
       0, 0, false, 'standard', 'saga_lost', false, false, 0
     from unnest(($${first}::text)::uuid[], ($${first + 1}::text)::int[], ($${first + 2}::text)::int[], ${textsFrom(first + 3)})
       as x(id, priority, expire, data)`
}

function startText(tape: Tape): string {
  return `with s as (
     insert into saga.saga (id, definition, version, blueprint, input_hash, status, revision, format, state, created_at, updated_at)
     select x.id, $2::text, $3::int, $4::text, $5::text, $6::text, $7::int, 1, x.state::json, now(), now()
     from unnest(($1::text)::uuid[], ${textsFrom(8)}) as x(id, state)
   ), e as (
     insert into saga.saga_event (${EVENT_COLUMNS})
     select x.saga_id, x.sequence, x.type, x.step, x.side, x.attempt, now(), 1, x.data::jsonb, x.payload::jsonb
     from unnest(($9::text)::uuid[], ($10::text)::int[], ${textsFrom(11)}, ${textsFrom(12)}, ${textsFrom(13)}, ($14::text)::int[],
       ${textsFrom(15)}, ${textsFrom(16)}) as x(saga_id, sequence, type, step, side, attempt, data, payload)
   )
   ${jobInsert(tape, 17)}`
}

function startValues({ start }: Tape, ids: readonly string[]): unknown[] {
  const moves = ids.map((sagaId) => ({ sagaId, transition: start, jobs: [] }))
  const { states, events, jobs } = columnsOf(moves)
  const { definition, version, blueprint, input_hash } = start.row
  const head = [definition, version, blueprint, input_hash, start.status, start.revision]
  return [plainColumn(ids), ...head, textColumn(states), ...events.slice(0, 8), ...jobs]
}

function plainStart({ jobTable, keepSeconds, start }: Tape): readonly Statement[] {
  const [saga, ids] = [newId(), start.jobs.map(newId)]
  const { definition, version, blueprint, input_hash } = start.row
  const events = start.events.map(({ sequence, type, step, side, attempt, data, payload }) => {
    return [saga, sequence, type, step, side, attempt, data === null ? null : filled(data, saga, ids), payload]
  })
  const jobs = start.jobs.map(({ priority, expireSeconds, data }, at) => [
    ids[at],
    filled(data, saga, ids),
    priority,
    expireSeconds,
  ])
  return [
    {
      text: `insert into saga.saga (id, definition, version, blueprint, input_hash, status, revision, format, state, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, 1, $8, now(), now())`,
      values: [
        saga,
        definition,
        version,
        blueprint,
        input_hash,
        start.status,
        start.revision,
        filled(start.state, saga, ids),
      ],
    },
    {
      text: `insert into saga.saga_event (${EVENT_COLUMNS}) values ${places(events, (p) => `(${p.slice(0, 6).join()}, now(), 1, ${p.slice(6).join()})`)}`,
      values: events.flat(),
    },
    {
      text: `insert into ${jobTable} (id, name, data, priority, expire_seconds, start_after, created_on, deletion_seconds, keep_until,
          retry_limit, retry_delay, retry_backoff, policy, dead_letter, blocked, blocking, pending_dependencies)
        values ${places(jobs, ([id, data, priority, expire]) => `(${id}, 'saga_step', ${data}, ${priority}, ${expire}, now(), now(), 3600, now() + interval '${keepSeconds}s', 0, 0, false, 'standard', 'saga_lost', false, false, 0)`)}`,
      values: jobs.flat(),
    },
  ]
}

/** Rows of a VALUES list, with a parameter for each cell. */
function places(rows: readonly (readonly unknown[])[], row: (parameters: readonly string[]) => string): string {
  let next = 0
  return rows.map((cells) => row(cells.map(() => `$${(next += 1)}`))).join(', ')
}

/** As pg-boss orders and marks them. First jobs bring the state and the input of their sagas along. */
function fetchText({ jobTable, start }: Tape, limit: number): string {
  return `with n as materialized (
     select j.id from ${jobTable} j
     where j.name = 'saga_step' and j.state < 'active' and not j.blocked and j.start_after <= now()
     order by j.priority desc, j.created_on limit ${limit} for update of j skip locked
   ), u as (
     update ${jobTable} j set state = 'active', started_on = now(), heartbeat_on = now()
     from n where j.name = 'saga_step' and j.id = n.id returning j.id, j.data
   ), c as (
     insert into saga.saga_claim (id, worker_id, jobs, claimed_at)
     select $1::uuid, $2::uuid, ('[' || string_agg(format(
       '{"id":"%s","retryCount":0,"saga":"%s","step":"%s","side":"%s","attempt":%s,"revision":%s}',
       u.id, u.data ->> 'saga', u.data ->> 'step', u.data ->> 'side', u.data ->> 'attempt', u.data ->> 'revision'), ',') || ']')::json, now()
     from u having count(*) > 0
   )
   select u.id, u.data, s.state::text as state, e.payload::text as input
   from u
   left join saga.saga s on s.id = (u.data ->> 'saga')::uuid and u.data ->> 'revision' = '${start.revision}'
   left join saga.saga_event e on e.saga_id = s.id and e.sequence = 1`
}

function commitText(tape: Tape): string {
  return `with d as (
     delete from ${tape.jobTable} where name = 'saga_step' and id = any(($1::text)::uuid[]) and state = 'active'
   ), c as (
     delete from saga.saga_claim where id = any(($2::text)::uuid[])
   ), u as (
     update saga.saga t set status = x.status, revision = t.revision + x.added, state = x.state::json, failure = x.failure::json,
       updated_at = now(), finished_at = case when x.finished then now() end
     from unnest(($3::text)::uuid[], ($4::text)::int[], ($5::text)::int[], ${textsFrom(6)}, ${textsFrom(7)}, ${textsFrom(8)},
       ($9::text)::boolean[]) as x(id, revision, added, status, state, failure, finished)
     where t.id = x.id and t.revision = x.revision
   ), e as (
     insert into saga.saga_event (${EVENT_COLUMNS}, worker, ran_ms)
     -- Whoever ran it was measured.
     select x.saga_id, x.sequence, x.type, x.step, x.side, x.attempt, now(), 1, x.data::jsonb, x.payload::jsonb, x.worker,
       case when x.worker is not null then 0 end
     from unnest(($10::text)::uuid[], ($11::text)::int[], ${textsFrom(12)}, ${textsFrom(13)}, ${textsFrom(14)}, ($15::text)::int[],
       ${textsFrom(16)}, ${textsFrom(17)}, ${textsFrom(18)}) as x(saga_id, sequence, type, step, side, attempt, data, payload, worker)
   )
   ${jobInsert(tape, 19)}`
}

function commitValues(moves: readonly Move[], claims: readonly string[], workerId: string): unknown[] {
  const { states, events, jobs } = columnsOf(moves, workerId)
  const transitions = moves.map(({ transition }) => transition)
  return [
    plainColumn(moves.flatMap((move) => move.jobs)),
    plainColumn(claims),
    plainColumn(moves.map(({ sagaId }) => sagaId)),
    plainColumn(transitions.map(({ from }) => from)),
    plainColumn(transitions.map(({ from, revision }) => revision - from)),
    textColumn(transitions.map(({ status }) => status)),
    textColumn(states),
    textColumn(transitions.map(({ failure }) => failure)),
    plainColumn(transitions.map(({ isLast }) => isLast)),
    ...events,
    ...jobs,
  ]
}

/** Columns of the new states, the events and the jobs that follow. */
function columnsOf(moves: readonly Move[], workerId?: string) {
  const states: string[] = []
  const events: (string | number | null)[][] = Array.from({ length: 9 }, () => [])
  const jobs: (string | number)[][] = Array.from({ length: 4 }, () => [])
  for (const { sagaId, transition } of moves) {
    const ids = transition.jobs.map(newId)
    states.push(filled(transition.state, sagaId, ids))
    for (const { sequence, type, step, side, attempt, data, payload, isWorkers } of transition.events) {
      const text = data === null ? null : filled(data, sagaId, ids)
      push(events, [sagaId, sequence, type, step, side, attempt, text, payload, isWorkers ? (workerId ?? null) : null])
    }
    for (const [at, { priority, expireSeconds, data }] of transition.jobs.entries()) {
      push(jobs, [ids[at] ?? '', priority, expireSeconds, filled(data, sagaId, ids)])
    }
  }
  const kinds = [
    plainColumn,
    plainColumn,
    textColumn,
    textColumn,
    textColumn,
    plainColumn,
    textColumn,
    textColumn,
    textColumn,
  ]
  return {
    states,
    events: events.map((column, at) => (kinds[at] ?? plainColumn)(column as string[])),
    jobs: jobs.map((column, at) => (at === 3 ? textColumn : plainColumn)(column as string[])),
  }
}

function push<Cell>(columns: Cell[][], row: readonly Cell[]): void {
  for (const [at, cell] of row.entries()) columns[at]?.push(cell)
}
