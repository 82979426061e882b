/** A fetch takes the next jobs off the queue's index, and does not read all that is queued: however the statistics stand. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { until } from '../support/waiting.ts'

const QUEUED = 20_000
const SLOTS = 512

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

describe('a fetch from a long queue', () => {
  test('reads the jobs that it takes', async () => {
    let began = 0
    const held = sagasFor<{ services: unknown; tx: unknown }>()('held', { version: 1, input: z.object({}) }).step(
      'wait',
      {
        action: ({ signal }) =>
          new Promise((_resolve, reject) => {
            began += 1
            signal.addEventListener('abort', () => reject(new Error('Told to stop.')))
          }),
      },
    )
    await using client = createSagaClient({ connectionString: database.connectionString })
    await stopEngine(await startEngine(database.connectionString, [held]))
    await client.enqueueMany(
      held,
      Array.from({ length: QUEUED }, () => ({ input: {} })),
    )
    const before = await read(database)
    const engine = await startEngine(database.connectionString, [held], { concurrency: SLOTS, drainGrace: 1 })
    await until('all slots are taken', async () => began === SLOTS)
    await stopEngine(engine)
    // Numbers come with the end of the session. Without care it reads all twenty thousand.
    let entries = 0
    await until('the server knows what was read', async () => {
      entries = (await read(database)) - before
      return entries > 0
    })
    expect(entries).toBeLessThan(4 * SLOTS)
  })
})

/** Entries of the index in whose order pg-boss takes jobs that were read so far. */
async function read({ pool }: TestDatabase): Promise<number> {
  const { rows } = await pool.query(
    `select coalesce(sum(s.idx_tup_read), 0)::int as entries
     from pg_stat_user_indexes s join pg_indexes i on i.schemaname = s.schemaname and i.indexname = s.indexrelname
     where s.schemaname = 'pgboss' and i.indexdef like '%priority DESC, created_on%'`,
  )
  return rows[0].entries
}
