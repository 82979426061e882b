/**
 * Transactions of steps, where the app gives none: plain `pg` ones on a pool of their own, so that steps that hold
 * theirs open starve nobody else.
 */
import { withTimeout } from './patience.ts'
import { BEGIN_STEP, fromPg, type Pool, requireCommit } from './sessions.ts'
import type { OpenTransaction } from './transactional.ts'
import { Turns } from './turns.ts'

/** A rollback waits for the statement before it. After this long the connection is closed instead, which is the same. */
const ROLLBACK_WITHIN_MS = 500

export function defaultTransaction(pool: Pool, size: number): OpenTransaction {
  // The pool itself would count waiting for a connection as a failure to connect. Here it may take as long as it takes.
  const turns = new Turns(size)
  return async (run) => {
    await turns.take()
    try {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query(BEGIN_STEP)
        const result = await run(client, fromPg(client))
        requireCommit(await client.query('commit'))
        return result
      } catch (error) {
        const rolledBack = client.query('rollback')
        try {
          if (!(await withTimeout(rolledBack, ROLLBACK_WITHIN_MS))) broken = new Error('The rollback takes too long.')
        } catch (failure) {
          broken = failure as Error
        }
        throw error
      } finally {
        client.release(broken)
      }
    } finally {
      turns.give()
    }
  }
}
