/** A provider is down for two hours, with 900 sagas that need it. Nothing is undone for it, and nothing happens twice. */
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const SAGAS = 900
const FIRST = 12
const CENTS = 4_200
const MINUTE_MS = 60_000
const by = { actor: 'ada', reason: 'the payment provider is down' }

/** Takes a payment once for each key. While it is down it sometimes takes one, and cannot say so. */
class Provider {
  isUp = false
  calls = 0
  readonly taken = new Map<string, number>()

  charge(key: string, nr: number): string {
    this.calls += 1
    const isHeard = this.isUp || nr % 3 === 0
    if (isHeard && !this.taken.has(key)) this.taken.set(key, CENTS)
    if (this.isUp) return `receipt ${nr}`
    throw Object.assign(new Error(`No answer for order ${nr}.`), { code: 'PROVIDER_DOWN' })
  }
}

const defineSaga = sagasFor<{ services: Provider; tx: pg.ClientBase }>()
const retry = { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' } as const

function orderOf(breaker: object) {
  return defineSaga('order', { version: 1, input: z.object({ nr: z.int() }) })
    .step('reserve', { action: () => 'reserved', compensation: () => {} })
    .step('charge', {
      action: ({ input, services, idempotencyKey }) => services.charge(idempotencyKey, input.nr),
      compensation: () => {},
      retry,
      whenExhausted: 'dead_letter',
      ...breaker,
    })
    .step('ship', { action: ({ results }) => `shipped for ${results.charge}` })
}

const plain = orderOf({})
const guarded = orderOf({ breaker: { failures: 20, cooldown: '10m', maxCooldown: '1h', releaseRate: 600 } })

describe('a provider that is down for two hours', () => {
  let database: TestDatabase
  let provider: Provider

  beforeEach(async () => {
    provider = new Provider()
    database = await testDatabase()
    await database.pool.query('insert into saga.saga_clock values (0)')
  })
  afterEach(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const later = (ms: number) => database.pool.query('update saga.saga_clock set offset_ms = offset_ms + $1', [ms])

  const start = (definition: typeof plain) =>
    startEngine(database.connectionString, [definition], { services: provider, concurrency: 20 })

  async function begin(engine: SagaEngine, from: number, to: number): Promise<void> {
    const items = Array.from({ length: to - from }, (_, index) => ({ input: { nr: from + index } }))
    const started = await engine.enqueueMany(plain, items)
    expect(started.every((one) => one.ok)).toBe(true)
  }

  async function counted(): Promise<{ held: number; dead: number; completed: number; undone: number }> {
    const { rows } = await database.pool.query(
      `select count(*) filter (where waiting = 'hold')::int as held,
         count(*) filter (where status = 'dead_lettered')::int as dead,
         count(*) filter (where status = 'completed')::int as completed,
         (select count(*)::int from saga.saga_event where side = 'compensation') as undone
       from saga.saga`,
    )
    return rows[0]
  }

  const wait = (what: string, holds: (now: Awaited<ReturnType<typeof counted>>) => boolean) =>
    until(what, async () => holds(await counted()))

  /** The dead letters of the outage are one group, and go on by one operation with a canary. */
  async function retryDeadLetters(engine: SagaEngine): Promise<void> {
    const { dead } = await counted()
    const [group, ...others] = await engine.errorGroups()
    expect(others).toEqual([])
    expect(group).toMatchObject({ definition: 'order', step: 'charge', code: 'PROVIDER_DOWN', count: dead })
    const order = { verb: 'retry', filter: { errorGroup: group?.id ?? '' } } as const
    expect(await engine.operations.preview(order)).toMatchObject({ count: dead, fitting: dead })
    const { id } = await engine.operations.start({ ...order, ...by, canary: 3, rate: 200 })
    await until('all of them are settled', async () => (await engine.operations.get(id)).settledAt !== null)
    expect(await engine.operations.get(id)).toMatchObject({
      state: 'done',
      counts: { completed: dead, deadLettered: 0 },
    })
  }

  /** Everybody has paid once, and nothing was undone. */
  async function allIsWell(): Promise<void> {
    await wait('all are completed', ({ completed }) => completed === SAGAS)
    expect(await counted()).toEqual({ held: 0, dead: 0, completed: SAGAS, undone: 0 })
    expect(provider.taken.size).toBe(SAGAS)
    const { rows } = await database.pool.query('select id from saga.saga')
    expect([...provider.taken.keys()].sort()).toEqual(rows.map(({ id }) => `${id}:charge`).sort())
  }

  test('is waited for behind a hold, and 900 sagas go on at a rate: all complete, and nothing was undone', async () => {
    const engine = await start(plain)
    await begin(engine, 0, FIRST)
    await wait('the first ones are dead letters', ({ dead }) => dead === FIRST)
    const hold = await engine.operator.hold({ definition: 'order', step: 'charge', side: 'action' }, by)
    await begin(engine, FIRST, SAGAS)
    await wait('the others wait', ({ held }) => held === SAGAS - FIRST)
    const { calls } = provider

    await later(60 * MINUTE_MS)
    await later(60 * MINUTE_MS)
    expect(await counted()).toEqual({ held: SAGAS - FIRST, dead: FIRST, completed: 0, undone: 0 })
    expect(await engine.operator.holds()).toMatchObject([{ id: hold, waiting: SAGAS - FIRST }])
    expect(provider.calls).toBe(calls)

    provider.isUp = true
    expect(await engine.operator.release(hold, { ...by, reason: 'it is back', rate: 600 })).toBe(SAGAS - FIRST)
    await retryDeadLetters(engine)
    await allIsWell()
    // Each had one attempt that worked; the first ones had two before it that did not.
    expect(provider.calls).toBe(SAGAS + 2 * FIRST)
    await until('the release is over', async () => (await engine.operator.holds()).length === 0)
  })

  test('is waited for by the breaker of its step, which nobody has to look after', async () => {
    const engine = await start(guarded)
    await begin(engine, 0, FIRST)
    await until('the breaker is open', async () => (await engine.operator.holds()).length === 1)
    expect(await engine.operator.holds()).toMatchObject([
      { step: 'charge', side: 'action', actor: 'breaker', reason: expect.stringContaining('PROVIDER_DOWN') },
    ])
    await begin(engine, FIRST, SAGAS)
    await wait('the others wait', ({ held, dead }) => held + dead === SAGAS)
    const { calls } = provider

    // Ten minutes, twenty, forty, an hour: each time one saga is let through, and fails.
    let tries = 0
    for (const minutes of [10, 20, 40, 60]) {
      await later(minutes * MINUTE_MS)
      tries += 1
      await until(`it was tried ${tries} times`, async () => provider.calls === calls + tries)
      await until('it is known that it failed', async () => {
        const { rows } = await database.pool.query(`select state from saga.saga_breaker where probe_at > saga.now()`)
        return rows[0]?.state === 'open'
      })
    }
    const outage = await counted()
    expect(outage).toMatchObject({ completed: 0, undone: 0 })
    expect(outage.dead).toBeLessThanOrEqual(FIRST)

    provider.isUp = true
    await later(60 * MINUTE_MS)
    await wait('those that waited are completed', ({ completed, dead }) => completed + dead === SAGAS)
    if (outage.dead > 0) await retryDeadLetters(engine)
    await allIsWell()
    await until('the release is over', async () => (await engine.operator.holds()).length === 0)
    const { rows } = await database.pool.query('select state, failures from saga.saga_breaker')
    expect(rows).toEqual([{ state: 'closed', failures: 0 }])
  })
})
