/**
 * Taking over dead workers.
 *
 * Dead is a worker whose lock was free on two looks a second apart, by an observer whose own session lived throughout;
 * or whose heartbeat is older than the lease, whatever the lock says. An observer that has just reconnected, or that had
 * no answers for a while, takes nobody over yet: a failover frees all locks at once, and after an outage everybody's
 * heartbeat is old.
 *
 * Taking over raises the worker's epoch, which fences it; then what it had fetched is recorded as lost, claim by claim.
 * A worker that has given a sign of life since it was looked at is none of that: whoever comes back does so before it
 * takes its lock.
 * Whoever dies in the middle is followed by somebody else: lost twice is lost once, the fence sees to that.
 */
import type { FaultPoints, Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import type { Ran } from '../engine/store/sagas.ts'
import {
  type ClaimedJob,
  readClaims,
  readWorkers,
  removeClaims,
  removeWorker,
  takeOver,
  type WorkerRow,
} from '../engine/store/workers.ts'
import type { Owner } from './owner.ts'

const LOOK_MS = 400
const FREE_FOR_MS = 1_000
/** With the looks that follow, a worker that stands still is taken over within 30 s. */
const LEASE_MS = 28_000
const AFTER_RECONNECT_MS = 10_000
/** A takeover that is not done after this long has lost its worker too. */
const STALLED_MS = 5_000
const CLAIMS_AT_ONCE = 20

export type TakeoverOptions = {
  readonly schema: string
  readonly db: Db
  readonly owner: Owner
  readonly logger: Logger
  readonly faults: FaultPoints
  /** Records the deliveries as lost with that worker. Resolves before long, with the ids of those that were recorded. */
  readonly lose: (jobs: readonly ClaimedJob[], ran: Ran) => Promise<ReadonlySet<string>>
  readonly onTakenOver: (worker: string, jobs: number) => void
}

type Seen = { readonly since: number; readonly generation: number }

export class Takeover {
  readonly #options: TakeoverOptions
  readonly #free = new Map<string, Seen>()
  #timer: NodeJS.Timeout | undefined
  #closed = false
  /** Workers other than this one that gave a sign of life lately. */
  others = 0

  constructor(options: TakeoverOptions) {
    this.#options = options
  }

  open(): void {
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    try {
      if (this.#options.owner.isAlive) await this.#observe()
      else this.#free.clear()
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'workers could not be observed')
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), LOOK_MS)
  }

  async #observe(): Promise<void> {
    const { owner, db, schema } = this.#options
    const generation = owner.generation
    const workers = (await readWorkers(db, schema)).filter((worker) => worker.id !== owner.identity.id)
    // What was read on another session than the one that lives now proves nothing.
    if (!owner.isAlive || owner.generation !== generation) return
    this.others = workers.filter((worker) => worker.locked || (!worker.holdsLock && isFresh(worker))).length
    const dead = workers.filter((worker) => this.#isDead(worker, generation))
    if (dead.length === 0) return
    // Whoever was taken over is fenced already: to go on with that does no harm.
    const isSettled = await this.#isSettled(workers)
    for (const worker of dead) if (worker.takenOver || isSettled(worker)) await this.#takeOver(worker)
  }

  /**
   * Whether a worker has had time to come back from an outage. An observer that has just started has not seen one; for
   * it there was one when the server has just started and has not heard of the worker since, or when several others have
   * lost their locks and none has not. Who still has its lock has lost nothing: if its heartbeat is old, it stands still.
   */
  async #isSettled(workers: readonly WorkerRow[]): Promise<(worker: WorkerRow) => boolean> {
    const { owner, db } = this.#options
    if (owner.steadyMs >= AFTER_RECONNECT_MS) return () => true
    if (owner.generation > 1 || owner.steadyMs === 0) return () => false
    const others = workers.filter((worker) => !worker.takenOver && worker.holdsLock)
    const allLost = others.length > 1 && !others.some((worker) => worker.locked)
    const { rows } = await db.executeSql(
      `select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 * 1000 as "upMs"`,
    )
    const isNew = Number(rows[0]?.['upMs']) < AFTER_RECONNECT_MS
    return (worker) => worker.locked || !(allLost || (isNew && !worker.metServer))
  }

  #isDead(worker: WorkerRow, generation: number): boolean {
    const key = `${worker.id}:${worker.epoch}`
    if (!worker.takenOver && isFresh(worker) && (worker.locked || !worker.holdsLock)) {
      this.#free.delete(key)
      return false
    }
    const seen = this.#free.get(key)
    if (seen === undefined || seen.generation !== generation) {
      this.#free.set(key, { since: performance.now(), generation })
      return false
    }
    const freeFor = performance.now() - seen.since
    if (worker.takenOver) return freeFor >= STALLED_MS
    if (!isFresh(worker)) return true
    return worker.holdsLock && !worker.locked && freeFor >= FREE_FOR_MS
  }

  async #takeOver(worker: WorkerRow): Promise<void> {
    const { db, schema, logger, faults } = this.#options
    if (!(await takeOver(db, schema, worker))) return
    faults('takeover-marked')
    this.#free.delete(`${worker.id}:${worker.epoch}`)
    const { jobs, left } = await this.#loseClaims(worker)
    // Its row stays as long as something of it does: whoever looks next goes on with that.
    if (left > 0) return logger.error({ worker: worker.id, claims: left }, 'a dead worker was not wholly taken over')
    await removeWorker(db, schema, worker.id)
    logger.warn({ worker: worker.id, jobs }, 'a dead worker was taken over')
    this.#options.onTakenOver(worker.id, jobs)
  }

  /** Claim by claim, so that one that cannot be recorded keeps no other. */
  async #loseClaims(worker: WorkerRow): Promise<{ readonly jobs: number; readonly left: number }> {
    const { db, schema, lose, faults } = this.#options
    const ran = { worker: worker.id, build: worker.build ?? undefined }
    let jobs = 0
    let left = 0
    for (;;) {
      const claims = (await readClaims(db, schema, worker.id, left + CLAIMS_AT_ONCE)).slice(left)
      if (claims.length === 0) return { jobs, left }
      const recorded = await lose(
        claims.flatMap((claim) => claim.jobs),
        ran,
      )
      faults('takeover-batch')
      const done = claims.filter((claim) => claim.jobs.every((job) => recorded.has(job.id)))
      await removeClaims(
        db,
        schema,
        done.map((claim) => claim.id),
      )
      jobs += recorded.size
      left += claims.length - done.length
    }
  }
}

function isFresh(worker: WorkerRow): boolean {
  return worker.heartbeatAgeMs < LEASE_MS
}
