/** What pg-boss gave up on, or somebody failed by hand, arrives in a queue of its own and becomes a lost attempt. */
import type { PgBoss } from 'pg-boss'
import type { JobData, Logger } from '../engine/runtime/ports.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import { LOST_QUEUE } from './queues.ts'

const EVERY_MS = 2_000
const AT_ONCE = 100

export type LostJobsOptions = {
  readonly boss: PgBoss
  readonly logger: Logger
  readonly isActive: () => boolean
  /** Records the deliveries as lost. Resolves when that is committed. */
  readonly lose: (jobs: readonly ClaimedJob[]) => Promise<void>
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

  /** The core finds repeats: a job that is read twice, because this worker dies in between, is lost once. */
  async #round(): Promise<void> {
    const { boss, lose } = this.#options
    const jobs = await boss.fetch<JobData>(LOST_QUEUE, { batchSize: AT_ONCE })
    if (jobs.length === 0) return
    await lose(jobs.map(({ data }) => ({ ...data, id: data.job, retryCount: 0 })))
    await boss.deleteJob(
      LOST_QUEUE,
      jobs.map((job) => job.id),
    )
  }
}
