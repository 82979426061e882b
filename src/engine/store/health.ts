/** What is wrong with sagas as a whole, counted. */
import type { DeadLetterReason } from '../core/machine.ts'
import type { Db } from './db.ts'

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
