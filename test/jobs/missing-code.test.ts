/** What lacks its code beside the steps that go forward: hooks beside a status, and compensations. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({})
const other = defineSaga('other', { version: 1, input }).step('one', { action: () => {} })
const by = { actor: 'tester', reason: 'a deploy' }
const HOUR_MS = 3_600_000

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock')
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

/** An hour passes, and all that is due in it is done. */
async function anHourPasses(): Promise<void> {
  const { pool } = database
  await pool.query('insert into saga.saga_clock (offset_ms) values ($1)', [HOUR_MS])
  await until('all that is due is done', async () => {
    const { rows } = await pool.query(
      `select (select count(*)::int from saga.saga_timer where due_at <= saga.now()) as due,
         (select count(*)::int from pgboss.job where name = 'saga_step') as jobs`,
    )
    return rows[0].due === 0 && rows[0].jobs === 0
  })
}

describe('a hook beside a status whose code no worker has', () => {
  const hooked = (name: string, hook: () => void) => {
    const saga = defineSaga(name, { version: 1, input })
      .step('ship', { action: () => 1 })
      .pivot()
      .step('mail', {
        action: () => {
          throw new StepRejected('No address.')
        },
      })
    const bounded = { run: hook, retry: { maxAttempts: 10, backoff: 'fixed', initialInterval: '1h' } } as const
    return name === 'resolved' ? saga.onResolved(bounded) : saga.onDeadLettered(bounded)
  }

  test.each([['dead-lettered'], ['resolved']])(
    'comes back more and more rarely, and runs when a worker comes that has it: %s',
    async (name) => {
      const connectionString = database.connectionString
      let hasRun = false
      const failing = hooked(name, () => {
        throw new StepNotApplied('Not yet.')
      })
      const first = await startEngine(connectionString, [failing])
      const { id } = await first.enqueue(failing, {})
      await first.outcome(id)
      if (name === 'resolved') await first.operator.resolve(id, { ...by, as: 'completed' })
      await until('the hook has been tried', async () => {
        const journal = await first.journal(id)
        return journal.some(({ event }) => event.type === 'attempt_failed' && event.step.startsWith('@'))
      })
      await stopEngine(first)
      const without = await startEngine(connectionString, [other])
      const returns = async () =>
        (await without.journal(id)).filter(({ event }) => event.type === 'attempt_returned').length
      for (let hour = 0; hour < 40; hour += 1) await anHourPasses()
      const returned = await returns()
      expect(returned).toBeGreaterThan(4)
      expect(returned).toBeLessThan(20)
      const before = await without.get(id)
      const knowing = await startEngine(connectionString, [
        hooked(name, () => {
          hasRun = true
        }),
      ])
      await journalled(knowing, id, 'hook_completed')
      expect(hasRun).toBe(true)
      const after = await knowing.get(id)
      expect([after?.status, after?.reason]).toEqual([before?.status, before?.reason])
      expect(after?.status).toBe(name === 'resolved' ? 'resolved' : 'dead_lettered')
      const { rows } = await database.pool.query(
        `select from pgboss.job where name = 'saga_dead_letter' and data ->> 'saga' = $1`,
        [id],
      )
      expect(rows).toHaveLength(name === 'resolved' ? 0 : 1)
      await stopEngine(without)
      await stopEngine(knowing)
    },
  )
})

describe('a compensation whose code no worker has', () => {
  test('is what its dead letter says that it lacks', async () => {
    const { connectionString, pool } = database
    const saga = defineSaga('undone', { version: 1, input })
      .step('one', { action: () => 1, compensation: () => {} })
      .step('two', {
        action: () => {
          throw new StepRejected('No.')
        },
      })
    const first = await startEngine(connectionString, [saga])
    const hold = await first.operator.hold({ definition: 'undone', side: 'compensation' }, by)
    const { id } = await first.enqueue(saga, {})
    await until('it is held', async () => (await first.get(id))?.waiting === 'hold')
    await stopEngine(first)
    await startEngine(connectionString, [other], { codeMissingAfter: 200 })
    await using client = createSagaClient({ connectionString })
    await client.operator.release(hold, by)
    await journalled(client, id, 'saga_dead_lettered')
    expect(await client.get(id)).toMatchObject({ status: 'dead_lettered', reason: 'no_code' })
    const { rows } = await pool.query(
      `select data -> 'phase' as phase, data -> 'attempts' as attempts from pgboss.job
       where name = 'saga_dead_letter' and data ->> 'saga' = $1`,
      [id],
    )
    const attempts = (await client.get(id))?.steps[0]?.compensationAttempts
    expect(rows).toEqual([{ phase: 'compensation', attempts }])
    const view = await pool.query('select phase, attempts, step, direction from saga.dead_letter where id = $1', [id])
    expect(view.rows).toEqual([{ phase: 'compensation', attempts, step: 'one', direction: 'backward' }])
  })
})
