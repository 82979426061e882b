/**
 * Sagas that make no progress although they wait for nothing: under way, not paused, unchanged for as long as their
 * definition says, and no worker has any of their jobs in hand. One that is in hand comes to its end, or out of time;
 * one that waits for a timer, a hold, code, a child or a line has a reason.
 */

import { flightsOf, type InFlight } from '../engine/core/state.ts'
import { type Recovering, USUAL_RECOVERING, type WhenStuck } from '../engine/recovering.ts'
import { unpackState } from '../engine/store/codec.ts'
import { plainColumn } from '../engine/store/columns.ts'
import type { Db } from '../engine/store/db.ts'
import { policies } from '../engine/store/policies.ts'
import type { Schemas } from './lacking.ts'
import { STEP_QUEUE } from './queues.ts'

export type StuckSaga = Recovering & {
  readonly sagaId: string
  readonly definition: string
  readonly revision: number
  readonly unchangedSince: Date
  /** How often it has been recovered since it made progress last. */
  readonly recoveries: number
  /** All that it waits for is a worker: its jobs are in the queue. */
  readonly isQueued: boolean
}

const PAGE = 500

/**
 * In id order, behind `after`. Index: `saga_open`.
 *
 * @param stuckAfterMs in the place of what definitions say.
 */
export async function stuckInPage(
  db: Db,
  { schema, bossSchema }: Schemas,
  status: 'running' | 'compensating',
  after: string | undefined,
  stuckAfterMs: number | undefined,
): Promise<{ readonly stuck: readonly StuckSaga[]; readonly last?: string }> {
  const { rows } = await db.executeSql(
    `with page as materialized (
       select s.id, s.definition, s.revision, s.updated_at, s.waiting, s.paused, s.state from ${schema}.saga s
       where s.status = $1::text and s.status <> 'completed' and s.id > $2::uuid order by s.id limit ${PAGE}
     ), unchanged as materialized (
       select p.id, p.definition, p.revision, p.updated_at, p.state,
         coalesce(d.when_stuck, $4::text) as when_stuck, coalesce(d.stuck_after_ms, $5::bigint) as stuck_after_ms,
         coalesce(d.max_recoveries, $6::int) as max_recoveries
       from page p left join (${policies(schema)}) d on d.definition = p.definition
       where p.waiting is null and not p.paused
         and p.updated_at < ${schema}.now() - coalesce($3::float8, d.stuck_after_ms, $5::bigint) * interval '1 millisecond'
     )
     select u.id as "sagaId", u.definition, u.revision, u.updated_at as "unchangedSince", u.when_stuck as "whenStuck",
       u.stuck_after_ms::float8 as "stuckAfterMs", u.max_recoveries as "maxRecoveries",
       case when r.revision >= u.revision then r.recoveries else 0 end as recoveries,
       u.state, null as last
     from unchanged u left join ${schema}.saga_recovery r on r.saga_id = u.id
     union all
     select null, null, null, null, null, null, null, null, null, (select p.id from page p order by p.id desc limit 1)
     where (select count(*) from page) = ${PAGE}`,
    [
      status,
      after ?? '00000000-0000-0000-0000-000000000000',
      stuckAfterMs ?? null,
      USUAL_RECOVERING.whenStuck satisfies WhenStuck,
      USUAL_RECOVERING.stuckAfterMs,
      USUAL_RECOVERING.maxRecoveries,
    ],
  )
  const last = rows.find((row) => row['sagaId'] === null)?.['last']
  const found = rows.filter((row) => row['sagaId'] !== null)
  const flights = new Map(found.map((row) => [String(row['sagaId']), flightsOf(unpackState(row['state']))]))
  const hands = await handsOf(db, { schema, bossSchema }, flights)
  const stuck = found.flatMap(({ state: _state, last: _last, ...row }) => {
    const hand = hands.get(String(row['sagaId']))
    return hand === 'a worker' ? [] : [{ ...row, isQueued: hand === 'the queue' } as unknown as StuckSaga]
  })
  return { stuck, ...(typeof last === 'string' ? { last } : {}) }
}

/**
 * Who has a saga's jobs, if anybody: the queue, or a worker that has fetched them. A worker that is being taken over counts
 * too: its claims go when their losses are recorded.
 *
 * The queue is asked first. A fetch takes a job out of it and claims it in one transaction, so that whatever is not found in
 * the queue is found among the claims, which are asked after it.
 */
export async function handsOf(
  db: Db,
  { schema, bossSchema }: Schemas,
  flights: ReadonlyMap<string, readonly InFlight[]>,
): Promise<ReadonlyMap<string, 'the queue' | 'a worker'>> {
  const hands = new Map<string, 'the queue' | 'a worker'>()
  if (flights.size === 0) return hands
  const sagaOf = new Map([...flights].flatMap(([id, all]) => all.map(({ flight }) => [flight.jobId, id] as const)))
  const queued = await db.executeSql(
    `select id from ${bossSchema}.job where name = '${STEP_QUEUE}' and id = any($1::uuid[]) and state < 'active'`,
    [plainColumn([...sagaOf.keys()])],
  )
  for (const row of queued.rows) hands.set(sagaOf.get(String(row['id'])) ?? '', 'the queue')
  const claimed = await db.executeSql(
    `select distinct j.value ->> 'saga' as saga from ${schema}.saga_claim c cross join json_array_elements(c.jobs) j
     where (j.value ->> 'saga')::uuid = any($1::uuid[])`,
    [plainColumn([...flights.keys()])],
  )
  for (const row of claimed.rows) hands.set(String(row['saga']), 'a worker')
  return hands
}

/** That it was recovered, at the revision that it has now. Transaction: required, with the saga locked. */
export async function countRecovery(db: Db, schema: string, sagaId: string, recoveries: number): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_recovery (saga_id, revision, recoveries, recovered_at)
     select s.id, s.revision, $2::int, ${schema}.now() from ${schema}.saga s where s.id = $1::uuid
     on conflict (saga_id) do update set revision = excluded.revision, recoveries = excluded.recoveries, recovered_at = excluded.recovered_at`,
    [sagaId, recoveries],
  )
}
