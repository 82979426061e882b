/** Workers with different code: what one lacks is left to those that have it, or waits for one that does (rule 11). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sagasWaitingForCode } from '../../src/engine/store/missing-code.ts'
import { createSagaClient, defineContract, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, journalled, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: { ran: string[] }; tx: unknown }>()
const input = z.object({})
type Context = { readonly services: { ran: string[] }; readonly version: number; readonly attempt: number }
const step = (name: string) => ({
  action: ({ services, version }: Context) => void services.ran.push(`${name} ${version}`),
  compensation: () => {},
})
const other = defineSaga('other', { version: 1, input }).step('one', step('other'))
const one = defineSaga('order', { version: 1, input }).step('one', step('one')).step('two', step('two'))
const two = defineSaga('order', { version: 2, input })
  .step('one', step('one'))
  .step('between', step('between'))
  .step('two', step('two'))
const next = defineContract('next', { version: 1, input })

let database: TestDatabase
const ran: string[] = []

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (definitions: Parameters<typeof startEngine>[1], codeMissingAfter: string | number = '15m') =>
  startEngine(database.connectionString, definitions, {
    services: { ran },
    codeMissingAfter: codeMissingAfter as '15m',
  })

describe('a saga whose code no worker has', () => {
  test('is a dead letter after a while, and goes on by itself when a worker comes that has it', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await start([other], 200)
    const { id } = await client.enqueue(next, {})
    await journalled(client, id, 'saga_dead_lettered')
    expect(await client.get(id)).toMatchObject({ status: 'dead_lettered', reason: 'no_code' })
    const letters = () => database.pool.query(`select from pgboss.job where name = 'saga_dead_letter'`)
    expect((await letters()).rows).toHaveLength(1)
    const found = defineSaga(next).step('one', step('next'))
    const knowing = await start([found])
    await until('it is completed', async () => (await knowing.get(id))?.status === 'completed')
    expect((await letters()).rows).toHaveLength(0)
    const saga = await knowing.get(id)
    expect(saga?.steps).toMatchObject([{ name: 'one', state: 'completed' }])
    const failed = (await knowing.journal(id)).filter(({ event }) => /failed|lost/.test(event.type))
    expect(failed).toEqual([])
  })

  test('is left alone while it is paused, and stands before no others', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const never = defineContract('never', { version: 1, input })
    const by = { actor: 'tester', reason: 'a look' }
    const db = { executeSql: async (text: string, values?: unknown[]) => database.pool.query(text, values) }
    const found = async () => (await sagasWaitingForCode(db, 'saga', ['never@1'], 10)).map((saga) => saga.id)
    const patient = await start([other])
    const { id } = await client.enqueue(never, {})
    await until('it has been handed back often enough to wait for long', async () => {
      const journal = await client.journal(id)
      return journal.filter(({ event }) => event.type === 'attempt_returned').length >= 3
    })
    expect(await found()).toEqual([id])
    await client.operator.pause(id, by)
    expect(await found()).toEqual([])
    await client.operator.resume(id, by)
    await stopEngine(patient)
    await start([other], 200)
    await journalled(client, id, 'saga_dead_lettered')
  })

  test('that waits is told at once when a worker comes that has it', async () => {
    const first = await start([one])
    const { id } = await first.enqueue(one, {})
    expect((await first.outcome(id)).status).toBe('completed')
    await stopEngine(first)
    const without = await start([other])
    await using client = createSagaClient({ connectionString: database.connectionString })
    const waiting = await client.enqueue(defineContract('order', one), {})
    await until('it has been handed back often enough to wait for long', async () => {
      const journal = await client.journal(waiting.id)
      return journal.filter(({ event }) => event.type === 'attempt_returned').length >= 3
    })
    const second = await start([one])
    await journalled(client, waiting.id, 'code_found')
    expect((await second.outcome(waiting.id)).status).toBe('completed')
    await stopEngine(without)
  })
})

describe('a worker', () => {
  test('gives up on code that nobody has although a saga that it could go on with stays locked', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const late = defineContract('late', { version: 1, input })
    const without = await start([other], 200)
    const locked = await client.enqueue(late, {})
    await journalled(client, locked.id, 'saga_dead_lettered')
    await stopEngine(without)
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    await blocker.query('select from saga.saga where id = $1 for no key update', [locked.id])
    const knowing = await start([defineSaga(late).step('one', step('late'))], 200)
    const nobodys = await client.enqueue(defineContract('nobodys', { version: 1, input }), {})
    await journalled(client, nobodys.id, 'saga_dead_lettered')
    expect((await client.get(locked.id))?.status).toBe('dead_lettered')
    await blocker.query('rollback')
    blocker.release()
    await until('it is completed', async () => (await knowing.get(locked.id))?.status === 'completed')
  })
})

describe('old and new workers together', () => {
  test('each run what they know, and nothing is a dead letter for it', async () => {
    ran.length = 0
    const old = await start([one], 300)
    const both = await start([one, two], 300)
    const before = (await both.count({ definition: 'order' })).completed
    await Promise.all([
      old.enqueueMany(
        one,
        Array.from({ length: 500 }, () => ({ input: {} })),
      ),
      both.enqueueMany(
        two,
        Array.from({ length: 500 }, () => ({ input: {} })),
      ),
    ])
    await atRest(database.pool, 1_000)
    await until(
      'all are completed',
      async () => (await both.count({ definition: 'order' })).completed === before + 1_000,
    )
    expect(ran.filter((line) => line === 'one 1')).toHaveLength(500)
    expect(ran.filter((line) => line === 'between 2')).toHaveLength(500)
    const { rows } = await database.pool.query(
      `select count(*)::int as n from saga.saga_event where type in ('saga_dead_lettered', 'attempt_failed', 'attempt_lost')
         and saga_id in (select id from saga.saga where definition = 'order')`,
    )
    expect(rows).toEqual([{ n: 0 }])
  })
})
