/** Starting sagas: in the caller's transaction, once per key, and never with bad input. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  createSagaEngine,
  type Db,
  defineContract,
  fromDrizzle,
  fromPg,
  migrate,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const input = z.object({
  amount: z.number().int().positive(),
  currency: z.string().length(3),
  note: z.string().optional(),
})
const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const saga = defineSaga('pay', { version: 1, input }).step('pay', { action: ({ input: { amount } }) => amount })
const contract = defineContract('pay', { version: 1, input })

describe('a start', () => {
  let database: TestDatabase
  let client: ReturnType<typeof createSagaClient>
  const euro = { amount: 5, currency: 'EUR' }

  beforeAll(async () => {
    database = await testDatabase()
    client = createSagaClient({ connectionString: database.connectionString })
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await client.close()
    await database.drop()
  })

  const stored = async () => Number((await database.pool.query('select count(*) from saga.saga')).rows[0].count)
  const jobs = async () =>
    Number((await database.pool.query(`select count(*) from pgboss.job where name = 'saga_step'`)).rows[0].count)

  test('in a transaction that is rolled back leaves nothing behind (rule 1)', async () => {
    const before = [await stored(), await jobs()]
    const connection = await database.pool.connect()
    await connection.query('begin')
    const { id } = await client.enqueue(saga, euro, { db: fromPg(connection) })
    await connection.query('rollback')
    connection.release()
    expect(await client.get(id)).toBeUndefined()
    expect([await stored(), await jobs()]).toEqual(before)
  })

  test('names the fields of an input that does not fit, and stores nothing', async () => {
    const before = await stored()
    const bad = { amount: -1, currency: 'Euro' }
    await expect(client.enqueue(saga, bad)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { fields: [{ path: 'amount' }, { path: 'currency' }] },
    })
    await expect(client.enqueue(saga, undefined as never)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(await stored()).toBe(before)
  })

  test.each([
    ['U+0000', { ...euro, note: 'a\u0000b' }, 'PAYLOAD_INVALID'],
    ['a lone surrogate', { ...euro, note: '\ud800' }, 'PAYLOAD_INVALID'],
    ['more than the limit', { ...euro, note: 'x'.repeat(1024 * 1024) }, 'PAYLOAD_TOO_LARGE'],
  ])('refuses an input that holds %s', async (_what, bad, code) => {
    const before = await stored()
    await expect(client.enqueue(saga, bad)).rejects.toMatchObject({ code })
    expect(await stored()).toBe(before)
  })

  test('under a key that is taken finds the first saga, and refuses another input', async () => {
    const first = await client.enqueue(saga, euro, { key: 'order-1' })
    expect(first.created).toBe(true)
    expect(await client.enqueue(saga, { currency: 'EUR', amount: 5 }, { key: 'order-1' })).toEqual({
      id: first.id,
      created: false,
    })
    await expect(client.enqueue(saga, { ...euro, amount: 6 }, { key: 'order-1' })).rejects.toMatchObject({
      code: 'KEY_REUSED',
      details: { sagaId: first.id },
    })
  })

  test('under a key that another open transaction is taking waits for it, and finds its saga', async () => {
    const [one, two] = [await database.pool.connect(), await database.pool.connect()]
    await one.query('begin')
    await two.query('begin')
    const first = await client.enqueue(saga, euro, { key: 'order-2', db: fromPg(one) })
    const second = client.enqueue(saga, euro, { key: 'order-2', db: fromPg(two) })
    await one.query('commit')
    expect(await second).toEqual({ id: first.id, created: false })
    await two.query('commit')
    one.release()
    two.release()
  })

  test('under a key that two open transactions take at once waits for the first, under REPEATABLE READ as well', async () => {
    const [one, two] = [await database.pool.connect(), await database.pool.connect()]
    await one.query('begin isolation level repeatable read')
    await two.query('begin isolation level repeatable read')
    const { rows } = await two.query('select pg_backend_pid() as pid')
    const first = await client.enqueue(saga, euro, { key: 'order-rr', db: fromPg(one) })
    const second = client.enqueue(saga, euro, { key: 'order-rr', db: fromPg(two) })
    const refused = expect(second).rejects.toMatchObject({ code: 'KEY_CONFLICT_RETRY' })
    await until('the second start waits for the first', async () => {
      const waiting = await database.pool.query('select wait_event_type from pg_stat_activity where pid = $1', [
        rows[0].pid,
      ])
      return waiting.rows[0]?.wait_event_type === 'Lock'
    })
    await one.query('commit')
    await refused
    await two.query('rollback')
    expect(
      await client.enqueue(saga, euro, { key: 'order-rr', db: fromPg(two) }).catch((error) => error),
    ).toMatchObject({
      code: 'TRANSACTION_REQUIRED',
    })
    expect(await client.enqueue(saga, euro, { key: 'order-rr' })).toEqual({ id: first.id, created: false })
    one.release()
    two.release()
  })

  test('under REPEATABLE READ says that the transaction is to be retried', async () => {
    const connection = await database.pool.connect()
    await connection.query('begin isolation level repeatable read')
    await connection.query('select 1 from saga.saga limit 1')
    await client.enqueue(saga, euro, { key: 'order-3' })
    await expect(client.enqueue(saga, euro, { key: 'order-3', db: fromPg(connection) })).rejects.toMatchObject({
      code: 'KEY_CONFLICT_RETRY',
    })
    await connection.query('rollback')
    connection.release()
  })

  test('that meets a deadlock is repeated, and nobody hears of it (rule 3)', async () => {
    // Which of two sessions a deadlock ends is a matter of timing: here the server ends the first, once.
    await database.pool.query(`
      create sequence public.tries;
      create function public.deadlock_once() returns trigger language plpgsql as $$
        begin
          if nextval('public.tries') = 1 then raise exception 'deadlock detected' using errcode = '40P01'; end if;
          return new;
        end $$;
      create trigger deadlock_once before insert on saga.saga for each row when (new.key = 'deadlock-2')
        execute function public.deadlock_once()`)
    const items = ['deadlock-1', 'deadlock-2'].map((key) => ({ input: euro, key }))
    const many = await client.enqueueMany(saga, items)
    const { rows } = await database.pool.query('select last_value::int as tries from public.tries')
    await database.pool.query('drop trigger deadlock_once on saga.saga')
    expect(rows).toEqual([{ tries: 2 }])
    expect(many).toMatchObject(items.map(() => ({ ok: true, created: true })))
    expect(await client.count({ keyPrefix: 'deadlock-' })).toMatchObject({ running: 2 })
  })

  test('in the caller’s transaction needs one: on a connection without it nothing is stored (rule 1)', async () => {
    const before = [await stored(), await jobs()]
    const connection = await database.pool.connect()
    for (const db of [fromPg(connection), fromDrizzle(drizzle(database.pool), sql)]) {
      await expect(client.enqueue(saga, euro, { db })).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' })
      const many = client.enqueueMany(saga, [{ input: euro }, { input: euro }], { db })
      await expect(many).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' })
    }
    connection.release()
    expect([await stored(), await jobs()]).toEqual(before)
  })

  test('in the caller’s transaction is one statement and the job’s, when that transaction has written before', async () => {
    const connection = await database.pool.connect()
    const asked: string[] = []
    const db: Db = {
      isOneConnection: true,
      executeSql: async (text, values) => {
        asked.push(text)
        return { rows: (await connection.query(text, values)).rows }
      },
    }
    const texts = async (before: string) => {
      await connection.query('begin')
      await connection.query(before)
      asked.length = 0
      const { created } = await client.enqueue(saga, euro, { db })
      await connection.query('commit')
      expect(created).toBe(true)
      return asked.length
    }
    await connection.query('create table public.written (id int)')
    expect(await texts('insert into public.written values (1)')).toBe(2)
    expect(await texts('savepoint one; insert into public.written values (2)')).toBe(2)
    expect(await texts('select 1')).toBe(4)
    connection.release()
  })

  test('takes a `db` that passes on whatever it is given', async () => {
    const connection = await database.pool.connect()
    await connection.query('begin')
    const db = { executeSql: connection.query.bind(connection) as unknown as Db['executeSql'] }
    expect((await client.enqueue(saga, euro, { db })).created).toBe(true)
    await connection.query('rollback')
    connection.release()
  })

  test('through a `db` that has a transaction for each statement stores nothing, though that has written (rule 1)', async () => {
    const before = [await stored(), await jobs()]
    await database.pool.query('create table public.audit (at timestamptz default now())')
    const db: Db = {
      async executeSql(text, values) {
        const connection = await database.pool.connect()
        try {
          await connection.query('begin; insert into public.audit default values')
          const { rows } = await connection.query(text, values)
          await connection.query('commit')
          return { rows }
        } finally {
          connection.release()
        }
      },
    }
    await expect(client.enqueue(saga, euro, { db })).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' })
    expect([await stored(), await jobs()]).toEqual(before)
  })

  test('of many by id finds each by its own id, and stores an id once', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((end) => `0199d5a0-0000-7000-8000-00000000000${end}`)
    const items = [a, b].map((id) => ({ input: euro, ...(id === undefined ? {} : { id }) }))
    const of = (results: Awaited<ReturnType<typeof client.enqueueMany>>) =>
      results.map((result) => (result.ok ? [result.id, result.created] : result.error.code))
    expect(of(await client.enqueueMany(saga, items))).toEqual([
      [a, true],
      [b, true],
    ])
    expect(of(await client.enqueueMany(saga, items))).toEqual([
      [a, false],
      [b, false],
    ])
    const twice = { input: euro, ...(c === undefined ? {} : { id: c }) }
    expect(of(await client.enqueueMany(saga, [twice, twice, { input: euro, key: 'null' }]))).toMatchObject([
      [c, true],
      [c, false],
      [expect.any(String), true],
    ])
    await expect(client.enqueue(saga, euro, { id: c ?? '', key: 'another key' })).rejects.toMatchObject({
      code: 'KEY_REUSED',
    })
  })

  test.each([
    ['a text', 'pay'],
    ['nothing', undefined],
    ['a contract without a schema', { name: 'pay', version: 1 }],
  ])('of %s says what a start takes', async (_what, definition) => {
    const before = await stored()
    await expect(client.enqueue(definition as never, euro as never)).rejects.toMatchObject({
      code: 'DEFINITION_UNKNOWN',
    })
    expect(await stored()).toBe(before)
  })

  test.each([
    ['a number as key', { key: 7 }],
    ['a text as tags', { tags: 'vip' }],
    ['a text as startAt', { startAt: '2026-01-01' }],
    ['a moment long before anything', { startAt: new Date(-8.64e15) }],
    ['a moment that is none', { deadlineAt: new Date(Number.NaN) }],
  ])('with %s is refused', async (_what, options) => {
    const before = await stored()
    await expect(client.enqueue(saga, euro, options as never)).rejects.toMatchObject({ code: 'NAME_INVALID' })
    expect(await stored()).toBe(before)
  })

  test('takes the id that the caller chose, once', async () => {
    const id = '0199d5a0-0000-7000-8000-000000000001'
    expect(await client.enqueue(saga, euro, { id })).toEqual({ id, created: true })
    expect(await client.enqueue(saga, euro, { id })).toEqual({ id, created: false })
    await expect(client.enqueue(saga, { ...euro, amount: 9 }, { id })).rejects.toMatchObject({ code: 'KEY_REUSED' })
    await expect(client.enqueue(saga, euro, { id: 'order-4' })).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })

  test('of many says of each what became of it', async () => {
    const results = await client.enqueueMany(saga, [
      { input: euro, key: 'many-1' },
      { input: { ...euro, amount: 0 } },
      { input: euro, key: 'many-1' },
      { input: { ...euro, amount: 7 }, key: 'order-1' },
      { input: euro },
    ])
    expect(results.map((result) => (result.ok ? result.created : result.error.code))).toEqual([
      true,
      'INPUT_INVALID',
      false,
      'KEY_REUSED',
      true,
    ])
  })

  test('from a process that has only the contract gets its blueprint from the first worker', async () => {
    const { id } = await client.enqueue(contract, euro, { tags: ['by-contract'] })
    expect((await client.list({ tag: 'by-contract' })).sagas[0]?.state.blueprint).toBeNull()
    const engine = await startEngine(database.connectionString, [saga])
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { pay: 5 } })
    expect((await engine.journal(id)).map(({ event }) => event.type)).toContain('blueprint_chosen')
  })

  test('is asked of authorize first', async () => {
    const guarded = createSagaClient({
      connectionString: database.connectionString,
      authorize: (actor, action, target) => actor === 'ada' && action === 'enqueue' && target.definition === 'pay',
    })
    const before = await stored()
    await expect(guarded.enqueue(saga, euro)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    expect(await stored()).toBe(before)
    expect(await guarded.enqueue(saga, euro, { actor: 'ada' })).toMatchObject({ created: true })
    await guarded.close()
  })

  test('of another shape under the same name and version is refused, by client and by engine', async () => {
    const changed = defineSaga('pay', { version: 1, input })
      .step('pay', { action: () => 1 })
      .step('more', { action: () => 2 })
    await client.enqueue(saga, euro)
    await expect(client.enqueue(changed, euro)).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' })
    await expect(startEngine(database.connectionString, [changed])).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
    })
  })

  test('by name finds the newest version, and says what there is when it finds none', async () => {
    const second = defineSaga('pay', { version: 2, input }).step('pay', { action: () => 2 })
    const engine = await startEngine(database.connectionString, [saga, second])
    expect(engine.definition('pay').version).toBe(2)
    const { id } = await engine.enqueue(engine.definition('pay', 1), euro)
    expect(await engine.outcome(id)).toMatchObject({ results: { pay: 5 } })
    for (const [name, version] of [['nothing'], ['pay', 3]] as const) {
      expect(() => engine.definition(name, version)).toThrow(expect.objectContaining({ code: 'DEFINITION_UNKNOWN' }))
    }
    expect(() => engine.definition('nothing')).toThrow('It has: pay@1, pay@2.')
  })

  test('refuses an empty definition, and two of one name and version', async () => {
    const empty = defineSaga('empty', { version: 1, input })
    await expect(client.enqueue(empty as never, euro as never)).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
    const { rows } = await database.pool.query(`select from saga.saga_blueprint where definition = 'empty'`)
    expect(rows).toEqual([])
    await expect(startEngine(database.connectionString, [empty])).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
    await expect(startEngine(database.connectionString, [saga, saga])).rejects.toMatchObject({
      code: 'DEFINITION_INVALID',
    })
  })

  test('says when the database is not there', async () => {
    const nowhere = createSagaClient({ connectionString: 'postgres://nobody:nothing@127.0.0.1:1/none' })
    await expect(nowhere.enqueue(saga, euro)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    await nowhere.close()
    const elsewhere = new URL(database.connectionString)
    elsewhere.pathname = '/not_there'
    for (const connectionString of [
      elsewhere.href,
      'postgres:///saga?host=/nowhere/at/all',
      'postgres://ada:secret@[::bad/saga',
    ]) {
      const error = await createSagaClient({ connectionString })
        .enqueue(saga, euro)
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      expect(inspect(error)).not.toContain('secret')
    }
  })

  test('says when the schema is too old, or too new', async () => {
    await migrate({ connectionString: database.connectionString, schema: 'one_off' })
    const steps = async (statement: string) => {
      await database.pool.query(statement)
      await using at = createSagaClient({ connectionString: database.connectionString, schema: 'one_off' })
      return await at.enqueue(saga, euro).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      )
    }
    expect(
      await steps(`insert into one_off.saga_migration select max(version) + 1, 'next' from one_off.saga_migration`),
    ).toBe('ok')
    expect(
      await steps(
        'delete from one_off.saga_migration where version >= (select max(version) - 1 from one_off.saga_migration)',
      ),
    ).toBe('SCHEMA_TOO_OLD')
    const noBoss = createSagaClient({ connectionString: database.connectionString, bossSchema: 'no_boss' })
    await expect(noBoss.enqueue(saga, euro)).rejects.toMatchObject({ code: 'SCHEMA_TOO_OLD' })
    await noBoss.close()
    const missing = createSagaClient({ connectionString: database.connectionString, schema: 'not_there' })
    await expect(missing.enqueue(saga, euro)).rejects.toMatchObject({ code: 'SCHEMA_TOO_OLD' })
    await missing.close()
    await migrate({ connectionString: database.connectionString, schema: 'from_the_future' })
    await database.pool.query(`insert into from_the_future.saga_migration values (999, 'later')`)
    const old = createSagaClient({ connectionString: database.connectionString, schema: 'from_the_future' })
    await expect(old.enqueue(saga, euro)).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
    await old.close()
    await expect(
      migrate({ connectionString: database.connectionString, schema: 'from_the_future' }),
    ).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
    expect(() => createSagaClient({ connectionString: '', schema: 'Robert"; drop table' })).toThrow(/schema name/)
  })

  test('by several processes that migrate a new schema at once ends in one schema', async () => {
    await Promise.all(
      Array.from({ length: 5 }, () => migrate({ connectionString: database.connectionString, schema: 'at_once' })),
    )
    const { rows } = await database.pool.query('select version from at_once.saga_migration order by version')
    const files = globSync('*.sql', { cwd: join(import.meta.dirname, '..', '..', 'drizzle') })
    expect(rows.map((row) => row.version)).toEqual(files.map((_file, index) => index + 1))
  })
})

describe('reading', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  test('lists by filter, in pages, and counts', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.enqueueMany(
      saga,
      Array.from({ length: 25 }, (_, index) => ({
        input: { amount: index + 1, currency: 'EUR' },
        key: `page-${index}`,
      })),
    )
    await client.enqueue(contract, { amount: 1, currency: 'USD' }, { tags: ['usd', 'vip'] })
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.list(
        { definition: 'pay', keyPrefix: 'page-' },
        { limit: 10, ...(cursor === undefined ? {} : { cursor }) },
      )
      seen.push(...page.sagas.map((one) => one.key ?? ''))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `page-${24 - index}`))
    expect((await client.list({ tag: 'vip' })).sagas).toHaveLength(1)
    expect(await client.count({ definition: 'pay' })).toMatchObject({ running: 26, completed: 0 })
    expect(await client.count({}, { cap: 10 })).toMatchObject({ running: 10 })
    expect(await client.count({ status: ['running', 'completed'] })).toMatchObject({ running: 26, completed: 0 })
    await expect(client.list({}, { limit: 0 })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    await expect(client.list({}, { cursor: 'x' })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    expect(await client.get('nonsense')).toBeUndefined()
    for (const id of ['0199d5a0-0000-7000-8000-00000000ffff', 'nonsense']) {
      await expect(client.outcome(id)).rejects.toMatchObject({ code: 'SAGA_NOT_FOUND' })
      await expect(client.journal(id)).rejects.toMatchObject({ code: 'SAGA_NOT_FOUND' })
    }
  })

  test.each<[string, object, object?]>([
    ['a status that is none', { status: `foo", (select 1) as "completed` }],
    ['a reason that is none', { reason: 'bad luck' }],
    ['U+0000', { definition: 'a\u0000' }],
    ['a version that is no whole number', { version: 1.5 }],
    ['a saga that is no id', { rerunOf: 'x' }],
    ['a corrected saga that is no id', { correctionOf: 'x' }],
    ['a date that is none', { startedBefore: new Date(Number.NaN) }],
    ['a cap that is none', {}, { cap: Number.NaN }],
  ])('refuses to look for %s', async (_what, filter, options = {}) => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await expect(client.count(filter, options)).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    if (Object.keys(filter).length > 0) {
      await expect(client.list(filter)).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    }
  })

  test('waits for an outcome as long as it is told to, and no longer', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(saga, { amount: 1, currency: 'EUR' })
    await expect(client.outcome(id, { timeout: '50ms' })).rejects.toMatchObject({ code: 'TIMEOUT' })
    const long = client.outcome(id, { timeout: '30 days' })
    await startEngine(database.connectionString, [saga])
    expect((await long).status).toBe('completed')
  })
})

describe('options', () => {
  test.each([
    [{ concurrency: Number.NaN }],
    [{ poolSize: 0 }],
    [{ maxPayloadBytes: -1 }],
    [{ connectionString: undefined }],
  ])('%o are refused at once', (options) => {
    const all = { connectionString: 'postgres://', definitions: [saga], services: {}, ...options }
    expect(() => createSagaEngine(all as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
