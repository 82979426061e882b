/** How long sagas that have finished are kept, as a definition or a contract says it, checked where it is said. */
import type { BlueprintProblem } from './core/blueprint.ts'
import { parseDuration } from './core/duration.ts'
import { FINISHED_STATUSES, type FinishedStatus, type Status } from './core/machine.ts'
import { type Duration, durationProblem } from './duration.ts'

/** A length of time from the moment a saga has finished, or `'forever'`. */
export type KeepFor = Duration | 'forever'

export type KeepingOptions = {
  /**
   * How long sagas of this definition are kept when they have finished, one length for all or one for each status: 30
   * days where nothing is said, and completed ones for as long as they can be reverted. Dead letters have not finished, and stay until somebody has dealt with them.
   */
  readonly keepFor?: KeepFor | { readonly [status in FinishedStatus]?: KeepFor }
}

/** In ms by status; `null` for ever. */
export type Keeping = { readonly [status in FinishedStatus]: number | null }

const DAY_MS = 24 * 60 * 60 * 1_000
export const USUALLY_KEPT_MS = 30 * DAY_MS

export const USUAL_KEEPING: Keeping = {
  completed: USUALLY_KEPT_MS,
  compensated: USUALLY_KEPT_MS,
  resolved: USUALLY_KEPT_MS,
}

/** @param problems what is wrong is added here, with its place. */
export function keepingOf({ keepFor }: KeepingOptions, problems: BlueprintProblem[]): Keeping | undefined {
  if (keepFor === undefined) return undefined
  if (typeof keepFor !== 'object' || keepFor === null || Array.isArray(keepFor)) {
    const ms = lengthOf('keepFor', keepFor, problems)
    return { completed: ms, compensated: ms, resolved: ms }
  }
  const keeping: { -readonly [status in FinishedStatus]: number | null } = { ...USUAL_KEEPING }
  for (const [status, given] of Object.entries(keepFor)) {
    const at = `keepFor.${status}`
    if (!FINISHED_STATUSES.includes(status as Status)) {
      problems.push({ at, problem: `there is no such status; sagas are finished when ${FINISHED_STATUSES.join(', ')}` })
    } else if (given !== undefined) keeping[status as FinishedStatus] = lengthOf(at, given, problems)
  }
  return keeping
}

function lengthOf(at: string, given: unknown, problems: BlueprintProblem[]): number | null {
  if (given === 'forever') return null
  const ms = parseDuration(given)
  if (ms === undefined) problems.push({ at, problem: `it ${durationProblem(given)}, or 'forever'` })
  else if (ms === 0) problems.push({ at, problem: 'it must be longer than zero' })
  return ms ?? null
}
