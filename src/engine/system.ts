/** What there is beside sagas: workers, schedules, and figures of the past. */
import { type Authorize, demand } from './access.ts'
import type { Blueprint } from './core/blueprint.ts'
import { type DefinitionView, definitionViews } from './definition-views.ts'
import { SagaError } from './errors.ts'
import { readBlueprints } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import { type HourStatistics, readStatistics } from './store/statistics.ts'
import { readWorkerViews, type WorkerView } from './store/worker-views.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const MAX_DAYS = 400

export type ScheduleView = {
  readonly name: string
  /** `saga`: starts one. `maintenance`: a duty of the workers. */
  readonly kind: 'saga' | 'maintenance'
  readonly cron: string
  readonly tz: string
}

/** Schedules belong to the queue. */
export type SchedulePort = {
  readonly list: () => Promise<readonly ScheduleView[]>
  /** @returns whether there was one. */
  readonly end: (name: string) => Promise<boolean>
}

export type SystemParts = {
  readonly db: Db
  readonly schema: string
  readonly authorize: Authorize
  readonly schedules: SchedulePort
}

export class System {
  readonly #db: Db
  readonly #schema: string
  readonly #authorize: Authorize
  readonly #schedules: SchedulePort

  constructor(parts: SystemParts) {
    this.#db = parts.db
    this.#schema = parts.schema
    this.#authorize = parts.authorize
    this.#schedules = parts.schedules
  }

  /** Those that live first. Workers that have left are gone. */
  workers(): Promise<readonly WorkerView[]> {
    return readWorkerViews(this.#db, this.#schema)
  }

  /**
   * What is known of definitions, by name: their versions, which workers have them, and what of them is under way.
   *
   * @param options `name`: only this one. `cap`: so many sagas of a state are looked at for the figures, the oldest ones
   * (10 000 by default).
   * @throws SagaError `FILTER_INVALID`.
   */
  definitions(options: { readonly name?: string; readonly cap?: number } = {}): Promise<readonly DefinitionView[]> {
    return definitionViews(this.#db, this.#schema, options)
  }

  /** The shape with this hash, as it stands in the state of a saga that carries it; `undefined` when there is none. */
  async blueprint(hash: string): Promise<Blueprint | undefined> {
    const [stored] = await readBlueprints(this.#db, this.#schema, [hash])
    return stored?.blueprint
  }

  /** Those that start sagas, and those of maintenance. */
  schedules(): Promise<readonly ScheduleView[]> {
    return this.#schedules.list()
  }

  /**
   * Ends a schedule that starts sagas. An engine that still has it makes it anew when it starts.
   *
   * @returns whether there was one.
   * @throws SagaError `NOT_AUTHORIZED`.
   */
  async unschedule(name: string, { actor = 'code' }: { readonly actor?: string } = {}): Promise<boolean> {
    await demand(this.#authorize, actor, 'maintain', {})
    return this.#schedules.end(name)
  }

  /**
   * What became of sagas, hour by hour, in order of hour and definition. Hours in which nothing happened are left out, and
   * so is the one that is not over; an hour is counted soon after its end (duty `statistics`).
   *
   * @param range the day until now by default; at most 400 days, which is how long they are kept.
   * @throws SagaError `FILTER_INVALID`.
   */
  async statistics(
    range: { readonly from?: Date; readonly to?: Date; readonly definition?: string } = {},
  ): Promise<readonly HourStatistics[]> {
    const { to = new Date(), definition } = range
    const { from = new Date(to.getTime() - DAY_MS) } = range
    const lengthMs = to.getTime() - from.getTime()
    if (!(lengthMs >= 0 && lengthMs <= MAX_DAYS * DAY_MS)) {
      throw new SagaError('FILTER_INVALID', `from and to are moments in this order, at most ${MAX_DAYS} days apart.`)
    }
    return readStatistics(this.#db, this.#schema, { from, to, definition })
  }
}
