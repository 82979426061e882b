/**
 * A worker: a pipeline from the queue to the journal.
 *
 *   fetch and claim → load → run actions side by side → committer → (follow-up jobs come back through the fetch)
 *
 * A slow action holds up nobody: slots are refilled as they get free. The worker decides nothing about a saga: it runs
 * what the state admits, and brings what came of it to the committer.
 */
import type { PgBoss } from 'pg-boss'
import { type Applier, type Batch, type Item } from '../engine/runtime/apply.ts'
import { type CodeShelf, limitsOf } from '../engine/runtime/limits.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { readSagas } from '../engine/store/sagas.ts'
import { type ClaimedJob, removeClaims } from '../engine/store/workers.ts'
import { Backoff } from './backoff.ts'
import { SagaCache } from './cache.ts'
import { type Claim, Committer } from './committer.ts'
import { type Fetched, Fetcher, TakenOver } from './fetcher.ts'
import { LostJobs } from './lost-jobs.ts'
import { Owner } from './owner.ts'
import { Runner } from './runner.ts'
import { Stranded } from './stranded.ts'
import { lostItem, Takeover } from './takeover.ts'
import { TimerLoop } from './timer-loop.ts'
import type { OpenTransaction } from './transactional.ts'

export type WorkerOptions = {
  readonly connectionString: string
  /** For the owner's session: not through a pooler in transaction mode. */
  readonly directConnectionString: string
  readonly schema: string
  readonly boss: PgBoss
  readonly db: Db
  readonly applier: Applier
  readonly code: CodeShelf
  readonly services: unknown
  readonly openTransaction: OpenTransaction
  readonly logger: Logger
  readonly build: string | null
  /** Attempts at the same time. */
  readonly concurrency: number
  readonly committers: number
  readonly maxBatch: number
  readonly maxPayloadBytes: number
  readonly drainGraceMs: number
  /** Functions that ignored their signal: at this many the worker stops fetching. */
  readonly maxStragglers: number
  readonly onEvent: (event: WorkerEvent) => void
  /** There is more to do than this worker has slots for. */
  readonly wakeOthers: () => void
}

/** What happens to a worker, for metrics, logs and tests that wait for it. */
export type WorkerEvent =
  | { readonly type: 'committed'; readonly batch: Batch }
  | { readonly type: 'fetched'; readonly jobs: number }
  | { readonly type: 'taken_over'; readonly worker: string; readonly jobs: number }
  | { readonly type: 'session_lost' | 'session_back' | 'was_taken_over' }

const POLL_MS = 500
export class Worker {
  readonly #options: WorkerOptions
  readonly #cache: SagaCache
  readonly #committer: Committer
  readonly #fetcher: Fetcher
  readonly #owner: Owner
  readonly #takeover: Takeover
  readonly #timers: TimerLoop
  readonly #lost: LostJobs
  readonly #stranded: Stranded
  readonly #backoff = new Backoff()
  readonly #stop = new AbortController()
  readonly #runner: Runner
  #running = 0
  #fetching = false
  #hint = true
  #open = false
  #mustReconcile = false
  #poll: NodeJS.Timeout | undefined
  #quiet: (() => void) | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    const { connectionString, schema, applier, logger, boss, db } = options
    const { faults, shelf } = applier
    this.#cache = new SagaCache(Math.max(1_000, options.concurrency * 4))
    this.#committer = new Committer({
      connectionString,
      committers: options.committers,
      maxBatch: options.maxBatch,
      applier,
      logger,
      faults,
      onCommitted: (batch) => this.#committed(batch),
    })
    this.#fetcher = new Fetcher({ connectionString, schema, boss, cache: this.#cache, shelf, faults })
    this.#owner = new Owner({
      connectionString: options.directConnectionString,
      schema,
      build: options.build,
      definitions: options.code.names(),
      logger,
      onWake: () => this.kick(),
      onLost: () => options.onEvent({ type: 'session_lost' }),
      onBack: () => {
        this.#mustReconcile = true
        options.onEvent({ type: 'session_back' })
        this.kick()
      },
      onTakenOver: () => this.#wasTakenOver(),
    })
    const submit = (item: Item) => this.#submit(item)
    this.#runner = new Runner({
      applier,
      code: options.code,
      settings: {
        services: options.services,
        maxPayloadBytes: options.maxPayloadBytes,
        jitter: Math.random,
        stop: this.#stop.signal,
      },
      committer: this.#committer,
      cache: this.#cache,
      openTransaction: options.openTransaction,
      logger,
      maxStragglers: options.maxStragglers,
      workerId: () => this.id,
      submit,
      onSlotFree: () => this.#free(),
      onClaimSettled: (claim) => this.#claimSettled(claim),
      onCommitted: (batch) => this.#committed(batch),
      onStragglerGone: () => this.kick(),
    })
    this.#takeover = new Takeover({
      schema,
      db,
      owner: this.#owner,
      logger,
      faults,
      lose: (jobs) => this.#lose(jobs),
      onTakenOver: (worker, jobs) => options.onEvent({ type: 'taken_over', worker, jobs }),
    })
    this.#timers = new TimerLoop({ schema, db, logger, faults, isActive: () => this.#owner.isAlive, submit })
    this.#lost = new LostJobs({ boss, logger, isActive: () => this.#owner.isAlive, lose: (jobs) => this.#lose(jobs) })
    this.#stranded = new Stranded({ schema, db, logger, isActive: () => this.#owner.isAlive, submit })
  }

  get id(): string {
    return this.#owner.identity.id
  }

  /** Attempts under way, or waiting to be committed. */
  get running(): number {
    return this.#running
  }

  async start(): Promise<void> {
    await Promise.all([this.#owner.open(), this.#committer.open(), this.#fetcher.open()])
    this.#open = true
    this.#takeover.open()
    this.#timers.open()
    this.#lost.open()
    this.#stranded.open()
    this.#poll = setInterval(() => this.kick(), POLL_MS)
    this.kick()
  }

  /** There may be jobs. */
  kick(): void {
    this.#hint = true
    void this.#fetch()
  }

  /** Finishes what is under way, aborts what takes longer than the grace period, records all of it, and leaves. */
  async stop(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    clearInterval(this.#poll)
    this.#timers.close()
    this.#takeover.close()
    this.#lost.close()
    this.#stranded.close()
    const { drainGraceMs } = this.#options
    if (!(await this.#whenQuiet(drainGraceMs))) {
      this.#stop.abort(new Error('The worker is shutting down.'))
      await this.#whenQuiet(Math.min(drainGraceMs, 5_000))
    }
    await withTimeout(this.#committer.drained(), 5_000)
    await this.#owner.close()
    await Promise.all([this.#committer.close(), this.#fetcher.close()])
    this.#backoff.cancel()
  }

  async #whenQuiet(ms: number): Promise<boolean> {
    if (this.#running === 0) return true
    const quiet = new Promise<void>((resolve) => {
      this.#quiet = resolve
    })
    return withTimeout(quiet, ms)
  }

  async #fetch(): Promise<void> {
    if (this.#fetching) return
    this.#fetching = true
    try {
      while (this.#mayFetch()) await this.#fetchOnce()
    } catch (error) {
      this.#fetchFailed(error)
    } finally {
      this.#fetching = false
    }
  }

  #mayFetch(): boolean {
    const { concurrency } = this.#options
    if (!this.#open || !this.#hint || !this.#owner.isAlive || this.#backoff.isWaiting) return false
    if (this.#runner.isOverrun) return false
    const free = concurrency - this.#running
    // A commit is about to free more slots: one larger fetch then costs less than two small ones.
    return free >= concurrency / 4 || (free > 0 && this.#committer.size === 0)
  }

  async #fetchOnce(): Promise<void> {
    const { concurrency, onEvent } = this.#options
    if (this.#mustReconcile) {
      this.#mustReconcile = false
      for (const found of await this.#fetcher.reconcile(this.#owner.identity)) this.#take(found)
    }
    this.#hint = false
    const free = concurrency - this.#running
    const fetched = await this.#fetcher.fetch(free, this.#owner.identity)
    this.#backoff.reset()
    if (fetched === undefined) return
    this.#hint = true
    onEvent({ type: 'fetched', jobs: fetched.jobs.length })
    this.#take(fetched)
  }

  #fetchFailed(error: unknown): void {
    if (error instanceof TakenOver) return
    this.#hint = true
    this.#mustReconcile ||= isConnectionError(error)
    if (!this.#open) return
    this.#options.logger.warn({ error: String(error) }, 'a fetch failed')
    this.#backoff.wait(() => this.kick())
  }

  #take(fetched: Fetched): void {
    this.#running += fetched.jobs.length
    for (const job of fetched.jobs) this.#runner.run(job, fetched)
  }

  #free(): void {
    this.#running -= 1
    if (this.#running === 0) this.#quiet?.()
    if (this.#hint) void this.#fetch()
  }

  #committed(batch: Batch): void {
    this.#options.onEvent({ type: 'committed', batch })
    let due = Number.POSITIVE_INFINITY
    let jobs = false
    for (const { events } of batch.applied) {
      for (const event of events) {
        if (event.type === 'attempt_scheduled') jobs = true
        else if (event.type === 'attempt_failed' && event.retryAt !== undefined)
          due = Math.min(due, event.retryAt - batch.now)
      }
    }
    if (jobs) this.kick()
    // Only for workers that are idle, and only where this one has no slot left: they would find it by polling too.
    if (jobs && this.#running >= this.#options.concurrency && this.#takeover.others > 0) this.#options.wakeOthers()
    if (due < Number.POSITIVE_INFINITY) this.#timers.kick(due)
  }

  /** Two transactions can each settle one of the last two jobs, and neither be the last: then the row is left. */
  #claimSettled(claim: Claim): void {
    this.#fetcher.settled(claim)
    if (claim.removed === true) return
    const { db, schema, logger } = this.#options
    removeClaims(db, schema, [claim.id]).catch((error: unknown) => {
      // Whoever takes this worker over finds that nothing of it is left to do.
      logger.debug({ error: String(error) }, 'a finished claim was not removed')
    })
  }

  #submit(item: Item): Promise<void> {
    return new Promise((resolve) => {
      this.#committer.add({
        item,
        done: () => {
          this.#cache.delete(item.sagaId)
          resolve()
        },
      })
    })
  }

  /** Records deliveries as lost, with the limits of those steps that this worker has the code of. */
  async #lose(jobs: readonly ClaimedJob[]): Promise<void> {
    const { db, schema, code } = this.#options
    const rows = await readSagas(db, schema, [...new Set(jobs.map((job) => job.saga))])
    const definitions = new Map(rows.map((row) => [row.id, code.get(row.definition, row.version)]))
    const lost = jobs.map((job) => lostItem(job, limitsOf(definitions.get(job.saga), job.step, job.side)))
    await Promise.all(lost.map((item) => this.#submit(item)))
  }

  #wasTakenOver(): void {
    this.#options.onEvent({ type: 'was_taken_over' })
    // What still runs belongs to somebody else now; what it reports is late, and is recorded as that.
    this.#cache.clear()
  }
}

async function withTimeout(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
