/**
 * Goes on with operations over many sagas. Each round is a transaction on a connection of its own, so that the verbs never
 * wait for the one that is waiting for them; it is closed again when there is nothing to do.
 */
import type { OperationRounds } from '../engine/operation-rounds.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { untilNextOperation } from '../engine/store/operations.ts'
import { withTimeout } from './patience.ts'
import { inTransaction, openPool, type Pool } from './pools.ts'
import { Rounds } from './rounds.ts'

const AT_LEAST_EVERY_MS = 500
const LEAVE_WITHIN_MS = 5_000

export type OperationLoopOptions = {
  readonly connectionString: string
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  readonly rounds: OperationRounds
  readonly isActive: () => boolean
}

export class OperationLoop {
  readonly #options: OperationLoopOptions
  readonly #pool: Pool
  readonly #rounds = new Rounds(AT_LEAST_EVERY_MS, () => this.#look())
  #isClosing = false

  constructor(options: OperationLoopOptions) {
    this.#options = options
    this.#pool = openPool(options.connectionString, 1, 'pg-saga operations', options.logger)
  }

  open(): void {
    this.#rounds.open()
  }

  /** What is under way is finished, up to the saga that it is about. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#rounds.close()
    await withTimeout(this.#pool.end(), LEAVE_WITHIN_MS)
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { db, schema, isActive, rounds, logger } = this.#options
    try {
      const due = isActive() ? await untilNextOperation(db, schema) : undefined
      if (due === undefined) return AT_LEAST_EVERY_MS
      if (due > 0) return due
      const hadOne = await inTransaction(this.#pool, (tx) => rounds.round(tx, () => this.#isClosing))
      // If somebody else has it, it is theirs.
      return hadOne ? 0 : AT_LEAST_EVERY_MS
    } catch (error) {
      // It is repeated; what was ordered in it is ordered once.
      const level = isConnectionError(error) ? 'debug' : 'warn'
      logger[level]({ error: String(error) }, 'a round of an operation came to nothing')
      return AT_LEAST_EVERY_MS
    }
  }
}
