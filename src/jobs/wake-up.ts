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
/** Each NOTIFY is a commit, and takes a lock that all commits with notifications share. */
const OTHERS_MS = 20

/** What there may be: jobs, or somebody who stands in a line whose front is free. It travels as the payload. */
export type Wake = 'jobs' | 'line'

export class WakeUp {
  readonly #channel: string
  readonly #db: Db
  readonly #logger: Logger
  readonly #enabled: boolean
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #pending = new Set<Wake>()
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
    if (this.#pending.has(why)) return
    this.#pending.add(why)
    if (committed) return this.#after(0, why)
    this.#after(SOON_MS, why)
    this.#after(LATER_MS, why)
  }

  /** A saturated worker has left work for others: at most one notification in this time, however often it says so. */
  others(): void {
    if (!this.#enabled || this.#othersPending) return
    this.#othersPending = true
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#othersPending = false
      void this.#notify('jobs')
    }, OTHERS_MS)
    timer.unref()
    this.#timers.add(timer)
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#inProcess = undefined
  }

  #after(ms: number, why: Wake): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#pending.delete(why)
      this.#inProcess?.(why)
      if (this.#enabled) void this.#notify(why)
    }, ms)
    timer.unref()
    this.#timers.add(timer)
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
