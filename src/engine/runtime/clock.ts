/**
 * The database's clock, told without asking it: read once, then carried on by this process's monotonic clock.
 *
 * Good enough for a start, whose own row gets the database's moment; every later decision reads the clock under its
 * lock. A worker's own clock measures only durations.
 */
import type { Db } from '../store/db.ts'

const RESYNC_MS = 30_000

export class DatabaseClock {
  readonly #schema: string
  #databaseMs = 0
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(schema: string) {
    this.#schema = schema
  }

  /** In ms. */
  async now(db: Db): Promise<number> {
    if (performance.now() - this.#readAt > RESYNC_MS) {
      // However many ask at once, it is read once; unless the one who reads it cannot.
      const isOthers = this.#reading !== undefined
      this.#reading ??= this.#read(db).finally(() => {
        this.#reading = undefined
      })
      await (isOthers ? this.#reading.catch(() => this.#read(db)) : this.#reading)
    }
    return Math.round(this.#databaseMs + (performance.now() - this.#readAt))
  }

  async #read(db: Db): Promise<void> {
    const { rows } = await db.executeSql(`select extract(epoch from ${this.#schema}.now())::float8 * 1000 as now`)
    this.#databaseMs = Number(rows[0]?.now)
    this.#readAt = performance.now()
  }
}
