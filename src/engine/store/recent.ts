/** What became of sagas just now: counted from the sagas themselves, so that the hour that is not over is there too. */
import type { Db } from './db.ts'
import { firstIdAt } from './first-ids.ts'
import { NEWEST_OF_STATUS, ofStatus } from './in-order.ts'
import { type HourStatistics, lengthMs } from './statistics.ts'

/** As an hour's, of a shorter time. */
export type RecentStatistics = Omit<HourStatistics, 'hour'> & {
  /** Its beginning. */
  readonly at: Date
}

export type Recent = {
  readonly rows: readonly RecentStatistics[]
  /** There was more than is looked at while somebody waits, so the rows may not be whole. */
  readonly isCut: boolean
}

export type RecentOrder = {
  readonly from: Date
  readonly eachMs: number
  readonly definition?: string | undefined
  /**
   * Sagas looked at: of those that were started, of each definition and status those that ended, and of dead letters those
   * that were started last. A dead letter of this hour may be of a saga of last year, so that one more of them than that makes
   * the rows doubtful, however old they all are.
   */
  readonly cap: number
}

/**
 * In order of moment and definition. Ids have the moment of the process that made them: sagas that were asked for long before
 * they were started, over SQL, are not among the started ones.
 *
 * Index: primary key or `saga_definition`, `saga_finished`, `saga_open`.
 */
export async function readRecent(
  db: Db,
  schema: string,
  { from, eachMs, definition, cap }: RecentOrder,
): Promise<Recent> {
  const ofOne = 'and ($4::text is null or s.definition = $4::text)'
  const bucket = (moment: string) => `floor(extract(epoch from ${moment}) * 1000 / $2::float8) * $2::float8`
  const { rows } = await db.executeSql(
    `with started as materialized (
       select s.definition, s.created_at from ${schema}.saga s
       where s.id >= $5::uuid ${ofOne} order by s.id desc limit $3::int
     ), ended as materialized (
       select d.definition, x.status, x.finished_at as at, ${lengthMs('x')} as ms
       from (select distinct s.definition from ${schema}.saga_blueprint s where true ${ofOne}) d
       cross join unnest(array['completed', 'compensated', 'resolved']) as e(status)
       cross join lateral (
         select s.status, s.finished_at, s.created_at, s.start_at from ${schema}.saga s
         where s.definition = d.definition and s.status = e.status and s.finished_at >= $1::timestamptz
         order by s.finished_at desc limit $3::int
       ) x
     ), dead as materialized (
       select s.definition, s.updated_at as at from ${schema}.saga s
       where ${ofStatus(`'dead_lettered'`)} ${ofOne} order by ${NEWEST_OF_STATUS} limit $3::int
     ), counted as (
       select s.definition, ${bucket('s.created_at')} as at, count(*)::int as started, 0 as completed, 0 as compensated,
         0 as resolved, 0 as dead, null::float8 as mean, null::float8[] as parts
       from started s where s.created_at >= $1::timestamptz group by 1, 2
       union all
       select e.definition, ${bucket('e.at')}, 0, count(*) filter (where e.status = 'completed')::int,
         count(*) filter (where e.status = 'compensated')::int, count(*) filter (where e.status = 'resolved')::int, 0,
         avg(e.ms) filter (where e.status <> 'resolved'),
         percentile_cont(array[0.5, 0.95, 0.99]) within group (order by e.ms) filter (where e.status <> 'resolved')
       from ended e group by 1, 2
       union all
       select d.definition, ${bucket('d.at')}, 0, 0, 0, 0, count(*)::int, null, null
       from dead d where d.at >= $1::timestamptz group by 1, 2
     ), cut as (
       select (select count(*) from started) >= $3::int or (select count(*) from dead) >= $3::int
         or exists (select from ended group by definition, status having count(*) >= $3::int) as is_cut
     )
     select cut.is_cut as "isCut", to_timestamp(c.at / 1000) as at, c.definition, sum(c.started)::int as started,
       sum(c.completed)::int as completed, sum(c.compensated)::int as compensated, sum(c.resolved)::int as resolved,
       sum(c.dead)::int as "deadLettered", max(c.mean) as "meanMs", max(c.parts[1]) as "p50Ms", max(c.parts[2]) as "p95Ms",
       max(c.parts[3]) as "p99Ms"
     from cut left join counted c on true group by cut.is_cut, c.at, c.definition order by c.at, c.definition`,
    [from, eachMs, cap, definition ?? null, firstIdAt(from.getTime())],
  )
  const found = rows.filter(({ definition: name }) => name !== null).map(({ isCut: _isCut, ...row }) => row)
  return { rows: found as unknown as readonly RecentStatistics[], isCut: rows[0]?.['isCut'] === true }
}
