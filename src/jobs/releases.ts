/**
 * Goes on with releases at a rate. One worker at a time is at one of them, and whoever comes next goes on after it: how
 * many have gone and when the next are due stands in the database.
 */
import type { Applier } from '../engine/runtime/apply.ts'
import { letNextGo } from '../engine/runtime/letting-go.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { untilNextRelease } from '../engine/store/holds.ts'
import { Rounds } from './rounds.ts'

export type ReleasesOptions = {
  readonly applier: Applier
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly logger: Logger
  readonly isActive: () => boolean
  /** Jobs were inserted. */
  readonly onJobs: () => void
}

const AT_LEAST_EVERY_MS = 500

export class Releases {
  readonly #options: ReleasesOptions
  readonly #rounds = new Rounds(AT_LEAST_EVERY_MS, () => this.#look())

  constructor(options: ReleasesOptions) {
    this.#options = options
  }

  open(): void {
    this.#rounds.open()
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { applier, db, transaction, isActive, onJobs, logger } = this.#options
    try {
      const due = isActive() ? await untilNextRelease(db, applier.schema) : undefined
      if (due === undefined) return AT_LEAST_EVERY_MS
      if (due > 0) return due
      const letGo = await transaction((tx) => letNextGo(applier, tx))
      if (letGo !== undefined && letGo > 0) onJobs()
      // If somebody else has it, it is theirs.
      return letGo === undefined ? AT_LEAST_EVERY_MS : 0
    } catch (error) {
      const level = isConnectionError(error) ? 'debug' : 'warn'
      logger[level](
        { error: String(error) },
        'what waits for a hold that is over could not be let go; it is tried again',
      )
      return AT_LEAST_EVERY_MS
    }
  }
}
