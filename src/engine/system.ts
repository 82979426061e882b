/** What there is beside sagas: workers, queues, schedules, what needs somebody, and figures of the past. */
import { type Authorize, demand } from './access.ts'
import type { Blueprint } from './core/blueprint.ts'
import { type DefinitionView, definitionViews } from './definition-views.ts'
import { SagaError } from './errors.ts'
import { newId } from './runtime/ids.ts'
import { recordAct } from './store/audit.ts'
import { readBlueprints } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import { type Flights, readFlights } from './store/flights.ts'
import {
  type DeadLetterCount,
  type DeadLetterHour,
  deadLettersByHour,
  deadLettersToSeeTo,
  overdueTimers,
} from './store/health.ts'
import { onlyInOrder } from './store/in-order.ts'
import { checkSchema } from './store/migrate.ts'
import { type Pulse, readPulse } from './store/pulse.ts'
import { type Recent, readRecent } from './store/recent.ts'
import { type HourStatistics, readCountedTo, readStatistics } from './store/statistics.ts'
import { readWorkerViews, type WorkerView } from './store/worker-views.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const RECENT_MS = 60 * 60_000
const RECENT_EACH_MS = 5 * 60_000
const RECENT_CAP = 5_000
const MAX_DAYS = 400
/** Workers look at timers at least twice a second. */
const OVERDUE_MS = 60_000
/** Reading that many takes some milliseconds, however many there are. */
const MOST_DEAD_LETTERS = 10_001
const MOST_BY_HOUR = 5_000
const MOST_FLIGHTS = 5_001

export type ScheduleView = {
  readonly name: string
  /** `saga`: starts one. `maintenance`: a duty of the workers. */
  readonly kind: 'saga' | 'maintenance'
  readonly cron: string
  readonly tz: string
  /** When it is due next; `null` for what is never due again. */
  readonly nextAt: Date | null
}

/** A queue that the engine writes to. */
export type QueueView = {
  readonly name: string
  /** What its jobs are. `events` is yours, and there if the engine was told of it. */
  readonly purpose: 'steps' | 'lost' | 'maintenance' | 'schedules' | 'dead_letters' | 'events'
  /** Whether workers take its jobs. Those of the others are for your programs. */
  readonly isTakenByWorkers: boolean
  /** Jobs that could be taken now; with `later`, counted up to 10 001. */
  readonly waiting: number
  /** Jobs that are not to be taken yet. */
  readonly later: number
  /** For how long the oldest of those that wait could have been taken; `null` where none waits. */
  readonly oldestMs: number | null
}

/** What of all sagas may need somebody, counted. */
export type Attention = {
  /** The most frequent reason first; of the newest 10 001 dead letters. */
  readonly deadLetters: readonly DeadLetterCount[]
  /** Beside them, those of error groups that somebody ignores. */
  readonly ignored: number
  /** Timers that nobody has looked at for a minute since they were due: how many, up to 10 001. */
  readonly overdueTimers: { readonly count: number; readonly oldestMs: number }
  /** What is not finished, by definition, version and shape; of each status the 5 001 with the lowest ids. */
  readonly underWay: readonly Flights[]
  /** So many are under way that not all may have been looked at: there are at least as many as it says. */
  readonly mayBeMore: boolean
}

/** Queues belong to pg-boss. */
export type QueuePort = { readonly list: () => Promise<readonly QueueView[]> }

/** Schedules belong to the queue. */
export type SchedulePort = {
  readonly list: () => Promise<readonly ScheduleView[]>
  /** In that transaction. @returns whether there was one. */
  readonly end: (db: Db, name: string) => Promise<boolean>
}

export type SystemParts = {
  readonly db: Db
  readonly schema: string
  readonly authorize: Authorize
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly queues: QueuePort
  readonly schedules: SchedulePort
}

export class System {
  readonly #db: Db
  readonly #schema: string
  readonly #authorize: Authorize
  readonly #transaction: SystemParts['transaction']
  readonly #queues: QueuePort
  readonly #schedules: SchedulePort

  constructor(parts: SystemParts) {
    this.#db = parts.db
    this.#schema = parts.schema
    this.#authorize = parts.authorize
    this.#transaction = parts.transaction
    this.#queues = parts.queues
    this.#schedules = parts.schedules
  }

  /** Those that live first. Workers that have left are gone. */
  workers(): Promise<readonly WorkerView[]> {
    return readWorkerViews(this.#db, this.#schema)
  }

  /** The queues that the engine writes to: how many jobs wait in each, and since when. */
  queues(): Promise<readonly QueueView[]> {
    return this.#queues.list()
  }

  /** @throws SagaError `DATABASE_UNREACHABLE`, `SCHEMA_TOO_OLD`, `SCHEMA_TOO_NEW`: what is lacking at this moment. */
  async check(): Promise<void> {
    await checkSchema(this.#db, this.#schema)
  }

  /**
   * Whether anything has become of sagas: the mark is another one then, at once for the newest hundred, within ten seconds
   * for others (on Postgres 14 not at all). Of the sagas that are asked for, the revision, at once. It takes a fraction of a
   * millisecond, however many there are.
   */
  pulse(sagas: readonly string[] = []): Promise<Pulse> {
    return readPulse(this.#db, this.#schema, sagas)
  }

  /** What may need somebody. Cheap enough to be asked for every few seconds. */
  attention(): Promise<Attention> {
    return this.#transaction(async (tx) => {
      const timers = await overdueTimers(tx, this.#schema, OVERDUE_MS)
      await onlyInOrder(tx)
      const { byReason, ignored } = await deadLettersToSeeTo(tx, this.#schema, MOST_DEAD_LETTERS)
      const { flights, isCut } = await readFlights(tx, this.#schema, MOST_FLIGHTS)
      return {
        deadLetters: byReason,
        ignored,
        overdueTimers: timers,
        underWay: flights.filter(({ sagas }) => sagas > 0),
        mayBeMore: isCut,
      }
    })
  }

  /** When dead letters came in the last 24 hours, by error group: of the newest 5 000. */
  deadLettersByHour(): Promise<readonly DeadLetterHour[]> {
    return this.#transaction(async (tx) => {
      await onlyInOrder(tx)
      return deadLettersByHour(tx, this.#schema, MOST_BY_HOUR)
    })
  }

  /**
   * What is known of definitions, by name: their versions, which workers have them, and what of them is under way.
   *
   * @param options `name`: only this one. `cap`: so many sagas of a state are looked at for the figures, the oldest ones
   * (10 000 by default).
   * @throws SagaError `FILTER_INVALID`.
   */
  definitions(options: { readonly name?: string; readonly cap?: number } = {}): Promise<readonly DefinitionView[]> {
    return this.#transaction((tx) => definitionViews(tx, this.#schema, options))
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
    return this.#transaction(async (tx) => {
      const isEnded = await this.#schedules.end(tx, name)
      const about = { schedule: name }
      if (isEnded) await recordAct(tx, this.#schema, { id: newId(), action: 'maintain', actor, about })
      return isEnded
    })
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

  /** Up to which moment `statistics` are counted: the end of an hour. `undefined` while none is. */
  countedTo(): Promise<Date | undefined> {
    return readCountedTo(this.#db, this.#schema)
  }

  /**
   * The same of the last hour, in pieces of five minutes, counted from the sagas themselves. It costs a few index scans.
   *
   * @returns `isCut`: there is more than is looked at this way (5 000 of each kind, and of all dead letters), so look at
   * `statistics`.
   */
  async recent(
    order: { readonly definition?: string } = {},
  ): Promise<Recent & { readonly from: Date; readonly to: Date; readonly eachMs: number }> {
    const eachMs = RECENT_EACH_MS
    const to = new Date(Math.ceil(Date.now() / eachMs) * eachMs)
    const from = new Date(to.getTime() - RECENT_MS)
    const recent = await this.#transaction(async (tx) => {
      await onlyInOrder(tx)
      return readRecent(tx, this.#schema, { from, eachMs, definition: order.definition, cap: RECENT_CAP })
    })
    return { from, to, eachMs, ...recent }
  }
}
