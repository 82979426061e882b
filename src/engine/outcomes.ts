/**
 * Waiting for the outcome of sagas: one poller for all that are waited for in this process, quick at first and slower
 * the longer it takes; an engine in the same process tells at once.
 */
import type { Db } from './store/db.ts'
import { readSettled } from './store/reading.ts'

const QUICKEST_MS = 8
const SLOWEST_MS = 250
/** The longest that Node's timers can wait, 24.8 days: a longer time would be over at once. */
const LONGEST_MS = 2 ** 31 - 1

type Waiter = { readonly resolve: (settled: boolean) => void; readonly timer: NodeJS.Timeout }

export class Waiters {
  readonly #db: Db
  readonly #schema: string
  readonly #waiters = new Map<string, Set<Waiter>>()
  #poll: NodeJS.Timeout | undefined
  #delay = QUICKEST_MS

  constructor(db: Db, schema: string) {
    this.#db = db
    this.#schema = schema
  }

  /** Resolves with true when the saga is at rest or a dead letter, with false when the time is up. */
  settled(id: string, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(id, waiter, false), Math.min(timeoutMs, LONGEST_MS))
      const waiter: Waiter = { resolve, timer }
      const waiters = this.#waiters.get(id) ?? new Set()
      waiters.add(waiter)
      this.#waiters.set(id, waiters)
      this.#delay = QUICKEST_MS
      clearTimeout(this.#poll)
      this.#poll = setTimeout(() => void this.#round(), 0)
    })
  }

  /** Something happened to these sagas, in this process. */
  tell(ids: Iterable<string>): void {
    for (const id of ids) this.#waiters.get(id)?.forEach((waiter) => this.#end(id, waiter, true))
  }

  get isIdle(): boolean {
    return this.#waiters.size === 0
  }

  close(): void {
    clearTimeout(this.#poll)
    this.#waiters.forEach((waiters, id) => waiters.forEach((waiter) => this.#end(id, waiter, false)))
  }

  async #round(): Promise<void> {
    if (this.isIdle) return
    try {
      const settled = await readSettled(this.#db, this.#schema, [...this.#waiters.keys()])
      this.tell(settled.map((saga) => saga.id))
    } catch {
      // The database is away for a moment: the waiters' own time limits decide how long that may last.
    }
    if (this.isIdle) return
    this.#delay = Math.min(SLOWEST_MS, this.#delay * 1.2)
    clearTimeout(this.#poll)
    this.#poll = setTimeout(() => void this.#round(), this.#delay)
  }

  #end(id: string, waiter: Waiter, settled: boolean): void {
    clearTimeout(waiter.timer)
    const waiters = this.#waiters.get(id)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(id)
    waiter.resolve(settled)
  }
}
