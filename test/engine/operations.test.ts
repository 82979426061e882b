/** Verbs over many sagas: what they do, in which order, when they stop by themselves, and that they survive. */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Operation,
  type OperationOrder,
  type OperationStart,
  type SagaEngine,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const by = { actor: 'ada', reason: 'the mailer is back' }

/** What goes wrong, for as long as a test wants it to. */
let broken = new Set<string>()
/** What the mail of retried sagas waits for, and how many have come as far as that. */
let gate: Promise<void> = Promise.resolve()
let atGate = 0

/** @returns what opens it. */
function closeGate(): () => void {
  let open: () => void = () => {}
  gate = new Promise((resolve) => {
    open = resolve
  })
  return open
}

const trip = defineSaga('trip', { version: 1, input: z.object({ batch: z.string() }) })
  .step('book', {
    action: () => {
      if (broken.has('book')) throw new StepRejected('Sold out.')
    },
    compensation: () => {},
  })
  .pivot()
  .step('mail', {
    action: async () => {
      if (broken.has('mail')) throw new StepRejected('No mailer.')
      atGate += 1
      await gate
    },
  })

const slow = defineSaga('slow', { version: 1, input: z.object({ batch: z.string() }) })
  .step('one', { action: () => 1, compensation: () => {} })
  .step('two', {
    action: () => {
      throw new StepNotApplied('Later.')
    },
    retry: { maxAttempts: 50, backoff: 'fixed', initialInterval: '1h', maxInterval: '1h' },
  })

const everySaga = [trip, slow]
let batches = 0

describe('an operation', () => {
  let database: TestDatabase
  let engine: SagaEngine
  /** A tag, so that each test has sagas of its own. */
  let tag: string

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(async () => {
    broken = new Set()
    gate = Promise.resolve()
    atGate = 0
    batches += 1
    tag = `batch-${batches}`
    engine = await startEngine(database.connectionString, everySaga)
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  async function started(count: number, definition: typeof trip | typeof slow = trip): Promise<readonly string[]> {
    const items = Array.from({ length: count }, () => ({ input: { batch: tag }, tags: [tag] }))
    const results = await engine.enqueueMany(definition as typeof trip, items)
    return results.flatMap((one) => (one.ok ? [one.id] : []))
  }

  /** Dead letters past their pivot, the oldest first. */
  async function dead(count: number): Promise<readonly string[]> {
    broken.add('mail')
    const ids = await started(count)
    for (const id of ids) expect((await engine.outcome(id)).status).toBe('dead_lettered')
    broken.delete('mail')
    return [...ids].sort()
  }

  const retrying = (more: Partial<OperationStart> = {}): OperationStart =>
    ({ verb: 'retry', filter: { tag, status: 'dead_lettered' }, rate: 1_000, ...by, ...more }) as OperationStart

  async function becomes(id: string, what: string, holds: (operation: Operation) => boolean): Promise<Operation> {
    let operation = await engine.operations.get(id)
    await until(`operation ${id} ${what}`, async () => {
      operation = await engine.operations.get(id)
      return holds(operation)
    })
    return operation
  }

  const settled = (id: string) => becomes(id, 'is settled', ({ settledAt }) => settledAt !== null)

  /** Some more rounds are over: what was to happen has happened. */
  async function looked(id: string): Promise<void> {
    const read = async () =>
      String(
        (await database.pool.query('select look_at::text from saga.saga_operation where id = $1', [id])).rows[0]
          ?.look_at,
      )
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const before = await read()
      await until(`operation ${id} was looked at`, async () => (await read()) !== before)
    }
  }

  const retriesOf = async (id: string) =>
    (await engine.journal(id)).filter(({ event }) => event.type === 'saga_retried').map(({ event }) => event)

  test('does its verb to each saga, and says what became of each', async () => {
    const ids = await dead(5)
    const { id } = await engine.operations.start(retrying())
    const operation = await settled(id)
    expect(operation).toMatchObject({
      verb: 'retry',
      filter: { tag, status: 'dead_lettered' },
      ...by,
      state: 'done',
      more: false,
      counts: { total: 5, waiting: 0, underWay: 0, completed: 5, refused: 0, failed: 0, deadLettered: 0 },
    })
    expect(operation.log).toMatchObject([
      { change: 'started', ...by },
      { change: 'done', actor: 'pg-saga' },
    ])
    const first = await engine.operations.results(id, {}, { limit: 2 })
    const rest = await engine.operations.results(id, {}, { cursor: first.cursor ?? '' })
    expect([...first.results, ...rest.results]).toMatchObject(
      ids.map((sagaId, index) => ({ position: index + 1, sagaId, state: 'done', outcome: 'completed', code: null })),
    )
    expect(rest.cursor).toBeUndefined()
    for (const sagaId of ids) {
      expect(await retriesOf(sagaId)).toMatchObject([
        { act: { ...by, requestId: `pg-saga:operation:${id}:${sagaId}` } },
      ])
    }
  })

  test('previews how many sagas it is about, how many would refuse it and why, and the plans of a few', async () => {
    const ids = await dead(7)
    const fine = await started(2)
    for (const id of fine) await engine.outcome(id)
    const order: OperationOrder = { verb: 'retry', filter: { tag } }
    const preview = await engine.operations.preview(order)
    expect(preview).toMatchObject({
      count: 9,
      more: false,
      fitting: 7,
      refused: [{ status: 'completed', reason: 'does_not_fit', count: 2 }],
    })
    expect(preview.sample.map(({ sagaId }) => sagaId)).toEqual(ids.slice(0, 5))
    expect(preview.sample[0]?.plan).toEqual(await engine.operator.plan(ids[0] ?? '', 'retry'))
    expect(await engine.operations.preview({ verb: 'compensate', filter: { tag } })).toMatchObject({
      fitting: 0,
      refused: [
        { status: 'dead_lettered', reason: 'needs_admin', count: 7 },
        { status: 'completed', count: 2 },
      ],
      sample: [],
    })
    expect(await engine.operations.preview({ verb: 'compensate', pastPivot: true, filter: { tag } })).toMatchObject({
      fitting: 7,
    })
    expect(
      (await engine.operations.preview({ verb: 'resolve', as: 'completed', filter: { tag } })).sample,
    ).toMatchObject(ids.slice(0, 5).map((sagaId) => ({ sagaId, status: 'dead_lettered', plan: null })))
    expect(await engine.operations.preview(order, { cap: 8 })).toMatchObject({ count: 8, more: true, fitting: 7 })
    expect(await engine.operations.preview(order, { cap: 9 })).toMatchObject({ count: 9, more: false })
    expect((await engine.list({ tag, status: 'dead_lettered' })).sagas).toHaveLength(7)
  })

  test('is about the sagas that fit when it was started, and no others', async () => {
    const ids = await dead(3)
    const [errorGroup] = (await engine.errorGroups({ tag })).map((group) => group.id)
    const open = closeGate()
    const { id } = await engine.operations.start(retrying({ filter: { errorGroup: errorGroup ?? '', tag }, canary: 1 }))
    await until('its canary is under way', async () => atGate === 1)
    // Dead for the same error, while the operation is at it.
    const [later] = await dead(1)
    open()
    expect((await settled(id)).counts).toMatchObject({ total: 3, completed: 3 })
    expect((await engine.operations.results(id)).results.map(({ sagaId }) => sagaId)).toEqual(ids)
    expect(await engine.get(later ?? '')).toMatchObject({ status: 'dead_lettered', errorGroup })
  })

  test('orders a saga once, also one that has left its filter meanwhile: that one refuses', async () => {
    const [one, two] = await dead(2)
    const open = closeGate()
    const { id } = await engine.operations.start(retrying({ canary: 1 }))
    await engine.operator.resolve(two ?? '', { ...by, as: 'completed' })
    open()
    const operation = await settled(id)
    expect(operation.counts).toMatchObject({ completed: 1, refused: 1 })
    expect((await engine.operations.results(id)).results).toMatchObject([
      { sagaId: one, state: 'done', outcome: 'completed' },
      { sagaId: two, state: 'refused', outcome: null, code: 'ORDER_REFUSED' },
    ])
    expect((await engine.operations.results(id, { state: 'refused' })).results).toHaveLength(1)
    expect((await engine.operations.results(id, { outcome: 'completed' })).results).toHaveLength(1)
  })

  test('takes no more sagas than it is told to, the oldest first, and says that there are more', async () => {
    const ids = await dead(3)
    const { id } = await engine.operations.start(retrying({ limit: 2 }))
    expect(await settled(id)).toMatchObject({ more: true, counts: { total: 2, completed: 2 } })
    expect((await engine.operations.results(id)).results.map(({ sagaId }) => sagaId)).toEqual(ids.slice(0, 2))
  })

  test('that is about nothing is done at once', async () => {
    const { id } = await engine.operations.start(retrying())
    expect(await settled(id)).toMatchObject({ state: 'done', counts: { total: 0 } })
  })

  test('is started once, however often the same request comes', async () => {
    await dead(2)
    const start = retrying({ requestId: `click ${tag}` })
    const all = await Promise.all([
      engine.operations.start(start),
      engine.operations.start(start),
      engine.operations.start(start),
    ])
    expect(new Set(all.map(({ id }) => id)).size).toBe(1)
    await settled(all[0].id)
    expect((await engine.operations.start({ ...start, rate: 5 })).id).toBe(all[0].id)
    for (const other of [{ filter: { tag } }, { verb: 'cancel' }] as Partial<OperationStart>[]) {
      await expect(engine.operations.start({ ...start, ...other } as OperationStart)).rejects.toMatchObject({
        code: 'REQUEST_REUSED',
      })
    }
  })

  test('goes on behind its canary only when it is known what became of each of it', async () => {
    await dead(5)
    const open = closeGate()
    const { id } = await engine.operations.start(retrying({ canary: 2 }))
    await becomes(id, 'has ordered its canary', ({ counts }) => counts.underWay === 2)
    await looked(id)
    expect(await engine.operations.get(id)).toMatchObject({ state: 'running', counts: { waiting: 3, underWay: 2 } })
    open()
    expect(await settled(id)).toMatchObject({ state: 'done', counts: { completed: 5 } })
  })

  test('pauses itself when more than half of its canary ends badly, and goes on when a person says so', async () => {
    await dead(4)
    broken.add('mail')
    const { id } = await engine.operations.start(retrying({ canary: 2 }))
    const paused = await becomes(id, 'has paused itself', ({ state }) => state === 'paused')
    expect(paused.counts).toMatchObject({ waiting: 2, deadLettered: 2 })
    expect(paused.log.at(-1)).toMatchObject({
      change: 'paused',
      actor: 'pg-saga',
      reason:
        'More than half of the canary ended badly: of 2 sagas, 2 failed again, 0 were refused, 0 could not be ordered.',
    })
    broken.delete('mail')
    await engine.operations.resume(id, { actor: 'bob', reason: 'repaired' })
    const done = await settled(id)
    expect(done.counts).toMatchObject({ completed: 2, deadLettered: 2 })
    expect(done.log.map(({ change, actor }) => `${change} ${actor}`)).toEqual([
      'started ada',
      'paused pg-saga',
      'resumed bob',
      'done pg-saga',
    ])
  })

  test('pauses itself when more than half of the last 20 end badly', async () => {
    const ids = await started(30)
    for (const id of ids) await engine.outcome(id)
    // Completed sagas refuse it, all of them.
    const { id } = await engine.operations.start({ verb: 'cancel', filter: { tag }, rate: 1_000, ...by })
    const paused = await becomes(id, 'has paused itself', ({ state }) => state === 'paused')
    expect(paused.counts).toMatchObject({ refused: 20, waiting: 10 })
    expect(paused.log.at(-1)?.reason).toContain('More than half of the last 20 ended badly')
    // What has been seen counts no more: ten are no more than half of twenty.
    await engine.operations.resume(id, by)
    expect((await settled(id)).counts).toMatchObject({ refused: 30 })
  })

  test('is paused, gone on with, and aborted for good', async () => {
    const ids = await dead(3)
    const { id } = await engine.operations.start(retrying({ rate: 0.001 }))
    await becomes(id, 'has ordered one', ({ counts }) => counts.completed === 1)
    expect((await engine.operations.pause(id, { actor: 'bob', reason: 'wait' })).state).toBe('paused')
    await expect(engine.operations.pause(id, by)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' })
    expect((await engine.operations.resume(id, { ...by, requestId: 'go' })).state).toBe('running')
    expect((await engine.operations.resume(id, { ...by, requestId: 'go' })).log).toHaveLength(3)
    await expect(engine.operations.pause(id, { ...by, requestId: 'go' })).rejects.toMatchObject({
      code: 'REQUEST_REUSED',
    })
    await engine.operations.abort(id, { actor: 'bob', reason: 'a mistake' })
    const aborted = await settled(id)
    expect(aborted).toMatchObject({ state: 'aborted', counts: { waiting: 2, completed: 1 } })
    expect(aborted.log.map(({ change, actor, reason }) => [change, actor, reason])).toEqual([
      ['started', 'ada', by.reason],
      ['paused', 'bob', 'wait'],
      ['resumed', 'ada', by.reason],
      ['aborted', 'bob', 'a mistake'],
    ])
    for (const change of ['pause', 'resume', 'abort'] as const) {
      await expect(engine.operations[change](id, by)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' })
    }
    for (const sagaId of ids.slice(1)) expect((await engine.get(sagaId))?.status).toBe('dead_lettered')
  })

  test('learns what became of its sagas also when it is done', async () => {
    await dead(2)
    const open = closeGate()
    const { id } = await engine.operations.start(retrying())
    const done = await becomes(id, 'is done', ({ state }) => state === 'done')
    expect(done).toMatchObject({ counts: { underWay: 2 }, settledAt: null })
    open()
    expect((await settled(id)).counts).toMatchObject({ underWay: 0, completed: 2 })
  })

  test('can do every verb', async () => {
    const over = async (order: Record<string, unknown>) => {
      const { id } = await engine.operations.start({ rate: 1_000, ...by, filter: { tag }, ...order } as OperationStart)
      return settled(id)
    }
    await started(2, slow)
    await until('both wait', async () => (await engine.list({ tag })).sagas.every(({ waiting }) => waiting === 'retry'))
    expect((await over({ verb: 'pause' })).counts).toMatchObject({ paused: 2 })
    expect((await engine.list({ tag })).sagas.every(({ paused }) => paused)).toBe(true)
    const { id: resumed } = await engine.operations.start({ verb: 'resume', filter: { tag }, rate: 1_000, ...by })
    await becomes(resumed, 'has ordered both', ({ counts }) => counts.underWay === 2)
    expect((await over({ verb: 'cancel' })).counts).toMatchObject({ compensated: 2 })
    expect((await settled(resumed)).counts).toMatchObject({ compensated: 2 })

    tag = `${tag} dead`
    await dead(2)
    expect((await over({ verb: 'compensate', pastPivot: true, limit: 1 })).counts).toMatchObject({ compensated: 1 })
    const rest = { tag, status: 'dead_lettered' }
    expect((await over({ verb: 'resolve', as: 'compensated', filter: rest })).counts).toMatchObject({ resolved: 1 })
    const rerun = await over({ verb: 'rerun' })
    expect(rerun.counts).toMatchObject({ completed: 2 })
    for (const { sagaId, newSagaId } of (await engine.operations.results(rerun.id)).results) {
      expect((await engine.get(newSagaId ?? ''))?.rerunOf).toBe(sagaId)
    }
  })

  test('counts a rerun that is undone again as a bad end', async () => {
    broken.add('book')
    for (const id of await started(3)) expect((await engine.outcome(id)).status).toBe('compensated')
    const { id } = await engine.operations.start({ verb: 'rerun', filter: { tag }, canary: 2, rate: 1_000, ...by })
    const paused = await becomes(id, 'has paused itself', ({ state }) => state === 'paused')
    expect(paused.counts).toMatchObject({ compensated: 2, waiting: 1 })
    await engine.operations.abort(id, by)
  })

  test('asks for the right for itself, and again for each saga', async () => {
    const [one, two] = await dead(2)
    const asked: unknown[] = []
    const guarded = await startEngine(database.connectionString, everySaga, {
      authorize: (actor, action, target) => {
        asked.push([actor, action, target])
        return actor === 'ada' && target.sagaId !== two
      },
    })
    await engine.stop()
    const filter = { tag, definition: 'trip' }
    const start = { ...retrying(), filter } as OperationStart
    await expect(guarded.operations.start({ ...start, actor: 'eve' })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    expect((await guarded.operations.list({ state: 'running' })).operations).toEqual([])
    engine = guarded
    const { id } = await guarded.operations.start(start)
    await settled(id)
    for (const change of ['pause', 'resume', 'abort'] as const) {
      await expect(guarded.operations[change](id, { ...by, actor: 'eve' })).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
      })
    }
    const operation = { verb: 'retry', definition: 'trip' }
    expect(asked).toEqual([
      ['eve', 'start_operation', operation],
      ['ada', 'start_operation', operation],
      ['ada', 'retry', { sagaId: one, definition: 'trip' }],
      ['ada', 'retry', { sagaId: two, definition: 'trip' }],
      ['eve', 'pause_operation', { ...operation, operationId: id }],
      ['eve', 'resume_operation', { ...operation, operationId: id }],
      ['eve', 'abort_operation', { ...operation, operationId: id }],
    ])
    expect((await guarded.operations.results(id, { state: 'refused' })).results).toMatchObject([
      { sagaId: two, code: 'NOT_AUTHORIZED' },
    ])
  })

  test('is listed, the newest first, in pages', async () => {
    const ids = []
    for (let count = 0; count < 3; count += 1) ids.unshift((await engine.operations.start(retrying())).id)
    const first = await engine.operations.list({}, { limit: 2 })
    expect(first.operations.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    const second = await engine.operations.list({}, { limit: 1, cursor: first.cursor ?? '' })
    expect(second.operations.map(({ id }) => id)).toEqual(ids.slice(2))
    for (const id of ids) await settled(id)
    expect((await engine.operations.list({ state: 'running' })).operations).toEqual([])
  })

  test('leaves the verbs the connections that they need, however few there are', async () => {
    await dead(3)
    await engine.stop()
    engine = await startEngine(database.connectionString, everySaga, { poolSize: 2 })
    const { id } = await engine.operations.start(retrying())
    expect((await settled(id)).counts).toMatchObject({ completed: 3 })
  })

  test('comes back with the filter that it was given', async () => {
    const filter = {
      tag,
      startedAfter: new Date('2026-01-01'),
      status: ['dead_lettered', 'resolved'] as const,
      compensatedStep: { step: 'book', from: new Date('2026-01-02'), build: 'b' },
    }
    const { id } = await engine.operations.start(retrying({ filter }))
    expect((await engine.operations.get(id)).filter).toEqual(filter)
  })

  test.each([
    ['an empty filter', { filter: {} }, 'FILTER_INVALID'],
    ['a filter of undefined parts', { filter: { tag: undefined } }, 'FILTER_INVALID'],
    ['a misspelt filter', { filter: { tga: 'x', status: 'running' } }, 'FILTER_INVALID'],
    ['no filter', { filter: undefined }, 'FILTER_INVALID'],
    ['a filter that cannot be', { filter: { minAttempts: 0 } }, 'FILTER_INVALID'],
    ['another verb', { verb: 'delete' }, 'OPERATION_INVALID'],
    ['resolve without as what', { verb: 'resolve' }, 'OPERATION_INVALID'],
    ['a rate of nothing', { rate: 0 }, 'OPERATION_INVALID'],
    ['a rate that is none', { rate: Number.NaN }, 'OPERATION_INVALID'],
    ['half a canary', { canary: 0.5 }, 'OPERATION_INVALID'],
    ['too many sagas', { limit: 100_001 }, 'OPERATION_INVALID'],
    ['no reason', { reason: '' }, 'ACT_INVALID'],
  ])('is not started with %s', async (_what, change, code) => {
    const count = async () => (await database.pool.query('select from saga.saga_operation')).rowCount
    const before = await count()
    const start = { ...retrying(), ...change } as unknown as OperationStart
    await expect(engine.operations.start(start)).rejects.toMatchObject({ code })
    expect(await count()).toBe(before)
  })

  test('is looked for with what can be', async () => {
    const nobody = '019aa4b2-5d11-7000-8000-000000000000'
    for (const id of [nobody, 'nonsense']) {
      await expect(engine.operations.get(id)).rejects.toMatchObject({ code: 'OPERATION_NOT_FOUND' })
      await expect(engine.operations.results(id)).rejects.toMatchObject({ code: 'OPERATION_NOT_FOUND' })
      await expect(engine.operations.abort(id, by)).rejects.toMatchObject({ code: 'OPERATION_NOT_FOUND' })
    }
    await expect(engine.operations.list({ state: 'busy' as 'done' })).rejects.toMatchObject({
      code: 'OPERATION_INVALID',
    })
    await expect(engine.operations.results(nobody, {}, { cursor: 'x' })).rejects.toMatchObject({
      code: 'OPERATION_INVALID',
    })
    await expect(engine.operations.list({}, { limit: 0 })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  })

  test('is gone on with by another worker when its own is lost in the middle, and each saga is ordered once', async () => {
    const ids = await dead(5)
    await engine.stop()
    let isStuck: () => void = () => {}
    const stuck = new Promise<void>((resolve) => {
      isStuck = resolve
    })
    // It orders two sagas, and never comes back from the third.
    let asked = 0
    const lost = await startEngine(database.connectionString, everySaga, {
      drainGrace: '10ms',
      authorize: (_actor, action) => {
        if (action !== 'retry') return true
        asked += 1
        if (asked < 3) return true
        isStuck()
        return new Promise<boolean>(() => {})
      },
    })
    const { id } = await lost.operations.start(retrying())
    await stuck
    engine = await startEngine(database.connectionString, everySaga)
    expect((await engine.operations.get(id)).counts).toMatchObject({ waiting: 5 })
    // As if its process had died: the server ends the transaction of the round.
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'pg-saga operations'`,
    )
    expect((await settled(id)).counts).toMatchObject({ completed: 5, refused: 0 })
    for (const sagaId of ids) expect(await retriesOf(sagaId)).toHaveLength(1)
    expect(asked).toBe(3)
  })
})

describe('the rate of an operation', () => {
  test('is kept by the database’s clock', async () => {
    const database = await testDatabase()
    try {
      broken = new Set(['mail'])
      gate = Promise.resolve()
      const engine = await startEngine(database.connectionString, everySaga)
      for (let count = 0; count < 3; count += 1) {
        const { id } = await engine.enqueue(trip, { batch: '' })
        expect((await engine.outcome(id)).status).toBe('dead_lettered')
      }
      broken = new Set()
      const filter = { status: 'dead_lettered' } as const
      // One in a thousand seconds.
      const { id } = await engine.operations.start({ verb: 'retry', filter, rate: 0.001, ...by })
      const completed = (count: number) =>
        until(`${count} are completed`, async () => (await engine.operations.get(id)).counts.completed === count)
      await completed(1)
      const { rows } = await database.pool.query(
        'select order_at - created_at as wait, look_at >= order_at as rests from saga.saga_operation',
      )
      expect(rows[0].wait.minutes).toBe(16)
      expect(rows[0].rests).toBe(true)
      expect((await engine.operations.get(id)).counts).toMatchObject({ waiting: 2 })
      await database.pool.query('insert into saga.saga_clock values (1001000)')
      await completed(2)
      expect((await engine.operations.get(id)).counts).toMatchObject({ waiting: 1 })
      await database.pool.query('update saga.saga_clock set offset_ms = 2002000')
      await completed(3)
      expect((await engine.operations.get(id)).state).toBe('done')
      expect(await brokenRules(database.pool)).toEqual([])
      await engine.stop()
    } finally {
      await database.drop()
    }
  })
})
