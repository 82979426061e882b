/** What pg-boss gave up on, or somebody failed by hand, arrives in a queue of its own and becomes a lost attempt. */
import type { JobData, Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import type { AppBoss } from './app-boss.ts'
import { LOST_QUEUE } from './queues.ts'

const EVERY_MS = 2_000
const AT_ONCE = 100

export type LostJobsOptions = {
  readonly boss: AppBoss
  readonly db: Db
  readonly logger: Logger
  readonly isActive: () => boolean
  /** Records the deliveries as lost. Resolves before long, with the ids of those that were recorded. */
  readonly lose: (jobs: readonly ClaimedJob[]) => Promise<ReadonlySet<string>>
}

export class LostJobs {
  readonly #options: LostJobsOptions
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LostJobsOptions) {
    this.#options = options
  }

  open(): void {
    this.#timer = setTimeout(() => void this.#run(), EVERY_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    try {
      if (this.#options.isActive()) await this.#round()
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'lost jobs could not be read')
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#run(), EVERY_MS)
  }

  /**
   * A message is deleted when what it says is recorded. If this worker dies before that, or it could not be recorded,
   * pg-boss delivers it again after a minute; the core finds repeats, so what is read twice is lost once.
   */
  async #round(): Promise<void> {
    const { boss, db, lose, logger } = this.#options
    const jobs = await boss.fetch<JobData>(LOST_QUEUE, { batchSize: AT_ONCE, db })
    if (jobs.length === 0) return
    const recorded = await lose(jobs.map(({ data }) => ({ ...data, id: data.job, retryCount: 0 })))
    const done = jobs.filter(({ data }) => recorded.has(data.job)).map((job) => job.id)
    if (done.length > 0) await boss.deleteJob(LOST_QUEUE, done, { db })
    if (done.length < jobs.length)
      logger.warn({ jobs: jobs.length - done.length }, 'lost attempts could not be recorded; they come again')
  }
}
