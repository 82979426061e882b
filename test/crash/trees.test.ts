/** SIGKILL of workers that run maps, fallbacks, groups and checkpoints, then the rules and what the outside says. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { FaultPoint } from '../../src/engine/runtime/ports.ts'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest } from '../support/waiting.ts'
import { WorkerProcess } from './processes.ts'
import { createAccounts } from './transfers.ts'
import { brokenTrees, TABLE, tree } from './trees.ts'

const SAGAS = 40

const POINTS: readonly (readonly [FaultPoint, number])[] = [
  ['claimed', 4],
  ['before-action', 60],
  ['after-action', 60],
  ['settled', 8],
  ['before-commit', 8],
  ['after-commit', 8],
  ['tx-after-commit', 5],
]

describe('a worker of maps, fallbacks and groups that is killed', () => {
  let database: TestDatabase
  let enqueued = 0
  const running: WorkerProcess[] = []

  beforeAll(async () => {
    database = await testDatabase()
    await createAccounts(database.pool, 1)
    await database.pool.query(TABLE)
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((worker) => worker.kill()))
    // Several that died together are taken over later than one.
    await database.pool.query('truncate saga.saga_claim, saga.saga_worker')
  })
  afterAll(() => database.drop())

  function worker(...args: string[]): WorkerProcess {
    const started = new WorkerProcess('worker-process.ts', [database.connectionString, '8', ...args])
    running.push(started)
    return started
  }

  test.each(POINTS)('at "%s" leaves no item, fallback or sibling half done', async (point, nth) => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.enqueueMany(
      tree,
      Array.from({ length: SAGAS }, (_, index) => ({ input: { items: index % 8 } })),
    )
    enqueued += SAGAS
    const victim = worker(point, String(nth))
    await victim.exited
    expect(victim.messages.map((message) => message.type)).toContain('dying')
    const survivor = worker()
    await survivor.message('ready')
    await atRest(database.pool, enqueued)
    expect(await brokenTrees(database.pool)).toEqual([])
    expect(await brokenRules(database.pool)).toEqual([])
  })

  test('has completed sagas, undone ones and fallbacks among its ends', async () => {
    const { rows } = await database.pool.query(
      `select s.status, bool_or(e.type = 'fallback_taken') as fell_back from saga.saga s
       join saga.saga_event e on e.saga_id = s.id group by s.id, s.status`,
    )
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set(['completed', 'compensated']))
    // Some twenty of them; how many of these complete in the end is chance.
    expect(rows.some((row) => row.fell_back)).toBe(true)
  })
})
