/**
 * From a fetched job to its report: admit, run, settle, remember. What a job comes to is brought to the committer; a
 * transactional one commits by itself.
 */
import { admit } from '../engine/core/admit.ts'
import { ADOPT, isSideHook, itemOf } from '../engine/core/blueprint.ts'
import type { Delivery, Report } from '../engine/core/input.ts'
import type { Definition } from '../engine/definition.ts'
import type { SagaError } from '../engine/errors.ts'
import type { Applied, Applier, Batch, Item } from '../engine/runtime/apply.ts'
import type { LoadedSaga } from '../engine/runtime/context.ts'
import { type CodeShelf, codeName, groupOf, limitsOf, sideCode } from '../engine/runtime/limits.ts'
import type { DeliveredJob, Logger } from '../engine/runtime/ports.ts'
import { type AttemptReport, type AttemptSettings, isTransactional, runAttempt } from '../engine/runtime/run-attempt.ts'
import { beginAttempt } from '../engine/runtime/tracing.ts'
import { errorInfo } from '../engine/runtime/verdict.ts'
import { holdsFor } from '../engine/store/holds.ts'
import type { Payloads } from '../engine/store/journal.ts'
import type { Ran } from '../engine/store/sagas.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import type { SagaCache } from './cache.ts'
import type { Committer } from './committer.ts'
import type { Claim, Outcome } from './entries.ts'
import type { Fetched } from './fetcher.ts'
import type { Siblings } from './siblings.ts'
import { type OpenTransaction, runTransactional } from './transactional.ts'

export type RunnerParts = {
  readonly applier: Applier
  readonly code: CodeShelf
  readonly settings: AttemptSettings
  readonly committer: Committer
  readonly cache: SagaCache
  readonly openTransaction: OpenTransaction
  readonly logger: Logger
  readonly maxStragglers: number
  readonly ran: () => Ran
  /** Whether another live worker has the code, `name@version`. */
  readonly isElsewhere: (name: string) => boolean
  /** Records something that no slot waits for. */
  readonly submit: (item: Item) => Promise<void>
  readonly onSlotFree: () => void
  readonly onClaimSettled: (claim: Claim) => void
  /** A transactional attempt has committed by itself. */
  readonly onCommitted: (batch: Batch) => void
  readonly onStragglerGone: () => void
  /** Attempts that want to be told when their saga turns. */
  readonly siblings: Siblings
}

/**
 * How long an attempt that this worker has no code for is put off, the first time, the second, …; less while
 * another worker has it, but growing too: that one may have its hands full.
 */
const CODE_DELAYS_MS = [250, 1_000, 5_000, 15_000, 60_000] as const
/** From a minute to a year. A worker that comes with the code sets it going sooner. */
const MAX_DOUBLINGS = 19
const ELSEWHERE_DELAYS_MS = [250, 1_000, 1_000, 2_000] as const

export class Runner {
  readonly #parts: RunnerParts
  #stragglers = 0

  constructor(parts: RunnerParts) {
    this.#parts = parts
  }

  /** Whether so many functions ignore their abort signal that nothing more should be started. */
  get isOverrun(): boolean {
    return this.#stragglers >= this.#parts.maxStragglers
  }

  /** Hands back what was fetched and must not start any more. */
  handBack(job: ClaimedJob, fetched: Fetched): void {
    const saga = fetched.sagas.get(job.saga)
    const definition = saga === undefined ? undefined : this.#codeOf(saga)
    this.#report(job, fetched.claim, saga, { report: returned(deliveryOf(job), 'turned', definition) })
  }

  /** Runs what the saga's state admits; everything else is handed back, with why. */
  run(job: ClaimedJob, fetched: Fetched): void {
    const saga = fetched.sagas.get(job.saga)
    const delivery = deliveryOf(job)
    if (saga === undefined) return this.#report(job, fetched.claim, saga, { report: returned(delivery, 'turned') })
    const definition = this.#codeOf(saga)
    const blueprint = this.#parts.applier.shelf.get(saga.state.blueprint)
    const holds = holdsFor(fetched.holds, saga.definition, saga.id)
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
      const isElsewhere = this.#parts.isElsewhere(codeName(saga.definition, saga.version))
      return this.#report(job, fetched.claim, saga, { report: withoutCode(delivery, isElsewhere) })
    }
    // Inserted by a process that does not know of the limit, and not counted. This commit inserts it with its group.
    const group = groupOf(definition, job.step)
    if (group !== undefined && group !== job.group) {
      return this.#report(job, fetched.claim, saga, { report: returned(delivery, 'turned', definition) })
    }
    const opened = this.#parts.settings.encoding.open(saga)
    if (opened instanceof Promise) this.#whenOpened(opened, job, fetched.claim, saga, definition, delivery)
    else this.#start(job, fetched.claim, opened, definition, delivery)
  }

  /** What cannot be read is no reason to go on or to turn back: its attempt waits, as if its code were not there. */
  #whenOpened(
    opened: Promise<LoadedSaga>,
    job: ClaimedJob,
    claim: Claim,
    saga: LoadedSaga,
    definition: Definition,
    delivery: Delivery,
  ): void {
    const { settings, logger } = this.#parts
    const start = (readable: LoadedSaga) => {
      if (!settings.stop.aborted) return this.#start(job, claim, readable, definition, delivery)
      this.#report(job, claim, saga, { report: returned(delivery, 'turned', definition) })
    }
    const putOff = (error: unknown) => {
      const { code, message } = error as SagaError
      logger.error({ saga: job.saga, step: job.step, code, error: message }, 'an attempt is put off: it cannot be read')
      this.#report(job, claim, saga, { report: unreadable(definition, delivery, error) })
    }
    void opened.then(start, putOff)
  }

  #start(job: ClaimedJob, claim: Claim, saga: LoadedSaga, definition: Definition, delivery: Delivery): void {
    this.#parts.applier.faults('before-action')
    if (isTransactional(definition, job.step)) void this.#runTransactional(job, claim, saga, definition, delivery)
    else this.#runExternal(job, claim, saga, definition, delivery)
  }

  #codeOf(saga: LoadedSaga): Definition | undefined {
    const { code, applier } = this.#parts
    return code.of(saga, applier.shelf.get(saga.state.blueprint))
  }

  #runExternal(job: ClaimedJob, claim: Claim, saga: LoadedSaga, definition: Definition, delivery: Delivery): void {
    const code = sideCode(definition, job.step, job.side)
    if (code === undefined) return
    const { settings, ran } = this.#parts
    const running = runAttempt(saga, definition, delivery, code, settings, beginAttempt(saga, delivery, ran().build))
    const done = this.#parts.siblings.watch(saga.id, definition.blueprint, delivery, running.abort)
    void running.reported.then((report) => {
      done()
      this.#parts.applier.faults('after-action')
      if (report.report.type === 'failed' && report.report.timedOut === true) {
        this.#straggle(running.late, job)
        void running.late.then((late) => this.#reportLate(job, late))
      }
      this.#report(job, claim, saga, report)
    })
  }

  /** A function that ignored its signal keeps what it holds. */
  #straggle(gone: Promise<unknown>, job: ClaimedJob): void {
    const { maxStragglers, logger } = this.#parts
    this.#stragglers += 1
    if (this.#stragglers >= maxStragglers) {
      logger.error(
        { stragglers: this.#stragglers, saga: job.saga, step: job.step },
        'too many functions ignore their abort signal: this worker fetches nothing more',
      )
    }
    void gone.then(() => {
      this.#stragglers -= 1
      this.#parts.onStragglerGone()
    })
  }

  #reportLate(job: ClaimedJob, report: AttemptReport | undefined): void {
    if (report === undefined) return
    const { submit, ran, logger } = this.#parts
    const item = itemFor(job.saga, report, { id: job.id, retryCount: job.retryCount }, ran())
    submit(item).catch((error: unknown) => {
      logger.error({ saga: job.saga, step: job.step, error: String(error) }, 'a late report cannot be written')
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
    const { openTransaction, applier, settings, logger } = this.#parts
    let removes = false
    const claims = () => {
      removes = claim.open === 1
      return removes ? [claim.id] : []
    }
    // Its transaction is gone, and with it what it wrote: there is nothing that it could report late.
    const onStraggler = (gone: Promise<unknown>) => this.#straggle(gone, job)
    const ran = this.#parts.ran()
    const attempt = {
      saga,
      definition,
      delivery,
      code,
      job,
      ran,
      span: beginAttempt(saga, delivery, ran.build),
      claims,
      onStraggler,
    }
    const result = await runTransactional(attempt, openTransaction, applier, settings, logger)
    if (result.type === 'failed') return this.#report(job, claim, saga, result.report)
    // Fenced: somebody else has it. Its claim is finished with, as far as this worker is concerned.
    if (result.type === 'fenced') return this.#report(job, claim, saga, { report: returned(delivery, 'turned') })
    claim.open -= 1
    if (removes) claim.removed = true
    if (claim.open === 0) this.#parts.onClaimSettled(claim)
    this.#remember(saga, result.applied, result.clear)
    this.#parts.onSlotFree()
    this.#parts.onCommitted(result.batch)
  }

  #report(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport): void {
    const known = saga === undefined ? undefined : (this.#parts.cache.get(saga.id, saga.revision) ?? saga)
    const item = itemFor(job.saga, report, job, this.#parts.ran(), known)
    this.#parts.committer.add({ item, claim, done: (outcome) => this.#done(job, claim, saga, report, outcome) })
  }

  #done(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport, outcome: Outcome): void {
    if (outcome.type === 'poisoned') return this.#poisoned(job, claim, saga, report, outcome.error)
    if (claim.open === 0) this.#parts.onClaimSettled(claim)
    if (outcome.type === 'applied' && saga !== undefined)
      this.#remember(saga, outcome.applied, report.clear ?? report.payload)
    else this.#parts.cache.delete(job.saga)
    this.#parts.onSlotFree()
  }

  /** What cannot be written is recorded as a failure without what made it so. */
  #poisoned(job: ClaimedJob, claim: Claim, saga: LoadedSaga | undefined, report: AttemptReport, error: unknown): void {
    // A failure without a payload, or a delivery that was given back: there is nothing of it to be left out.
    const wasPlain = report.report.type !== 'succeeded' && report.payload === undefined
    if (saga === undefined || wasPlain) {
      // Nothing is recorded, and its job is not settled: pg-boss's own expiry makes it a lost one.
      claim.open -= 1
      if (claim.open === 0) this.#parts.onClaimSettled(claim)
      return this.#parts.onSlotFree()
    }
    const definition = this.#codeOf(saga)
    const transactional = definition !== undefined && isTransactional(definition, job.step)
    this.#report(job, claim, undefined, {
      report: {
        type: 'failed',
        ...deliveryOf(job),
        verdict: transactional ? 'not_applied' : 'in_doubt',
        error: { ...errorInfo(error), code: 'PAYLOAD_INVALID', message: 'Its result could not be stored.' },
        retryDelayMs: 1_000,
        limits: limitsOf(definition, job.step, job.side),
      },
    })
  }

  #remember(saga: LoadedSaga, applied: Applied, payload: string | undefined): void {
    const { cache } = this.#parts
    const { state, revision, base, foreign } = applied
    const isLive = state.status === 'running' || state.status === 'compensating'
    // It may have moved on since this attempt was fetched, and another one have seen that.
    const known = saga.revision === base ? saga : cache.get(saga.id, base)
    const isAhead = known !== undefined && known.revision === revision
    // It had moved on, or somebody else brought a result in the same batch: what is known is not all of it.
    if (!isLive || foreign.length > 0 || (known?.revision !== base && !isAhead)) return cache.delete(saga.id)
    cache.set({ ...known, state, revision, payloads: grown(known.payloads, applied, payload) })
  }
}

/** What the saga's functions see from now on. Results of items are read where they are needed. */
function grown(payloads: Payloads, { events }: Applied, payload: string | undefined): Payloads {
  if (payload === undefined) return payloads
  const told = events.find((event) => event.type === 'step_completed' || event.type === 'step_verified')
  if (told !== undefined && itemOf(told.step) === undefined)
    return { ...payloads, results: { ...payloads.results, [told.step]: payload } }
  const listed = events.find((event) => event.type === 'map_started')
  return listed === undefined ? payloads : { ...payloads, lists: { ...payloads.lists, [listed.step]: payload } }
}

function deliveryOf(job: ClaimedJob): Delivery {
  return {
    step: job.step,
    side: job.side,
    jobId: job.id,
    insertedAs: job.attempt,
    retryCount: job.retryCount,
  }
}

function returned(delivery: Delivery, why: 'pause' | 'hold' | 'turned', definition?: Definition): Report {
  return { type: 'returned', ...delivery, why, limits: limitsOf(definition, delivery.step, delivery.side) }
}

function withoutCode(delivery: Delivery, isElsewhere: boolean): Report {
  const { insertedAs, step } = delivery
  const delays = isElsewhere ? ELSEWHERE_DELAYS_MS : CODE_DELAYS_MS
  const delayMs = delays[Math.min(insertedAs, delays.length) - 1] ?? 60_000
  // A hook beside a status is no dead letter for want of code, so that nothing else would ever end its coming back.
  const doublings = isElsewhere || !isSideHook(step) ? 0 : Math.min(MAX_DOUBLINGS, insertedAs - delays.length)
  const retryDelayMs = delayMs * 2 ** Math.max(0, doublings)
  return {
    type: 'returned',
    ...delivery,
    why: 'code',
    retryDelayMs,
    limits: limitsOf(undefined, delivery.step, delivery.side),
  }
}

/** What was erased is never readable again: that is for a person. Everything else may come back. */
function unreadable(definition: Definition, delivery: Delivery, error: unknown): Report {
  if ((error as SagaError).code !== 'PAYLOAD_ERASED') return withoutCode(delivery, false)
  return {
    type: 'failed',
    ...delivery,
    verdict: 'rejected',
    error: errorInfo(error),
    retryDelayMs: 0,
    limits: limitsOf(definition, delivery.step, delivery.side),
  }
}

function itemFor(
  sagaId: string,
  { report, payload, ranMs }: AttemptReport,
  job: DeliveredJob,
  ran: Ran,
  saga?: LoadedSaga,
): Item {
  return {
    sagaId,
    input: report,
    job,
    ran: ranMs === undefined ? ran : { ...ran, ms: ranMs },
    ...(payload === undefined ? {} : { payload }),
    ...(saga === undefined ? {} : { cached: { revision: saga.revision, state: saga.state } }),
  }
}
