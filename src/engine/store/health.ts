/** What is wrong with sagas as a whole, counted. */
import type { DeadLetterReason } from '../core/machine.ts'
import type { Db } from './db.ts'
import { NEWEST_OF_STATUS, ofStatus } from './in-order.ts'
import { ignoredGroups } from './triage.ts'

/** Dead letters of one reason, and since when the oldest of them is one. */
export type DeadLetterCount = { readonly reason: DeadLetterReason; readonly count: number; readonly oldestAt: Date }

/**
 * Dead letters by reason, the most frequent first. Index: `saga_open`.
 *
 * @param most so many are looked at, the newest.
 */
export async function deadLettersByReason(db: Db, schema: string, most = 100_000): Promise<readonly DeadLetterCount[]> {
  const { rows } = await db.executeSql(
    `select d.dead_reason as reason, count(*)::int as count, min(d.updated_at) as "oldestAt"
     from (select s.dead_reason, s.updated_at from ${schema}.saga s
       where s.status = 'dead_lettered' and s.status <> 'completed' order by s.id desc limit $1::int) d
     group by d.dead_reason order by 2 desc`,
    [most],
  )
  return rows as never
}

/** Dead letters of error groups that are ignored are told by themselves: of as many of the newest. */
export async function deadLettersToSeeTo(
  db: Db,
  schema: string,
  most: number,
): Promise<{ readonly byReason: readonly DeadLetterCount[]; readonly ignored: number }> {
  const { rows } = await db.executeSql(
    `select d.dead_reason as reason, d.ignored, count(*)::int as count, min(d.updated_at) as "oldestAt"
     from (select s.dead_reason, s.updated_at, s.error_group = any (array(${ignoredGroups(schema)})) as ignored from ${schema}.saga s
       where ${ofStatus(`'dead_lettered'`)} order by ${NEWEST_OF_STATUS} limit $1::int) d
     group by 1, 2 order by 3 desc`,
    [most],
  )
  const counts = rows as unknown as (DeadLetterCount & { readonly ignored: boolean })[]
  return {
    byReason: counts.filter(({ ignored }) => !ignored).map(({ ignored: _ignored, ...count }) => count),
    ignored: counts.filter(({ ignored }) => ignored).reduce((sum, { count }) => sum + count, 0),
  }
}

/** Dead letters of an error group that became ones, or changed, in one hour of the last day. */
export type DeadLetterHour = {
  readonly errorGroup: string
  /** 0: less than an hour ago. */
  readonly hoursAgo: number
  readonly count: number
}

/** Of the last 24 hours, and of so many of the newest. Index: `saga_open`. */
export async function deadLettersByHour(db: Db, schema: string, most: number): Promise<readonly DeadLetterHour[]> {
  const { rows } = await db.executeSql(
    `select d.error_group as "errorGroup", d.hours_ago::int as "hoursAgo", count(*)::int as count
     from (select s.error_group, greatest(0, floor(extract(epoch from (select ${schema}.now()) - s.updated_at) / 3600)) as hours_ago
       from ${schema}.saga s where ${ofStatus(`'dead_lettered'`)} order by ${NEWEST_OF_STATUS} limit $1::int) d
     where d.hours_ago < 24 group by 1, 2`,
    [most],
  )
  return rows as unknown as DeadLetterHour[]
}

/** Timers that were due before that, in ms ago: how many (up to 10 001), and since when the oldest is. Index: `saga_timer_due`. */
export async function overdueTimers(
  db: Db,
  schema: string,
  afterMs: number,
): Promise<{ readonly count: number; readonly oldestMs: number }> {
  const { rows } = await db.executeSql(
    `select count(*)::int as count, coalesce(extract(epoch from ${schema}.now() - min(d.due_at)) * 1000, 0)::float8 as "oldestMs"
     from (select t.due_at from ${schema}.saga_timer t
       where t.due_at < (select ${schema}.now()) - $1::float8 * interval '1 millisecond' order by t.due_at limit 10001) d`,
    [afterMs],
  )
  return rows[0] as never
}

/** The offset of the clock that tests move, and how far this machine's clock is from the database's, in ms. */
export async function clockOf(db: Db, schema: string): Promise<{ readonly offsetMs: number; readonly at: Date }> {
  const { rows } = await db.executeSql(
    `select coalesce((select c.offset_ms from ${schema}.saga_clock c limit 1), 0)::float8 as "offsetMs", clock_timestamp() as at`,
  )
  return rows[0] as never
}

/** How a table looks to autovacuum. */
export type TableCondition = {
  readonly table: string
  readonly live: number
  readonly dead: number
  readonly bytes: number
  readonly vacuumedAt: Date | null
  readonly analyzedAt: Date | null
}

/** Tables of these schemas that have dead rows, the most first. */
export async function tableConditions(db: Db, schemas: readonly string[]): Promise<readonly TableCondition[]> {
  const { rows } = await db.executeSql(
    `select t.schemaname || '.' || t.relname as table, t.n_live_tup::float8 as live, t.n_dead_tup::float8 as dead,
       pg_total_relation_size(t.relid)::float8 as bytes, greatest(t.last_vacuum, t.last_autovacuum) as "vacuumedAt",
       greatest(t.last_analyze, t.last_autoanalyze) as "analyzedAt"
     from pg_stat_user_tables t where t.schemaname = any($1::text[]) order by t.n_dead_tup desc`,
    [schemas],
  )
  return rows as unknown as TableCondition[]
}
