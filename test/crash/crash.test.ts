/** SIGKILL of a worker at every named point, then the rules and the ledger (rules 1, 4, 5, 6 and 11). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { FaultPoint } from '../../src/engine/runtime/ports.ts'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { wronglyTold } from '../support/told.ts'
import { atRest } from '../support/waiting.ts'
import { WorkerProcess } from './processes.ts'
import { brokenMoney, createAccounts, plannedTransfers, TOLD, transfer } from './transfers.ts'

const COPIES = 20
const TRANSFERS = 60

/** Each point, and the time at which the process ends there: not always the first, which often finds nothing to do. */
const POINTS: readonly (readonly [FaultPoint, number])[] = [
  ['fetched', 3],
  ['claimed', 2],
  ['before-action', 25],
  ['after-action', 15],
  ['locked', 4],
  ['settled', 4],
  ['written', 4],
  ['before-commit', 3],
  ['after-commit', 3],
  ['tx-before-commit', 20],
  ['tx-after-commit', 20],
  ['timers-read', 2],
]

describe('a worker that is killed', () => {
  let database: TestDatabase
  const running: WorkerProcess[] = []

  beforeAll(async () => {
    database = await testDatabase()
    await createAccounts(database.pool, COPIES)
  })

  afterEach(async () => {
    await Promise.all(running.splice(0).map((worker) => worker.kill()))
    await database.pool.query(
      'truncate saga.saga, saga.saga_event, saga.saga_timer, saga.saga_claim, saga.saga_worker, booking, gateway cascade',
    )
    await database.pool.query(
      `delete from pgboss.job where name in ('saga_step', 'saga_lost', 'saga_dead_letter', '${TOLD.queue}')`,
    )
  })

  afterAll(() => database.drop())

  function worker(...args: string[]): WorkerProcess {
    const started = new WorkerProcess('worker-process.ts', [database.connectionString, '10', ...args])
    running.push(started)
    return started
  }

  async function enqueueAll(): Promise<void> {
    await using client = createSagaClient({ connectionString: database.connectionString, events: TOLD })
    const results = await client.enqueueMany(
      transfer,
      plannedTransfers(TRANSFERS, COPIES).map((input) => ({ input })),
    )
    expect(results.every((result) => result.ok)).toBe(true)
  }

  test.each(POINTS)('at "%s" leaves nothing behind that another worker does not finish', async (point, nth) => {
    await enqueueAll()
    const victim = worker(point, String(nth))
    await victim.exited
    expect(victim.messages.map((message) => message.type)).toContain('dying')

    const survivor = worker()
    await survivor.message('ready')
    await atRest(database.pool, TRANSFERS)
    expect(await brokenMoney(database.pool, COPIES)).toEqual([])
    expect(await brokenRules(database.pool)).toEqual([])
    expect(await wronglyTold(database.pool, TOLD.queue)).toEqual([])
  })

  test.each(['takeover-marked', 'takeover-batch'] as const)(
    'at "%s", while taking over, is itself followed by another',
    async (point) => {
      await enqueueAll()
      const victim = worker('before-action', '25')
      await victim.exited
      const second = worker(point, '1')
      await second.exited
      const third = worker()
      await third.message('ready')
      await atRest(database.pool, TRANSFERS)
      expect(await brokenMoney(database.pool, COPIES)).toEqual([])
      expect(await brokenRules(database.pool)).toEqual([])
    },
  )
})
