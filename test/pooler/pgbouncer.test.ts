/**
 * Through PgBouncer in transaction mode, with and without a direct address for the worker's own session. Where PgBouncer is
 * not installed these tests are skipped.
 */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, examine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest } from '../support/waiting.ts'
import { type Bouncer, hasBouncer, startBouncer } from './bouncer.ts'

const SAGAS = 200

const order = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('order', {
  version: 1,
  input: z.object({ nr: z.int() }),
})
  .transactionalStep('book', {
    action: async ({ input, tx }) => void (await tx.query('insert into public.booked values ($1)', [input.nr])),
    compensation: async ({ input, tx }) => void (await tx.query('delete from public.booked where nr = $1', [input.nr])),
  })
  .step('ask', { action: ({ input }) => input.nr, compensation: () => {} })
  .step('decide', {
    action: ({ input }) => {
      if (input.nr % 4 === 0) throw new StepRejected('No.')
    },
  })

describe.skipIf(!hasBouncer)('behind PgBouncer in transaction mode', () => {
  let database: TestDatabase
  let through: string
  let bouncer: Bouncer | undefined

  beforeAll(async () => {
    database = await testDatabase()
    await database.pool.query('create table public.booked (nr int primary key)')
    bouncer = await startBouncer(database.connectionString)
    through = bouncer.connectionString
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await bouncer?.close()
    await database.drop()
  })

  test.each([
    ['with a direct address for the worker’s session', true],
    ['without one', false],
  ])('sagas end as they do without it, %s', async (_how, isDirect) => {
    await database.pool.query('truncate public.booked; delete from saga.saga_event; delete from saga.saga')
    const direct = isDirect ? { directConnectionString: database.connectionString } : {}
    const engines = await Promise.all([1, 2].map(() => startEngine(through, [order], { ...direct, concurrency: 20 })))
    const client = createSagaClient({ connectionString: through })
    const items = Array.from({ length: SAGAS }, (_, at) => ({ input: { nr: at + 1 } }))
    await client.enqueueMany(order, items)
    await atRest(database.pool, SAGAS)
    expect(await client.count()).toMatchObject({ completed: (SAGAS * 3) / 4, compensated: SAGAS / 4, dead_lettered: 0 })
    const { rows } = await database.pool.query('select count(*)::int as count from public.booked')
    expect(rows[0].count).toBe((SAGAS * 3) / 4)
    const workers = await client.system.workers()
    expect(workers.map(({ holdsLock }) => holdsLock)).toEqual([isDirect, isDirect])
    await client.close()
    await Promise.all(engines.map(stopEngine))
  })

  test('the doctor says what does not work there, and what to do', async () => {
    const pooled = await examine({ connectionString: through })
    const past = await examine({
      connectionString: through,
      directConnectionString: database.connectionString,
    })
    const of = (report: typeof pooled) => report.findings.filter(({ check }) => check === 'sessions')
    expect(of(pooled)).toMatchObject([{ level: 'warning', todo: expect.stringContaining('directConnectionString') }])
    expect(of(past)).toMatchObject([{ level: 'ok', says: expect.stringContaining('past the pooler') }])
  })
})
