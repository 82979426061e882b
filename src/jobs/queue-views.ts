/**
 * Queues, as people and programs are shown them: how many jobs wait, and since when.
 *
 * A million waiting jobs are not counted, and not looked through for the oldest one: counts stop early, and of each priority
 * the jobs that were made first are asked.
 */
import type { Db } from '../engine/store/db.ts'
import { onlyInOrder } from '../engine/store/in-order.ts'
import type { QueueView } from '../engine/system.ts'
import { DEAD_LETTER_QUEUE, LOST_QUEUE, MAINTENANCE_QUEUE, SCHEDULE_QUEUE, STEP_QUEUE } from './queues.ts'

const COUNTED = 10_001
/** The lowest ones: what comes last has waited for longest. */
const PRIORITIES = 200
const OF_A_PRIORITY = 50

const PURPOSES: readonly Pick<QueueView, 'name' | 'purpose' | 'isTakenByWorkers'>[] = [
  { name: STEP_QUEUE, purpose: 'steps', isTakenByWorkers: true },
  { name: LOST_QUEUE, purpose: 'lost', isTakenByWorkers: true },
  { name: SCHEDULE_QUEUE, purpose: 'schedules', isTakenByWorkers: true },
  { name: MAINTENANCE_QUEUE, purpose: 'maintenance', isTakenByWorkers: true },
  { name: DEAD_LETTER_QUEUE, purpose: 'dead_letters', isTakenByWorkers: false },
]

export type QueueReading = {
  /** In a transaction of ours, whose settings keep the server to the indexes. */
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly bossSchema: string
  /** Of events, where there is one. */
  readonly eventQueue: string | undefined
}

/** The steps first. */
export function readQueues({ transaction, bossSchema, eventQueue }: QueueReading): Promise<readonly QueueView[]> {
  const events = { purpose: 'events', isTakenByWorkers: false } as const
  const all = [...PURPOSES, ...(eventQueue === undefined ? [] : [{ name: eventQueue, ...events }])]
  return transaction(async (tx) => {
    const views: QueueView[] = []
    for (const queue of all) views.push({ ...queue, ...(await readQueue(tx, bossSchema, queue.name)) })
    return views
  })
}

/** The queue of steps, as gauges have it. Transaction: one of ours. */
export async function readStepQueue(tx: Db, bossSchema: string): Promise<{ depth: number; oldestMs: number }> {
  const { waiting, oldestMs } = await readQueue(tx, bossSchema, STEP_QUEUE)
  return { depth: waiting, oldestMs: oldestMs ?? 0 }
}

async function readQueue(
  tx: Db,
  bossSchema: string,
  name: string,
): Promise<Pick<QueueView, 'waiting' | 'later' | 'oldestMs'>> {
  // As for a fetch: by statistics that are older than the queue is long, the planner would sort all that is queued.
  await onlyInOrder(tx)
  const { rows } = await tx.executeSql(queueStatement(bossSchema), [name])
  return (rows[0] ?? { waiting: 0, later: 0, oldestMs: null }) as unknown as Awaited<ReturnType<typeof readQueue>>
}

/**
 * Waiting and later jobs of the queue $1, and the age of the oldest one in ms. By pg-boss's clock, which is what its fetch
 * goes by. Index: pg-boss's `job_i11`, in whose order jobs are fetched; the index that a partition has of it.
 */
export function queueStatement(bossSchema: string): string {
  const job = `${bossSchema}.job j where j.name = $1::text and j.state < 'active' and not j.blocked`
  return `with recursive clock as materialized (select ${bossSchema}.job_now() as now),
     counted as (
       select count(*) filter (where c.start_after <= clock.now)::int as waiting,
         count(*) filter (where c.start_after > clock.now)::int as later
       from clock cross join (select j.start_after from ${job} limit ${COUNTED}) c),
     level(priority) as (
       (select j.priority from ${job} order by j.priority limit 1)
       union all
       select (select j.priority from ${job} and j.priority > l.priority order by j.priority limit 1)
       from level l where l.priority is not null),
     lowest as materialized (select l.priority from level l where l.priority is not null limit ${PRIORITIES})
     select counted.waiting, counted.later,
       (select (extract(epoch from clock.now - min(first.start_after)) * 1000)::float8
        from lowest cross join lateral (
          select j.start_after from ${job} and j.priority = lowest.priority order by j.created_on limit ${OF_A_PRIORITY}) first
        where first.start_after <= clock.now) as "oldestMs"
     from clock cross join counted`
}
