/** Queues as they are shown: counts that stop, the oldest job, and no reading of all that waits. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, sagasFor } from '../../src/index.ts'
import { queueStatement } from '../../src/jobs/queue-views.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'

const one = sagasFor<{ services: unknown; tx: unknown }>()('one', { version: 1, input: z.object({}) }).step('only', {
  action: () => 1,
})

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>

beforeAll(async () => {
  database = await testDatabase()
  await stopEngine(await startEngine(database.connectionString, [one], { events: { queue: 'told' } }))
  client = createSagaClient({ connectionString: database.connectionString })
})
afterEach(async () => {
  await database.pool.query('delete from pgboss.job')
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

/** Jobs of a queue, made so many seconds ago, to be taken so many seconds later than that. */
async function jobs(queue: string, count: number, { agoS = 0, afterS = 0, priority = 0 } = {}): Promise<void> {
  await database.pool.query(
    `insert into pgboss.job (name, priority, created_on, start_after, keep_until)
     select $1, $5, now() - $3 * interval '1 second', now() + ($4 - $3) * interval '1 second', now() + interval '1 day'
     from generate_series(1, $2::int)`,
    [queue, count, agoS, afterS, priority],
  )
}
const queue = async (name: string) => (await client.system.queues()).find((one) => one.name === name)

describe('the queues', () => {
  test('are those of the engine, the steps first, and that of events where there is one', async () => {
    const names = (await client.system.queues()).map(({ name }) => name)
    const own = ['saga_step', 'saga_lost', 'saga_schedule', 'saga_maintenance', 'saga_dead_letter']
    expect(names).toEqual(own)
    await using told = createSagaClient({ connectionString: database.connectionString, events: { queue: 'told' } })
    expect((await told.system.queues()).at(-1)).toEqual({
      name: 'told',
      purpose: 'events',
      isTakenByWorkers: false,
      waiting: 0,
      later: 0,
      oldestMs: null,
    })
  })

  test('say how many jobs wait, how many come later, and for how long the oldest could have been taken', async () => {
    await jobs('saga_step', 3, { agoS: 10 })
    await jobs('saga_step', 1, { agoS: 300, priority: -7 })
    await jobs('saga_step', 1, { agoS: 900, afterS: 880, priority: 5 })
    await jobs('saga_step', 2, { agoS: 4_000, afterS: 9_000 })
    const found = await queue('saga_step')
    expect(found).toMatchObject({ waiting: 5, later: 2 })
    expect(found?.oldestMs).toBeGreaterThanOrEqual(300_000)
    expect(found?.oldestMs).toBeLessThan(330_000)
    expect(await queue('saga_lost')).toMatchObject({ waiting: 0, later: 0, oldestMs: null })
  })

  test('find the oldest at whatever priority it waits, and none where all come later', async () => {
    await jobs('saga_step', 2, { agoS: 10, priority: -9 })
    await jobs('saga_step', 1, { agoS: 500, priority: 8 })
    await jobs('saga_step', 2, { agoS: 10, priority: 9 })
    expect((await queue('saga_step'))?.oldestMs).toBeGreaterThanOrEqual(500_000)
    await jobs('saga_lost', 2, { agoS: 100, afterS: 900 })
    expect(await queue('saga_lost')).toMatchObject({ waiting: 0, later: 2, oldestMs: null })
  })

  test('do not count jobs that somebody has in hand, or that are settled', async () => {
    await jobs('saga_maintenance', 3, { agoS: 5 })
    await database.pool.query(
      `update pgboss.job set state = (array['active', 'completed', 'failed'])[n]::pgboss.job_state
       from (select id, row_number() over () as n from pgboss.job) x where x.id = pgboss.job.id`,
    )
    expect(await queue('saga_maintenance')).toMatchObject({ waiting: 0, oldestMs: null })
  })

  test('are counted up to 10 001, and read by index whatever their length', async () => {
    await jobs('saga_step', 12_000, { agoS: 60 })
    expect(await queue('saga_step')).toMatchObject({ waiting: 10_001 })
    const plan = await database.pool.connect()
    try {
      await plan.query(
        `begin; set local enable_bitmapscan = off; set local enable_sort = off; set local enable_seqscan = off`,
      )
      const { rows } = await plan.query(`explain (analyze, format json) ${queueStatement('pgboss')}`, ['saga_step'])
      await plan.query('rollback')
      const read = scans(rows[0]['QUERY PLAN'][0].Plan)
      expect(read.filter(({ type }) => type === 'Seq Scan' || type === 'Sort')).toEqual([])
      expect(Math.max(...read.map(({ rows: number }) => number))).toBeLessThanOrEqual(10_001)
    } finally {
      plan.release()
    }
  })
})

type Node = { readonly 'Node Type': string; readonly 'Actual Rows': number; readonly Plans?: readonly Node[] }

/** How each table was read, and how many rows came of it. */
function scans(node: Node): readonly { readonly type: string; readonly rows: number }[] {
  return [{ type: node['Node Type'], rows: node['Actual Rows'] }, ...(node.Plans ?? []).flatMap(scans)]
}
