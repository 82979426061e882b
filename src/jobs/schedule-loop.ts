/**
 * Starts by the clock: pg-boss sends a job when a schedule is due, once for all workers; one that knows the schedule starts
 * the saga, and the job goes in the same transaction.
 */
import { SagaError } from '../engine/errors.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Schedule } from '../engine/schedule.ts'
import type { Db } from '../engine/store/db.ts'
import type { AppBoss } from './app-boss.ts'
import { lastDue, scheduleWith } from './cron.ts'
import { SCHEDULE_QUEUE } from './queues.ts'
import { Rounds } from './rounds.ts'

const EVERY_MS = 2_000
/** What no worker has known for so long was a schedule that is no more. */
const FORGOTTEN_MS = 24 * 60 * 60 * 1_000
const LEFT_FOR_S = 30

type Due = { readonly schedule: string /** Of one that was given back. */; readonly at?: string }
type DueJob = { readonly id: string; readonly data: Due; readonly createdOn: Date }

/** @throws SagaError `OPTION_INVALID` for a cron expression or time zone that there is not. */
export async function scheduleStarts(boss: AppBoss, schedules: readonly Schedule[]): Promise<void> {
  for (const { name, cron, tz, missed } of schedules) {
    const data: Due = { schedule: name }
    await scheduleWith(
      boss,
      SCHEDULE_QUEUE,
      { key: name, cron, tz, isMadeUp: missed === 'once' },
      data,
      `The schedule ${name}`,
    )
  }
}

export type ScheduleLoopOptions = {
  readonly boss: AppBoss
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly schedules: readonly Schedule[]
  /** Starts the saga in this transaction. */
  readonly start: (schedule: Schedule, input: unknown, key: string, db: Db) => Promise<void>
  readonly logger: Logger
  readonly isActive: () => boolean
}

export class ScheduleLoop {
  readonly #options: ScheduleLoopOptions
  readonly #known: ReadonlyMap<string, Schedule>
  readonly #rounds: Rounds

  constructor(options: ScheduleLoopOptions) {
    this.#options = options
    this.#known = new Map(options.schedules.map((schedule) => [schedule.name, schedule]))
    this.#rounds = new Rounds(EVERY_MS, () => this.#look())
  }

  /** A worker that knows no schedule takes none. */
  open(): void {
    if (this.#known.size > 0) this.#rounds.open()
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  async #look(): Promise<number> {
    const { boss, db, isActive, logger } = this.#options
    if (!isActive()) return EVERY_MS
    try {
      const [job] = (await boss.fetch(SCHEDULE_QUEUE, {
        batchSize: 1,
        includeMetadata: true,
        db,
      })) as unknown as DueJob[]
      if (job === undefined) return EVERY_MS
      await this.#startOf(job)
      return 0
    } catch (error) {
      logger.error({ error: String(error) }, 'a schedule could not start its saga; its job comes again')
      return EVERY_MS
    }
  }

  async #startOf(job: DueJob): Promise<void> {
    const { boss, transaction, start, logger } = this.#options
    const { schedule: name, at: givenAt } = job.data
    const sentAt = givenAt === undefined ? job.createdOn : new Date(givenAt)
    const schedule = this.#known.get(name)
    if (schedule === undefined) return this.#giveBack(job, sentAt)
    // pg-boss sends it a while after it was due, or when it makes up for what was missed.
    const at = lastDue(boss, schedule, sentAt) ?? sentAt
    const key = `${name}@${at.toISOString().replace(':00.000Z', 'Z')}`
    // Whoever calls others for it may take their time: nothing is held meanwhile.
    const input = await schedule.input(at)
    await transaction(async (db) => {
      try {
        await start(schedule, input, key, db)
      } catch (error) {
        // Whoever has started it had another input for it: it is started all the same.
        if (!(error instanceof SagaError) || error.code !== 'KEY_REUSED') throw error
        logger.warn({ schedule: name, key }, 'a saga with the key of this start is there already, with another input')
      }
      await boss.deleteJob(SCHEDULE_QUEUE, job.id, { db })
    })
  }

  /** To a worker that knows it, in the middle of a deploy say. */
  async #giveBack(job: DueJob, at: Date): Promise<void> {
    const { boss, transaction, logger } = this.#options
    const { schedule } = job.data
    await transaction(async (db) => {
      if (job.createdOn.getTime() - at.getTime() < FORGOTTEN_MS) {
        const data: Due = { schedule, at: at.toISOString() }
        await boss.insert(SCHEDULE_QUEUE, [{ data, startAfter: LEFT_FOR_S }] as never, { db })
      } else logger.warn({ schedule, at }, 'no worker knows a schedule that is still stored; unschedule() ends it')
      await boss.deleteJob(SCHEDULE_QUEUE, job.id, { db })
    })
  }
}
