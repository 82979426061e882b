/** What became of sagas, hour by hour: counted when an hour is over, and kept longer than the sagas themselves. */
import type { Db } from './db.ts'
import { firstIdSql } from './first-ids.ts'

export type HourStatistics = {
  /** Its beginning. */
  readonly hour: Date
  readonly definition: string
  readonly started: number
  readonly completed: number
  readonly compensated: number
  readonly resolved: number
  /** In that hour, and still there when it was counted. */
  readonly deadLettered: number
  /** From start to end, of those that have completed or were compensated; `null` where there were none. */
  readonly meanMs: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

/** From its start to its end, of a row of `saga` that has ended. @param row its alias. */
export function lengthMs(row: string): string {
  return `extract(epoch from ${row}.finished_at - greatest(${row}.created_at, ${row}.start_at))::float8 * 1000`
}

/**
 * The hours that are over and have not been counted, the oldest first.
 *
 * @param most of them, and no further back than that.
 */
export async function uncountedHours(db: Db, schema: string, most: number): Promise<readonly Date[]> {
  const { rows } = await db.executeSql(
    `select h.hour from (select date_trunc('hour', ${schema}.now(), 'UTC') as this) n
     cross join lateral generate_series(
       greatest(n.this - $1::int * interval '1 hour', (select max(m.hour) + interval '1 hour' from ${schema}.saga_statistics_mark m)),
       n.this - interval '1 hour', interval '1 hour') as h(hour)
     order by h.hour`,
    [most],
  )
  return rows.map((row) => row['hour'] as Date)
}

/**
 * Counts an hour. Started are those whose ids were made in it; ends are counted by their moment.
 *
 * @returns the number of definitions. Transaction: one of ours. Index: primary key, `saga_finished`, `saga_open`.
 */
export async function countHour(db: Db, schema: string, hour: Date): Promise<number> {
  const { rows } = await db.executeSql(
    `with hour as (select $1::timestamptz as since, $1::timestamptz + interval '1 hour' as until),
     counted as (
       select s.definition, count(*)::int as started, 0 as completed, 0 as compensated, 0 as resolved, 0 as dead,
         null::float8 as mean, null::float8[] as parts
       from ${schema}.saga s
       where s.id >= (select ${firstIdSql('since')} from hour) and s.id < (select ${firstIdSql('until')} from hour) group by s.definition
       union all
       select d.definition, 0, f.completed, f.compensated, f.resolved, 0, f.mean, f.parts
       from (select distinct b.definition from ${schema}.saga_blueprint b) d cross join lateral (
         select count(*) filter (where s.status = 'completed')::int as completed,
           count(*) filter (where s.status = 'compensated')::int as compensated,
           count(*) filter (where s.status = 'resolved')::int as resolved,
           avg(${lengthMs('s')}) filter (where s.status <> 'resolved') as mean,
           percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ${lengthMs('s')})
             filter (where s.status <> 'resolved') as parts
         from ${schema}.saga s
         where s.definition = d.definition and s.status in ('completed', 'compensated', 'resolved')
           and s.finished_at >= (select since from hour) and s.finished_at < (select until from hour)
       ) f
       union all
       select s.definition, 0, 0, 0, 0, count(*)::int, null, null
       from ${schema}.saga s
       where s.status = 'dead_lettered' and s.status <> 'completed'
         and s.updated_at >= (select since from hour) and s.updated_at < (select until from hour)
       group by s.definition
     )
     insert into ${schema}.saga_statistics (hour, definition, started, completed, compensated, resolved, dead_lettered, mean_ms, p50_ms, p95_ms, p99_ms)
     select $1::timestamptz, c.definition, sum(c.started), sum(c.completed), sum(c.compensated), sum(c.resolved), sum(c.dead),
       max(c.mean), max(c.parts[1]), max(c.parts[2]), max(c.parts[3])
     from counted c group by c.definition
     having sum(c.started + c.completed + c.compensated + c.resolved + c.dead) > 0
     on conflict (hour, definition) do nothing
     returning definition`,
    [hour],
  )
  return rows.length
}

/** Where the hours that are counted end; `undefined` while none is. Index: none, it is one row. */
export async function readCountedTo(db: Db, schema: string): Promise<Date | undefined> {
  const { rows } = await db.executeSql(
    `select max(m.hour) + interval '1 hour' as "countedTo" from ${schema}.saga_statistics_mark m`,
  )
  return (rows[0]?.['countedTo'] as Date | null | undefined) ?? undefined
}

/** That all hours up to this one are counted. Transaction: any. */
export async function markCounted(db: Db, schema: string, hour: Date): Promise<void> {
  await db.executeSql(
    `with moved as (update ${schema}.saga_statistics_mark set hour = greatest(hour, $1::timestamptz) returning hour)
     insert into ${schema}.saga_statistics_mark (hour) select $1::timestamptz where not exists (select from moved)`,
    [hour],
  )
}

/** Transaction: any. */
export async function forgetHours(db: Db, schema: string, keptDays: number): Promise<void> {
  await db.executeSql(
    `delete from ${schema}.saga_statistics where hour < ${schema}.now() - $1::int * interval '1 day'`,
    [keptDays],
  )
}

/** In order of hour and definition. Index: primary key. */
export async function readStatistics(
  db: Db,
  schema: string,
  { from, to, definition }: { readonly from: Date; readonly to: Date; readonly definition?: string | undefined },
): Promise<readonly HourStatistics[]> {
  const { rows } = await db.executeSql(
    `select hour, definition, started, completed, compensated, resolved, dead_lettered as "deadLettered",
       mean_ms as "meanMs", p50_ms as "p50Ms", p95_ms as "p95Ms", p99_ms as "p99Ms"
     from ${schema}.saga_statistics
     where hour >= $1::timestamptz and hour < $2::timestamptz and ($3::text is null or definition = $3::text)
     order by hour, definition`,
    [from, to, definition ?? null],
  )
  return rows as unknown as HourStatistics[]
}
