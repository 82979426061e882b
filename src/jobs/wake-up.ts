/**
 * Waking idle workers: a channel of our own, because pg-boss's listener wakes only its own `work()`.
 *
 * NOTIFY takes a lock that serialises the commits of everything that notifies, so a caller's transaction never does:
 * shortly after an enqueue one coalesced notification goes out on a connection of our own. Polling is the net.
 */

import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'

export function channelOf(schema: string): string {
  return `pg_saga_${schema}`
}

/** Long enough for the caller to commit, short enough not to be felt. */
const SOON_MS = 5
/** A second one, for callers whose transaction takes longer. */
const LATER_MS = 60
/** Each NOTIFY is a commit, and takes a lock that all commits with notifications share: so far apart are two of them. */
const APART_MS = 10
const OTHERS_MS = 20

/** What there may be: jobs, or somebody who stands in a line whose front is free. It travels as the payload. */
export type Wake = 'jobs' | 'line'

export class WakeUp {
  readonly #channel: string
  readonly #db: Db
  readonly #logger: Logger
  readonly #enabled: boolean
  readonly #timers = new Set<NodeJS.Timeout>()
  /** What is to be said, soon or later; true when somebody has come since, for whom that may be too soon. */
  readonly #pending = { soon: new Map<Wake, boolean>(), later: new Map<Wake, boolean>() }
  readonly #toldAt = new Map<Wake, number>()
  #othersPending = false
  /** Workers in this process need no notification. */
  #inProcess: ((why: Wake) => void) | undefined

  constructor(schema: string, db: Db, logger: Logger, enabled: boolean) {
    this.#channel = channelOf(schema)
    this.#db = db
    this.#logger = logger
    this.#enabled = enabled
  }

  attach(wake: (why: Wake) => void): void {
    this.#inProcess = wake
  }

  /** Something was enqueued: by us and committed, or in a caller's transaction that is still open. */
  soon(committed: boolean, why: Wake = 'jobs'): void {
    this.#say('soon', committed ? 0 : SOON_MS, why, committed)
    if (!committed) this.#say('later', LATER_MS, why, false)
  }

  /** A saturated worker has left work for others: at most one notification in this time, however often it says so. */
  others(): void {
    if (!this.#enabled || this.#othersPending) return
    this.#othersPending = true
    this.#after(OTHERS_MS, () => {
      this.#othersPending = false
      void this.#notify('jobs')
    })
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#inProcess = undefined
  }

  /** One at a time for everybody: for whoever comes meanwhile and has not committed yet, once more. */
  #say(when: 'soon' | 'later', ms: number, why: Wake, committed: boolean): void {
    const pending = this.#pending[when]
    if (pending.has(why)) {
      if (!committed) pending.set(why, true)
      return
    }
    pending.set(why, false)
    const since = performance.now() - (this.#toldAt.get(why) ?? Number.NEGATIVE_INFINITY)
    this.#after(Math.max(ms, APART_MS - since), () => {
      const isToBeRepeated = pending.get(why) === true
      pending.delete(why)
      this.#tell(why)
      if (isToBeRepeated) this.#say(when, when === 'soon' ? SOON_MS : LATER_MS, why, false)
    })
  }

  #after(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, ms)
    timer.unref()
    this.#timers.add(timer)
  }

  #tell(why: Wake): void {
    this.#toldAt.set(why, performance.now())
    this.#inProcess?.(why)
    if (this.#enabled) void this.#notify(why)
  }

  async #notify(why: Wake): Promise<void> {
    try {
      await this.#db.executeSql(`select pg_notify($1::text, $2::text)`, [this.#channel, why])
    } catch (error) {
      // Polling finds it, half a second later.
      this.#logger.debug({ error: String(error) }, 'a wake-up was not sent')
    }
  }
}
