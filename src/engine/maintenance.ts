/** What keeps a system of sagas in order over years: seen to by workers on a schedule, and by people when they like. */
import { type Authorize, demand } from './access.ts'
import { type CleanupReport, cleanUp } from './cleanup.ts'
import { parseDuration } from './core/duration.ts'
import { type Duration, durationProblem } from './duration.ts'
import { SagaError } from './errors.ts'
import { newId } from './runtime/ids.ts'
import type { Db } from './store/db.ts'
import { beginEntry, endEntry, type MaintenanceEntry, readEntries } from './store/maintenance-log.ts'

export const DUTIES = ['cleanup', 'recovery'] as const
export type Duty = (typeof DUTIES)[number]

export function isDuty(name: string): name is Duty {
  return DUTIES.includes(name as Duty)
}

/** What each reports. */
export type DutyReports = { readonly cleanup: CleanupReport; readonly recovery: RecoveryReport }

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

export type MaintenanceParts = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly authorize: Authorize
  readonly recover: (order: DutyOrder) => Promise<RecoveryReport>
}

export type MaintenanceOptions = {
  /** Who asks for it: `code` by default. */
  readonly actor?: string
  /** Nothing is done: the report says what would be. */
  readonly dryRun?: boolean
}

const MAX_ENTRIES = 1_000

export class Maintenance {
  readonly #parts: MaintenanceParts

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
  }

  /**
   * Deletes sagas that have finished longer ago than their definitions keep them (`keepFor`, 30 days by default), with
   * their journals. Never dead letters, never anything live, no child before its parent has finished.
   *
   * @throws SagaError `NOT_AUTHORIZED`.
   */
  async cleanup({ actor = 'code', dryRun = false }: MaintenanceOptions = {}): Promise<CleanupReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    return this.run('cleanup', { by: actor, isDry: dryRun, goesOn: () => true })
  }

  /**
   * Looks for sagas that make no progress although they wait for nothing, and does with each what its definition says
   * (`whenStuck`).
   *
   * @param options `stuckAfter`: in the place of what definitions say.
   * @throws SagaError `NOT_AUTHORIZED`, `OPTION_INVALID`.
   */
  async recover({
    actor = 'code',
    dryRun = false,
    stuckAfter,
  }: MaintenanceOptions & { readonly stuckAfter?: Duration } = {}): Promise<RecoveryReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    const stuckAfterMs = stuckAfter === undefined ? undefined : parseDuration(stuckAfter)
    if (stuckAfter !== undefined && (stuckAfterMs ?? 0) === 0) {
      throw new SagaError('OPTION_INVALID', `stuckAfter ${durationProblem(stuckAfter)}; it is longer than zero.`)
    }
    return this.run('recovery', { by: actor, isDry: dryRun, goesOn: () => true, stuckAfterMs })
  }

  /**
   * What has been done, the newest first: at most 1000 of each duty are kept.
   *
   * @throws SagaError `FILTER_INVALID`.
   */
  async log({
    duty,
    limit = 50,
  }: {
    readonly duty?: Duty
    readonly limit?: number
  } = {}): Promise<readonly MaintenanceEntry[]> {
    if (duty !== undefined && !DUTIES.includes(duty)) {
      throw new SagaError(
        'FILTER_INVALID',
        `There is no duty ${JSON.stringify(duty)}. There are: ${DUTIES.join(', ')}.`,
      )
    }
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
      throw new SagaError('FILTER_INVALID', `limit is a whole number from 1 to ${MAX_ENTRIES}, not ${String(limit)}.`)
    }
    return readEntries(this.#parts.db, this.#parts.schema, duty, limit)
  }

  /** Once, recorded from its beginning to its end. @internal */
  async run<T extends Duty>(duty: T, { by, ...order }: DutyOrder & { readonly by: string }): Promise<DutyReports[T]> {
    const { db, schema } = this.#parts
    const id = newId()
    await beginEntry(db, schema, { id, duty, by, isDry: order.isDry })
    try {
      const outcome = await (duty === 'cleanup' ? cleanUp(this.#parts, order) : this.#parts.recover(order))
      await endEntry(db, schema, { id, duty }, { outcome })
      return outcome as DutyReports[T]
    } catch (error) {
      // What has failed may be the database: then the entry stays without an end, which says as much.
      await endEntry(db, schema, { id, duty }, { error: String(error) }).catch(() => {})
      throw error
    }
  }
}
