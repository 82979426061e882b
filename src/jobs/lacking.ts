/**
 * What sagas wait for and is not there (rule 11): jobs of attempts in flight, timers, places in line, the jobs beside dead
 * letters. One statement, so that one snapshot answers: what commits together is seen together, and nobody who is quick
 * raises a false alarm.
 *
 * An attempt whose job is gone, but which a worker has claimed, is under way: its worker reports it, or is taken over.
 */
import { HOOK_STEP } from '../engine/core/blueprint.ts'
import { DEADLINE_TIMER, START_TIMER } from '../engine/core/command.ts'
import { LIVE_STATUSES, SIDES, type Side, type Status } from '../engine/core/machine.ts'
import type { Db, Row } from '../engine/store/db.ts'
import { DEAD_LETTER_QUEUE, STEP_QUEUE } from './queues.ts'

/**
 * In this order: who is at the front of a line comes before those that wait in it. Dead letters and resolved sagas have
 * hooks that run beside their status.
 */
export const WATCHED: readonly Status[] = ['running', 'compensating', 'dead_lettered', 'resolved', 'pending']

export type LackingJob = {
  readonly what: 'job'
  readonly sagaId: string
  readonly step: string
  readonly side: Side
  readonly jobId: string
  readonly attempt: number
}

export type Lacking =
  | LackingJob
  | { readonly what: 'timer'; readonly sagaId: string; readonly timer: string; readonly dueAt: number }
  | { readonly what: 'place'; readonly sagaId: string; readonly isFront: boolean }
  | { readonly what: 'dead_letter'; readonly sagaId: string; readonly jobId: string }
  /** It is under way, and nothing will ever move it. */
  | { readonly what: 'reason'; readonly sagaId: string }

/** Schemas of the engine and of pg-boss. */
export type Schemas = { readonly schema: string; readonly bossSchema: string }

export type Page = {
  readonly lacking: readonly Lacking[]
  readonly sagas: number
  /** Absent behind the end. */
  readonly last?: string
}

/** Of the next sagas of a status, in id order. Index: `saga_open`, and primary keys. */
export function lackingInPage(
  db: Db,
  schemas: Schemas,
  status: Status,
  after: string | undefined,
  limit: number,
): Promise<Page> {
  const next = `s.status = $1::text and s.status <> 'completed' and s.id > $2::uuid order by s.id limit ${limit}`
  return look(db, schemas, next, [status, after ?? '00000000-0000-0000-0000-000000000000'])
}

/** Of these. */
export async function lackingOf(db: Db, schemas: Schemas, ids: readonly string[]): Promise<readonly Lacking[]> {
  return (await look(db, schemas, 's.id = any($1::uuid[])', [ids])).lacking
}

async function look(db: Db, schemas: Schemas, page: string, values: unknown[]): Promise<Page> {
  const { rows } = await db.executeSql(statement(schemas, page), values)
  const end = rows.find(({ what }) => what === 'end')
  const lacking = rows.filter((row) => row !== end).map(read)
  const id = end?.['saga_id']
  const last = typeof id === 'string' ? { last: id } : {}
  return { lacking, sagas: Number(end?.['number'] ?? 0), ...last }
}

function read(row: Row): Lacking {
  const sagaId = String(row['saga_id'])
  const what = row['what'] as Lacking['what']
  const [name, number] = [String(row['name']), Number(row['number'])]
  if (what === 'job') {
    const [step, side] = [String(row['step']), row['side'] as Side]
    return { what, sagaId, step, side, jobId: name, attempt: number }
  }
  if (what === 'timer') return { what, sagaId, timer: name, dueAt: number }
  if (what === 'place') return { what, sagaId, isFront: name === 'front' }
  if (what === 'dead_letter') return { what, sagaId, jobId: name }
  return { what, sagaId }
}

/** How long after its failure a job may still be on its way to the queue of lost ones. */
const ON_ITS_WAY = `interval '1 minute'`

const LIVE = `(${LIVE_STATUSES.map((status) => `'${status}'`).join(', ')})`

/**
 * Asked for row by row, by index: a join of a page with everything that waits would read all of that once a page.
 *
 * Transaction: ours, for without its settings the guesses at what lies in JSON have the server compile the statement first.
 */
function statement({ schema, bossSchema }: Schemas, page: string): string {
  const isAbsent = (query: string) => `(select true ${query} limit 1) is null`
  return `with page as materialized (select s.id, s.status, s.paused, s.start_at, s.state from ${schema}.saga s where ${page}),
     side as materialized (
       select p.id, e.key as step, v.side, e.value -> v.side as value
       from page p cross join lateral (
         select x.key, x.value from json_each(p.state -> 'steps') x
         union all
         -- Items of maps, which lie there by ranges of their numbers: 0-41,43.
         select m.key || '[' || i || ']', g.value -> 1
         from json_each(p.state -> 'items') m
           cross join lateral (
             -- Of most there is nothing to say but that they are done: they are not counted out.
             select l.value from json_array_elements(m.value) l
             where (l.value -> 1)::text ~ '"(flight|due|withheld)"' offset 0) g
           cross join unnest(string_to_array(g.value ->> 0, ',')) r
           cross join generate_series(split_part(r, '-', 1)::int, coalesce(nullif(split_part(r, '-', 2), ''), split_part(r, '-', 1))::int) i
       ) e cross join (values ${SIDES.map((side) => `('${side}')`).join(', ')}) v(side)
       where json_typeof(e.value -> v.side) = 'object'),
     flight as materialized (
       select f.id, f.step, f.side, (f.value #>> '{flight,jobId}')::uuid as job, (f.value #>> '{flight,attempt}')::float8 as attempt
       from side f where f.value -> 'flight' is not null),
     gone as materialized (
       select f.id, f.step, f.side, f.job, f.attempt from flight f where ${isAbsent(
         `from ${bossSchema}.job b where b.name = '${STEP_QUEUE}' and b.id = f.job
           and (b.state < 'completed' or (b.state = 'failed' and b.completed_on > now() - ${ON_ITS_WAY}))`,
       )}),
     timer as (
       -- One that has passed may have fired while something else was under way: what follows comes with the end of that.
       select d.id, d.step || ':' || d.side as name, (d.value ->> 'due')::float8 as due from side d
       where d.value -> 'due' is not null and (
         (d.value ->> 'due')::float8 > (select extract(epoch from ${schema}.now())::float8 * 1000)
         or not exists (select from flight f where f.id = d.id))
       union all
       select p.id, '${START_TIMER}', extract(epoch from p.start_at)::float8 * 1000 from page p
       where p.status = 'pending' and (p.state ->> 'line') is distinct from 'waiting'
       union all
       select p.id, '${DEADLINE_TIMER}', (p.state ->> 'deadlineAt')::float8 from page p
       where p.status in ${LIVE} and p.state -> 'deadlineAt' is not null and p.state -> 'recorded' is null
         -- All steps are done, and the last hook is tried again: a deadline has nothing to turn any more.
         and (p.state #> '{steps,${HOOK_STEP.completed}}' is null
           or p.state #>> '{steps,${HOOK_STEP.completed},action,attempts}' = '0')),
     moving as materialized (
       select distinct r.id from side r
       where r.value -> 'flight' is not null or r.value -> 'due' is not null or r.value -> 'withheld' is not null)
     select 'job' as what, g.id as saga_id, g.step, g.side, g.job::text as name, g.attempt as number
     from gone g
     where not exists (
       select from ${schema}.saga_claim c cross join json_array_elements(c.jobs) j where (j.value ->> 'id')::uuid = g.job)
     union all
     select 'timer', t.id, null, null, t.name, t.due from timer t
     where ${isAbsent(`from ${schema}.saga_timer x where x.saga_id = t.id and x.timer = t.name`)}
     union all
     select 'place', p.id, null, null, p.state ->> 'line', null from page p
     where p.state ->> 'line' in ('waiting', 'front') and ${isAbsent(`from ${schema}.saga_line l where l.saga_id = p.id`)}
     union all
     select 'dead_letter', p.id, null, null, p.state #>> '{deadLetter,jobId}', null from page p
     where p.status = 'dead_lettered' and ${isAbsent(
       `from ${bossSchema}.job b where b.name = '${DEAD_LETTER_QUEUE}' and b.id = (p.state #>> '{deadLetter,jobId}')::uuid`,
     )}
     union all
     select 'reason', p.id, null, null, null, null from page p
     where p.status in ('running', 'compensating') and not p.paused
       and not exists (select from moving m where m.id = p.id)
       and not exists (select from json_each(p.state -> 'steps') c where (c.value #>> '{child,started}') = 'true')
     union all
     select 'end', (select p.id from page p order by p.id desc limit 1), null, null, null, (select count(*) from page)`
}
