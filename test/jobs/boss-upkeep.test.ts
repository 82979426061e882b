/** pg-boss's own maintenance, over the connections that the engine gives it: the net below claims and takeovers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/engine/runtime/ids.ts'
import type { Logger } from '../../src/index.ts'
import { openPool, poolDb } from '../../src/jobs/pools.ts'
import { createQueues, LOST_QUEUE, openBoss, STEP_QUEUE } from '../../src/jobs/queues.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

test('gives up a job whose time is over, which is lost then', async () => {
  const said: string[] = []
  const logger: Logger = { ...SILENT, warn: (about) => void said.push(JSON.stringify(about)) }
  const pool = openPool(database.connectionString, 4, 'upkeep', SILENT)
  const boss = openBoss(poolDb(pool), 'pgboss', { supervise: false, migrate: false }, logger)
  await boss.start()
  await createQueues(boss)
  const expired = newId()
  const data = { job: expired, saga: newId(), step: 'one', side: 'action', attempt: 1, revision: 2 }
  await boss.insert(STEP_QUEUE, [{ id: expired, data, expireInSeconds: 60 }] as never)
  await boss.fetch(STEP_QUEUE)
  await database.pool.query(`update pgboss.job set started_on = now() - interval '2 minutes' where id = $1`, [expired])
  await boss.supervise()
  const { rows } = await database.pool.query(`select data ->> 'job' as job from pgboss.job where name = $1`, [
    LOST_QUEUE,
  ])
  expect(rows).toEqual([{ job: expired }])
  expect(said).toEqual([])
  await boss.stop({ graceful: false })
  await pool.end()
})
