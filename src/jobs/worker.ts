/**
 * A worker: a pipeline from the queue to the journal.
 *
 *   fetch and claim → load → run actions side by side → committer → (follow-up jobs come back through the fetch)
 *
 * A slow action holds up nobody: slots are refilled as they get free. The worker decides nothing about a saga: it runs
 * what the state admits, and brings what came of it to the committer.
 */
import type { Delivery } from '../engine/core/input.ts'
import { SagaError } from '../engine/errors.ts'
import type { Batch, Item } from '../engine/runtime/apply.ts'
import type { Encoding } from '../engine/runtime/encoding.ts'
import { permitsOf } from '../engine/runtime/limits.ts'
import { outsideOfTraces, traceRests } from '../engine/runtime/tracing.ts'
import { removeClaims } from '../engine/store/workers.ts'
import { SagaCache } from './cache.ts'
import { Committer } from './committer.ts'
import type { Claim, Outcome } from './entries.ts'
import { FetchLoop } from './fetch-loop.ts'
import { type Fetched, Fetcher } from './fetcher.ts'
import { Owner } from './owner.ts'
import { withTimeout } from './patience.ts'
import type { Prepared } from './prepared.ts'
import { Runner } from './runner.ts'
import { Siblings } from './siblings.ts'
import type { OpenTransaction } from './transactional.ts'
import { Upkeep, type UpkeepEvent, type UpkeepOptions } from './upkeep.ts'
import type { Wake } from './wake-up.ts'

export type WorkerOptions = Omit<UpkeepOptions, 'owner' | 'isOpen' | 'submit' | 'onJobs' | 'onEvent'> & {
  /** For the owner's session: not through a pooler in transaction mode. */
  readonly directConnectionString: string
  /** For its own connections, and those of steps. */
  readonly prepared: Prepared
  readonly services: unknown
  readonly openTransaction: OpenTransaction
  readonly build: string | null
  /** Attempts at the same time. */
  readonly concurrency: number
  readonly committers: number
  readonly maxBatch: number
  readonly maxPayloadBytes: number
  readonly encoding: Encoding
  readonly drainGraceMs: number
  /** Functions that ignored their signal: at this many the worker stops fetching. */
  readonly maxStragglers: number
  readonly onEvent: (event: WorkerEvent) => void
  /** There is more to do than this worker has slots for. */
  readonly wakeOthers: () => void
  /** Whether processes tell each other of jobs. */
  readonly isNotified: boolean
}

/** What happens to a worker, for metrics, logs and tests that wait for it. */
export type WorkerEvent =
  /** `tookMs`: of what was committed together, the time from its first statement to its COMMIT. A transactional attempt has none. */
  | { readonly type: 'committed'; readonly batch: Batch; readonly tookMs?: number }
  | { readonly type: 'fetched'; readonly jobs: number }
  | UpkeepEvent
  | { readonly type: 'session_lost' | 'session_back' | 'was_taken_over' }

/** How long the last commits and the signing off may take, when the database does not answer. */
const LEAVE_WITHIN_MS = 5_000
/** However short the grace period is: so long, what can be rolled back is, and is handed back. */
const ROLL_BACK_WITHIN_MS = 1_500

export class Worker {
  readonly #options: WorkerOptions
  readonly #cache: SagaCache
  readonly #committer: Committer
  readonly #fetcher: Fetcher
  readonly #owner: Owner
  readonly #upkeep: Upkeep
  readonly #fetching: FetchLoop
  readonly #stop = new AbortController()
  readonly #runner: Runner
  readonly #siblings: Siblings
  #running = 0
  #open = false
  #quiet: (() => void) | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    const { connectionString, prepared, schema, applier, logger, boss, db } = options
    const { faults, shelf } = applier
    this.#cache = new SagaCache(Math.max(1_000, options.concurrency * 4))
    this.#committer = new Committer({
      connectionString,
      prepared,
      committers: options.committers,
      maxBatch: options.maxBatch,
      applier,
      logger,
      faults,
      onCommitted: (batch, tookMs) => this.#committed(batch, tookMs),
    })
    const permits = permitsOf(options.code.all())
    this.#fetcher = new Fetcher({
      connectionString,
      prepared,
      schema,
      boss,
      cache: this.#cache,
      shelf,
      faults,
      permits,
    })
    this.#owner = new Owner({
      connectionString: options.directConnectionString,
      schema,
      build: options.build,
      definitions: options.code.names(),
      logger,
      onWake: (why) => this.wake(why),
      onLost: () => {
        // Others may move its sagas from now on.
        this.#cache.clear()
        options.onEvent({ type: 'session_lost' })
      },
      onBack: () => {
        options.onEvent({ type: 'session_back' })
        this.#fetching.reconcile()
      },
      onTakenOver: () => this.#wasTakenOver(),
    })
    this.#fetching = new FetchLoop({
      fetcher: this.#fetcher,
      logger,
      wanted: () => this.#room(),
      identity: () => this.#owner.identity,
      take: (fetched) => this.#take(fetched),
      onFetched: (jobs) => options.onEvent({ type: 'fetched', jobs }),
      isTold: () => options.isNotified && this.#owner.holdsLock,
      onTakenOver: () => this.#owner.check(),
    })
    const submit = async (item: Item) => void (await this.#submit(item))
    this.#siblings = new Siblings({ db, schema, logger })
    this.#runner = new Runner({
      applier,
      code: options.code,
      settings: {
        services: options.services,
        maxPayloadBytes: options.maxPayloadBytes,
        encoding: options.encoding,
        jitter: Math.random,
        stop: this.#stop.signal,
        keep: (sagaId, delivery, json) => this.#keep(sagaId, delivery, json),
      },
      siblings: this.#siblings,
      committer: this.#committer,
      cache: this.#cache,
      openTransaction: options.openTransaction,
      logger,
      maxStragglers: options.maxStragglers,
      ran: () => ({ worker: this.id, build: options.build ?? undefined }),
      isElsewhere: (name) => this.#upkeep.codeWatch.isElsewhere(name),
      submit,
      onSlotFree: () => this.#free(),
      onClaimSettled: (claim) => this.#claimSettled(claim),
      onCommitted: (batch) => this.#committed(batch),
      onStragglerGone: () => this.kick(),
    })
    this.#upkeep = new Upkeep({
      ...options,
      owner: this.#owner,
      isOpen: () => this.#open,
      submit,
      onJobs: () => {
        this.kick()
        options.wakeOthers()
      },
    })
  }

  get id(): string {
    return this.#owner.identity.id
  }

  /** Attempts under way, or waiting to be committed. */
  get running(): number {
    return this.#running
  }

  /** Can be repeated after it failed: what was opened is closed again. */
  async start(): Promise<void> {
    const opening = [this.#owner.open(), this.#committer.open(), this.#fetcher.open()]
    const failed = (await Promise.allSettled(opening)).find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      await this.#owner.close()
      this.#committer.drop()
      this.#fetcher.drop()
      throw failed.reason
    }
    this.#open = true
    this.#upkeep.open()
    this.#fetching.open()
  }

  /** There is something to do for a worker that is idle. */
  wake(why: Wake): void {
    if (!this.#open) return
    // Whoever wakes it may be in a span of its own, which has nothing to do with what is fetched now.
    outsideOfTraces(() => (why === 'line' ? this.#upkeep.lines.kick() : this.kick()))
  }

  /** There may be jobs. */
  kick(): void {
    this.#fetching.kick()
  }

  /** Finishes what is under way, aborts what takes longer than the grace period, records all of it, and leaves. */
  async stop(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const upkeepEnded = this.#upkeep.close()
    await withTimeout(this.#fetching.close(), LEAVE_WITHIN_MS)
    const { drainGraceMs } = this.#options
    if (!(await this.#whenQuiet(drainGraceMs))) {
      this.#stop.abort(new Error('The worker is shutting down.'))
      await this.#whenQuiet(Math.max(ROLL_BACK_WITHIN_MS, Math.min(drainGraceMs, LEAVE_WITHIN_MS)))
    }
    await withTimeout(this.#committer.drained(), LEAVE_WITHIN_MS)
    await this.#upkeep.breakers.close()
    this.#siblings.close()
    await upkeepEnded
    await this.#owner.close()
    await Promise.all([this.#committer.close(), this.#fetcher.close()])
  }

  async #whenQuiet(ms: number): Promise<boolean> {
    if (this.#running === 0) return true
    const quiet = new Promise<void>((resolve) => {
      this.#quiet = resolve
    })
    return withTimeout(quiet, ms)
  }

  /** How many jobs to fetch. */
  #room(): number {
    if (!this.#open || !this.#owner.isAlive || this.#runner.isOverrun) return 0
    const { concurrency } = this.#options
    const free = concurrency - this.#running
    // A commit is about to free more slots: one larger fetch then costs less than two small ones.
    return free >= concurrency / 4 || !this.#committer.isWriting ? Math.max(0, free) : 0
  }

  #take(fetched: Fetched): void {
    this.#running += fetched.jobs.length
    for (const job of fetched.jobs) {
      if (this.#open) this.#runner.run(job, fetched)
      else this.#runner.handBack(job, fetched)
    }
  }

  #free(): void {
    this.#running -= 1
    if (this.#running === 0) this.#quiet?.()
    this.#fetching.goOn()
  }

  #committed(batch: Batch, tookMs?: number): void {
    this.#options.onEvent({ type: 'committed', batch, ...(tookMs === undefined ? {} : { tookMs }) })
    traceRests(batch)
    this.#siblings.told(batch)
    this.#upkeep.breakers.told(batch)
    let due = Number.POSITIVE_INFINITY
    let jobs = false
    const left: string[] = []
    for (const { events, item, leftLine } of batch.applied) {
      if (leftLine === true) left.push(item.sagaId)
      // An attempt of a limited step has ended: one that the queue has kept back may start.
      if (item.job?.group !== undefined) jobs = true
      for (const event of events) {
        if (event.type === 'attempt_scheduled') jobs = true
        else if (event.type === 'line_joined') this.#upkeep.lines.kick()
        else if (event.type === 'attempt_failed' && event.retryAt !== undefined)
          due = Math.min(due, event.retryAt - batch.now)
      }
    }
    if (left.length > 0) this.#upkeep.lines.follow(left)
    if (jobs) this.kick()
    // Only for workers that are idle, and only where this one has no slot left: they would find it by polling too.
    if (jobs && this.#running >= this.#options.concurrency && this.#upkeep.takeover.others > 0)
      this.#options.wakeOthers()
    if (due < Number.POSITIVE_INFINITY) this.#upkeep.timers.kick(due)
  }

  /** Two transactions can each settle one of the last two jobs, and neither be the last: then the row is left. */
  #claimSettled(claim: Claim): void {
    if (claim.removed === true) return this.#fetcher.settled(claim)
    const { db, schema, logger } = this.#options
    removeClaims(db, schema, [claim.id])
      .catch((error: unknown) => {
        // Whoever reads it back, or takes this worker over, finds that nothing of it is left to do.
        logger.debug({ error: String(error) }, 'a finished claim was not removed')
      })
      .finally(() => this.#fetcher.settled(claim))
  }

  /** Resolves when it is committed. @throws when it cannot be written. */
  #submit(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#committer.add({
        item,
        done: (outcome) => {
          this.#cache.delete(item.sagaId)
          if (outcome.type === 'poisoned') reject(new Error('It cannot be written.', { cause: outcome.error }))
          else resolve(outcome)
        },
      })
    })
  }

  /** An attempt that nobody waits for any more is told so: somebody else does its work. */
  async #keep(sagaId: string, delivery: Delivery, payload: string): Promise<void> {
    const ran = { worker: this.id, build: this.#options.build ?? undefined }
    const outcome = await this.#submit({ sagaId, input: { type: 'checkpoint', ...delivery }, payload, ran })
    if (outcome.type === 'applied' && outcome.applied.ignored === undefined) return
    throw new SagaError(
      'ATTEMPT_SUPERSEDED',
      `Attempt ${delivery.insertedAs + delivery.retryCount} of step "${delivery.step}" is not the one that saga ${sagaId} waits for. Stop: another one does its work.`,
      { details: { sagaId, step: delivery.step } },
    )
  }

  #wasTakenOver(): void {
    this.#options.onEvent({ type: 'was_taken_over' })
    // What still runs belongs to somebody else now; what it reports is late, and is recorded as that.
    this.#cache.clear()
  }
}
