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

const AT_LEAST_EVERY_MS = 500
const SHORTEST_MS = 5
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
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: OperationLoopOptions) {
    this.#options = options
    this.#pool = openPool(options.connectionString, 1, 'pg-saga operations', options.logger)
  }

  open(): void {
    this.#again(AT_LEAST_EVERY_MS)
  }

  /** What is under way is finished, up to the saga that it is about. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const ended = this.#looking.then(() => this.#pool.end())
    await withTimeout(ended, LEAVE_WITHIN_MS)
  }

  #again(inMs: number): void {
    if (this.#closed) return
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look()
      },
      Math.max(SHORTEST_MS, Math.min(inMs, AT_LEAST_EVERY_MS)),
    )
  }

  async #look(): Promise<void> {
    const { db, schema, isActive, rounds, logger } = this.#options
    let wait = AT_LEAST_EVERY_MS
    try {
      const due = isActive() ? await untilNextOperation(db, schema) : undefined
      if (due !== undefined && due > 0) wait = due
      else if (due !== undefined) {
        const hadOne = await inTransaction(this.#pool, (tx) => rounds.round(tx, () => this.#closed))
        // If somebody else has it, it is theirs.
        if (hadOne) wait = 0
      }
    } catch (error) {
      // It is repeated; what was ordered in it is ordered once.
      const level = isConnectionError(error) ? 'debug' : 'warn'
      logger[level]({ error: String(error) }, 'a round of an operation came to nothing')
    }
    this.#again(wait)
  }
}
