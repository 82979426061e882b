/** What SQL orders of sagas and of maintenance: in which order, refused how, once. */
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { takeOrder, takeStarts } from '../../src/engine/store/commands.ts'
import type { Authorize } from '../../src/index.ts'
import { createSagaClient, SagaError, StepNotApplied, sagasFor } from '../../src/index.ts'
import { inTransaction } from '../../src/jobs/pools.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { type Login, loginAs } from '../support/sql-users.ts'
import { journalled, underWayEnds, until } from '../support/waiting.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const world = { isBroken: false }
const order = sagasFor<{ services: typeof world; tx: pg.ClientBase }>()('order', {
  version: 1,
  input: z.object({ fails: z.boolean().default(false) }),
  keepFor: { completed: '90 days', compensated: 'forever' },
})
  .step('reserve', { action: () => 'reserved', compensation: () => {} })
  .step('charge', {
    action: ({ services, input }) => {
      if (services.isBroken || input.fails) throw new StepNotApplied('No.')
      return 'charged'
    },
    retry: { maxAttempts: 1 },
    whenExhausted: 'dead_letter',
  })
  .step('send', { action: () => 'sent' })

const seldom = sagasFor<{ services: typeof world; tx: pg.ClientBase }>()('seldom', {
  version: 1,
  input: z.object({}),
}).step('one', { action: () => {} })

let database: TestDatabase
let psql: Login
let me: string

beforeAll(async () => {
  database = await testDatabase()
  psql = await loginAs(database)
  me = `sql:${await psql.askOne<string>('select session_user::text')}`
})
beforeEach(() => void (world.isBroken = false))
afterEach(async () => {
  await underWayEnds(database.pool)
  await database.pool.query('delete from saga.saga_clock')
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(async () => {
  await psql[Symbol.asyncDispose]()
  await database.drop()
})

const open = (options = {}, faults: (point: string) => void = () => {}) =>
  startEngine(database.connectionString, [order, seldom], { services: world, ...options }, faults as never)
const later = `start_at => now() + interval '1 hour'`
const startLater = () => psql.askOne<string>(`select saga.enqueue('order', '{}', ${later})`)
type Command = { state: string; code: string | null; message: string | null; result: never }
async function settled(id: string): Promise<Command> {
  const text = 'select state, code, message, result from saga.command where id = $1'
  const read = async () => (await database.pool.query(text, [id])).rows[0] as Command
  await until(`command ${id} is settled`, async () => (await read()).state !== 'waiting')
  return read()
}
const told = (verb: string, id: string, rest = '') =>
  psql.askOne<string>(`select saga.${verb}($1, 'a test'${rest})`, [id])
const refusal = (given: Promise<unknown>) => given.then(String, (error: Error) => error.message)

describe('an order that SQL gives', () => {
  test('is done, and journalled under the name of the login, with its reason', async () => {
    const engine = await open()
    const { id } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + DAY_MS) })
    const command = await told('cancel', id)
    expect(await settled(command)).toEqual({
      state: 'accepted',
      code: null,
      message: null,
      result: { repeated: false },
    })
    expect(await journalled(engine, id, 'saga_turned')).toMatchObject({
      cause: { kind: 'cancel' },
      act: { actor: me, reason: 'a test', requestId: command },
    })
    expect((await engine.outcome(id)).status).toBe('compensated')
  })

  test.each(['pause', 'resume', 'retry', 'compensate'])('may be %s', async (verb) => {
    const engine = await open()
    world.isBroken = true
    const { id } = await engine.enqueue(order, {}, verb === 'pause' ? { startAt: new Date(Date.now() + DAY_MS) } : {})
    if (verb === 'resume') {
      await engine.outcome(id)
      world.isBroken = false
      await engine.operator.retry(id, { actor: 'ada', reason: 'a test' })
      const { id: next } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + DAY_MS) })
      await engine.operator.pause(next, { actor: 'ada', reason: 'a test' })
      expect(await settled(await told(verb, next))).toMatchObject({ state: 'accepted' })
      expect(await engine.get(next)).toMatchObject({ paused: false })
      await engine.outcome(id)
      return
    }
    if (verb !== 'pause') expect((await engine.outcome(id)).status).toBe('dead_lettered')
    world.isBroken = false
    expect(await settled(await told(verb, id))).toMatchObject({ state: 'accepted' })
    if (verb === 'pause') expect(await engine.get(id)).toMatchObject({ paused: true })
    else expect((await engine.outcome(id)).status).toBe(verb === 'retry' ? 'completed' : 'compensated')
  })

  test('that does not fit is refused in its row, with what would fit', async () => {
    const engine = await open()
    const { id } = await engine.enqueue(order, {})
    await engine.outcome(id)
    const { state, code, message } = await settled(await told('cancel', id))
    expect({ state, code }).toEqual({ state: 'refused', code: 'ORDER_REFUSED' })
    expect(message).toContain('it is completed')
    expect((await engine.journal(id)).some(({ event }) => event.type === 'saga_turned')).toBe(false)
  })

  test('is asked of authorize, under the name of the login', async () => {
    const asked: unknown[] = []
    const authorize: Authorize = (actor, action, target) => {
      asked.push([actor, action, target.definition])
      return !actor.startsWith('sql:') || action === 'enqueue'
    }
    const engine = await open({ authorize })
    const id = await startLater()
    await settled(id)
    for (const command of [await told('cancel', id), await psql.askOne<string>('select saga.cleanup()')]) {
      expect(await settled(command)).toMatchObject({ state: 'refused', code: 'NOT_AUTHORIZED' })
    }
    expect(asked).toEqual([
      [me, 'enqueue', 'order'],
      [me, 'cancel', 'order'],
      [me, 'maintain', undefined],
    ])
    expect(await engine.get(id)).toMatchObject({ status: 'pending' })
  })

  test('of a saga that there is not, or without a reason, is refused at once', async () => {
    await open()
    const id = '0190b0b0-0000-7000-8000-000000000000'
    expect(await refusal(told('cancel', id))).toMatch(/^SAGA_NOT_FOUND: There is no saga 0190b0b0/)
    const saga = await startLater()
    for (const reason of [`''`, 'null', `' '`, `repeat('x', 1001)`]) {
      expect(await refusal(psql.ask(`select saga.retry($1, ${reason})`, [saga]))).toMatch(/^ACT_INVALID: /)
    }
    const own = psql.ask(`select saga.retry($1, 'because', 'pg-saga:operation:1:2')`, [saga])
    expect(await refusal(own)).toMatch(/^ACT_INVALID: Request ids that begin with "pg-saga:"/)
    await settled(saga)
  })

  test('waits for those about the same saga that came before it, and for no others', async () => {
    const engine = await open()
    const id = await startLater()
    const commands = []
    for (const verb of ['pause', 'resume', 'pause', 'cancel']) commands.push(await told(verb, id))
    for (const command of commands) expect(await settled(command)).toMatchObject({ state: 'accepted' })
    const acts = (await engine.journal(id)).filter(({ event }) => /paused|resumed|turned/.test(event.type))
    expect(acts.map(({ event }) => event.type)).toEqual(['saga_paused', 'saga_resumed', 'saga_paused', 'saga_turned'])
    await engine.operator.resume(id, { actor: 'ada', reason: 'a test' }).catch(() => {})
    await engine.outcome(id)
  })

  test('is not overtaken by another worker while an earlier one is under way', async () => {
    const engine = await open()
    const [id, other] = [await startLater(), await startLater()]
    for (const one of [id, other]) await settled(one)
    await stopEngine(engine)
    const [pause, , elsewhere] = [await told('pause', id), await told('cancel', id), await told('cancel', other)]
    const starting = await startLater()
    await told('pause', starting)
    await inTransaction(database.pool, async (one) => {
      expect(await takeOrder(one, 'saga', true)).toMatchObject({ id: pause })
      expect(await takeStarts(one, 'saga', ['order@1'], 10)).toMatchObject([{ id: starting }])
      await inTransaction(database.pool, async (two) => {
        expect(await takeOrder(two, 'saga', true)).toMatchObject({ id: elsewhere })
        await inTransaction(database.pool, async (three) => {
          expect(await takeOrder(three, 'saga', true)).toBeUndefined()
        })
      })
    })
    await open()
    await until('all are settled', async () => {
      return (await psql.askOne(`select count(*)::int from saga.command where state = 'waiting'`)) === 0
    })
    const refused = 'select message from saga.command where saga_id = any($1::uuid[]) and code is not null'
    expect(await psql.ask(refused, [[id, other, starting]])).toEqual([])
  })

  test('under one request id acts once; another order under it is refused', async () => {
    const engine = await open()
    const id = await startLater()
    const [once, again, other] = [
      await told('pause', id, `, 'click-1'`),
      await told('pause', id, `, 'click-1'`),
      await told('cancel', id, `, 'click-1'`),
    ]
    expect([(await settled(once)).result, (await settled(again)).result]).toEqual([
      { repeated: false },
      { repeated: true },
    ])
    expect(await settled(other)).toMatchObject({ state: 'refused', code: 'REQUEST_REUSED' })
    await engine.operator.cancel(id, { actor: 'ada', reason: 'a test' })
  })

  test('that is rolled back was never given', async () => {
    const engine = await open()
    const id = await startLater()
    await settled(id)
    await psql.ask('begin')
    const command = await told('cancel', id)
    await psql.ask('rollback')
    await settled(await told('pause', id))
    expect(await psql.ask('select from saga.command where id = $1', [command])).toEqual([])
    expect(await engine.get(id)).toMatchObject({ status: 'pending', paused: true })
  })

  test('that is refused after it has written something leaves nothing of it behind', async () => {
    let isArmed = false
    const engine = await open({}, (point) => {
      if (isArmed && point === 'written') throw new SagaError('ORDER_REFUSED', 'Not now.')
    })
    const { id } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + DAY_MS) })
    isArmed = true
    const command = await settled(await told('pause', id))
    expect(command).toMatchObject({ state: 'refused', code: 'ORDER_REFUSED', message: 'Not now.' })
    expect(await engine.get(id)).toMatchObject({ paused: false })
    expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('saga_paused')
  })

  test('is done once when its worker stumbles before the commit', async () => {
    let failures = 0
    const engine = await open({}, (point) => {
      if (point !== 'commands-settled' || failures > 1) return
      failures += 1
      throw new Error('The worker stumbles.')
    })
    const { id } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + DAY_MS) })
    expect(await settled(await told('pause', id))).toMatchObject({ state: 'accepted', result: { repeated: false } })
    expect(failures).toBe(2)
    expect((await engine.journal(id)).filter(({ event }) => event.type === 'saga_paused')).toHaveLength(1)
  })
})

describe('undoing past the pivot', () => {
  test('is a function of its own', async () => {
    const engine = await open()
    const asked: string[] = []
    await stopEngine(engine)
    await open({ authorize: (_actor: string, action: string) => asked.push(action) > 0 })
    const id = await startLater()
    await settled(id)
    await settled(await told('compensate_past_pivot', id))
    await settled(await told('compensate', id))
    expect(asked).toEqual(['enqueue', 'compensate_past_pivot', 'compensate'])
  })
})

describe('maintenance that SQL orders', () => {
  const result = async (id: string) => {
    await until('it is done', async () => (await settled(id)).result !== null)
    return (await settled(id)).result as object
  }

  test('cleans up what has finished longer ago than it says, in the place of keepFor, but not what is kept for ever', async () => {
    const engine = await open()
    const ids = [await engine.enqueue(order, {}), await engine.enqueue(seldom, {})].map(({ id }) => id)
    const { id: undone } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + DAY_MS) })
    await engine.operator.cancel(undone, { actor: 'ada', reason: 'a test' })
    for (const id of [...ids, undone]) await engine.outcome(id)
    await psql.ask('insert into saga.saga_clock values ($1)', [10 * DAY_MS])
    expect(await result(await psql.askOne<string>(`select saga.cleanup('11 days')`))).toMatchObject({ sagas: 0 })
    expect(await result(await psql.askOne<string>(`select saga.cleanup('9 days')`))).toMatchObject({
      failed: [],
      hasMore: false,
    })
    expect(await Promise.all(ids.map((id) => engine.get(id)))).toEqual([undefined, undefined])
    expect(await engine.get(undone)).toMatchObject({ status: 'compensated' })
    const [entry] = await engine.maintenance.log({ duty: 'cleanup' })
    expect(entry).toMatchObject({ by: me, isDry: false })
  })

  test('looks for sagas without progress for as long as it says', async () => {
    await open()
    const command = await psql.askOne<string>(`select saga.recover_stuck('20 minutes')`)
    expect(await result(command)).toMatchObject({ found: 0, hasMore: false })
    expect(await psql.askOne('select options from saga.command where id = $1', [command])).toEqual({
      stuckAfterMs: 1_200_000,
    })
  })

  test.each([`cleanup('0')`, `recover_stuck('-1 day')`])('of %s is refused at once', async (call) => {
    expect(await refusal(psql.ask(`select saga.${call}`))).toMatch(/^OPTION_INVALID: /)
  })

  test('that fails says so', async () => {
    await open()
    await psql.ask('alter table saga.saga_policy rename to elsewhere')
    const command = await psql.askOne<string>('select saga.cleanup()')
    expect(await result(command)).toEqual({ error: expect.stringContaining('saga_policy') })
    await psql.ask('alter table saga.elsewhere rename to saga_policy')
  })

  test('forgets commands that were settled a month ago, and none that wait', async () => {
    const engine = await open()
    const id = await startLater()
    await settled(id)
    await stopEngine(engine)
    await psql.ask('insert into saga.saga_clock values ($1)', [60 * DAY_MS])
    const waiting = await startLater()
    await psql.ask(`update saga.saga_command set requested_at = requested_at - interval '90 days' where id = $1`, [
      waiting,
    ])
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { commands } = await client.maintenance.cleanup()
    expect(commands).toBeGreaterThan(0)
    expect(await psql.ask('select id from saga.saga_command')).toEqual([{ id: waiting }])
    await psql.ask('delete from saga.saga_command')
  })
})
