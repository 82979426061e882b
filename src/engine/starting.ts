/** What a definition or a contract says of how its sagas are started, checked where it is said. */
import type { ZodType, z } from 'zod'
import type { BlueprintProblem } from './core/blueprint.ts'
import { parseDuration } from './core/duration.ts'
import { type Duration, durationProblem } from './duration.ts'
import type { Jsonified } from './jsonified.ts'

/** Options of a definition, or a contract, that hold for all of its starts; a start can overrule them. */
export type StartingOptions<Input extends ZodType = ZodType> = {
  /** A whole number from -1000 to 1000, 0 by default: what is due of sagas of a higher one starts first. */
  readonly priority?: number
  /**
   * How long after its start (or its `startAt`) the saga is to be at rest, undoing included. It turns then, or
   * `timeForUndo` earlier, unless it has passed its pivot. A start's `deadlineAt` overrules it.
   */
  readonly deadline?: Duration
  /** How long undoing may take: so long before its deadline, from here or from a start's `deadlineAt`, the saga turns. */
  readonly timeForUndo?: Duration
  /** How long after its completion a person can revert the saga: not at all, when absent. */
  readonly revertWithin?: Duration
  /**
   * One saga at a time of those with the same key: one order at a time of a customer, say. The key is asked with the
   * input as steps see it; `undefined` is none. Keys are shared by all definitions: begin them with what they are of.
   */
  readonly concurrency?: {
    readonly key: (input: Jsonified<z.output<Input>>) => string | undefined
    /** `wait` in line, in the order of the starts, which is the default; or `refuse` with `KEY_BUSY`. */
    readonly whenBusy?: WhenBusy
  }
}

/** What a definition, or a contract, sets for all of its starts. */
export type Starting = {
  readonly priority?: number
  /** From the start to the moment at which the saga is to be at rest. */
  readonly deadlineMs?: number
  /** How long before its deadline it turns. */
  readonly timeForUndoMs?: number
  readonly revertWithinMs?: number
  readonly concurrency?: { readonly key: (input: never) => unknown; readonly whenBusy?: WhenBusy }
}

/** What a start does when another saga has its concurrency key. */
export type WhenBusy = 'wait' | 'refuse'

export const WHEN_BUSY_PROBLEM = "whenBusy is 'wait' or 'refuse'"

export function isWhenBusy(value: unknown): value is WhenBusy {
  return value === 'wait' || value === 'refuse'
}

const MAX_PRIORITY = 1_000

export const PRIORITY_PROBLEM = `a priority is a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`

export function isPriority(value: unknown): value is number {
  return Number.isSafeInteger(value) && Math.abs(Number(value)) <= MAX_PRIORITY
}

/** @param problems what is wrong is added here, with its place. */
export function startingOf(given: StartingOptions<never>, problems: BlueprintProblem[]): Starting | undefined {
  const { priority } = given
  if (priority !== undefined && !isPriority(priority)) {
    problems.push({ at: 'priority', problem: `${PRIORITY_PROBLEM}, not ${JSON.stringify(priority)}` })
  }
  const deadlineMs = lengthOf('deadline', given.deadline, problems)
  const timeForUndoMs = lengthOf('timeForUndo', given.timeForUndo, problems)
  if (deadlineMs !== undefined && timeForUndoMs !== undefined && timeForUndoMs >= deadlineMs) {
    const problem = `undoing may take ${timeForUndoMs} ms, and the deadline is after ${deadlineMs} ms: no time is left to go forward`
    problems.push({ at: 'timeForUndo', problem })
  }
  const revertWithinMs = lengthOf('revertWithin', given.revertWithin, problems)
  const concurrency = concurrencyOf(given.concurrency, problems)
  const starting: Starting = withoutUndefined({ priority, deadlineMs, timeForUndoMs, revertWithinMs, concurrency })
  return Object.keys(starting).length === 0 ? undefined : starting
}

function concurrencyOf(given: unknown, problems: BlueprintProblem[]): Starting['concurrency'] {
  if (given === undefined) return undefined
  const { key, whenBusy } = (given ?? {}) as { key?: unknown; whenBusy?: unknown }
  if (typeof key !== 'function') problems.push({ at: 'concurrency.key', problem: 'it must be a function of the input' })
  if (whenBusy !== undefined && !isWhenBusy(whenBusy)) {
    problems.push({ at: 'concurrency.whenBusy', problem: `${WHEN_BUSY_PROBLEM}, not ${JSON.stringify(whenBusy)}` })
  }
  return given as Starting['concurrency']
}

function lengthOf(at: string, given: unknown, problems: BlueprintProblem[]): number | undefined {
  if (given === undefined) return undefined
  const ms = parseDuration(given)
  if (ms === undefined) problems.push({ at, problem: `it ${durationProblem(given)}` })
  else if (ms === 0) problems.push({ at, problem: 'it must be longer than zero' })
  return ms
}

function withoutUndefined<T extends object>(options: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
