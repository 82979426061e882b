/**
 * Transactions of steps, where the app gives none: plain `pg` ones on a pool of their own, so that steps that hold
 * theirs open starve nobody else.
 */

import { BEGIN_STEP, requireCommit } from './connection.ts'
import { withTimeout } from './patience.ts'
import { type LendOptions, lend, type Pool } from './pools.ts'
import type { OpenTransaction } from './transactional.ts'
import { Turns } from './turns.ts'

/** A rollback waits for the statement before it. After this long the connection is closed instead, which is the same. */
const ROLLBACK_WITHIN_MS = 500

/** @param options see `lend`: what the step asks of its transaction is limited by the step's own timeout. */
export function defaultTransaction(pool: Pool, size: number, options: LendOptions = {}): OpenTransaction {
  // The pool itself would count waiting for a connection as a failure to connect. Here it may take as long as it takes.
  const turns = new Turns(size)
  return async (run) => {
    await turns.take()
    try {
      const { client, query, begin, db, release } = await lend(pool, options)
      let broken: Error | undefined
      try {
        await begin(BEGIN_STEP)
        const result = await run(client, db)
        requireCommit(await query('commit'))
        return result
      } catch (error) {
        const rolledBack = query('rollback')
        try {
          if (!(await withTimeout(rolledBack, ROLLBACK_WITHIN_MS))) broken = new Error('The rollback takes too long.')
        } catch (failure) {
          broken = failure as Error
        }
        throw error
      } finally {
        release(broken)
      }
    } finally {
      turns.give()
    }
  }
}
