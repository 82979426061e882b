/** A compensation that refunds twice: it is stopped, those that it was done to are found, and each of them is put right. */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const CENTS = 4_200
const by = { actor: 'ada', reason: 'build b refunds twice' }

/** What customers have paid and got back, in a table: an entry for each key. */
class Till {
  refundsTwice = false
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async enter(key: string, customer: number, cents: number): Promise<void> {
    await this.#pool.query('insert into till (key, customer, cents) values ($1, $2, $3) on conflict do nothing', [
      key,
      customer,
      cents,
    ])
  }
}

const defineSaga = sagasFor<{ services: Till; tx: pg.ClientBase }>()

const sale = defineSaga('sale', { version: 1, input: z.object({ customer: z.int(), sells: z.boolean() }) })
  .step('charge', {
    action: ({ input, services, idempotencyKey }) => services.enter(idempotencyKey, input.customer, CENTS),
    compensation: async ({ input, services, idempotencyKey }) => {
      await services.enter(idempotencyKey, input.customer, -CENTS)
      if (services.refundsTwice) await services.enter(`${idempotencyKey}, again`, input.customer, -CENTS)
    },
  })
  .step('deliver', {
    action: ({ input }) => {
      if (!input.sells) throw new StepRejected('Sold out.')
    },
  })

const takeBack = defineSaga('take-back', { version: 1, input: z.object({ customer: z.int() }) }).transactionalStep(
  'enter',
  {
    action: async ({ input, tx, idempotencyKey }) => {
      const entry = [idempotencyKey, input.customer, CENTS]
      await tx.query('insert into till (key, customer, cents) values ($1, $2, $3)', entry)
    },
  },
)

describe('a compensation that refunds twice', () => {
  let database: TestDatabase
  let till: Till
  let customers = 0

  beforeAll(async () => {
    database = await testDatabase()
    await database.pool.query('create table till (key text primary key, customer int not null, cents int not null)')
    till = new Till(database.pool)
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const deploy = (build: string) =>
    startEngine(database.connectionString, [sale, takeBack], { services: till, build, concurrency: 10 })

  async function sell(engine: SagaEngine, count: number, sells: boolean): Promise<readonly string[]> {
    const items = Array.from({ length: count }, () => {
      customers += 1
      return { input: { customer: customers, sells } }
    })
    return (await engine.enqueueMany(sale, items)).flatMap((one) => (one.ok ? [one.id] : []))
  }

  async function allEnd(engine: SagaEngine, ids: readonly string[], as: string): Promise<void> {
    for (const id of ids) expect((await engine.outcome(id)).status).toBe(as)
  }

  async function moneyIn(): Promise<number> {
    const { rows } = await database.pool.query('select coalesce(sum(cents), 0)::int as cents from till')
    return rows[0].cents
  }

  test('is stopped by a hold, its sagas are found by build and time, and corrected one by one', async () => {
    const a = await deploy('a')
    const sold = await sell(a, 4, true)
    await allEnd(a, sold, 'completed')
    await allEnd(a, await sell(a, 3, false), 'compensated')
    expect(await moneyIn()).toBe(4 * CENTS)
    await stopEngine(a)

    till.refundsTwice = true
    const b = await deploy('b')
    const from = new Date(Date.now() - 60_000)
    const harmed = await sell(b, 5, false)
    await allEnd(b, harmed, 'compensated')
    expect(await moneyIn()).toBe(-1 * CENTS)

    const hold = await b.operator.hold({ definition: 'sale', step: 'charge', side: 'compensation' }, by)
    const stopped = await sell(b, 6, false)
    for (const id of stopped) await until('its undoing waits', async () => (await b.get(id))?.waiting === 'hold')
    // Whoever buys and gets what they paid for is not stopped by it.
    await allEnd(b, await sell(b, 1, true), 'completed')
    const to = new Date(Date.now() + 60_000)

    const { sagas } = await b.list({ compensatedStep: { step: 'charge', from, to, build: 'b' } })
    expect(sagas.map(({ id }) => id).sort()).toEqual([...harmed].sort())
    await stopEngine(b)

    till.refundsTwice = false
    const c = await deploy('c')
    const corrections = new Map<string, string>()
    // Twice, as if whoever does it was interrupted: the key sees to it that each gets one.
    for (const round of [1, 2]) {
      for (const { id } of sagas) {
        const { customer } = z.object({ customer: z.int() }).parse((await c.get(id))?.input)
        const correction = await c.enqueue(takeBack, { customer }, { key: id, correctionOf: id })
        expect(correction.created).toBe(round === 1)
        corrections.set(id, correction.id)
      }
    }
    expect(await c.operator.release(hold, { ...by, reason: 'build c refunds once', rate: 100 })).toBe(6)
    await allEnd(c, stopped, 'compensated')
    await allEnd(c, [...corrections.values()], 'completed')

    for (const [id, correction] of corrections) {
      expect((await c.list({ correctionOf: id })).sagas.map((one) => one.id)).toEqual([correction])
      expect((await c.get(correction))?.correctionOf).toBe(id)
    }
    expect((await c.get(sold[0] ?? ''))?.correctionOf).toBeNull()
    // Who got what they bought has paid for it once, and nobody else has paid, or was paid, anything.
    const { rows } = await database.pool.query(
      'select customer, sum(cents)::int as cents from till group by customer having sum(cents) <> 0 order by customer',
    )
    expect(rows.map(({ cents }) => cents)).toEqual(Array.from({ length: 5 }, () => CENTS))
    expect(await moneyIn()).toBe(5 * CENTS)
    await until('the release is over', async () => (await c.operator.holds()).length === 0)
  })

  test('cannot be corrected where there is no such saga, or the id is none: nothing is started', async () => {
    const engine = await deploy('d')
    const nobody = '01890000-0000-7000-8000-000000000000'
    const start = (correctionOf: string) => engine.enqueue(takeBack, { customer: 0 }, { correctionOf })
    await expect(start(nobody)).rejects.toMatchObject({ code: 'SAGA_NOT_FOUND', details: { sagaId: nobody } })
    await expect(start('sale 7')).rejects.toMatchObject({ code: 'NAME_INVALID' })
    const [saga] = (await engine.list({ definition: 'sale' })).sagas
    const results = await engine.enqueueMany(takeBack, [
      { input: { customer: 0 }, correctionOf: nobody },
      { input: { customer: 0 }, correctionOf: saga?.id ?? '' },
    ])
    expect(results).toMatchObject([
      { ok: false, error: { code: 'SAGA_NOT_FOUND' } },
      { ok: true, created: true },
    ])
    expect((await engine.list({ definition: 'take-back', correctionOf: nobody })).sagas).toEqual([])
    for (const one of results) if (one.ok) expect((await engine.outcome(one.id)).status).toBe('completed')
  })
})
