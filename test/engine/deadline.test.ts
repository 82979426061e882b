/** Sagas that are to be at rest at a moment, undoing included. The clock is moved; nobody waits for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, defineContract, fromPg, StepNotApplied, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SELDOM = { maxAttempts: 1000, backoff: 'fixed', initialInterval: '9h', maxInterval: '9h' } as const

const define = sagasFor<{ services: unknown; tx: unknown }>()
const input = z.object({})
const contract = defineContract('trip', { version: 1, input, deadline: '2h', timeForUndo: '15m' })
const seen: (Date | undefined)[] = []
const trip = define(contract)
  .step('hotel', {
    action: ({ deadlineAt }) => void seen.push(deadlineAt),
    compensation: ({ deadlineAt }) => void seen.push(deadlineAt),
  })
  .step('flight', {
    action: () => {
      throw new StepNotApplied('Not yet.')
    },
    retry: SELDOM,
  })
const paid = define('paid', { version: 1, input, deadline: '1h' })
  .step('pay', { action: () => 1 })
  .pivot()
  .step('send', {
    action: ({ attempt }) => {
      if (attempt === 1) throw new StepNotApplied('Not yet.')
    },
    retry: SELDOM,
  })
const patient = define('patient', { version: 1, input, timeForUndo: '15m' }).step('one', { action: () => 1 })

describe('a deadline', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>

  beforeAll(async () => {
    database = await testDatabase()
    client = createSagaClient({ connectionString: database.connectionString })
    await database.pool.query('insert into saga.saga_clock values (0)')
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await client.close()
    await database.drop()
  })

  const moveTo = (ms: number) => database.pool.query('update saga.saga_clock set offset_ms = $1', [ms])
  const inMs = (ms: number) => new Date(Date.now() + ms)
  const momentsOf = async (id: string) => {
    const { rows } = await database.pool.query(
      `select extract(epoch from deadline_at - created_at) * 1000 as deadline,
         (state ->> 'deadlineAt')::float8 - extract(epoch from created_at) * 1000 as turn,
         extract(epoch from deadline_at - start_at) * 1000 as after_start
       from saga.saga where id = $1`,
      [id],
    )
    const { deadline, turn, after_start: afterStart } = rows[0]
    const minutes = (ms: unknown) => (ms === null ? null : Math.round(Number(ms) / MINUTE))
    return { deadline: minutes(deadline), turn: minutes(turn), afterStart: minutes(afterStart) }
  }

  test('turns the saga as long before as undoing may take, and it is undone in time', async () => {
    const usual = await client.enqueue(trip, {})
    const sooner = await client.enqueue(contract, {}, { deadlineAt: inMs(90 * MINUTE) })
    const later = await client.enqueue(trip, {}, { startAt: inMs(HOUR) })
    const early = await client.enqueue(trip, {}, { startAt: inMs(-HOUR) })
    expect(await momentsOf(usual.id)).toEqual({ deadline: 120, turn: 105, afterStart: null })
    expect(await momentsOf(sooner.id)).toEqual({ deadline: 90, turn: 75, afterStart: null })
    expect(await momentsOf(later.id)).toEqual({ deadline: 180, turn: 165, afterStart: 120 })
    expect(await momentsOf(early.id)).toMatchObject({ deadline: 120, turn: 105 })
    const engine = await startEngine(database.connectionString, [trip])
    for (const { id } of [usual, sooner, early]) await journalled(engine, id, 'attempt_failed')
    await moveTo(104 * MINUTE)
    const { status } = await engine.outcome(sooner.id)
    expect([status, (await engine.get(usual.id))?.status]).toEqual(['compensated', 'running'])
    await moveTo(105 * MINUTE)
    await engine.outcome(usual.id)
    const saga = await engine.get(usual.id)
    expect(saga).toMatchObject({ status: 'compensated', state: { cause: { kind: 'deadline' } } })
    expect(Number(saga?.finishedAt)).toBeLessThan(Number(saga?.deadlineAt))
    // Its functions are told the deadline, and not the moment of the turn.
    const told = seen.filter((moment) => moment?.getTime() === saga?.deadlineAt?.getTime())
    expect(told).toHaveLength(2)
    await engine.operator.cancel(later.id, { actor: 'ada', reason: 'no longer wanted' })
    await moveTo(0)
  })

  test('changes nothing past the pivot', async () => {
    const engine = await startEngine(database.connectionString, [paid])
    const { id } = await engine.enqueue(paid, {})
    await journalled(engine, id, 'attempt_failed')
    await moveTo(2 * HOUR)
    await until('the timer of the deadline is gone', async () => {
      const { rows } = await database.pool.query(
        `select from saga.saga_timer where saga_id = $1 and timer = '@deadline'`,
        [id],
      )
      return rows.length === 0
    })
    expect((await engine.get(id))?.status).toBe('running')
    await engine.operator.retry(id, { actor: 'ada', reason: 'go on' })
    expect((await engine.outcome(id)).status).toBe('completed')
    await moveTo(0)
  })

  test('that leaves no time is refused, and a start that is repeated later finds its saga', async () => {
    const before = await client.count()
    const refused = { code: 'NAME_INVALID', message: expect.stringMatching(/deadlineAt is .* no time is left/) }
    const cases = [
      { deadlineAt: inMs(-1_000) },
      { deadlineAt: inMs(14 * MINUTE) },
      { startAt: inMs(HOUR), deadlineAt: inMs(HOUR - 1) },
      { startAt: inMs(HOUR), deadlineAt: inMs(70 * MINUTE) },
      { deadlineAt: inMs(MINUTE), key: 'late' },
    ]
    for (const options of cases) {
      await expect(client.enqueue(patient, {}, options)).rejects.toMatchObject(refused)
    }
    const connection = await database.pool.connect()
    await connection.query('begin')
    const inTransaction = { ...cases[4], db: fromPg(connection) }
    await expect(client.enqueue(patient, {}, inTransaction)).rejects.toMatchObject(refused)
    await connection.query('commit')
    connection.release()
    const results = await client.enqueueMany(
      patient,
      cases.map((options) => ({ input: {}, ...options })),
    )
    expect(results.map((result) => !result.ok && result.error.code)).toEqual(cases.map(() => 'NAME_INVALID'))
    expect(await client.count()).toEqual(before)

    const deadlineAt = inMs(20 * MINUTE)
    const [one] = await client.enqueueMany(patient, [
      { input: {}, key: 'in time', deadlineAt },
      { input: {}, ...cases[0] },
    ])
    await moveTo(HOUR)
    await using other = createSagaClient({ connectionString: database.connectionString })
    const again = await other.enqueue(patient, {}, { key: 'in time', deadlineAt })
    expect(again).toEqual({ id: one?.ok === true ? one.id : '', created: false })
    await moveTo(0)
  })

  test.each([
    ['deadline', { deadline: 0 }],
    ['deadline', { deadline: -1 }],
    ['deadline', { deadline: 'soon' }],
    ['timeForUndo', { timeForUndo: 0 }],
    ['timeForUndo', { deadline: '1h', timeForUndo: '1h' }],
    ['timeForUndo', { deadline: '1h', timeForUndo: '60m' }],
    ['timeForUndo', { deadline: '1h', timeForUndo: '2h' }],
  ])('is refused where it is defined, at %s, for %j', (at, options) => {
    for (const defining of [defineContract, define]) {
      expect(() => defining('wrong', { version: 1, input, ...(options as object) })).toThrow(
        expect.objectContaining({
          code: 'DEFINITION_INVALID',
          details: expect.objectContaining({ problems: [expect.objectContaining({ at })] }),
        }),
      )
    }
  })
})
