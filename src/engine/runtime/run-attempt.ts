/**
 * Runs one attempt of a step's function and turns whatever comes of it into a report.
 *
 * A function that runs out of time is told so by its signal, and is given `settleAfter` to come to an end; after that
 * it is reported in doubt, and what it says later is a late report of its own.
 */
import { stepOf } from '../core/blueprint.ts'
import type { Delivery, Report } from '../core/input.ts'
import { retryDelay } from '../core/retry.ts'
import type { Definition, SideCode, StepCode } from '../definition.ts'
import { SagaError, StepNotApplied } from '../errors.ts'
import { checkPayload } from '../payload.ts'
import { contextOf, type LoadedSaga } from './context.ts'
import type { Encoding } from './encoding.ts'
import { codeOf, DEFAULT_SETTLE_AFTER_MS, limitsOf } from './limits.ts'
import { onAbort } from './on-abort.ts'
import { SHORTEST_CHECK_MS, saidBy } from './said.ts'
import type { AttemptSpan } from './tracing.ts'
import { errorInfo, verdictOf } from './verdict.ts'

export type AttemptReport = {
  readonly report: Report
  /** As it is to be stored. */
  readonly payload?: string
  /** As functions are to see it, where it is stored otherwise. */
  readonly clear?: string
  /** How long the function ran, in whole ms. */
  readonly ranMs?: number
}

export type AttemptSettings = {
  readonly services: unknown
  readonly maxPayloadBytes: number
  readonly encoding: Encoding
  /** From 0 to 1: spreads retries. */
  readonly jitter: () => number
  /** Ends all attempts: a drain that ran out of patience, or a worker that was taken over. */
  readonly stop: AbortSignal
  /** Keeps what a running attempt says of its progress, as checked JSON text. Resolves when it is committed. */
  readonly keep: (sagaId: string, delivery: Delivery, json: string) => Promise<void>
}

/** An attempt under way. `late` resolves when a function that was given up on settles after all. */
export type Running = {
  /** Tells the function that it is not wanted any more; it still comes to its end by itself, or by its timeout. */
  readonly abort: (reason: unknown) => void
  readonly reported: Promise<AttemptReport>
  readonly late: Promise<AttemptReport | undefined>
}

/** The report of an action's or a compensation's outcome, whichever way it ended. */
export type Outcome =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'error'; readonly error: unknown; readonly timedOut?: true }

/**
 * Runs an external attempt. Transactional ones share everything but the transaction around it.
 *
 * @param span in which the function runs; it ends with the attempt.
 */
export function runAttempt(
  saga: LoadedSaga,
  definition: Definition,
  delivery: Delivery,
  code: SideCode,
  settings: AttemptSettings,
  span?: AttemptSpan,
): Running {
  const controller = new AbortController()
  const settleAfterMs = codeOf(definition, delivery.step)?.settleAfterMs ?? DEFAULT_SETTLE_AFTER_MS
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
        checkpoint: (value: unknown) => keepCheckpoint(saga, delivery, value, settings),
      }
      const run = () => code.run(contextOf(saga, parts) as never)
      return span === undefined ? run() : span.inside(run)
    },
    controller,
    code.timeoutMs,
    settleAfterMs,
    settings.stop,
  )
  const report = async (outcome: Outcome): Promise<AttemptReport> => {
    const ranMs = performance.now() - startedAt
    const leftMs = code.timeoutMs + settleAfterMs - ranMs
    const said = await reportOf(saga, definition, delivery, code, outcome, settings, leftMs)
    return { ...said, ranMs: Math.round(ranMs) }
  }
  const reported = timed.first.then(report)
  if (span !== undefined) void reported.then((said) => span.end(said.report))
  return {
    abort: (reason) => controller.abort(reason),
    reported,
    late: timed.late.then((outcome) => (outcome === undefined ? undefined : report(outcome))),
  }
}

/** @throws SagaError `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `CODEC_FAILED`, `ATTEMPT_SUPERSEDED`. */
async function keepCheckpoint(
  saga: LoadedSaga,
  delivery: Delivery,
  value: unknown,
  { maxPayloadBytes, keep, encoding }: AttemptSettings,
): Promise<void> {
  const what = `the checkpoint of step "${delivery.step}" of ${saga.definition}`
  const { json } = checkPayload(value, { what, maxBytes: maxPayloadBytes })
  if (json === undefined) throw new SagaError('PAYLOAD_INVALID', `${what} is undefined, which says nothing.`)
  const about = { sagaId: saga.id, definition: saga.definition, step: delivery.step }
  await keep(saga.id, delivery, await encoding.encode(json, about, what))
}

export function attemptOf(delivery: Delivery): number {
  return delivery.insertedAs + delivery.retryCount
}

/**
 * The function's outcome, or that it ran out of time; and, in that case, its outcome when it comes.
 *
 * `endsAtStop` is for what can be rolled back: when all attempts are to end, it is not waited for.
 */
export function runTimed(
  run: (signal: AbortSignal) => unknown,
  controller: AbortController,
  timeoutMs: number,
  settleAfterMs: number,
  stop: AbortSignal,
  { endsAtStop = false } = {},
): { readonly first: Promise<Outcome>; readonly late: Promise<Outcome | undefined> } {
  let gaveUp = false
  let patience: NodeJS.Timeout | undefined
  const { promise: first, resolve } = Promise.withResolvers<Outcome>()
  const abort = (reason: unknown) => controller.abort(reason)
  let forget = () => {}
  // Of several ends the first one counts. However long the function itself goes on, nothing of this is left.
  const end = (outcome: Outcome) => {
    clearTimeout(patience)
    forget()
    resolve(outcome)
  }
  patience = setTimeout(() => {
    const error = new SagaError('STEP_TIMEOUT', `No result within ${timeoutMs} ms. Its signal was aborted.`)
    abort(error)
    patience = setTimeout(() => {
      gaveUp = true
      end({ type: 'error', error, timedOut: true })
    }, settleAfterMs)
  }, timeoutMs)
  forget = onAbort(stop, (reason) => {
    abort(reason)
    if (endsAtStop) end({ type: 'error', error: reason })
  })
  const late = invoke(run, controller.signal).then((outcome) => {
    if (gaveUp) return outcome
    end(outcome)
    return undefined
  })
  return { first, late }
}

async function invoke(run: (signal: AbortSignal) => unknown, signal: AbortSignal): Promise<Outcome> {
  try {
    return { type: 'value', value: await run(signal) }
  } catch (error) {
    return { type: 'error', error }
  }
}

/** What an outcome says, with the limits and the delay that go with it. `leftMs` is for looking at its result. */
export async function reportOf(
  saga: LoadedSaga,
  definition: Definition,
  delivery: Delivery,
  code: SideCode,
  outcome: Outcome,
  settings: Pick<AttemptSettings, 'maxPayloadBytes' | 'encoding' | 'jitter'>,
  leftMs = code.timeoutMs,
): Promise<AttemptReport> {
  const limits = limitsOf(definition, delivery.step, delivery.side)
  if (outcome.type === 'value') {
    const said = await saidBy(definition, delivery, outcome.value, settings.maxPayloadBytes, leftMs)
    if ('error' in said) {
      // The function has done its work, so its effect stands although its result cannot be stored.
      return reportOf(saga, definition, delivery, code, { type: 'error', error: said.error }, settings)
    }
    const { payload: clear, ...answer } = said
    const report: Report = { type: 'succeeded', ...delivery, ...answer, limits }
    if (clear === undefined) return { report }
    const encoded = encodedResult(saga, delivery, clear, settings, leftMs)
    if (typeof encoded === 'string') return { report, payload: encoded }
    const payload = await encoded
    if (typeof payload === 'string') return { report, payload, clear }
    return reportOf(saga, definition, delivery, code, { type: 'error', error: payload }, settings)
  }
  const { error } = outcome
  const failures = (saga.state.steps[delivery.step]?.[delivery.side]?.failures ?? 0) + 1
  const asked = error instanceof StepNotApplied ? error.retryAfterMs : undefined
  const step = codeOf(definition, delivery.step)
  const leavesNothing = isNeverInDoubt(definition, delivery.step)
  const judged = verdictOf(error, delivery.side === 'action' ? step?.classify : undefined, leavesNothing)
  // Whatever the abort looks like: a function that did not come to an end may yet take effect.
  const verdict = outcome.timedOut === true && !leavesNothing ? 'in_doubt' : judged
  return {
    report: {
      type: 'failed',
      ...delivery,
      verdict,
      error: errorInfo(error),
      retryDelayMs: retryDelay(code.retry, failures, settings.jitter(), asked),
      limits,
      ...(outcome.timedOut === true ? { timedOut: true } : {}),
      ...(delivery.side === 'action' && hasFallbackFor(step, error) ? { fallsBack: true } : {}),
    },
  }
}

/**
 * What is stored of a result; or an error, where the codec fails. Its cause stays behind: that a key service refused a
 * connection says nothing of the action, which has run.
 */
function encodedResult(
  saga: LoadedSaga,
  { step }: Delivery,
  json: string,
  { encoding }: Pick<AttemptSettings, 'encoding'>,
  leftMs: number,
): string | Promise<string | SagaError> {
  const about = { sagaId: saga.id, definition: saga.definition, step }
  const encoded = encoding.encode(json, about, `the result of step "${step}"`, Math.max(leftMs, SHORTEST_CHECK_MS))
  if (typeof encoded === 'string') return encoded
  return encoded.catch((error: unknown) => {
    const { code, message, details } = error as SagaError
    return new SagaError(code, message, { details })
  })
}

/** A judge that fails has not judged. */
function hasFallbackFor(step: StepCode | undefined, error: unknown): boolean {
  try {
    return step?.fallsBack?.(error) === true
  } catch {
    return false
  }
}

/** Transactional code takes back what it wrote, and a chooser touches nothing. */
function isNeverInDoubt(definition: Definition, step: string): boolean {
  return isTransactional(definition, step) || stepOf(definition.blueprint, step) === undefined
}

export function isTransactional(definition: Definition, step: string): boolean {
  return step.startsWith('@') || stepOf(definition.blueprint, step)?.kind === 'transactional'
}
