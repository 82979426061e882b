/**
 * A worker: a pipeline from the queue to the journal.
 *
 *   fetch and claim → load → run actions side by side → committer → (follow-up jobs come back through the fetch)
 *
 * A slow action holds up nobody: slots are refilled as they get free. The worker decides nothing about a saga: it runs
 * what the state admits, and brings what came of it to the committer.
 */
import type { PgBoss } from 'pg-boss'
import { admit } from '../engine/core/admit.ts'
import { ADOPT } from '../engine/core/blueprint.ts'
import type { Delivery, Hold, Report } from '../engine/core/input.ts'
import type { Definition } from '../engine/definition.ts'
import { type Applied, type Applier, type Batch, type Item } from '../engine/runtime/apply.ts'
import type { LoadedSaga } from '../engine/runtime/context.ts'
import { type CodeShelf, limitsOf, sideCode } from '../engine/runtime/limits.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { type AttemptReport, type AttemptSettings, isTransactional, runAttempt } from '../engine/runtime/run-attempt.ts'
import { errorInfo } from '../engine/runtime/verdict.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { readSagas } from '../engine/store/sagas.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import { Backoff } from './backoff.ts'
import { SagaCache } from './cache.ts'
import { type Claim, Committer, type Outcome } from './committer.ts'
import { type Fetched, Fetcher, TakenOver } from './fetcher.ts'
import { LostJobs } from './lost-jobs.ts'
import { Owner } from './owner.ts'
import { Stranded } from './stranded.ts'
import { lostItem, Takeover } from './takeover.ts'
import { TimerLoop } from './timer-loop.ts'
import { type OpenTransaction, runTransactional } from './transactional.ts'

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
/** How often an attempt that this worker has no code for is handed back before it waits a minute in between. */
const CODE_DELAYS_MS = [250, 1_000, 5_000, 15_000, 60_000] as const

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
  readonly #settings: AttemptSettings
  #running = 0
  #stragglers = 0
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
    this.#settings = {
      services: options.services,
      maxPayloadBytes: options.maxPayloadBytes,
      jitter: Math.random,
      stop: this.#stop.signal,
    }
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
    const { concurrency, maxStragglers } = this.#options
    if (!this.#open || !this.#hint || !this.#owner.isAlive || this.#backoff.isWaiting) return false
    if (this.#stragglers >= maxStragglers) return false
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
    for (const job of fetched.jobs) this.#run(job, fetched)
  }

  #run(job: ClaimedJob, fetched: Fetched): void {
    const saga = fetched.sagas.get(job.saga)
    const delivery: Delivery = {
      step: job.step,
      side: job.side,
      jobId: job.id,
      insertedAs: job.attempt,
      retryCount: job.retryCount,
    }
    if (saga === undefined) return this.#report(job, fetched.claim, saga, { report: returned(delivery, 'turned') })
    const definition = this.#options.code.get(saga.definition, saga.version)
    const blueprint = this.#options.applier.shelf.get(saga.state.blueprint)
    const holds: readonly Hold[] = fetched.holds.get(saga.definition) ?? []
    const admission = blueprint === undefined ? 'code' : admit(blueprint, saga.state, delivery, holds)
    if (admission === 'stale') return this.#report(job, fetched.claim, saga, { report: returned(delivery, 'turned') })
    if (admission !== 'execute' && admission !== 'code') {
      return this.#report(job, fetched.claim, saga, { report: returned(delivery, admission, definition) })
    }
    if (definition !== undefined && job.step === ADOPT) {
      const adopted: Report = {
        type: 'succeeded',
        ...delivery,
        blueprint: definition.blueprintHash,
        limits: limitsOf(definition, ADOPT, 'action'),
      }
      return this.#report(job, fetched.claim, saga, { report: adopted })
    }
    const code = sideCode(definition, job.step, job.side)
    if (definition === undefined || code === undefined) {
      return this.#report(job, fetched.claim, saga, { report: withoutCode(delivery) })
    }
    this.#options.applier.faults('before-action')
    if (isTransactional(definition, job.step))
      void this.#runTransactional(job, fetched.claim, saga, definition, delivery)
    else this.#runExternal(job, fetched.claim, saga, definition, delivery)
  }

  #runExternal(job: ClaimedJob, claim: Claim, saga: LoadedSaga, definition: Definition, delivery: Delivery): void {
    const code = sideCode(definition, job.step, job.side)
    if (code === undefined) return
    const running = runAttempt(saga, definition, delivery, code, this.#settings)
    void running.reported.then((report) => {
      this.#options.applier.faults('after-action')
      if (report.report.type === 'failed' && report.report.timedOut === true) this.#straggle(running.late, job)
      this.#report(job, claim, saga, report)
    })
  }

  /** A function that ignored its signal: it keeps what it holds, and may still report. */
  #straggle(late: Promise<AttemptReport | undefined>, job: ClaimedJob): void {
    const { maxStragglers, logger } = this.#options
    this.#stragglers += 1
    if (this.#stragglers >= maxStragglers) {
      logger.error(
        { stragglers: this.#stragglers },
        'too many functions ignore their abort signal: this worker fetches nothing more',
      )
    }
    void late.then((report) => {
      this.#stragglers -= 1
      if (report !== undefined)
        void this.#submit(itemOf(job.saga, report, { id: job.id, retryCount: job.retryCount }, this.id))
      this.kick()
    })
  }

  async #runTransactional(
    job: ClaimedJob,
    claim: Claim,
    saga: LoadedSaga,
    definition: Definition,
    delivery: Delivery,
  ): Promise<void> {
    const code = sideCode(definition, job.step, job.side)
    if (code === undefined) return
    const { openTransaction, applier } = this.#options
    const owned = { id: job.id, retryCount: job.retryCount }
    const claims = () => (claim.open === 1 ? [claim.id] : [])
    const attempt = { saga, definition, delivery, code, job: owned, worker: this.id, claims }
    const result = await runTransactional(attempt, openTransaction, applier, this.#settings)
    if (result.type === 'failed') return this.#report(job, claim, saga, result.report)
    // Fenced: somebody else has it. Its claim is finished with, as far as this worker is concerned.
    if (result.type === 'fenced') return this.#report(job, claim, saga, { report: returned(delivery, 'turned') })
    claim.open -= 1
    if (claim.open === 0) this.#fetcher.settled(claim)
    this.#remember(saga, result.applied, result.payload)
    this.#free()
    this.#committed({ applied: [result.applied], skipped: [], orphans: [], now: 0 })
  }

  #report(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport): void {
    const item = itemOf(job.saga, report, { id: job.id, retryCount: job.retryCount }, this.id, saga)
    this.#committer.add({ item, claim, done: (outcome) => this.#done(job, claim, saga, report, outcome) })
  }

  #done(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport, outcome: Outcome): void {
    if (outcome.type === 'poisoned') return this.#poisoned(job, claim, saga, report, outcome.error)
    if (claim.open === 0) this.#fetcher.settled(claim)
    if (outcome.type === 'applied' && saga !== undefined) this.#remember(saga, outcome.applied, report.payload)
    else this.#cache.delete(job.saga)
    this.#free()
  }

  /** What cannot be written is recorded as a failure without what made it so. */
  #poisoned(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport, error: unknown): void {
    const wasPlain = report.report.type === 'failed' && report.payload === undefined
    if (saga === undefined || wasPlain) return this.#free()
    const definition = this.#options.code.get(saga.definition, saga.version)
    const transactional = definition !== undefined && isTransactional(definition, job.step)
    this.#report(job, claim, undefined, {
      report: {
        type: 'failed',
        step: job.step,
        side: job.side,
        jobId: job.id,
        insertedAs: job.attempt,
        retryCount: job.retryCount,
        verdict: transactional ? 'not_applied' : 'in_doubt',
        error: { ...errorInfo(error), code: 'PAYLOAD_INVALID', message: 'Its result could not be stored.' },
        retryDelayMs: 1_000,
        limits: limitsOf(definition, job.step, job.side),
      },
    })
  }

  #remember(saga: LoadedSaga, applied: Applied, payload: string | undefined): void {
    const { state, revision, events } = applied
    const isLive = state.status === 'running' || state.status === 'compensating'
    // Something else was applied to it in the same batch: what this attempt knew is not all of it.
    if (!isLive || revision !== saga.revision + events.length) return this.#cache.delete(saga.id)
    const completed = events.find((event) => event.type === 'step_completed')
    const results =
      completed === undefined || payload === undefined
        ? saga.payloads.results
        : { ...saga.payloads.results, [completed.step]: payload }
    this.#cache.set({ ...saga, state, revision, payloads: { input: saga.payloads.input, results } })
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

function returned(delivery: Delivery, why: 'pause' | 'hold' | 'turned', definition?: Definition): Report {
  return { type: 'returned', ...delivery, why, limits: limitsOf(definition, delivery.step, delivery.side) }
}

function withoutCode(delivery: Delivery): Report {
  const delays = CODE_DELAYS_MS
  const retryDelayMs = delays[Math.min(delivery.insertedAs - 1, delays.length - 1)] ?? 60_000
  return {
    type: 'returned',
    ...delivery,
    why: 'code',
    retryDelayMs,
    limits: limitsOf(undefined, delivery.step, delivery.side),
  }
}

function itemOf(
  sagaId: string,
  { report, payload }: AttemptReport,
  job: { readonly id: string; readonly retryCount: number },
  worker: string,
  saga?: LoadedSaga,
): Item {
  return {
    sagaId,
    input: report,
    job,
    worker,
    ...(payload === undefined ? {} : { payload }),
    ...(saga === undefined ? {} : { cached: { revision: saga.revision, state: saga.state } }),
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
