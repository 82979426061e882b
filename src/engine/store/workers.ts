/**
 * Workers and what they have fetched.
 *
 * A worker is fenced by its epoch: who takes it over raises it, and from then on its claims are refused. Inserting a
 * claim and raising the epoch exclude each other by the worker's row, so a claim either belongs to a live worker or is
 * seen by whoever takes it over:
 * - a claim is inserted under `FOR KEY SHARE`, held to the end of its transaction. Sharing a key stands in nobody's way
 *   but that of `FOR UPDATE`: heartbeats go on beside a fetch that takes its time;
 * - taking over is a plain update, which would pass that lock, so it takes `FOR UPDATE` first. It waits for the claims
 *   under way, and what reads them afterwards is a statement of its own, which sees them;
 * - a claim that comes while it is under way waits for it, looks at the row again, and finds another epoch.
 */
import { plainColumn } from './columns.ts'
import { askPrepared, type Db } from './db.ts'

export type NewWorker = {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly build: string | null
  readonly holdsLock: boolean
  /** `name@version` */
  readonly definitions: readonly string[]
}

export type WorkerRow = {
  readonly id: string
  readonly epoch: number
  readonly lockKey: number
  readonly holdsLock: boolean
  readonly takenOver: boolean
  /** Whether it has been heard of since the server was last started. */
  readonly metServer: boolean
  /** Whether its session lives, by the lock that it holds. */
  readonly locked: boolean
  readonly heartbeatAgeMs: number
  /** When that was, exactly: in seconds, as text. */
  readonly heartbeatAt: string
  readonly definitions: readonly string[]
  readonly build: string | null
}

/** The class of all our advisory locks: "saga" in ASCII. */
const LOCK_CLASS = 0x73616761

export async function registerWorker(
  db: Db,
  schema: string,
  worker: NewWorker,
): Promise<{ epoch: number; lockKey: number }> {
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_worker (id, epoch, host, pid, build, holds_lock, definitions, started_at, heartbeat_at)
     values ($1::uuid, 1, $2::text, $3::int, $4::text, $5::boolean, $6::text[], ${schema}.now(), ${schema}.now())
     returning epoch, lock_key as "lockKey"`,
    [worker.id, worker.host, worker.pid, worker.build, worker.holdsLock, worker.definitions],
  )
  return { epoch: Number(rows[0]?.epoch), lockKey: Number(rows[0]?.lockKey) }
}

/** Session-level: held for as long as the session lives. */
export async function tryOwnerLock(db: Db, lockKey: number): Promise<boolean> {
  const { rows } = await db.executeSql(`select pg_try_advisory_lock(${LOCK_CLASS}, $1::int) as locked`, [lockKey])
  return rows[0]?.locked === true
}

/** @returns whether the worker still is who it was: false when it has been taken over. */
export async function heartbeat(db: Db, schema: string, id: string, epoch: number): Promise<boolean> {
  const { rows } = await db.executeSql(
    `update ${schema}.saga_worker set heartbeat_at = ${schema}.now() where id = $1::uuid and epoch = $2::int returning id`,
    [id, epoch],
  )
  return rows.length === 1
}

/** All workers, with signs of life. Locks of other databases have other rows, so the database is part of the match. */
export async function readWorkers(db: Db, schema: string): Promise<readonly WorkerRow[]> {
  const { rows } = await db.executeSql(
    `select w.id, w.epoch, w.lock_key as "lockKey", w.holds_lock as "holdsLock", w.definitions, w.build,
       w.taken_over_at is not null as "takenOver",
       extract(epoch from ${schema}.now() - w.heartbeat_at)::float8 * 1000 as "heartbeatAgeMs",
       extract(epoch from w.heartbeat_at)::text as "heartbeatAt", w.heartbeat_at > pg_postmaster_start_time() as "metServer",
       exists (select from pg_locks l where l.locktype = 'advisory' and l.granted
         and l.database = (select oid from pg_database where datname = current_database())
         and l.classid = ${LOCK_CLASS}::oid and l.objid::bigint = w.lock_key and l.objsubid = 2) as locked
     from ${schema}.saga_worker w`,
  )
  return rows as unknown as WorkerRow[]
}

/** Of those that gave a sign of life within half a minute, the one that has been there longest. */
export async function firstWorker(db: Db, schema: string): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `select id from ${schema}.saga_worker
     where taken_over_at is null and heartbeat_at > ${schema}.now() - interval '30 seconds' order by id limit 1`,
  )
  return rows[0] === undefined ? undefined : String(rows[0]['id'])
}

/**
 * Marks a worker as taken over. Exactly one of several observers gets `true`.
 *
 * @param seen the worker as it was seen: with `heartbeatAt`, one that has given a sign of life since is left alone.
 * Locks: the worker's row, `FOR UPDATE`: see above.
 */
export async function takeOver(
  db: Db,
  schema: string,
  seen: { readonly id: string; readonly epoch: number; readonly heartbeatAt?: string },
): Promise<boolean> {
  const { rows } = await db.executeSql(
    `with seen as (
       select id from ${schema}.saga_worker
       where id = $1::uuid and epoch = $2::int and ($3::numeric is null or extract(epoch from heartbeat_at) = $3::numeric)
       for update
     )
     update ${schema}.saga_worker w set epoch = w.epoch + 1, taken_over_at = coalesce(w.taken_over_at, ${schema}.now())
     from seen where w.id = seen.id returning w.id`,
    [seen.id, seen.epoch, seen.heartbeatAt ?? null],
  )
  return rows.length === 1
}

/** Removes a worker that has nothing claimed any more. */
export async function removeWorker(db: Db, schema: string, id: string): Promise<boolean> {
  const { rows } = await db.executeSql(
    `delete from ${schema}.saga_worker w
     where w.id = $1::uuid and not exists (select from ${schema}.saga_claim c where c.worker_id = w.id) returning w.id`,
    [id],
  )
  return rows.length === 1
}

/** Waits until no other transaction of this schema has the turn, and has it to its end. Locks: advisory, its own. */
export async function awaitFetchTurn(db: Db, schema: string): Promise<void> {
  await db.executeSql(`select pg_advisory_xact_lock(hashtext('pg-saga fetch'), hashtext($1::text))`, [schema])
}

/** A fetched job, as much of it as somebody else needs to settle it. */
export type ClaimedJob = {
  readonly id: string
  readonly retryCount: number
  readonly saga: string
  readonly step: string
  readonly side: 'action' | 'compensation' | 'verify'
  readonly attempt: number
  readonly revision: number
  /** The group that it was inserted with, of whose jobs only so many run at once. */
  readonly group?: string
}

/**
 * Claims what was fetched in the same transaction.
 *
 * @returns false when the worker has been taken over: the caller rolls back, and nothing was fetched.
 * Locks: the worker's row, `FOR KEY SHARE`, after the jobs: taking over changes no job in that transaction.
 */
export async function insertClaim(
  db: Db,
  schema: string,
  claim: {
    readonly id: string
    readonly workerId: string
    readonly epoch: number
    readonly jobs: readonly ClaimedJob[]
  },
): Promise<boolean> {
  const { rows } = await askPrepared(
    db,
    `insert into ${schema}.saga_claim (id, worker_id, jobs, claimed_at)
     select $1::uuid, w.id, $4::text::json, ${schema}.now()
     from (select id from ${schema}.saga_worker where id = $2::uuid and epoch = $3::int for key share) w
     returning id`,
    [claim.id, claim.workerId, claim.epoch, JSON.stringify(claim.jobs)],
  )
  return rows.length === 1
}

export async function removeClaims(db: Db, schema: string, ids: readonly string[]): Promise<void> {
  await askPrepared(db, `delete from ${schema}.saga_claim where id = any($1::uuid[])`, [plainColumn(ids)])
}

/** Index: `saga_claim_worker`. */
export async function readClaims(
  db: Db,
  schema: string,
  workerId: string,
  limit: number,
): Promise<readonly { readonly id: string; readonly jobs: readonly ClaimedJob[] }[]> {
  const { rows } = await db.executeSql(
    `select id, jobs from ${schema}.saga_claim where worker_id = $1::uuid order by claimed_at limit ${limit}`,
    [workerId],
  )
  return rows as unknown as { id: string; jobs: ClaimedJob[] }[]
}
