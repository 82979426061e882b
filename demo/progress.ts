/** How far the sagas are, as the database says; and waiting until they are as far as needed. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Counts, Screen } from './screen.ts'

const LOOK_MS = 100

export class Progress {
  readonly #pool: pg.Pool
  readonly #screen: Screen
  readonly #waiting = new Set<{ readonly holds: (counts: Counts) => boolean; readonly resolve: () => void }>()
  #looking: Promise<void> | undefined
  #hasEnded = false

  constructor(pool: pg.Pool, screen: Screen) {
    this.#pool = pool
    this.#screen = screen
  }

  start(): void {
    this.#looking = this.#look()
    // Whoever waits for the end hears of it; until then it must not end the process.
    this.#looking.catch(() => {})
  }

  /** @returns whether it came to hold within the time. */
  async until(holds: (counts: Counts) => boolean, limitMs: number): Promise<boolean> {
    const reached = new Promise<void>((resolve) => this.#waiting.add({ holds, resolve }))
    const limit = new AbortController()
    const late = delay(limitMs, false, { signal: limit.signal }).catch(() => false)
    const inTime = await Promise.race([reached.then(() => true), late])
    limit.abort()
    return inTime
  }

  async end(): Promise<void> {
    this.#hasEnded = true
    await this.#looking
    this.#screen.endProgress()
  }

  async #look(): Promise<void> {
    while (!this.#hasEnded) {
      const counts = await this.#count()
      this.#screen.progress(counts)
      for (const waiting of this.#waiting) {
        if (!waiting.holds(counts)) continue
        this.#waiting.delete(waiting)
        waiting.resolve()
      }
      await delay(LOOK_MS)
    }
  }

  /** In one statement, so that the numbers belong to one moment. */
  async #count(): Promise<Counts> {
    const { rows } = await this.#pool.query<Counts>(
      `select count(*)::int as placed,
         count(*) filter (where status = 'completed')::int as completed,
         count(*) filter (where status = 'compensated')::int as compensated,
         count(*) filter (where status = 'dead_lettered')::int as "deadLettered"
       from saga.overview`,
    )
    return rows[0] ?? { placed: 0, completed: 0, compensated: 0, deadLettered: 0 }
  }
}

export function atRest({ completed, compensated, deadLettered }: Counts): number {
  return completed + compensated + deadLettered
}
