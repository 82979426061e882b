/**
 * Reading that cannot be in the engine's way: in read-only transactions, each statement with a time limit, and no more
 * than so many at a time, so that connections are left for those who start and run sagas.
 */
import { refuseChange } from '../engine/access.ts'
import { SagaError } from '../engine/errors.ts'
import type { ReadingLimits } from '../engine/saga-client.ts'
import { type Db, sqlState } from '../engine/store/db.ts'
import { ANSWER_WITHIN_MS } from './connection.ts'
import { inTransaction, type Pool } from './pools.ts'
import type { Prepared } from './prepared.ts'

const TIMED_OUT = '57014'
const WRITES = '25006'

type Transaction = <T>(run: (db: Db) => Promise<T>) => Promise<T>

/** @returns each statement on its own, and several of them together; both count as one at a time. */
export function limitedReading(
  pool: Pool,
  prepared: Prepared,
  { maxAtOnce, withinMs }: ReadingLimits,
): { readonly db: Db; readonly transaction: Transaction } {
  const places = new Places(maxAtOnce, withinMs)
  const begin = `begin isolation level read committed read only;
set local search_path = pg_catalog; set local statement_timeout = ${Math.ceil(withinMs)}; set local jit = off`
  const limited = async <T>(run: (db: Db) => Promise<T>, beginning: string): Promise<T> => {
    const leave = await places.take()
    try {
      return await inTransaction(pool, run, { prepared, begin: beginning, answerWithinMs: ANSWER_WITHIN_MS })
    } catch (error) {
      if (sqlState(error) === WRITES) return await refuseChange()
      if (sqlState(error) !== TIMED_OUT) throw error
      throw tooSlow(`The database took longer than ${withinMs} ms over one question.`)
    } finally {
      leave()
    }
  }
  return {
    db: { executeSql: (text, values) => limited((tx) => tx.executeSql(text, values), begin) },
    // As in all our transactions, statistics that are out of date do not talk the planner into reading whole tables.
    transaction: (run) => limited(run, `${begin}; set local enable_seqscan = off; set local enable_mergejoin = off`),
  }
}

/** Taken in order of coming; whoever has waited too long goes away. */
class Places {
  readonly #withinMs: number
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(places: number, withinMs: number) {
    this.#free = places
    this.#withinMs = withinMs
  }

  /** @returns what gives it back. @throws SagaError `READ_TOO_SLOW`. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1
    else await this.#turn()
    return () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(tooSlow('Too many look at the same time.'))
      }, this.#withinMs)
      this.#waiting.push(enter)
    })
  }
}

function tooSlow(why: string): SagaError {
  return new SagaError('READ_TOO_SLOW', `${why} Ask for less, or again.`)
}
