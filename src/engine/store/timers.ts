/**
 * What waits for a moment is a row here, never a job with a future start: an empty poll of a queue with a million
 * waiting jobs takes a quarter of a second, of this index nothing.
 */
import { SIDE_TIMERS } from '../core/command.ts'
import { askPrepared, type Db } from './db.ts'

export type Timer = { readonly sagaId: string; readonly timer: string; readonly dueAt: number }

/** Sets timers; one that is set again moves. Transaction: required. Locks: after the saga's row. */
export async function setTimers(db: Db, schema: string, timers: readonly Timer[]): Promise<void> {
  await askPrepared(
    db,
    `insert into ${schema}.saga_timer (saga_id, timer, due_at)
     select x.saga_id, x.timer, to_timestamp(x.due_at / 1000.0)
     from unnest($1::uuid[], $2::text[], $3::float8[]) as x(saga_id, timer, due_at)
     on conflict (saga_id, timer) do update set due_at = excluded.due_at`,
    [timers.map((timer) => timer.sagaId), timers.map((timer) => timer.timer), timers.map((timer) => timer.dueAt)],
  )
}

/** Takes back all timers of these sagas, but those of hooks beside the status. */
export async function clearTimers(db: Db, schema: string, sagaIds: readonly string[]): Promise<void> {
  await askPrepared(
    db,
    `delete from ${schema}.saga_timer where saga_id = any($1::uuid[]) and timer <> all($2::text[])`,
    [sagaIds, SIDE_TIMERS],
  )
}

/** Removes timers that have been acted on; one that was set anew meanwhile stays. */
export async function removeTimers(db: Db, schema: string, timers: readonly Timer[]): Promise<void> {
  await askPrepared(
    db,
    `delete from ${schema}.saga_timer t
     using unnest($1::uuid[], $2::text[], $3::float8[]) as x(saga_id, timer, due_at)
     where t.saga_id = x.saga_id and t.timer = x.timer and t.due_at <= to_timestamp(x.due_at / 1000.0)`,
    [timers.map((timer) => timer.sagaId), timers.map((timer) => timer.timer), timers.map((timer) => timer.dueAt)],
  )
}

/**
 * Timers that are due, the longest due first. The moment is a subquery, for the function may give another one each time
 * it is asked: asked for each row, it would read all that wait. Index: `saga_timer_due`.
 */
export async function dueTimers(db: Db, schema: string, limit: number): Promise<readonly Timer[]> {
  const { rows } = await db.executeSql(
    `select saga_id as "sagaId", timer, ceil(extract(epoch from due_at) * 1000)::float8 as "dueAt"
     from ${schema}.saga_timer where due_at <= (select ${schema}.now()) order by due_at limit ${limit}`,
  )
  return rows as unknown as Timer[]
}

/** Milliseconds until the next timer is due, by the database's clock; `undefined` when there is none. */
export async function untilNextTimer(db: Db, schema: string): Promise<number | undefined> {
  const { rows } = await db.executeSql(
    `select extract(epoch from due_at - ${schema}.now())::float8 * 1000 as ms
     from ${schema}.saga_timer order by due_at limit 1`,
  )
  const ms = rows[0]?.ms
  return ms === undefined || ms === null ? undefined : Number(ms)
}
