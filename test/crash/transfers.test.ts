/** Three hundred transfers, a third of their calls going wrong, five workers killed: the money is all there (rules 1, 4, 6, 7, 8). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, until } from '../support/waiting.ts'
import { WorkerProcess } from './processes.ts'
import { brokenMoney, createAccounts, plannedTransfers, TOTAL_OF_A_COPY, transfer } from './transfers.ts'

const COPIES = 100
const TRANSFERS = 300
const KILLS = 5

describe('money', () => {
  let database: TestDatabase
  let workers: WorkerProcess[] = []

  beforeAll(async () => {
    database = await testDatabase()
    await createAccounts(database.pool, COPIES)
  })
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()))
    await database.drop()
  })

  const start = () => new WorkerProcess('worker-process.ts', [database.connectionString, '30'])

  test('is all there after 300 transfers with 30 % faults and five kills', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    workers = [start(), start()]
    await Promise.all(workers.map((worker) => worker.message('ready')))
    const items = plannedTransfers(TRANSFERS, COPIES).map((input) => ({ input }))
    // Enqueued in parts, so that there is work under way at each kill.
    const part = Math.ceil(items.length / KILLS)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await client.enqueueMany(transfer, items.slice(kill * part, (kill + 1) * part))
      let victim: WorkerProcess | undefined
      await until('a worker holds jobs', async () => {
        const { rows } = await database.pool.query(
          'select w.pid from saga.saga_claim c join saga.saga_worker w on w.id = c.worker_id',
        )
        victim = workers.find(({ child }) => rows.some((row) => row.pid === child.pid))
        return victim !== undefined
      })
      await victim?.kill()
      workers = workers.filter((worker) => worker !== victim)
      const next = start()
      workers.push(next)
      await next.message('ready')
    }
    await atRest(database.pool, TRANSFERS)
    expect(await brokenMoney(database.pool, COPIES)).toEqual([])
    expect(await brokenRules(database.pool)).toEqual([])
    const { rows } = await database.pool.query('select sum(cents)::int as total from account')
    expect(rows[0].total).toBe(COPIES * TOTAL_OF_A_COPY)
    // Both ends have been seen: otherwise the sums above would say little.
    const counts = await client.count()
    expect(counts.completed).toBeGreaterThan(50)
    // About 25 of them, by chance: which calls are refused goes by the sagas' ids.
    expect(counts.compensated).toBeGreaterThan(5)
  })
})
