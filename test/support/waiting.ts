/** Waiting for the database to say that something is so: polled, with a generous limit, never a fixed sleep. */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { SagaClient, SagaEvent } from '../../src/index.ts'

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

/** No saga is running or going back, but for those that somebody has paused. */
export async function underWayEnds(pool: pg.Pool): Promise<void> {
  await until('no saga is under way', async () => {
    const { rows } = await pool.query(
      `select from saga.saga where status in ('running', 'compensating') and not paused limit 1`,
    )
    return rows.length === 0
  })
}

/** The first event of that type in the saga's journal, as soon as it is there. */
export async function journalled(
  client: Pick<SagaClient, 'journal'>,
  id: string,
  type: SagaEvent['type'],
): Promise<SagaEvent> {
  let found: SagaEvent | undefined
  await until(`saga ${id} has journalled ${type}`, async () => {
    found = (await client.journal(id)).find(({ event }) => event.type === type)?.event
    return found !== undefined
  })
  return found as SagaEvent
}
