/** What keeps a system of sagas in order over years: seen to by workers on a schedule, and by people when they like. */
import { type Authorize, demand } from './access.ts'
import type { AnalysisReport } from './analyzing.ts'
import type { CleanupReport } from './cleanup.ts'
import { parseDuration } from './core/duration.ts'
import type { StatisticsReport } from './counting.ts'
import { type Duration, durationProblem } from './duration.ts'
import { LOGGED, type Logged, type RecoveryReport, type SeeTo } from './duties.ts'
import { SagaError } from './errors.ts'
import type { Db } from './store/db.ts'
import { type MaintenanceEntry, readEntries } from './store/maintenance-log.ts'

export type MaintenanceParts = {
  readonly schema: string
  readonly db: Db
  readonly authorize: Authorize
  readonly seeTo: SeeTo
}

export type MaintenanceOptions = {
  /** Who asks for it: `code` by default. */
  readonly actor?: string
  /** Nothing is done: the report says what would be. */
  readonly dryRun?: boolean
  /** Ends it before all is done, which the report says (`hasMore`). */
  readonly signal?: AbortSignal
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
  async cleanup({ actor = 'code', dryRun = false, signal }: MaintenanceOptions = {}): Promise<CleanupReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    return this.#parts.seeTo('cleanup', {
      by: actor,
      isByHand: true,
      isDry: dryRun,
      goesOn: () => signal?.aborted !== true,
    })
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
    signal,
    stuckAfter,
  }: MaintenanceOptions & { readonly stuckAfter?: Duration } = {}): Promise<RecoveryReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    const stuckAfterMs = stuckAfter === undefined ? undefined : parseDuration(stuckAfter)
    if (stuckAfter !== undefined && (stuckAfterMs ?? 0) === 0) {
      throw new SagaError('OPTION_INVALID', `stuckAfter ${durationProblem(stuckAfter)}; it is longer than zero.`)
    }
    return this.#parts.seeTo('recovery', {
      by: actor,
      isByHand: true,
      isDry: dryRun,
      goesOn: () => signal?.aborted !== true,
      stuckAfterMs,
    })
  }

  /**
   * Counts the hours that are over and have not been counted, for `statistics`.
   *
   * @throws SagaError `NOT_AUTHORIZED`.
   */
  async count({ actor = 'code', dryRun = false, signal }: MaintenanceOptions = {}): Promise<StatisticsReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    return this.#parts.seeTo('statistics', {
      by: actor,
      isByHand: true,
      isDry: dryRun,
      goesOn: () => signal?.aborted !== true,
    })
  }

  /**
   * Renews the planner's statistics of tables that a burst has left far behind.
   *
   * @throws SagaError `NOT_AUTHORIZED`.
   */
  async analyze({ actor = 'code', dryRun = false, signal }: MaintenanceOptions = {}): Promise<AnalysisReport> {
    await demand(this.#parts.authorize, actor, 'maintain', {})
    return this.#parts.seeTo('analysis', {
      by: actor,
      isByHand: true,
      isDry: dryRun,
      goesOn: () => signal?.aborted !== true,
    })
  }

  /**
   * What has been done, the newest first: at most 1000 of each duty are kept. The watchdog writes down what it finds, and
   * once an hour that it has looked.
   *
   * @throws SagaError `FILTER_INVALID`.
   */
  async log({
    duty,
    limit = 50,
  }: {
    readonly duty?: Logged
    readonly limit?: number
  } = {}): Promise<readonly MaintenanceEntry[]> {
    if (duty !== undefined && !LOGGED.includes(duty)) {
      throw new SagaError(
        'FILTER_INVALID',
        `There is no duty ${JSON.stringify(duty)}. There are: ${LOGGED.join(', ')}.`,
      )
    }
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
      throw new SagaError('FILTER_INVALID', `limit is a whole number from 1 to ${MAX_ENTRIES}, not ${String(limit)}.`)
    }
    return readEntries(this.#parts.db, this.#parts.schema, duty, limit)
  }
}
