/**
 * Records deliveries as lost, with the limits of those steps that this worker has the code of.
 *
 * A saga that somebody else keeps locked keeps nobody else: whoever has others to see to is told which of them are
 * recorded by then. It is for them to come again; what is still under way is not begun twice.
 */
import type { Limits } from '../engine/core/input.ts'
import type { Item } from '../engine/runtime/apply.ts'
import type { BlueprintShelf } from '../engine/runtime/blueprint-shelf.ts'
import { type CodeShelf, limitsOf } from '../engine/runtime/limits.ts'
import type { Db } from '../engine/store/db.ts'
import { type Ran, readSagas } from '../engine/store/sagas.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import { withTimeout } from './patience.ts'

const RECORDED_WITHIN_MS = 5_000

export type LossesOptions = {
  readonly schema: string
  readonly db: Db
  readonly code: CodeShelf
  readonly shelf: BlueprintShelf
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class Losses {
  readonly #options: LossesOptions
  /** Handed to the committer and not written yet. */
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(options: LossesOptions) {
    this.#options = options
  }

  /**
   * @param of.ran who had them, where that is known. @param of.counted whether it can use up a step's `maxLost`.
   * @returns the ids of the jobs whose loss was committed in time.
   */
  async record(
    jobs: readonly ClaimedJob[],
    { ran, counted = true }: { readonly ran?: Ran | undefined; readonly counted?: boolean } = {},
  ): Promise<ReadonlySet<string>> {
    const { db, schema, code, shelf } = this.#options
    const rows = await readSagas(db, schema, [...new Set(jobs.map((job) => job.saga))])
    await shelf.load(
      db,
      rows.map((row) => row.blueprint),
    )
    const definitions = new Map(rows.map((row) => [row.id, code.of(row, shelf.get(row.blueprint))]))
    const recorded = new Set<string>()
    const all = jobs.map(async (job) => {
      try {
        const limits = limitsOf(definitions.get(job.saga), job.step, job.side)
        await this.#once(lostItem(job, { limits, ran, counted }), job)
        recorded.add(job.id)
      } catch {
        // It is not among those that are recorded.
      }
    })
    await withTimeout(Promise.all(all), RECORDED_WITHIN_MS)
    return new Set(recorded)
  }

  #once(item: Item, job: ClaimedJob): Promise<void> {
    const key = `${job.id} ${job.retryCount}`
    const known = this.#underWay.get(key)
    if (known !== undefined) return known
    const submitted = this.#options.submit(item).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, submitted)
    return submitted
  }
}

/** The report that stands in for the worker that is gone. */
export function lostItem(
  job: ClaimedJob,
  of: { readonly limits: Limits; readonly ran?: Ran | undefined; readonly counted: boolean },
): Item {
  const { limits, ran, counted } = of
  const delivery = {
    step: job.step,
    side: job.side,
    jobId: job.id,
    insertedAs: job.attempt,
    retryCount: job.retryCount,
  }
  return {
    sagaId: job.saga,
    input: { type: 'lost', ...delivery, limits, ...(counted ? {} : { uncounted: true }) },
    job,
    ran,
  }
}
