/**
 * Taking over dead workers.
 *
 * Dead is a worker whose lock was free on two looks a second apart, by an observer whose own session lived throughout;
 * or whose heartbeat is older than the lease, whatever the lock says. After the observer itself has reconnected it takes
 * nobody over for a while: a failover frees all locks at once.
 *
 * Taking over raises the worker's epoch, which fences it; then what it had fetched is recorded as lost, claim by claim.
 * Whoever dies in the middle is followed by somebody else: lost twice is lost once, the fence sees to that.
 */
import type { Limits } from '../engine/core/input.ts'
import type { Item } from '../engine/runtime/apply.ts'
import type { FaultPoints, Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
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
const LEASE_MS = 30_000
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
  /** Records the deliveries as lost. Resolves when that is committed. */
  readonly lose: (jobs: readonly ClaimedJob[]) => Promise<void>
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
    this.others = workers.filter((worker) => worker.locked).length
    const dead = workers.filter((worker) => this.#isDead(worker, generation))
    for (const worker of dead) await this.#takeOver(worker)
  }

  #isDead(worker: WorkerRow, generation: number): boolean {
    const key = `${worker.id}:${worker.epoch}`
    if (worker.locked && !worker.takenOver && worker.heartbeatAgeMs < LEASE_MS) {
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
    if (worker.heartbeatAgeMs >= LEASE_MS) return true
    const settled = generation === 1 || this.#options.owner.aliveMs >= AFTER_RECONNECT_MS
    return worker.holdsLock && !worker.locked && settled && freeFor >= FREE_FOR_MS
  }

  async #takeOver(worker: WorkerRow): Promise<void> {
    const { db, schema, logger, faults } = this.#options
    if (!(await takeOver(db, schema, worker.id, worker.epoch))) return
    faults('takeover-marked')
    this.#free.delete(`${worker.id}:${worker.epoch}`)
    let jobs = 0
    for (;;) {
      const claims = await readClaims(db, schema, worker.id, CLAIMS_AT_ONCE)
      if (claims.length === 0) break
      const fetched = claims.flatMap((claim) => claim.jobs)
      await this.#options.lose(fetched)
      faults('takeover-batch')
      await removeClaims(
        db,
        schema,
        claims.map((claim) => claim.id),
      )
      jobs += fetched.length
    }
    await removeWorker(db, schema, worker.id)
    logger.warn({ worker: worker.id, jobs }, 'a dead worker was taken over')
    this.#options.onTakenOver(worker.id, jobs)
  }
}

/** The report that stands in for the worker that is gone. */
export function lostItem(job: ClaimedJob, limits: Limits): Item {
  const delivery = {
    step: job.step,
    side: job.side,
    jobId: job.id,
    insertedAs: job.attempt,
    retryCount: job.retryCount,
  }
  return {
    sagaId: job.saga,
    input: { type: 'lost', ...delivery, limits },
    job: { id: job.id, retryCount: job.retryCount },
  }
}
