/** From the options of a step or a hook to what the engine runs, with the defaults filled in. */
import { ZodType } from 'zod'
import { breakerLimits } from './breaker-options.ts'
import { parseDuration } from './core/duration.ts'
import type { Verdict } from './core/machine.ts'
import { type RetryPolicy, retryProblem } from './core/retry.ts'
import { definitionInvalid, NOTHING_TO_UNDO, type SideCode, type StepCode } from './definition.ts'
import { durationProblem } from './duration.ts'
import type { SagaError } from './errors.ts'
import type { RetryOptions, StepOptions } from './step-types.ts'

const ACTION_RETRY: RetryPolicy = {
  maxAttempts: 5,
  backoff: 'exponential',
  initialIntervalMs: 1_000,
  maxIntervalMs: 60_000,
}

/** Travels as JSON with each report, which has no infinity. */
const UNLIMITED_ATTEMPTS = Number.MAX_SAFE_INTEGER

/** It must outlast an outage: for a day, at most a quarter of an hour apart. */
const COMPENSATION_RETRY: RetryPolicy = {
  maxAttempts: UNLIMITED_ATTEMPTS,
  backoff: 'exponential',
  initialIntervalMs: 1_000,
  maxIntervalMs: 15 * 60_000,
  maxDurationMs: 24 * 60 * 60_000,
}

/** Of Postgres's integer, in which limits are counted. */
const MAX_LIMIT = 2 ** 31 - 1

const HOOK_RETRY: RetryPolicy = { ...ACTION_RETRY, maxAttempts: 10 }
const EXTERNAL_TIMEOUT_MS = 60_000
const TRANSACTIONAL_TIMEOUT_MS = 10_000
const SETTLE_AFTER_MS = 10_000

/** A job of pg-boss lives at most a day, and the engine keeps a margin: what takes longer is more than one step. */
const MAX_LENGTH_MS = 23 * 60 * 60_000

/** What is being defined, for errors: the saga, and the place in it. */
export type Place = { readonly saga: string; readonly at: string }

/** The options as they come, before anything is known of them: callers without types are told what is wrong too. */
export type GivenStep = StepOptions & {
  readonly action: unknown
  readonly compensation?: unknown
  readonly verify?: unknown
  readonly settleAfter?: unknown
}

type GivenSide = {
  readonly run?: unknown
  readonly retry?: RetryOptions
  readonly timeout?: unknown
  readonly when?: unknown
  readonly onlyIf?: unknown
}

export type CheckedStep = { readonly code: StepCode; readonly compensateWhen?: 'completed' }

/** @throws SagaError `DEFINITION_INVALID`. */
export function stepCode(place: Place, kind: 'external' | 'transactional', step: GivenStep): CheckedStep {
  if (typeof step !== 'object' || step === null) throw invalid(place, 'a step is an object with an action')
  const { whenExhausted = 'compensate', maxLost, maxConcurrent, breaker, classify, output } = step
  if (whenExhausted !== 'compensate' && whenExhausted !== 'dead_letter') {
    throw invalid(place, `whenExhausted is 'compensate' or 'dead_letter', not ${JSON.stringify(whenExhausted)}`)
  }
  for (const [name, limit] of Object.entries({ maxLost, maxConcurrent })) {
    if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) continue
    throw invalid(place, `${name} must be a whole number from 1 up, not ${limit}`)
  }
  if (output !== undefined && !(output instanceof ZodType)) throw invalid(place, 'output is a zod schema')
  if (classify !== undefined && typeof classify !== 'function') throw invalid(place, 'classify is a function')
  const defaultTimeoutMs = kind === 'external' ? EXTERNAL_TIMEOUT_MS : TRANSACTIONAL_TIMEOUT_MS
  const action: SideCode = {
    run: bound(step.action, step) ?? fail(place, 'a step needs an action, which is a function'),
    retry: retryPolicy(place, ACTION_RETRY, step.retry),
    timeoutMs: timeoutOf(place, step.timeout, defaultTimeoutMs),
  }
  const undone = compensationCode(place, step, action.timeoutMs)
  if (undone?.when !== undefined && kind === 'transactional') {
    throw invalid(place, 'a transactional step is never in doubt, so compensation.when has no meaning; leave it out')
  }
  const verify = verifyCode(place, kind, step, action.timeoutMs)
  const settleAfterMs = settleAfterOf(
    place,
    kind,
    step.settleAfter,
    Math.max(action.timeoutMs, undone?.code.timeoutMs ?? 0, verify?.timeoutMs ?? 0),
  )
  return {
    code: {
      action,
      ...(undone === undefined ? {} : { compensation: undone.code }),
      ...(verify === undefined ? {} : { verify }),
      ...(classify === undefined
        ? {}
        : { classify: (error: unknown): Verdict | undefined => classify.call(step, error) }),
      whenExhausted,
      ...(maxLost === undefined ? {} : { maxLost }),
      ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
      ...(breaker === undefined ? {} : { breaker: breakerLimits(place, breaker) }),
      ...(settleAfterMs === undefined ? {} : { settleAfterMs }),
      ...(output === undefined ? {} : { output }),
    },
    ...(undone?.when === undefined ? {} : { compensateWhen: undone.when }),
  }
}

/** @throws SagaError `DEFINITION_INVALID`. */
export function hookCode(place: Place, given: unknown): SideCode {
  const { run, retry, timeout } = sideOf(place, given, given, 'a hook')
  return {
    run,
    retry: retryPolicy(place, HOOK_RETRY, retry),
    timeoutMs: timeoutOf(place, timeout, TRANSACTIONAL_TIMEOUT_MS),
  }
}

const DEFAULT_ITEMS_AT_A_TIME = 10
/** Each report of one looks at all that are under way: ten thousand would keep a worker from everything else for minutes. */
const MOST_ITEMS_AT_A_TIME = 1_000

export type GivenMap = GivenStep & {
  readonly over?: unknown
  readonly concurrency?: unknown
  readonly whenItemFails?: unknown
}

export type CheckedMap = CheckedStep & { readonly collect: boolean }

/** @throws SagaError `DEFINITION_INVALID`. */
export function mapCode(place: Place, map: GivenMap): CheckedMap {
  if (typeof map !== 'object' || map === null) throw invalid(place, 'a map is an object with `over` and an action')
  const { over, concurrency = DEFAULT_ITEMS_AT_A_TIME, whenItemFails = 'undo', ...rest } = ownAndInherited(map)
  if (typeof over !== 'function') throw invalid(place, 'a map needs `over`, a function that returns its list')
  const isNumber = typeof concurrency === 'number' && Number.isSafeInteger(concurrency)
  if (!isNumber || concurrency < 1 || concurrency > MOST_ITEMS_AT_A_TIME) {
    throw invalid(place, `concurrency is a whole number from 1 to ${MOST_ITEMS_AT_A_TIME}, not ${String(concurrency)}`)
  }
  if (whenItemFails !== 'undo' && whenItemFails !== 'collect') {
    throw invalid(place, `whenItemFails is 'undo' or 'collect', not ${JSON.stringify(whenItemFails)}`)
  }
  const collect = whenItemFails === 'collect'
  if (collect && rest.whenExhausted === 'dead_letter') {
    throw invalid(place, "a failure that is collected needs nobody, so whenExhausted cannot be 'dead_letter'")
  }
  const { code, ...checked } = stepCode(place, 'external', map)
  const list = { side: hookCode({ ...place, at: `${place.at}.over` }, bound(over, map)), concurrency }
  return { ...checked, collect, code: { ...code, list } }
}

/** By name: methods and accessors of an instance are not its own properties. */
function ownAndInherited({ over, concurrency, whenItemFails, whenExhausted }: GivenMap): GivenMap {
  return { over, concurrency, whenItemFails, whenExhausted } as GivenMap
}

/** For which errors a fallback runs. @throws SagaError `DEFINITION_INVALID`. */
export function fallbackFor(place: Place, given: unknown): (error: unknown) => boolean {
  if (typeof given === 'function') return (error) => Reflect.apply(given, undefined, [error]) === true
  const isList =
    Array.isArray(given) && given.length > 0 && given.every((code) => typeof code === 'string' && code !== '')
  if (!isList) throw invalid(place, 'a fallback needs `for`: a list of error codes or names, or a function')
  const listed = new Set<unknown>(given)
  return (error) => {
    const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown }
    return listed.has(code) || listed.has(name)
  }
}

/**
 * Names that a step or a branch had before; the blueprint checks what they may be.
 *
 * @throws SagaError `DEFINITION_INVALID` for what is no list of texts.
 */
export function formerNames({ saga, at }: Place, given: unknown): readonly string[] {
  if (typeof given !== 'object' || given === null) return []
  const { formerly = [] } = given as { readonly formerly?: unknown }
  if (Array.isArray(formerly) && formerly.every((name) => typeof name === 'string')) return formerly.toSorted()
  throw invalid({ saga, at: `${at}.formerly` }, "formerly is a list of names, like ['old-name']")
}

function compensationCode(
  { saga, at }: Place,
  step: GivenStep,
  defaultTimeoutMs: number,
): { readonly code: SideCode; readonly when?: 'completed' } | undefined {
  if (step.compensation === undefined) return undefined
  const place = { saga, at: `${at}.compensation` }
  const { run, retry, timeout, when, onlyIf } = sideOf(place, step.compensation, step, 'a compensation')
  const isWanted = bound(onlyIf, step.compensation)
  if (onlyIf !== undefined && isWanted === undefined) throw invalid(place, 'onlyIf is a function')
  if (when !== undefined && when !== 'completed')
    throw invalid(place, `when is 'completed' or left out, not ${JSON.stringify(when)}`)
  const code = {
    run: isWanted === undefined ? run : onlyWhere(isWanted, run),
    retry: retryPolicy(place, COMPENSATION_RETRY, retry),
    timeoutMs: timeoutOf(place, timeout, defaultTimeoutMs),
  }
  return when === undefined ? { code } : { code, when }
}

function verifyCode(
  { saga, at }: Place,
  kind: 'external' | 'transactional',
  step: GivenStep,
  defaultTimeoutMs: number,
): SideCode | undefined {
  if (step.verify === undefined) return undefined
  const place = { saga, at: `${at}.verify` }
  if (kind === 'transactional')
    throw invalid(place, 'a transactional step is never in doubt, so verify has no meaning; leave it out')
  const { run, retry, timeout } = sideOf(place, step.verify, step, 'a verification')
  return {
    run,
    retry: retryPolicy(place, ACTION_RETRY, retry),
    timeoutMs: timeoutOf(place, timeout, defaultTimeoutMs),
  }
}

function onlyWhere(isWanted: SideCode['run'], run: SideCode['run']): SideCode['run'] {
  return async (context) => {
    const answer: unknown = await isWanted(context)
    if (typeof answer !== 'boolean') throw new TypeError(`onlyIf answers true or false, not a ${typeof answer}.`)
    return answer ? run(context) : NOTHING_TO_UNDO
  }
}

/** A function alone, a method of `owner`, or an object with a policy of its own. */
function sideOf(
  place: Place,
  given: unknown,
  owner: unknown,
  what: string,
): GivenSide & { readonly run: SideCode['run'] } {
  const alone = bound(given, owner)
  if (alone !== undefined) return { run: alone }
  const side: GivenSide = typeof given === 'object' && given !== null ? given : {}
  // By name: methods and accessors of an instance are not its own properties.
  const { retry, timeout, when, onlyIf } = side
  return {
    ...(retry === undefined ? {} : { retry }),
    timeout,
    when,
    onlyIf,
    run: bound(side.run, given) ?? fail(place, `${what} is a function, or an object with a function called run`),
  }
}

/** Called on its owner, so that an instance of a class finds its own fields. */
function bound(given: unknown, owner: unknown): SideCode['run'] | undefined {
  return typeof given === 'function' ? (context: never) => Reflect.apply(given, owner, [context]) : undefined
}

/** What is given overrules the default. Attempts and duration limit one thing: who gives one of them gives the limit. */
function retryPolicy(place: Place, defaults: RetryPolicy, given: RetryOptions | undefined): RetryPolicy {
  if (given === undefined) return defaults
  const initial = lengthOf(place, 'retry.initialInterval', given.initialInterval)
  const max = lengthOf(place, 'retry.maxInterval', given.maxInterval)
  const duration = lengthOf(place, 'retry.maxDuration', given.maxDuration)
  const isLimited = given.maxAttempts !== undefined || duration !== undefined
  const maxDurationMs = isLimited ? duration : defaults.maxDurationMs
  const attempts = given.maxAttempts ?? (isLimited ? UNLIMITED_ATTEMPTS : defaults.maxAttempts)
  const policy: RetryPolicy = {
    maxAttempts: attempts === Number.POSITIVE_INFINITY ? UNLIMITED_ATTEMPTS : attempts,
    backoff: given.backoff ?? defaults.backoff,
    // One interval that is given moves the default of the other, never the other way round.
    initialIntervalMs: initial ?? Math.min(defaults.initialIntervalMs, max ?? Number.POSITIVE_INFINITY),
    maxIntervalMs: max ?? Math.max(defaults.maxIntervalMs, initial ?? 0),
    ...(maxDurationMs === undefined ? {} : { maxDurationMs }),
  }
  const isKnown = ['fixed', 'linear', 'exponential'].includes(policy.backoff)
  const problem = isKnown ? retryProblem(policy) : `backoff cannot be ${JSON.stringify(policy.backoff)}`
  if (problem !== undefined) throw invalid({ ...place, at: `${place.at}.retry` }, problem)
  return policy
}

function timeoutOf(place: Place, timeout: unknown, defaultMs: number): number {
  const ms = lengthOf(place, 'timeout', timeout) ?? defaultMs
  if (ms >= 1 && ms <= MAX_LENGTH_MS) return ms
  throw invalid(
    { ...place, at: `${place.at}.timeout` },
    `a timeout is between 1 ms and 23 hours, not ${String(timeout)}`,
  )
}

function settleAfterOf(
  place: Place,
  kind: 'external' | 'transactional',
  given: unknown,
  timeoutMs: number,
): number | undefined {
  if (given !== undefined && kind === 'transactional') {
    throw invalid(place, 'a transactional step is never in doubt, so settleAfter has no meaning; leave it out')
  }
  const ms = lengthOf(place, 'settleAfter', given)
  if (timeoutMs + (ms ?? SETTLE_AFTER_MS) > MAX_LENGTH_MS + SETTLE_AFTER_MS) {
    throw invalid({ ...place, at: `${place.at}.settleAfter` }, 'timeout and settleAfter together are at most 23 hours')
  }
  return ms
}

function lengthOf({ saga, at }: Place, what: string, length: unknown): number | undefined {
  if (length === undefined) return undefined
  return parseDuration(length) ?? fail({ saga, at: `${at}.${what}` }, `it ${durationProblem(length)}`)
}

function fail(place: Place, problem: string): never {
  throw invalid(place, problem)
}

function invalid({ saga, at }: Place, problem: string): SagaError {
  return definitionInvalid(saga, [{ at, problem }])
}
