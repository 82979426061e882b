/** Circuit breakers: what opens them, what they hold, whom they let through, and that all workers share them. */
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AnyDefinition, type SagaEngine, StepNotApplied, sagasFor } from '../../src/index.ts'
import { WorkerProcess } from '../crash/processes.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { HOUR_MS, order, type Provider } from './breaking.ts'

const by = { actor: 'ada', reason: 'the provider has called' }
const defineSaga = sagasFor<{ services: Provider; tx: pg.ClientBase }>()

type Row = {
  state: string
  failures: number
  probe_saga: string | null
  cooldown_ms: string
  left: number | null
}

describe('a breaker', () => {
  let database: TestDatabase
  let provider: Provider
  const engines: SagaEngine[] = []

  beforeEach(async () => {
    provider = { says: 'down', calls: [], gate: undefined }
    database = await testDatabase()
    await database.pool.query('insert into saga.saga_clock values (0)')
  })
  afterEach(async () => {
    // What still runs would be between its journal and its job.
    await Promise.all(engines.splice(0).map((engine) => engine.stop()))
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const start = async (definitions: readonly AnyDefinition[] = [order], options: object = {}) => {
    const engine = await startEngine(database.connectionString, definitions, { services: provider, ...options })
    engines.push(engine)
    return engine
  }

  const later = (ms: number) => database.pool.query('update saga.saga_clock set offset_ms = offset_ms + $1', [ms])

  async function row(step = 'pay'): Promise<Row | undefined> {
    const { rows } = await database.pool.query(
      `select state, failures, probe_saga, cooldown_ms, extract(epoch from probe_at - saga.now()) * 1000 as left
       from saga.saga_breaker where step = $1`,
      [step],
    )
    return rows[0]
  }

  async function becomes(state: string, more: Partial<Row> = {}, step = 'pay'): Promise<Row> {
    let now: Row | undefined
    await until(`the breaker is ${state} ${JSON.stringify(more)}`, async () => {
      now = await row(step)
      return now?.state === state && Object.entries(more).every(([key, value]) => now?.[key as keyof Row] === value)
    })
    return now as Row
  }

  async function begin(engine: SagaEngine, count: number, refunded = false): Promise<readonly string[]> {
    const items = Array.from({ length: count }, () => ({ input: { refunded } }))
    const started = await engine.enqueueMany(order, items)
    return started.flatMap((one) => (one.ok ? [one.id] : [])).sort()
  }

  const waits = (engine: SagaEngine, id: string) =>
    until(`${id} waits`, async () => (await engine.get(id))?.waiting === 'hold')

  async function allEnd(engine: SagaEngine, ids: readonly string[], as = 'completed'): Promise<void> {
    for (const id of ids) expect((await engine.outcome(id)).status).toBe(as)
  }

  /** Three failures, so that it is open. */
  async function opened(engine: SagaEngine): Promise<readonly string[]> {
    const ids = await begin(engine, 3)
    await becomes('open')
    return ids
  }

  test('opens after so many failures in a row over all workers, and says why without the message', async () => {
    const first = await start()
    await begin(first, 1)
    await becomes('closed', { failures: 1 })
    await stopEngine(first)
    const second = await start()
    await begin(second, 1)
    await becomes('closed', { failures: 2 })
    expect(await second.operator.holds()).toEqual([])
    await begin(second, 1)
    await becomes('open', { failures: 3 })
    const [hold, ...others] = await second.operator.holds()
    expect(hold).toMatchObject({
      definition: 'order',
      step: 'pay',
      side: 'action',
      actor: 'breaker',
      reason: '3 failures in a row, the last one StepNotApplied (PROVIDER_DOWN)',
    })
    expect(others).toEqual([])
  })

  test('begins again to count when one succeeds, also with another worker', async () => {
    const first = await start()
    await begin(first, 2)
    await becomes('closed', { failures: 2 })
    const second = await start()
    await stopEngine(first)
    provider.says = 'up'
    // It has to have heard of the failures: until then its successes are not counted.
    await until('a success has counted', async () => {
      await allEnd(second, await begin(second, 1))
      return (await row())?.failures === 0
    })
    provider.says = 'down'
    await begin(second, 2)
    await becomes('closed', { failures: 2 })
  })

  test('is not opened by refusals, which are answers', async () => {
    provider.says = 'no'
    const engine = await start()
    await allEnd(engine, await begin(engine, 10), 'compensated')
    provider.says = 'down'
    await begin(engine, 2)
    await becomes('closed', { failures: 2 })
    provider.says = 'no'
    await until('a refusal has counted', async () => {
      await allEnd(engine, await begin(engine, 1), 'compensated')
      return (await row())?.failures === 0
    })
    expect(await engine.operator.holds()).toEqual([])
  })

  test('keeps what comes from starting, and no attempts are used up; other steps and undoing go on', async () => {
    const engine = await start()
    provider.says = 'up'
    const [paid = ''] = await begin(engine, 1, true)
    await until('it is paid', async () => provider.calls.length === 1)
    provider.says = 'down'
    await opened(engine)
    const calls = provider.calls.length
    const ids = await begin(engine, 20)
    for (const id of ids) await waits(engine, id)
    const steps = (await engine.get(ids[0] ?? ''))?.steps
    expect(steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'reserve completed',
      'pay waiting',
      'ship pending',
    ])
    const { rows } = await database.pool.query(
      `select max((state -> 'steps' -> 'pay' -> 'action' ->> 'failures')::int) as failures from saga.saga where id = any($1)`,
      [ids],
    )
    expect(rows[0].failures).toBeNull()
    // Undone while the breaker is open: a hold on the action is none on its compensation.
    provider.gate?.resolve()
    await allEnd(engine, [paid], 'compensated')
    expect(provider.calls.slice(calls)).toEqual([`refund ${paid}`])
  })

  test('lets one saga through when it has cooled down, and all when that one succeeds', async () => {
    const engine = await start()
    await start()
    await opened(engine)
    const ids = await begin(engine, 10)
    for (const id of ids) await waits(engine, id)
    provider.says = 'up'
    provider.gate = Promise.withResolvers<void>()
    provider.calls = []
    await later(HOUR_MS)
    const { probe_saga: probe } = await becomes('probing')
    await until('it is tried', async () => provider.calls.length === 1)
    for (const id of ids.filter((one) => one !== probe)) expect((await engine.get(id))?.waiting).toBe('hold')
    // What comes now waits as well.
    const [late = ''] = await begin(engine, 1)
    await waits(engine, late)
    expect(provider.calls).toEqual([`pay ${probe}`])
    provider.gate.resolve()
    await becomes('closed', { failures: 0 })
    await allEnd(engine, [...ids, late])
    expect(await engine.operator.holds()).toEqual([])
  })

  test('doubles its cooldown with each probe that fails, up to its limit, and tries another saga each time', async () => {
    const engine = await start()
    await opened(engine)
    const ids = await begin(engine, 5)
    for (const id of ids) await waits(engine, id)
    const probes: (string | null)[] = []
    for (const [waited, cooldown] of [
      [1, 2],
      [2, 4],
      [4, 5],
      [5, 5],
    ] as const) {
      expect(Number((await row())?.cooldown_ms)).toBe(waited * HOUR_MS)
      await later(waited * HOUR_MS - 60_000)
      provider.calls = []
      await until('it has looked', looked())
      expect(provider.calls).toEqual([])
      const before = (await row())?.failures ?? 0
      await later(60_000)
      const now = await becomes('open', { failures: before + 1 })
      expect(Number(now.cooldown_ms)).toBe(cooldown * HOUR_MS)
      expect(Number(now.left)).toBeGreaterThan(cooldown * HOUR_MS - 60_000)
      expect(provider.calls).toEqual([`pay ${now.probe_saga}`])
      probes.push(now.probe_saga)
    }
    expect(new Set(probes).size).toBe(4)
    provider.says = 'up'
    await later(5 * HOUR_MS)
    await allEnd(engine, ids)
  })

  /** Some rounds have gone by since it was first asked. */
  function looked(): () => Promise<boolean> {
    let looks = 0
    let seen: unknown
    return async () => {
      const { rows } = await database.pool.query(
        `select max(query_start)::text as at from pg_stat_activity where query like '%saga_breaker b%' and pid <> pg_backend_pid()`,
      )
      if (rows[0]?.at !== undefined && rows[0].at !== seen) looks += 1
      seen = rows[0]?.at
      return looks > 3
    }
  }

  test('lets another saga through when nothing is heard of the first', async () => {
    const engine = await start()
    await opened(engine)
    const ids = await begin(engine, 3)
    for (const id of ids) await waits(engine, id)
    provider.says = 'up'
    const gate = Promise.withResolvers<void>()
    provider.gate = gate
    await later(HOUR_MS)
    const { probe_saga: first } = await becomes('probing')
    await until('it is tried', async () => provider.calls.includes(`pay ${first}`))
    provider.gate = undefined
    await later(HOUR_MS)
    await becomes('closed', { failures: 0 })
    gate.resolve()
    await allEnd(engine, ids)
  })

  test('is not stuck when the worker of its probe is killed', async () => {
    const engine = await start()
    const ids = await opened(engine)
    await stopEngine(engine)
    const victim = new WorkerProcess('../engine/breaking-process.ts', [database.connectionString])
    try {
      await victim.message('ready')
      await later(2 * HOUR_MS)
      expect(await victim.message('pays')).toMatchObject({ saga: (await becomes('probing')).probe_saga })
    } finally {
      await victim.kill()
    }
    provider.says = 'up'
    const survivor = await start()
    await becomes('closed', { failures: 0 })
    await allEnd(survivor, ids)
  })

  test('is closed by a person who releases its hold, and leaves the holds of people alone', async () => {
    const engine = await start()
    const ids = await opened(engine)
    const own = await engine.operator.hold({ definition: 'order', step: 'ship' }, by)
    const [breakers] = await engine.operator.holds()
    provider.says = 'up'
    await later(60_000 + 1)
    for (const id of ids) await waits(engine, id)
    await engine.operator.release(breakers?.id ?? '', by)
    await becomes('closed', { failures: 0 })
    for (const id of ids) await until('it is paid', async () => (await engine.get(id))?.steps[1]?.state === 'completed')
    expect(await engine.operator.holds()).toMatchObject([{ id: own, actor: 'ada' }])
    // It counts from the beginning.
    provider.says = 'down'
    await begin(engine, 2)
    await becomes('closed', { failures: 2 })
    await begin(engine, 1)
    await becomes('open')
    await engine.operator.release(own, by)
    await allEnd(engine, ids)
  })

  test('probes nobody while a person holds the step too', async () => {
    const engine = await start()
    const ids = await opened(engine)
    provider.says = 'up'
    await later(60_000 + 1)
    for (const id of ids) await waits(engine, id)
    const own = await engine.operator.hold({ definition: 'order', step: 'pay' }, by)
    provider.calls = []
    await later(HOUR_MS)
    await until('it has looked', looked())
    expect([provider.calls, (await row())?.state]).toEqual([[], 'open'])
    await engine.operator.release(own, by)
    await allEnd(engine, ids)
  })

  test('counts items of a map, and sagas under other names, as the step that it is', async () => {
    const fail = { action: () => down(), retry: { maxAttempts: 2, initialInterval: '1h', maxInterval: '1h' } } as const
    const breaker = { failures: 3, cooldown: '1h' } as const
    const input = z.object({})
    const party = defineSaga('party', { version: 1, input }).map('invite', { over: () => [1, 2, 3], breaker, ...fail })
    const old = defineSaga('trip', { version: 1, input }).step('fly', { breaker, ...fail })
    const renamed = defineSaga('trip', { version: 1, input }).step('travel', { breaker, ...fail, formerly: ['fly'] })
    const engine = await start([party])
    await engine.enqueue(party, {})
    await becomes('open', { failures: 3 }, 'invite')
    const before = await start([old])
    const hold = await before.operator.hold({ definition: 'trip' }, by)
    const { id } = await before.enqueue(old, {})
    await waits(before, id)
    await stopEngine(before)
    const after = await start([renamed])
    await after.operator.release(hold, by)
    await after.enqueue(renamed, {})
    await becomes('closed', { failures: 2 }, 'travel')
    await after.enqueue(renamed, {})
    await becomes('open', { failures: 3 }, 'travel')
    const { rows } = await database.pool.query(`select names from saga.saga_hold where step = 'travel'`)
    expect(rows[0].names).toEqual(['travel', 'fly'])
  })

  test('releases at its rate what has waited', async () => {
    const paced = defineSaga('paced', { version: 1, input: z.object({}) }).step('pay', {
      action: ({ services }) => (services.says === 'up' ? 'paid' : down()),
      retry: { maxAttempts: 9, initialInterval: '1m', maxInterval: '1m' },
      breaker: { failures: 1, cooldown: '1h', releaseRate: 0.001 },
    })
    const engine = await start([paced])
    const first = await engine.enqueue(paced, {})
    await becomes('open')
    const ids = [first.id]
    for (let n = 0; n < 3; n += 1) ids.push((await engine.enqueue(paced, {})).id)
    for (const id of ids.slice(1)) await waits(engine, id)
    provider.says = 'up'
    await later(HOUR_MS)
    await becomes('closed', { failures: 0 })
    const [hold] = await engine.operator.holds()
    expect(hold).toMatchObject({ actor: 'breaker', release: { actor: 'breaker', rate: 0.001 } })
    await engine.operator.release(hold?.id ?? '', by)
    await allEnd(engine, ids)
  })
})

function down(): never {
  throw new StepNotApplied('No answer from 10.0.0.1.', { code: 'PROVIDER_DOWN' })
}

describe('the options of a breaker', () => {
  const action = () => {}
  const input = z.object({})
  test.each([
    ['pay.breaker', 5],
    ['pay.breaker.failures', { cooldown: '1s' }],
    ['pay.breaker.failures', { failures: 0, cooldown: '1s' }],
    ['pay.breaker.failures', { failures: 1.5, cooldown: '1s' }],
    ['pay.breaker.cooldown', { failures: 1 }],
    ['pay.breaker.cooldown', { failures: 1, cooldown: 0 }],
    ['pay.breaker.cooldown', { failures: 1, cooldown: 'soon' }],
    ['pay.breaker.maxCooldown', { failures: 1, cooldown: '2s', maxCooldown: '1s' }],
    ['pay.breaker.releaseRate', { failures: 1, cooldown: '2s', releaseRate: 0 }],
    ['pay.breaker.releaseRate', { failures: 1, cooldown: '2s', releaseRate: -1 }],
  ])('are refused with their place, %s: %j', (at, breaker) => {
    const define = () => defineSaga('order', { version: 1, input }).step('pay', { action, breaker: breaker as never })
    let thrown: unknown
    try {
      define()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'DEFINITION_INVALID', details: { problems: [{ at }] } })
  })

  test('may be a cooldown alone, which is then doubled for ten minutes at most, or not at all', () => {
    const limitsOf = (cooldown: string) =>
      defineSaga('order', { version: 1, input })
        .step('pay', { action, breaker: { failures: 5, cooldown: cooldown as '1s' } })
        .steps.get('pay')?.breaker
    expect(limitsOf('30s')).toEqual({ failures: 5, cooldownMs: 30_000, maxCooldownMs: 600_000 })
    expect(limitsOf('1h')).toEqual({ failures: 5, cooldownMs: HOUR_MS, maxCooldownMs: HOUR_MS })
  })

  test('are no part of a shape: a breaker can come and go under one version', () => {
    const hash = (more: object) =>
      defineSaga('order', { version: 1, input }).step('pay', { action, ...more }).blueprintHash
    expect(hash({ breaker: { failures: 5, cooldown: '1s' } })).toBe(hash({}))
  })
})
