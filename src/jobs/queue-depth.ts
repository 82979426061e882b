/** How much waits in the queue of steps, and for how long. */
import type { Db } from '../engine/store/db.ts'
import type { Schemas } from './lacking.ts'
import { STEP_QUEUE } from './queues.ts'

export type QueueDepth = {
  /** Jobs that no worker has fetched yet. From 10 001 on, as pg-boss counted them last: once a minute. */
  readonly depth: number
  /** How long the oldest of them has waited, in ms; 0 where none does. */
  readonly oldestMs: number
}

const CAP = 10_001

/**
 * The oldest is looked for priority by priority, because pg-boss's index begins with that: one probe for each.
 *
 * Transaction: one of ours. Index: pg-boss's `job_i11`, as its fetch does: statistics of a queue are always of another time, and
 * must not talk the planner into sorting all of it.
 */
export async function readQueueDepth(db: Db, { bossSchema }: Schemas): Promise<QueueDepth> {
  await db.executeSql('set local enable_bitmapscan = off; set local enable_sort = off')
  const waiting = `from ${bossSchema}.job b where b.name = '${STEP_QUEUE}' and b.state < 'active' and not b.blocked`
  const { rows } = await db.executeSql(
    `with recursive p(priority) as (
       (select b.priority ${waiting} order by b.priority desc limit 1)
       union all
       select (select b.priority ${waiting} and b.priority < p.priority order by b.priority desc limit 1)
       from p where p.priority is not null
     ), d as materialized (select count(*)::int as depth from (select ${waiting} limit ${CAP}) x)
     select case when d.depth < ${CAP} then d.depth
         else greatest(d.depth, (select q.queued_count from ${bossSchema}.queue q where q.name = '${STEP_QUEUE}')) end as depth,
       coalesce(greatest(0, (select max(extract(epoch from clock_timestamp() - o.created_on)::float8 * 1000)
         from p cross join lateral (
           select b.created_on ${waiting} and b.priority = p.priority order by b.created_on limit 1) o)), 0) as "oldestMs"
     from d`,
  )
  return rows[0] as unknown as QueueDepth
}
