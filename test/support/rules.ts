/**
 * What must be true of a database after each test: every saga satisfies the rules and replays from its journal, every
 * attempt in flight has its job, every dead letter stands in its queue.
 */
import type pg from 'pg'
import type { Blueprint } from '../../src/engine/core/blueprint.ts'
import { DEADLINE_TIMER, SIDE_TIMERS, START_TIMER, timerName } from '../../src/engine/core/command.ts'
import { replay } from '../../src/engine/core/evolve.ts'
import { errorGroupOf } from '../../src/engine/core/fingerprint.ts'
import { violations } from '../../src/engine/core/invariants.ts'
import { isFinished, isLive, SIDES } from '../../src/engine/core/machine.ts'
import { flightsOf, type SagaState } from '../../src/engine/core/state.ts'
import { NOT_ADOPTED } from '../../src/engine/runtime/blueprint-shelf.ts'
import { type EventColumns, unpackEvents, unpackState } from '../../src/engine/store/codec.ts'

type Stored = {
  id: string
  definition: string
  status: string
  revision: number
  blueprint: Blueprint | null
  state: SagaState
  group: string | null
}

/** One sentence for each rule that a saga of this database breaks. */
export async function brokenRules(pool: pg.Pool): Promise<readonly string[]> {
  const sagas = await readSagas(pool)
  const journals = await readJournals(pool)
  const jobs = await ids(pool, `select id from pgboss.job where name = 'saga_step' and state < 'completed'`)
  const letters = await ids(pool, `select id from pgboss.job where name = 'saga_dead_letter' and state < 'completed'`)
  const timers = await readTimers(pool)
  const lines = await readLines(pool)
  const broken: string[] = []
  for (const saga of sagas) {
    const say = (rule: string) => broken.push(`${saga.id}: ${rule}`)
    const blueprint = saga.blueprint ?? NOT_ADOPTED
    for (const rule of violations(blueprint, saga.state)) say(rule)
    const events = (journals.get(saga.id) ?? []).flatMap(unpackEvents)
    if (events.length !== saga.revision) say(`rule 13: ${events.length} events at revision ${saga.revision}`)
    const replayed = replay(blueprint, events)
    if (canonical(replayed) !== canonical(saga.state)) say('rule 13: its journal does not replay to its row')
    if (replayed !== undefined && errorGroupOf(saga.definition, replayed) !== saga.group) {
      say('rule 13: its journal does not replay to its error group')
    }
    for (const { step, flight } of flightsOf(saga.state)) {
      if (!jobs.delete(flight.jobId)) say(`rule 11: ${step} is in flight without a job`)
    }
    const own = timers.get(saga.id) ?? new Set()
    for (const timer of awaitedTimers(saga.state)) {
      if (!own.has(timer)) say(`rule 11: it waits for ${timer}, which is not set`)
    }
    if (own.size > 0 && isFinished(saga.state.status) && [...own].some((timer) => !SIDE_TIMERS.includes(timer))) {
      say(`rule 11: it is ${saga.state.status}, and has timers: ${[...own].join(', ')}`)
    }
    const place = saga.state.line === 'later' ? undefined : saga.state.line
    if (lines.get(saga.id) !== place) say(`rule 1: it is ${lines.get(saga.id)} in line, and its state says ${place}`)
    const letter = saga.state.deadLetter?.jobId
    if (letter !== undefined && !letters.delete(letter)) say('rule 1: a dead letter that does not stand in its queue')
  }
  for (const { id, told, counted } of await readTallies(pool)) {
    if (canonical(told) !== canonical(counted))
      broken.push(`operation ${id} says ${canonical(told)} of ${canonical(counted)}`)
  }
  for (const id of await leakedClaims(pool)) broken.push(`rule 11: claim ${id} is left, and none of its jobs is`)
  for (const id of jobs) broken.push(`rule 1: job ${id} belongs to no attempt in flight`)
  for (const id of letters) broken.push(`rule 1: dead letter ${id} belongs to no saga`)
  return broken
}

/** The timers without which nothing would move the saga on. */
function awaitedTimers(state: SagaState): readonly string[] {
  const deadline = isLive(state.status) && state.deadlineAt !== undefined && state.recorded === undefined
  return [
    ...(state.status === 'pending' && state.line !== 'waiting' ? [START_TIMER] : []),
    ...(deadline ? [DEADLINE_TIMER] : []),
    ...Object.entries(state.steps).flatMap(([name, step]) =>
      SIDES.filter((side) => step[side]?.due !== undefined).map((side) => timerName(name, side)),
    ),
  ]
}

async function readTimers(pool: pg.Pool): Promise<ReadonlyMap<string, Set<string>>> {
  const { rows } = await pool.query('select saga_id, timer from saga.saga_timer')
  const timers = new Map<string, Set<string>>()
  for (const { saga_id: id, timer } of rows) timers.set(id, (timers.get(id) ?? new Set()).add(timer))
  return timers
}

/** What operations say of how many of their sagas stand how, and how many do. */
async function readTallies(pool: pg.Pool): Promise<readonly { id: string; told: unknown; counted: unknown }[]> {
  const { rows } = await pool.query(
    `select o.id, o.tally as told, (
       select coalesce(json_object_agg(c.what, c.count), '{}') from (
         select x.what, count(*)::int as count from saga.saga_operation_item i
           cross join lateral (values (nullif(i.state, 'waiting')), (i.outcome)) as x(what)
         where i.operation_id = o.id and x.what is not null group by x.what) c) as counted
     from saga.saga_operation o`,
  )
  return rows
}

async function readLines(pool: pg.Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query('select saga_id, front_at is null as waits from saga.saga_line')
  return new Map(rows.map((row) => [String(row.saga_id), row.waits === true ? 'waiting' : 'front']))
}

/** Claims of live workers whose jobs are all settled: their rows should have gone with the last of them. */
async function leakedClaims(pool: pg.Pool): Promise<ReadonlySet<string>> {
  return ids(
    pool,
    `select c.id from saga.saga_claim c join saga.saga_worker w on w.id = c.worker_id and w.taken_over_at is null
     where not exists (
       select from json_array_elements(c.jobs) j join pgboss.job b on b.id = (j ->> 'id')::uuid and b.name = 'saga_step')`,
  )
}

async function readSagas(pool: pg.Pool): Promise<readonly Stored[]> {
  const { rows } = await pool.query(
    `select s.id, s.definition, s.status, s.revision, b.blueprint, s.state, s.error_group as group
     from saga.saga s left join saga.saga_blueprint b on b.hash = s.blueprint`,
  )
  return rows.map((row) => ({ ...row, state: unpackState(row.state) }))
}

async function readJournals(pool: pg.Pool): Promise<ReadonlyMap<string, readonly EventColumns[]>> {
  const { rows } = await pool.query(
    'select saga_id, type, step, side, attempt, data from saga.saga_event order by saga_id, sequence',
  )
  const journals = new Map<string, EventColumns[]>()
  for (const { saga_id: id, ...event } of rows) {
    const journal = journals.get(id)
    if (journal === undefined) journals.set(id, [event])
    else journal.push(event)
  }
  return journals
}

async function ids(pool: pg.Pool, sql: string): Promise<Set<string>> {
  const { rows } = await pool.query(sql)
  return new Set(rows.map((row) => String(row.id)))
}

/** JSON with sorted keys: the same state, whatever the order in which it was put together. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
