/** How much there is at this moment, for those who watch: a few counts with an end, each from an index. */
import { type DeadLetterReason, LIVE_STATUSES } from '../core/machine.ts'
import type { Db } from './db.ts'

/** What the tables of sagas say. Counts go up to 10 001. */
export type StoredGauges = {
  /** Sagas by status that something is still to happen to by itself. */
  readonly live: { readonly pending: number; readonly running: number; readonly compensating: number }
  readonly deadLetters: number
  /** Sagas that wait for a hold to be released, or for a worker that has their code. */
  readonly withheld: { readonly hold: number; readonly code: number }
  /** Timers that are due, and for how long the oldest of them has been, in ms. */
  readonly timers: { readonly due: number; readonly overdueMs: number }
  /** Workers that gave a sign of life within half a minute. */
  readonly workers: number
  readonly openBreakers: number
  /** Alerts on dead letters that have not got through yet, though they were tried; not those that nobody tries any more. */
  readonly untoldAlerts: number
}

const CAP = 10_001
const MOST_GROUPS = 1_000

/** Transaction: one of ours. Index: `saga_open`, `saga_held`, `saga_timer_due`; the other tables are small. */
export async function readStoredGauges(db: Db, schema: string): Promise<StoredGauges> {
  const counted = (from: string) => `(select count(*)::int from (select from ${schema}.${from} limit ${CAP}) x)`
  const ofStatus = (status: string) => `'${status}', ${counted(`saga s where s.status = '${status}'`)}`
  const { rows } = await db.executeSql(
    `select json_build_object(${LIVE_STATUSES.map(ofStatus).join(', ')}) as live,
       ${counted(`saga s where s.status = 'dead_lettered'`)} as "deadLetters",
       json_build_object('hold', ${counted(`saga s where s.waiting = 'hold'`)},
         'code', ${counted(`saga s where s.waiting = 'code'`)}) as withheld,
       json_build_object('due', ${counted('saga_timer t where t.due_at <= n.at')},
         'overdueMs', coalesce(greatest(0, (select extract(epoch from n.at - t.due_at)::float8 * 1000
           from ${schema}.saga_timer t order by t.due_at limit 1)), 0)) as timers,
       (select count(*)::int from ${schema}.saga_worker w
        where w.taken_over_at is null and w.heartbeat_at > n.at - interval '30 seconds') as workers,
       (select count(*)::int from ${schema}.saga_breaker b where b.state <> 'closed') as "openBreakers",
       (select count(*)::int from ${schema}.saga_alert a where a.alert is not null and a.attempts > 1 and a.due_at > n.at - interval '1 hour') as "untoldAlerts"
     from (select ${schema}.now() as at) n`,
  )
  return rows[0] as unknown as StoredGauges
}

/** An error group of dead letters, counted up to 10 001. */
export type GroupGauge = {
  readonly id: string
  readonly definition: string
  readonly reason: DeadLetterReason
  readonly count: number
}

/**
 * The largest groups, of the first thousand. Only of those that are shown more is read than the index.
 *
 * Transaction: one of ours. Index: `saga_error_group`, one probe for each group.
 */
export async function readLargestGroups(db: Db, schema: string, limit: number): Promise<readonly GroupGauge[]> {
  const next = (after: string) =>
    `select s.error_group from ${schema}.saga s where s.error_group is not null ${after} order by s.error_group limit 1`
  const { rows } = await db.executeSql(
    `with recursive g(id, n) as (
       (select f.error_group, 1 from (${next('')}) f)
       union all
       select f.error_group, g.n + 1 from g cross join lateral (${next('and s.error_group > g.id')}) f where g.n < ${MOST_GROUPS}
     ), c as materialized (
       select g.id, (select count(*)::int from (select from ${schema}.saga s where s.error_group = g.id limit ${CAP}) x) as count from g
       order by 2 desc limit $1::int)
     select c.id, d.definition, d.dead_reason as reason, c.count
     from c cross join lateral (
       select s.definition, s.dead_reason from ${schema}.saga s where s.error_group = c.id order by s.id desc limit 1) d
     order by c.count desc`,
    [limit],
  )
  return rows as unknown as GroupGauge[]
}
