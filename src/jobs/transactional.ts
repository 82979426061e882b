/**
 * Transactional attempts: steps whose writes go through `ctx.tx`, and hooks.
 *
 * User code first, then lock the saga, settle the job, decide, write, COMMIT: its writes, its result and the next job
 * commit together (rule 6). If anything throws, all of it is gone, and the failure is recorded on another transaction,
 * fenced by the same job: it has no effect if a COMMIT whose answer was lost did happen.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Delivery, Report } from '../engine/core/input.ts'
import type { Definition, SideCode } from '../engine/definition.ts'
import { SagaError } from '../engine/errors.ts'
import { type Applied, type Applier, applyBatch, type Batch, type Item } from '../engine/runtime/apply.ts'
import { contextOf, type LoadedSaga } from '../engine/runtime/context.ts'
import { limitsOf } from '../engine/runtime/limits.ts'
import type { DeliveredJob, Logger } from '../engine/runtime/ports.ts'
import {
  type AttemptReport,
  type AttemptSettings,
  attemptOf,
  type Outcome,
  reportOf,
  runTimed,
} from '../engine/runtime/run-attempt.ts'
import type { AttemptSpan } from '../engine/runtime/tracing.ts'
import { errorInfo } from '../engine/runtime/verdict.ts'
import { type Db, isConnectionError, isRepeatable } from '../engine/store/db.ts'
import type { Ran } from '../engine/store/sagas.ts'
import { Backoff } from './backoff.ts'
import { isOfTheMoment, isOfTheServer, isOutOfTime } from './trouble.ts'

/** Opens the app's transaction and hands it over, beside a view of it that our statements run on. */
export type OpenTransaction = <T>(run: (tx: unknown, db: Db) => Promise<T>) => Promise<T>

export type TransactionalAttempt = {
  readonly saga: LoadedSaga
  readonly definition: Definition
  readonly delivery: Delivery
  readonly code: SideCode
  readonly job: DeliveredJob
  readonly ran: Ran
  /** In which its transaction is, and its function. */
  readonly span?: AttemptSpan | undefined
  /** To be removed with this settlement, being the last one of its claim. */
  readonly claims: () => readonly string[]
  /** The function ignores its signal, and is not waited for any longer; resolves when it comes to its end after all. */
  readonly onStraggler: (gone: Promise<unknown>) => void
}

export type TransactionalResult =
  | { readonly type: 'committed'; readonly batch: Batch; readonly applied: Applied; readonly clear: string | undefined }
  /** Nothing was written; this is to be recorded on another transaction. */
  | { readonly type: 'failed'; readonly report: AttemptReport }
  /** Another delivery owns the saga's attempt by now: nothing was written, and nothing is to be recorded. */
  | { readonly type: 'fenced' }

/**
 * Deadlocks and serialization failures repeat the transaction and are no attempt, up to here. So do connections that were
 * lost after the function had begun, and a disk that was full under its own statements: now and then that is the
 * database's affair, ten times in a row it is the function's.
 */
const MAX_REPEATS = 10

class Fenced extends Error {}
class Failed extends Error {
  readonly report: AttemptReport
  constructor(report: AttemptReport) {
    super('The attempt failed; its transaction is rolled back.')
    this.report = report
  }
}

/** How far the function has come: what fails before it and after it is ours. */
type Progress = { isFunction: 'to come' | 'running' | 'done' }

/** Repeats what is no fault of the function's, until it is known what came of the attempt. */
export async function runTransactional(
  attempt: TransactionalAttempt,
  open: OpenTransaction,
  applier: Applier,
  settings: AttemptSettings,
  logger: Logger,
): Promise<TransactionalResult> {
  const { span } = attempt
  const run = () => repeated(attempt, open, applier, settings, logger)
  if (span === undefined) return run()
  const result = await span.inside(run)
  if (result.type === 'fenced') span.end()
  else span.end(result.type === 'failed' ? result.report.report : (result.applied.item.input as Report))
  return result
}

async function repeated(
  attempt: TransactionalAttempt,
  open: OpenTransaction,
  applier: Applier,
  settings: AttemptSettings,
  logger: Logger,
): Promise<TransactionalResult> {
  const { saga, definition, delivery, code } = attempt
  const failed = async (outcome: Outcome): Promise<TransactionalResult> => {
    return { type: 'failed', report: await reportOf(saga, definition, delivery, code, outcome, settings) }
  }
  const backoff = new Backoff()
  let losses = 0
  for (let repeat = 1; ; repeat += 1) {
    const progress: Progress = { isFunction: 'to come' }
    try {
      const result = await open((tx, db) => inside(attempt, tx, db, applier, settings, progress))
      applier.faults('tx-after-commit')
      return result
    } catch (error) {
      if (error instanceof Fenced) return { type: 'fenced' }
      if (error instanceof Failed) return { type: 'failed', report: error.report }
      if (isOutOfTime(error)) return failed({ type: 'error', error: outOfTime(error), timedOut: true })
      const isLost = isConnectionError(error) || (progress.isFunction === 'running' && isOfTheServer(error))
      if (isLost && progress.isFunction !== 'to come') losses += 1
      const isRaced = isRepeatable(error) && repeat < MAX_REPEATS
      const isAway = isLost ? losses < MAX_REPEATS : progress.isFunction === 'done' && isOfTheMoment(error)
      if (!isRaced && !isAway) return failed({ type: 'error', error })
      const { step } = delivery
      logger.warn(
        { saga: saga.id, step, repeat, error: errorInfo(error) },
        'a transactional step is repeated; this counts as no attempt',
      )
      if (isRaced) continue
      // The database is away or cannot do it now, or the answer of COMMIT is lost. If it was committed, the fence says so
      // next time.
      if (settings.stop.aborted) return { type: 'failed', report: handedBack(attempt) }
      await delay(backoff.next())
    }
  }
}

function outOfTime(cause: unknown): SagaError {
  return new SagaError(
    'STEP_TIMEOUT',
    'The database ended the transaction, which was open, or idle between two statements, for too long.',
    { cause },
  )
}

/** Nothing of it is applied, and nothing is wrong with it: another worker runs it, and it counts as no failure. */
function handedBack({ definition, delivery }: TransactionalAttempt): AttemptReport {
  const report: Report = {
    type: 'returned',
    ...delivery,
    why: 'turned',
    limits: limitsOf(definition, delivery.step, delivery.side),
  }
  return { report }
}

async function inside(
  attempt: TransactionalAttempt,
  tx: unknown,
  db: Db,
  applier: Applier,
  settings: AttemptSettings,
  progress: Progress,
): Promise<Extract<TransactionalResult, { type: 'committed' }>> {
  const { saga, definition, delivery, code, job, ran } = attempt
  // It may have waited for its transaction until now.
  if (settings.stop.aborted) throw new Failed(handedBack(attempt))
  // Bounded in the database too: a statement that ignores its signal must not hold its locks for ever. An app that waits
  // for locks for a shorter time has said so itself.
  const bound = `${code.timeoutMs + 1_000}ms`
  await db.executeSql(
    `select set_config('statement_timeout', $1::text, true), set_config('idle_in_transaction_session_timeout', $1::text, true),
       set_config('lock_timeout', case current_setting('lock_timeout') when '0' then $2::text else current_setting('lock_timeout') end, true)`,
    [bound, `${code.timeoutMs}ms`],
  )
  const { given, revoke } = revocable(tx)
  progress.isFunction = 'running'
  const startedAt = performance.now()
  const timed = runTimed(
    (signal) => {
      const parts = {
        blueprint: definition.blueprint,
        names: definition.names,
        step: delivery.step,
        side: delivery.side,
        attempt: attemptOf(delivery),
        services: settings.services,
        signal,
        tx: given,
      }
      const run = () => code.run(contextOf(saga, parts) as never)
      // The app's transaction may call back from anywhere.
      return attempt.span === undefined ? run() : attempt.span.inside(run)
    },
    new AbortController(),
    code.timeoutMs,
    0,
    settings.stop,
    { endsAtStop: true },
  )
  const outcome = await timed.first
  revoke()
  if (outcome.type === 'error' && outcome.timedOut === true) attempt.onStraggler(timed.late)
  if (outcome.type === 'error') {
    if (settings.stop.aborted && outcome.error === settings.stop.reason) throw new Failed(handedBack(attempt))
    if (isRepeatable(outcome.error) || isOfTheServer(outcome.error)) throw outcome.error
    // A lost connection of its own, or of the transaction? Asked of the transaction.
    if (isConnectionError(outcome.error)) await db.executeSql('select 1')
  }
  const ranMs = performance.now() - startedAt
  const said = await reportOf(saga, definition, delivery, code, outcome, settings, code.timeoutMs - ranMs)
  const report = { ...said, ranMs: Math.round(ranMs) }
  if (report.report.type !== 'succeeded') throw new Failed(report)
  const item: Item = {
    sagaId: saga.id,
    input: report.report,
    job,
    ran: { ...ran, ms: report.ranMs },
    cached: { revision: saga.revision, state: saga.state },
    ...(report.payload === undefined ? {} : { payload: report.payload }),
  }
  progress.isFunction = 'done'
  const batch = await applyBatch(applier, db, [item], { wait: true, claims: attempt.claims() })
  const [applied] = batch.applied
  // A late or repeated report must not commit the writes that came with it.
  if (applied === undefined || applied.ignored !== undefined || isLate(applied)) throw new Fenced('fenced')
  applier.faults('tx-before-commit')
  return { type: 'committed', batch, applied, clear: report.clear ?? report.payload }
}

function isLate(applied: Applied): boolean {
  return applied.events.some((event) => event.type === 'late_report')
}

/** What a step keeps of its transaction stops working when the step has returned: the transaction, and its methods. */
function revocable(tx: unknown): { readonly given: unknown; readonly revoke: () => void } {
  if (tx === null || (typeof tx !== 'object' && typeof tx !== 'function')) return { given: tx, revoke: () => {} }
  let isRevoked = false
  const { proxy, revoke } = Proxy.revocable(tx, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return new Proxy(value as (...args: unknown[]) => unknown, {
        apply(method, _self, args) {
          if (isRevoked)
            throw new TypeError(`The transaction was revoked when its step ended: ${String(key)} was kept.`)
          // Of the target, because clients keep private fields that a proxy cannot reach.
          return Reflect.apply(method, target, args)
        },
      })
    },
  })
  return {
    given: proxy,
    revoke() {
      isRevoked = true
      revoke()
    },
  }
}
