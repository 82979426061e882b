/** What needs somebody, counted: dead letters by reason, timers that nobody looks at, what is under way by version. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const one = defineSaga('one', { version: 3, input: z.object({ dies: z.boolean().optional() }) })
  .step('first', {
    action: () => 1,
    compensation: () => {
      throw new StepRejected('No.')
    },
  })
  .step('second', {
    action: ({ input }) => {
      if (input.dies === true) throw new StepRejected('No.')
    },
  })

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await database.drop()
})

describe('attention', () => {
  test('is there before there is anything', async () => {
    await stopEngine(await startEngine(database.connectionString, [one]))
    await using client = createSagaClient({ connectionString: database.connectionString })
    expect(await client.system.attention()).toEqual({
      deadLetters: [],
      ignored: 0,
      overdueTimers: { count: 0, oldestMs: 0 },
      underWay: [],
      mayBeMore: false,
    })
  })

  test('counts dead letters by reason, what is under way by version, and timers once they are overdue', async () => {
    const engine = await startEngine(database.connectionString, [one])
    for (const item of await engine.enqueueMany(one, [
      { input: { dies: true } },
      { input: { dies: true } },
      { input: {} },
    ])) {
      if (item.ok) await engine.outcome(item.id)
    }
    await stopEngine(engine)
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(one, {})
    const timer = (name: string, ago: string) =>
      database.pool.query(
        `insert into saga.saga_timer (saga_id, timer, due_at) values ($1, $2, now() - $3::interval)`,
        [id, name, ago],
      )
    await timer('first:action', '30 seconds')
    expect((await client.system.attention()).overdueTimers.count).toBe(0)
    await timer('second:action', '2 hours')
    const { deadLetters, overdueTimers, underWay } = await client.system.attention()
    expect(deadLetters).toEqual([{ reason: 'compensation_exhausted', count: 2, oldestAt: expect.any(Date) }])
    expect(overdueTimers.count).toBe(1)
    expect(overdueTimers.oldestMs / 3_600_000).toBeCloseTo(2, 1)
    expect(underWay).toEqual([
      { definition: 'one', version: 3, blueprint: expect.any(String), sagas: 3, deadLetters: 2, commands: 0 },
    ])
  })
})
