/**
 * Maintenance on pg-boss's schedules: pg-boss sends a job for each duty when it is due, once for all workers, and once for
 * what was missed while nobody ran; one worker takes it.
 */
import { type Duty, isDuty, type SeeTo } from '../engine/duties.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import type { AppBoss } from './app-boss.ts'
import { scheduleWith } from './cron.ts'
import { MAINTENANCE_QUEUE } from './queues.ts'
import { Rounds } from './rounds.ts'

const EVERY_MS = 5_000
/** A run ends by itself well before pg-boss takes its job for lost. */
const LONGEST_MS = 10 * 60 * 1_000
/** Where more was left to do than that: others may want to do it. */
const GOES_ON_AFTER_S = 30

/** When a duty is run. */
export type When = { readonly cron: string; readonly tz: string }
export type Schedules = { readonly [duty in Duty]: When | undefined }

export const USUAL_SCHEDULES = {
  cleanup: { cron: '17 * * * *', tz: 'UTC' },
  recovery: { cron: '*/10 * * * *', tz: 'UTC' },
  statistics: { cron: '2 * * * *', tz: 'UTC' },
  analysis: { cron: '*/5 * * * *', tz: 'UTC' },
} satisfies Schedules

/** @throws SagaError `OPTION_INVALID` for a cron expression or time zone that there is not. */
export async function schedule(boss: AppBoss, schedules: Schedules): Promise<void> {
  for (const [duty, when] of Object.entries(schedules)) {
    if (when === undefined) await boss.unschedule(MAINTENANCE_QUEUE, duty)
    else {
      const cron = { key: duty, ...when, isMadeUp: true }
      await scheduleWith(boss, MAINTENANCE_QUEUE, cron, { duty }, `maintenance.${duty}`)
    }
  }
}

export type MaintenanceLoopOptions = {
  readonly boss: AppBoss
  readonly db: Db
  readonly seeTo: SeeTo
  readonly logger: Logger
  /** Of this worker. */
  readonly id: () => string
  readonly isActive: () => boolean
  readonly onDone: (duty: Duty, report: object) => void
}

export class MaintenanceLoop {
  readonly #options: MaintenanceLoopOptions
  readonly #rounds: Rounds
  #isClosed = false

  constructor(options: MaintenanceLoopOptions) {
    this.#options = options
    this.#rounds = new Rounds(EVERY_MS, () => this.#look())
  }

  open(): void {
    this.#rounds.open()
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#rounds.close()
  }

  async #look(): Promise<number> {
    const { boss, db, isActive, logger } = this.#options
    if (!isActive()) return EVERY_MS
    try {
      const [job] = await boss.fetch<{ readonly duty: string }>(MAINTENANCE_QUEUE, { batchSize: 1, db })
      if (job === undefined) return EVERY_MS
      const { duty } = job.data
      const hasMore = await this.#run(duty)
      // Where this is not reached, its job comes again when its time is over.
      if (hasMore)
        await boss.insert(MAINTENANCE_QUEUE, [{ data: { duty }, startAfter: GOES_ON_AFTER_S }] as never, { db })
      await boss.deleteJob(MAINTENANCE_QUEUE, job.id, { db })
      return 0
    } catch (error) {
      logger.warn({ error: String(error) }, 'maintenance could not be run; it comes again when it is due')
      return EVERY_MS
    }
  }

  /** @returns whether there is more to do. */
  async #run(duty: string): Promise<boolean> {
    const { seeTo, logger, id, isActive, onDone } = this.#options
    if (!isDuty(duty)) {
      logger.warn({ duty }, 'a duty of maintenance is unknown here, and left to its next time')
      return false
    }
    const endsAt = performance.now() + LONGEST_MS
    const goesOn = () => !this.#isClosed && isActive() && performance.now() < endsAt
    const report = await seeTo(duty, { by: `worker ${id()}`, isDry: false, goesOn })
    onDone(duty, report)
    if ('failed' in report && report.failed.length > 0)
      logger.warn({ duty, failed: report.failed }, 'maintenance has failed in part')
    // A worker that stops leaves it to the next time that it is due.
    return report.hasMore && isActive() && !this.#isClosed
  }
}
