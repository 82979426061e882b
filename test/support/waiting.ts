/** Waiting for the database to say that something is so: polled, with a generous limit, never a fixed sleep. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'

const LIMIT_MS = 60_000
const POLL_MS = 20

/** Resolves when the condition holds. @throws after a minute, with what was asked for. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`After ${LIMIT_MS / 1000} s it is still not so that ${what}.`)
    await delay(POLL_MS)
  }
}

/** That many sagas are stored, and none of them is live. */
export async function atRest(pool: pg.Pool, count: number): Promise<void> {
  await until(`${count} sagas are at rest`, async () => {
    const { rows } = await pool.query(
      `select count(*)::int as all, count(*) filter (where status in ('pending', 'running', 'compensating'))::int as live from saga.saga`,
    )
    return rows[0].all >= count && rows[0].live === 0
  })
}
