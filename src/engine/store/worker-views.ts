/** Workers, as people and programs are shown them. */
import type { Db } from './db.ts'

export type WorkerView = {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly build: string | null
  /** `name@version` of each definition that it has the code of. */
  readonly definitions: readonly string[]
  readonly startedAt: Date
  /** Its last sign of life. */
  readonly heartbeatAt: Date
  /** It has given a sign of life within half a minute, and nobody has taken it over. */
  readonly isAlive: boolean
  /** Whether its lock says that it lives: not behind a pooler in transaction mode. */
  readonly holdsLock: boolean
  /** Jobs that it has fetched, and not settled all of those that came with them. */
  readonly claimedJobs: number
}

/** Those that live first, then by their start. Workers that have left, or were taken over and have nothing more, are gone. */
export async function readWorkerViews(db: Db, schema: string): Promise<readonly WorkerView[]> {
  const { rows } = await db.executeSql(
    `select w.id, w.host, w.pid, w.build, w.definitions, w.started_at as "startedAt", w.heartbeat_at as "heartbeatAt",
       w.taken_over_at is null and w.heartbeat_at > ${schema}.now() - interval '30 seconds' as "isAlive", w.holds_lock as "holdsLock",
       coalesce((select sum(json_array_length(c.jobs)) from ${schema}.saga_claim c where c.worker_id = w.id), 0)::int as "claimedJobs"
     from ${schema}.saga_worker w order by "isAlive" desc, w.id`,
  )
  return rows as unknown as WorkerView[]
}

export type Flights = {
  readonly definition: string
  readonly version: number
  /** Hash of the shape that they carry; `null` for those that have not met their code. */
  readonly blueprint: string | null
  readonly sagas: number
  readonly deadLetters: number
}

/**
 * What is not finished, by definition, version and shape. Index: `saga_open`.
 *
 * @param most so many of each status are looked at, those with the lowest ids.
 */
export async function readFlights(db: Db, schema: string, most = 100_000): Promise<readonly Flights[]> {
  const { rows } = await db.executeSql(
    `select o.definition, o.version, o.blueprint, count(*)::int as sagas, count(*) filter (where o.status = 'dead_lettered')::int as "deadLetters"
     from unnest(array['pending', 'running', 'compensating', 'dead_lettered']) as x(status)
     cross join lateral (
       select s.definition, s.version, s.blueprint, s.status from ${schema}.saga s
       where s.status = x.status and s.status <> 'completed' order by s.id limit $1::int) o
     group by o.definition, o.version, o.blueprint order by o.definition, o.version, o.blueprint`,
    [most],
  )
  return rows as unknown as Flights[]
}
