/** What is to become of sagas that make no progress, as a definition says it, checked where it is said. */
import type { BlueprintProblem } from './core/blueprint.ts'
import { parseDuration } from './core/duration.ts'
import { type Duration, durationProblem } from './duration.ts'

export const WHEN_STUCK = ['report', 'resume', 'compensate'] as const
export type WhenStuck = (typeof WHEN_STUCK)[number]

export type RecoveringOptions = {
  /**
   * What maintenance does with a saga that is under way, waits for nothing, and of which nobody has anything in hand:
   * `report` it, which is the default; `resume` it, by having what nobody works on tried again; or `compensate` it.
   */
  readonly whenStuck?: WhenStuck
  /** For how long it has made no progress then: 1 hour by default. */
  readonly stuckAfter?: Duration
  /** How often in a row a saga is resumed, or turned, before it is only reported: 3 by default. */
  readonly maxRecoveries?: number
}

export type Recovering = {
  readonly whenStuck: WhenStuck
  readonly stuckAfterMs: number
  readonly maxRecoveries: number
}

const HOUR_MS = 60 * 60 * 1_000
export const USUAL_RECOVERING: Recovering = { whenStuck: 'report', stuckAfterMs: HOUR_MS, maxRecoveries: 3 }
const MOST_RECOVERIES = 1_000

/** @param problems what is wrong is added here, with its place. */
export function recoveringOf(given: RecoveringOptions, problems: BlueprintProblem[]): Recovering | undefined {
  const { whenStuck, stuckAfter, maxRecoveries } = given
  if (whenStuck === undefined && stuckAfter === undefined && maxRecoveries === undefined) return undefined
  if (whenStuck !== undefined && !WHEN_STUCK.includes(whenStuck)) {
    problems.push({
      at: 'whenStuck',
      problem: `it is one of ${WHEN_STUCK.join(', ')}, not ${JSON.stringify(whenStuck)}`,
    })
  }
  const stuckAfterMs = stuckAfter === undefined ? undefined : parseDuration(stuckAfter)
  if (stuckAfter !== undefined && stuckAfterMs === undefined) {
    problems.push({ at: 'stuckAfter', problem: `it ${durationProblem(stuckAfter)}` })
  }
  if (stuckAfterMs === 0) problems.push({ at: 'stuckAfter', problem: 'it must be longer than zero' })
  const isNumber = Number.isSafeInteger(maxRecoveries) && Number(maxRecoveries) >= 1
  if (maxRecoveries !== undefined && !(isNumber && maxRecoveries <= MOST_RECOVERIES)) {
    problems.push({ at: 'maxRecoveries', problem: `it is a whole number from 1 to ${MOST_RECOVERIES}` })
  }
  return {
    whenStuck: whenStuck ?? USUAL_RECOVERING.whenStuck,
    stuckAfterMs: stuckAfterMs ?? USUAL_RECOVERING.stuckAfterMs,
    maxRecoveries: maxRecoveries ?? USUAL_RECOVERING.maxRecoveries,
  }
}
