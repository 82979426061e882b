/** What a definition or a contract says of how its sagas are started, checked where it is said. */
import type { BlueprintProblem } from './core/blueprint.ts'
import { parseDuration } from './core/duration.ts'
import { type Duration, durationProblem } from './duration.ts'

/** Options of a definition, or a contract, that hold for all of its starts; a start can overrule them. */
export type StartingOptions = {
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
}

/** What a definition, or a contract, sets for all of its starts. */
export type Starting = {
  readonly priority?: number
  /** From the start to the moment at which the saga is to be at rest. */
  readonly deadlineMs?: number
  /** How long before its deadline it turns. */
  readonly timeForUndoMs?: number
  readonly revertWithinMs?: number
}

const MAX_PRIORITY = 1_000

export const PRIORITY_PROBLEM = `a priority is a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`

export function isPriority(value: unknown): value is number {
  return Number.isSafeInteger(value) && Math.abs(Number(value)) <= MAX_PRIORITY
}

/** @param problems what is wrong is added here, with its place. */
export function startingOf(given: StartingOptions, problems: BlueprintProblem[]): Starting | undefined {
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
  const starting: Starting = withoutUndefined({ priority, deadlineMs, timeForUndoMs, revertWithinMs })
  return Object.keys(starting).length === 0 ? undefined : starting
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
