/** Those who look are never in the way of those who work: what they read is read with limits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { ADA, dashboardFor, get } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let paths: string[]
let dead: string

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [sendLetter], services: {} })
  await engine.start()
  const { group, ids } = await deadLetters(engine, 2)
  const by = { actor: 'ada', reason: 'a test' }
  const scope = { definition: 'send-letter', step: 'post' }
  const hold = await engine.operator.hold(scope, by)
  // The second of them is left for a quarter of an hour.
  const filter = { errorGroup: group, status: 'dead_lettered' } as const
  const { id } = await engine.operations.start({ verb: 'retry', filter, rate: 0.001, ...by })
  dead = ids[1] ?? ''
  paths = [
    '/',
    '/sagas',
    '/sagas?status=dead_lettered&tag=letters',
    `/sagas?q=${dead}`,
    `/sagas/${dead}`,
    `/sagas/${dead}/plan?action=retry`,
    '/workers',
    '/queues',
    '/schedules',
    '/errors',
    `/errors/${group}?definition=send-letter`,
    '/audit',
    '/me',
    `/errors/${group}/triage?state=ignored`,
    '/operations',
    `/operations/new?verb=retry&error-group=${group}&definition=send-letter`,
    `/operations/${id}`,
    `/operations/${id}/plan?action=abort`,
    '/definitions',
    '/definitions/send-letter',
    '/definitions/send-letter/hold?step=post',
    `/holds/${hold}/release`,
  ]
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

describe('what is only shown', () => {
  test('is read through the limits, every page of it', async () => {
    const onlyForReading = new Proxy(engine, {
      get: (target, key) => {
        if (key === 'forReading') return target.forReading.bind(target)
        throw new Error(`A page asked for ${String(key)} without limits.`)
      },
    })
    const app = dashboardFor(onlyForReading)
    for (const path of paths) {
      const { status, text } = await get(app, path)
      expect([path, status, text.includes('without limits')]).toEqual([path, path.includes('q=') ? 302 : 200, false])
    }
  })

  test('that takes too long is given up, says so, and never holds more than four connections', async () => {
    const { pool } = database
    const app = dashboardFor(engine, ADA)
    const waiting = async () => {
      // The list's own statement: the workers wait for that table too.
      const { rows } = await pool.query(
        `select count(*)::int as count from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like '%order by s.id desc%' and application_name = 'pg-saga'`,
      )
      return rows[0].count as number
    }
    const locker = await pool.connect()
    try {
      await locker.query('begin')
      await locker.query('lock table saga.saga in access exclusive mode')
      const answers = Promise.all(Array.from({ length: 10 }, () => get(app, '/sagas')))
      let most = 0
      await until('four of them wait', async () => {
        most = Math.max(most, await waiting())
        return most >= 4
      })
      const before = performance.now()
      for (const { status, text } of await answers) {
        expect(status).toBe(503)
        expect(text).toContain('It took too long')
        expect(text).toContain('Narrow it')
        most = Math.max(most, await waiting())
      }
      expect(performance.now() - before).toBeLessThan(8_000)
      expect(most).toBe(4)
    } finally {
      await locker.query('rollback')
      locker.release()
    }
    expect((await get(app, '/sagas')).status).toBe(200)
  })

  test('is not changed by it', async () => {
    const looking = engine.forReading({ maxAtOnce: 1, withinMs: 1_000 })
    const order = looking.operator.retry(dead, { actor: 'ada', reason: 'no' })
    await expect(order).rejects.toMatchObject({ code: 'READ_ONLY' })
    expect((await looking.get(dead))?.status).toBe('dead_lettered')
  })
})
