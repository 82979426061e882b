/** What is seen to for all sagas when it is due: the names, what is asked and what is reported, and the record of each time. */
import type { AnalysisReport } from './analyzing.ts'
import type { CleanupReport } from './cleanup.ts'
import type { StatisticsReport } from './counting.ts'
import { newId } from './runtime/ids.ts'
import type { Db } from './store/db.ts'
import { beginEntry, endEntry } from './store/maintenance-log.ts'

export const DUTIES = ['cleanup', 'recovery', 'statistics', 'analysis'] as const
export type Duty = (typeof DUTIES)[number]

/** What the log tells of: the watchdog looks by a timer of its worker, for it must not depend on the queue that it watches. */
export const LOGGED = [...DUTIES, 'watchdog'] as const
export type Logged = (typeof LOGGED)[number]

export function isDuty(name: string): name is Duty {
  return DUTIES.includes(name as Duty)
}

/** What each reports. */
export type DutyReports = {
  readonly cleanup: CleanupReport
  readonly recovery: RecoveryReport
  readonly statistics: StatisticsReport
  readonly analysis: AnalysisReport
}

/** What is asked of a duty. */
export type DutyOrder = {
  readonly isDry: boolean
  /** Asked now and then. */
  readonly goesOn: () => boolean
  /** Of recovery: in the place of what definitions say. */
  readonly stuckAfterMs?: number | undefined
  /** Of clean-up: in the place of what definitions say, but for what they keep for ever. */
  readonly keepMs?: number | undefined
}

export type Duties = { readonly [duty in Duty]: (order: DutyOrder) => Promise<DutyReports[duty]> }

/** Sees to a duty once, and records it. */
export type SeeTo = <D extends Duty>(
  duty: D,
  order: DutyOrder & {
    readonly by: string
    /** Somebody has asked for it; otherwise it was due. */
    readonly isByHand?: boolean
  },
) => Promise<DutyReports[D]>

export type RecoveryOutcome =
  /** What nobody worked on is tried again. */
  | 'resumed'
  /** It goes back. */
  | 'compensated'
  /** Its definition wants no more than that. */
  | 'reported'
  /** It was recovered as often in a row as its definition says, and has made no progress. */
  | 'exhausted'
  /** Going back does not fit: it has passed its pivot, say. */
  | 'refused'
  /** All that it lacks is a worker that takes its jobs. */
  | 'queued'
  /** Somebody else had it locked, or it has moved on or got into a worker's hands meanwhile. */
  | 'left'
  /** It could not be looked at or changed. */
  | 'failed'

export type RecoveryReport = {
  readonly found: number
  /** What became of how many of them; in a dry run, what would. */
  readonly outcomes: { readonly [outcome in RecoveryOutcome]?: number }
  /** The first hundred. */
  readonly sagas: readonly {
    readonly sagaId: string
    readonly definition: string
    readonly unchangedSince: Date
    readonly outcome: RecoveryOutcome
    readonly why?: string
  }[]
  /** It was told to end before all were looked at. */
  readonly hasMore: boolean
}

/** Recorded from its beginning to its end. Asks nobody whether it may: that is for who calls it. */
export function recordedDuties(db: Db, schema: string, duties: Duties): SeeTo {
  return async (duty, { by, isByHand, ...order }) => {
    const id = newId()
    await beginEntry(db, schema, { id, duty, by, isDry: order.isDry }, isByHand)
    try {
      const outcome = await duties[duty](order)
      await endEntry(db, schema, { id, duty }, { outcome })
      return outcome
    } catch (error) {
      // What has failed may be the database: then the entry stays without an end, which says as much.
      await endEntry(db, schema, { id, duty }, { error: String(error) }).catch(() => {})
      throw error
    }
  }
}
