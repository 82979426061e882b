/** Releasing a hold at a rate: what has waited goes on little by little, whatever becomes of workers and of the sagas. */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const by = { actor: 'ada', reason: 'the mailer is back' }
/** One goes at once, and the next one in a quarter of an hour: nobody but the first has its turn in a test. */
const HARDLY = 0.001

const letter = defineSaga('letter', { version: 1, input: z.object({}) })
  .step('write', { action: () => 'dear all', compensation: () => {} })
  .step('send', { action: () => 'sent', compensation: () => {} })

/** What the other lane waits for. */
let gate: Promise<void> = Promise.resolve()

const parcel = defineSaga('parcel', { version: 1, input: z.object({}) }).parallel('prepare', (group) =>
  group.step('print', { action: () => gate }).step('pack', { action: () => 'packed' }),
)

describe('a hold that is released at a rate', () => {
  let database: TestDatabase
  let engine: SagaEngine

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(async () => {
    gate = Promise.resolve()
    engine = await startEngine(database.connectionString, [letter, parcel])
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    const { rows } = await database.pool.query('select id from saga.saga_hold where ended_at is null')
    expect(rows).toEqual([])
    await database.drop()
  })

  const waits = (id: string) => until(`${id} waits`, async () => (await engine.get(id))?.waiting === 'hold')
  const holdSend = (more: object = {}) => engine.operator.hold({ definition: 'letter', step: 'send', ...more }, by)

  /** Letters that wait before they are sent, the oldest first. */
  async function waiting(count: number): Promise<readonly string[]> {
    const started = await engine.enqueueMany(
      letter,
      Array.from({ length: count }, () => ({ input: {} })),
    )
    const ids = started.flatMap((one) => (one.ok ? [one.id] : [])).sort()
    for (const id of ids) await waits(id)
    return ids
  }

  async function allEnd(ids: readonly string[], as = 'completed'): Promise<void> {
    for (const id of ids) expect((await engine.outcome(id)).status).toBe(as)
  }

  /** When each of them was let go, in ms. */
  async function turns(ids: readonly string[]): Promise<readonly number[]> {
    const { rows } = await database.pool.query(
      `select extract(epoch from at)::float8 * 1000 as at from saga.saga_event
       where type = 'hold_released' and saga_id = any($1) order by at, saga_id`,
      [ids],
    )
    return rows.map((row) => Number(row.at))
  }

  const releaseOf = async (hold: string) => (await engine.operator.holds()).find(({ id }) => id === hold)
  const isOver = (hold: string) => until('it has let all go', async () => (await releaseOf(hold)) === undefined)

  test('lets go so many a second, the oldest first, and what is new passes', async () => {
    const hold = await holdSend()
    const ids = await waiting(30)
    expect(await releaseOf(hold)).toMatchObject({ waiting: 30, release: null })
    expect(await engine.operator.release(hold, { ...by, rate: 20 })).toBe(30)
    expect(await releaseOf(hold)).toMatchObject({ release: { ...by, rate: 20 } })
    const fresh = await engine.enqueue(letter, {})
    await allEnd([fresh.id])
    expect((await releaseOf(hold))?.waiting).toBeGreaterThan(0)
    await allEnd(ids)
    const at = await turns(ids)
    expect(at).toHaveLength(30)
    // What was kept waiting makes up for a second at most.
    for (const [n, turn] of at.entries()) expect(turn - (at[0] ?? 0)).toBeGreaterThanOrEqual((n - 24) * 50)
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(400)
    await isOver(hold)
    const { rows } = await database.pool.query('select let_go from saga.saga_hold where id = $1', [hold])
    expect(rows[0].let_go).toBe(30)
  })

  test('is gone on with by another worker, and each saga has one turn', async () => {
    const hold = await holdSend()
    const ids = await waiting(12)
    await engine.operator.release(hold, { ...by, rate: 4 })
    await until('it has begun', async () => ((await releaseOf(hold))?.release?.letGo ?? 0) > 1)
    await stopEngine(engine)
    engine = await startEngine(database.connectionString, [letter, parcel])
    await startEngine(database.connectionString, [letter, parcel])
    expect((await releaseOf(hold))?.waiting).toBeGreaterThan(0)
    await allEnd(ids)
    expect(await turns(ids)).toHaveLength(12)
    await isOver(hold)
  })

  test('keeps a saga waiting for its turn, whatever else happens to it', async () => {
    const hold = await engine.operator.hold({ definition: 'parcel', step: 'pack' }, by)
    const first = await engine.enqueue(parcel, {})
    await waits(first.id)
    const opened = Promise.withResolvers<void>()
    gate = opened.promise
    const second = await engine.enqueue(parcel, {})
    const isWithheld = async () =>
      (await engine.journal(second.id)).some(({ event }) => event.type === 'attempt_returned')
    await until('its other lane waits', isWithheld)
    await engine.operator.release(hold, { ...by, rate: HARDLY })
    await allEnd([first.id])
    opened.resolve()
    await waits(second.id)
    expect(await releaseOf(hold)).toMatchObject({ waiting: 1, release: { letGo: 1 } })
    await engine.operator.cancel(second.id, by)
    await allEnd([second.id], 'compensated')
    // Nobody waits for it any more: its next round finds that out.
    await engine.operator.release(hold, by)
  })

  test('is left by sagas that are cancelled, or paused and resumed', async () => {
    const hold = await holdSend()
    const [first = '', cancelled = '', paused = '', last = ''] = await waiting(4)
    await engine.operator.release(hold, { ...by, rate: HARDLY })
    await allEnd([first])
    await engine.operator.cancel(cancelled, by)
    await allEnd([cancelled], 'compensated')
    await engine.operator.pause(paused, by)
    expect((await releaseOf(hold))?.waiting).toBe(1)
    await engine.operator.resume(paused, by)
    await allEnd([paused])
    expect((await engine.get(last))?.waiting).toBe('hold')
    // Another rate, and its turn comes.
    expect(await engine.operator.release(hold, { ...by, rate: 1_000 })).toBe(1)
    await database.pool.query('update saga.saga_hold set let_go_at = saga.now() where id = $1', [hold])
    await allEnd([last])
    await isOver(hold)
  })

  test('is taken over by a hold that is placed again, and that one lets go as it is told', async () => {
    const hold = await holdSend()
    const [first = '', ...others] = await waiting(3)
    await engine.operator.release(hold, { ...by, rate: HARDLY })
    await allEnd([first])
    const again = await holdSend()
    expect(await engine.operator.holds()).toMatchObject([{ id: again, waiting: 2, release: null }])
    await expect(engine.operator.release(hold, by)).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND' })
    expect(await engine.operator.release(again, by)).toBe(2)
    await allEnd(others)
  })

  test('stays a release where a hold on less is placed, and waits for that', async () => {
    const hold = await holdSend()
    const ids = await waiting(3)
    const other = await holdSend({ side: 'action' })
    await engine.operator.release(hold, { ...by, rate: 1_000 })
    const looks = async () =>
      (await database.pool.query('select let_go_at::text as at from saga.saga_hold where id = $1', [hold])).rows[0]?.at
    const before = await looks()
    await until('it has looked', async () => (await looks()) !== before)
    expect(await releaseOf(hold)).toMatchObject({ waiting: 3, release: { letGo: 0 } })
    // Not all at once: they are the other's to let go.
    expect(await engine.operator.release(other, by)).toBe(0)
    await allEnd(ids)
    await isOver(hold)
  })

  test('is no turn for sagas when another hold of their definition is released', async () => {
    const hold = await holdSend()
    const [first = '', second = ''] = await waiting(2)
    const other = await engine.operator.hold({ definition: 'letter', step: 'write' }, by)
    const unwritten = await engine.enqueue(letter, {})
    await waits(unwritten.id)
    await engine.operator.release(hold, { ...by, rate: HARDLY })
    await allEnd([first])
    expect(await engine.operator.release(other, by)).toBe(1)
    await allEnd([unwritten.id])
    expect((await engine.get(second))?.waiting).toBe('hold')
    expect(await engine.operator.release(hold, { ...by, requestId: 'all' })).toBe(1)
    await allEnd([second])
    // The same request once more lets go nothing more, and is no mistake.
    expect(await engine.operator.release(hold, { ...by, requestId: 'all' })).toBe(0)
  })

  test.each([0, -1, 0.000_1, 1_001, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number])(
    'is refused the rate %s, and goes on holding',
    async (rate) => {
      const hold = await holdSend()
      const refused = engine.operator.release(hold, { ...by, rate })
      await expect(refused).rejects.toMatchObject({ code: 'ACT_INVALID', details: { field: 'rate' } })
      expect(await releaseOf(hold)).toMatchObject({ release: null })
      await engine.operator.release(hold, by)
    },
  )
})
