/**
 * Puts back what sagas lack.
 *
 * An attempt without a job is lost, and what follows from that is decided as always; that it is lost does not count
 * towards `maxLost`, for it is no sign of a step that kills its workers. Everything else is put back as it stands in the
 * state, under the saga's lock, if it still lacks then.
 */
import type { Applier, Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { letterOf } from '../engine/runtime/work.ts'
import type { Db } from '../engine/store/db.ts'
import { restorePlaces } from '../engine/store/line.ts'
import { lockSagas } from '../engine/store/sagas.ts'
import { setTimers } from '../engine/store/timers.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'
import { Handing } from './handing.ts'
import { type Lacking, type LackingJob, lackingOf, type Schemas } from './lacking.ts'

/** So many lost attempts are handed to the committer, and waited for, at a time. */
const AT_ONCE = 500

export type MendingOptions = Schemas & {
  readonly applier: Applier
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly logger: Logger
  /** Records the deliveries as lost, without counting them. Resolves with the ids of those that were recorded in time. */
  readonly lose: (jobs: readonly ClaimedJob[]) => Promise<ReadonlySet<string>>
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class Mending {
  readonly #options: MendingOptions
  readonly #handing: Handing

  constructor(options: MendingOptions) {
    this.#options = options
    this.#handing = new Handing(options.submit, options.logger)
  }

  /** @returns what was mended. What is locked elsewhere is left: it is found again. */
  async mend(found: readonly Lacking[]): Promise<readonly Lacking[]> {
    const { transaction, lose } = this.#options
    const jobs = found.filter((one) => one.what === 'job')
    const others = found.filter((one) => one.what !== 'job' && one.what !== 'reason')
    const reasons = found.filter((one) => one.what === 'reason')
    for (const { sagaId } of reasons) this.#handing.hand({ sagaId, input: { type: 'look_again' } })
    const putBack = others.length === 0 ? [] : await transaction((tx) => this.#putBack(tx, idsOf(others)))
    const mended: Lacking[] = [...reasons, ...putBack]
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      const portion = jobs.slice(from, from + AT_ONCE)
      const lost = await lose(portion.map(deliveryOf))
      mended.push(...portion.filter(({ jobId }) => lost.has(jobId)))
    }
    return mended
  }

  /** Transaction: required. Locks: saga rows, skipping those that are busy, then jobs. */
  async #putBack(db: Db, ids: readonly string[]): Promise<readonly Lacking[]> {
    const { schema, applier } = this.#options
    const wanted = ids.map((id) => ({ id, revision: 0 }))
    const rows = new Map((await lockSagas(db, schema, wanted, { wait: false })).map((row) => [row.id, row]))
    const lacking = await lackingOf(db, this.#options, [...rows.keys()])
    const timers = lacking.filter((one) => one.what === 'timer')
    const places = lacking.filter((one) => one.what === 'place')
    const letters = lacking.filter((one) => one.what === 'dead_letter')
    if (timers.length > 0) await setTimers(db, schema, timers)
    const restored = places.length === 0 ? new Set<string>() : await restorePlaces(db, schema, places)
    const jobs = letters.flatMap(({ sagaId, jobId }) => {
      const row = rows.get(sagaId)
      return row === undefined || row.state === null ? [] : [letterOf(row, row.state, jobId)]
    })
    if (jobs.length > 0) await applier.dispatcher.insertDeadLetters(db, jobs)
    return [...timers, ...places.filter(({ sagaId }) => restored.has(sagaId)), ...letters]
  }
}

function idsOf(found: readonly Lacking[]): readonly string[] {
  return [...new Set(found.map(({ sagaId }) => sagaId))]
}

function deliveryOf({ jobId, sagaId, step, side, attempt }: LackingJob): ClaimedJob {
  return { id: jobId, saga: sagaId, step, side, attempt, retryCount: 0, revision: 0 }
}
