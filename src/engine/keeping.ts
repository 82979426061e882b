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
   * days where nothing is said, and completed ones for as long as they can be reverted. Dead letters have not finished,
   * and stay until somebody has dealt with them.
   */
  readonly keepFor?: KeepFor | { readonly [status in FinishedStatus]?: KeepFor }
  /**
   * What clean-up deletes goes into the table `saga_archive` in the same transaction, with its journal. Nothing reads it
   * or deletes from it: it is yours. Off by default.
   */
  readonly archive?: boolean
}

/** In ms by status; `null` for ever. */
export type Keeping = { readonly [status in FinishedStatus]: number | null } & { readonly archive: boolean }

const DAY_MS = 24 * 60 * 60 * 1_000
const USUALLY_KEPT_MS = 30 * DAY_MS

export const USUAL_KEEPING: Keeping = {
  completed: USUALLY_KEPT_MS,
  compensated: USUALLY_KEPT_MS,
  resolved: USUALLY_KEPT_MS,
  archive: false,
}

/** @param problems what is wrong is added here, with its place. */
export function keepingOf({ keepFor, archive }: KeepingOptions, problems: BlueprintProblem[]): Keeping | undefined {
  if (keepFor === undefined && archive === undefined) return undefined
  if (archive !== undefined && typeof archive !== 'boolean') {
    problems.push({ at: 'archive', problem: 'it is true or false' })
  }
  return { ...lengthsOf(keepFor, problems), archive: archive === true }
}

function lengthsOf(keepFor: KeepingOptions['keepFor'], problems: BlueprintProblem[]): Omit<Keeping, 'archive'> {
  if (keepFor === undefined) return USUAL_KEEPING
  if (typeof keepFor !== 'object' || keepFor === null || Array.isArray(keepFor)) {
    const ms = lengthOf('keepFor', keepFor, problems)
    return { completed: ms, compensated: ms, resolved: ms }
  }
  const keeping = { ...USUAL_KEEPING } as { -readonly [status in FinishedStatus]: number | null }
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
