/** Sagas that are started by SQL: in whose transaction, with which input, under which key, once. */
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { testCodec } from '../support/codecs.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { type Login, loginAs } from '../support/sql-users.ts'
import { underWayEnds, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const input = z.object({
  nr: z.int().positive(),
  note: z.string().max(20).default('none'),
  lines: z.array(z.object({ sku: z.string() })).default([]),
  email: z.email().optional(),
})
const seen: unknown[] = []
const order = (version: number) =>
  defineSaga('order', { version, input }).step('one', {
    action: ({ input: given }) => {
      seen.push(given)
      if (given.nr === 13) throw new StepRejected('Not this one.')
      return version
    },
  })
const [first, second] = [order(1), order(2)]
const lonely = defineSaga('lonely', { version: 1, input: z.object({}) }).step('one', { action: () => {} })

let database: TestDatabase
let psql: Login

beforeAll(async () => {
  database = await testDatabase()
  psql = await loginAs(database)
})
beforeEach(() => void seen.splice(0))
afterEach(async () => {
  await underWayEnds(database.pool)
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(async () => {
  await psql[Symbol.asyncDispose]()
  await database.drop()
})

const open = (definitions = [first], options = {}, faults = () => {}) =>
  startEngine(database.connectionString, definitions, options, faults as never)
type Command = { state: string; code: string | null; message: string | null; result: unknown; fields: unknown }
async function command(id: string): Promise<Command> {
  const text = 'select state, code, message, result, fields from saga.command where id = $1'
  return (await database.pool.query(text, [id])).rows[0] as Command
}
async function settled(id: string): Promise<Command> {
  await until(`command ${id} is settled`, async () => (await command(id)).state !== 'waiting')
  return command(id)
}
const start = (given: object, rest = '') =>
  psql.askOne<string>(`select saga.enqueue('order', $1::jsonb${rest})`, [JSON.stringify(given)])
const refusal = (given: Promise<unknown>) =>
  given.then(
    () => undefined,
    (error: { message: string; code: string; detail?: string; hint?: string }) => error,
  )

describe('a saga that SQL starts', () => {
  test('runs under the id that was returned, with its input parsed, and its command says accepted', async () => {
    const engine = await open()
    const id = await start({ nr: 1 }, `, key => 'o-1', tags => '{a,b}', priority => 7`)
    await settled(id)
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { one: 1 } })
    expect(seen).toEqual([{ nr: 1, note: 'none', lines: [] }])
    expect(await command(id)).toMatchObject({ state: 'accepted', result: { sagaId: id, created: true }, code: null })
    expect(await engine.list({ key: 'o-1', tag: 'b' })).toMatchObject({ sagas: [{ id, priority: 7 }] })
  })

  test('is started with the row of a trigger, or not at all where that is rolled back', async () => {
    const engine = await open()
    await psql.ask(`create table public.orders (nr int primary key);
      create function public.start_order() returns trigger language plpgsql as $$ begin
        perform saga.enqueue('order', jsonb_build_object('nr', new.nr), key => 'row-' || new.nr);
        return null;
      end $$;
      create trigger start_order after insert on public.orders for each row execute function public.start_order()`)
    await psql.ask('begin; insert into public.orders values (100); rollback')
    await psql.ask('insert into public.orders select generate_series(101, 320)')
    await until('all are completed', async () => (await engine.count({ keyPrefix: 'row-' })).completed === 220)
    expect(await psql.askOne(`select count(*)::int from saga.command where key = 'row-100'`)).toBe(0)
    expect(
      await psql.askOne(`select count(*)::int from saga.command where key like 'row-%' and state = 'accepted'`),
    ).toBe(220)
    expect(new Set(seen.map((given) => (given as { nr: number }).nr)).size).toBe(220)
    expect(seen).toHaveLength(220)
    await expect(psql.ask('insert into public.orders values (-1)')).rejects.toThrow('INPUT_INVALID')
    expect(await psql.askOne('select count(*)::int from public.orders where nr = -1')).toBe(0)
  })

  test('waits for its moment', async () => {
    const engine = await open()
    const id = await start({ nr: 2 }, `, start_at => now() + interval '1 hour'`)
    await settled(id)
    expect(await engine.get(id)).toMatchObject({ status: 'pending', waiting: 'start' })
    await engine.operator.cancel(id, { actor: 'ada', reason: 'a test' })
  })

  test('under a key that is taken is the saga that has it; with another input it is refused', async () => {
    const engine = await open()
    const { id } = await engine.enqueue(first, { nr: 3 }, { key: 'o-3' })
    const again = await start({ nr: 3 }, `, key => 'o-3'`)
    expect(await settled(again)).toMatchObject({ state: 'accepted', result: { sagaId: id, created: false } })
    const other = await start({ nr: 4 }, `, key => 'o-3'`)
    const { state, code, message, result } = await settled(other)
    expect({ state, code, result }).toEqual({ state: 'refused', code: 'KEY_REUSED', result: null })
    expect(message).toContain(id)
    expect([await engine.get(again), await engine.get(other)]).toEqual([undefined, undefined])
  })

  test('twice under one key in one transaction is one saga', async () => {
    const engine = await open()
    const ids = await psql.ask(
      `select saga.enqueue('order', '{"nr": 5}', key => 'o-5') as id from generate_series(1, 2)`,
    )
    const results = await Promise.all(ids.map(async ({ id }) => (await settled(String(id))).result))
    expect(results).toEqual([
      { sagaId: ids[0]?.['id'], created: true },
      { sagaId: ids[0]?.['id'], created: false },
    ])
    expect((await engine.list({ key: 'o-5' })).sagas).toHaveLength(1)
  })

  test('is refused by the worker where only the code knows better: with the fields, in the same row', async () => {
    const engine = await open()
    const wrong = await start({ nr: 6, email: 'nobody' })
    const right = await start({ nr: 7 })
    expect(await settled(wrong)).toEqual({
      state: 'refused',
      code: 'INPUT_INVALID',
      message: expect.stringContaining('email: '),
      result: null,
      fields: [{ path: 'email', message: expect.any(String) }],
    })
    expect(await settled(right)).toMatchObject({ state: 'accepted' })
    expect(await engine.get(wrong)).toBeUndefined()
  })

  test('among many of which some cannot be stored is started all the same', async () => {
    const engine = await open()
    await engine.enqueue(first, { nr: 8 }, { key: 'o-8' })
    await stopEngine(engine)
    const ids = await psql.ask(
      `select saga.enqueue('order', jsonb_build_object('nr', i), key => case when i % 5 = 0 then 'o-8' end) as id
       from generate_series(1000, 1019) i`,
    )
    await open()
    const states = await Promise.all(ids.map(async ({ id }) => (await settled(String(id))).state))
    expect(states.map((state, at) => (at % 5 === 0) === (state === 'refused'))).toEqual(states.map(() => true))
  })
})

describe('what SQL can see for itself', () => {
  test('is refused at once, by name, with the fields, and nothing of the input', async () => {
    await open()
    const error = await refusal(start({ nr: 'secret', note: 'secret '.repeat(4), lines: [{ sku: 'a' }, { sku: 2 }] }))
    expect(error?.code).toBe('22023')
    expect(error?.message).toMatch(/^INPUT_INVALID: The input does not fit order version 1, and nothing was started\./)
    expect(JSON.parse(error?.detail ?? '')).toEqual(
      expect.arrayContaining([
        { path: 'nr', message: 'must be integer, not string' },
        { path: 'note', message: 'must have at most 20 characters' },
        { path: 'lines.1.sku', message: 'must be string, not number' },
      ]),
    )
    expect(`${error?.message} ${error?.detail}`).not.toContain('secret')
    expect(await refusal(start({}))).toMatchObject({ message: expect.stringContaining('nr: is required') })
  })

  test.each([
    ['a definition that nobody has registered', `'odrer', '{}'`, 'DEFINITION_UNKNOWN'],
    ['a version that nobody has registered', `'order', '{"nr": 1}', version => 9`, 'DEFINITION_UNKNOWN'],
    ['no definition', `null, '{}'`, 'DEFINITION_UNKNOWN'],
    ['no input', `'order', null`, 'INPUT_INVALID'],
    ['a key without characters', `'order', '{"nr": 1}', key => ''`, 'NAME_INVALID'],
    ['a tag that is none', `'order', '{"nr": 1}', tags => array[null::text]`, 'NAME_INVALID'],
    ['a priority that is too high', `'order', '{"nr": 1}', priority => 1001`, 'NAME_INVALID'],
    ['a moment that never comes', `'order', '{"nr": 1}', start_at => 'infinity'`, 'NAME_INVALID'],
  ])('refuses %s', async (_what, given, code) => {
    await open()
    const before = await psql.askOne('select count(*)::int from saga.command')
    expect((await refusal(psql.ask(`select saga.enqueue(${given})`)))?.message).toMatch(new RegExp(`^${code}: `))
    expect(await psql.askOne('select count(*)::int from saga.command')).toBe(before)
  })

  test('says which definitions there are', async () => {
    await open()
    expect((await refusal(psql.ask(`select saga.enqueue('odrer', '{}')`)))?.hint).toContain('order@1')
  })
})

describe('the version of a saga that SQL starts', () => {
  const versionOf = (id: string) => psql.askOne<number>('select version from saga.command where id = $1', [id])

  test('is the newest that a live worker has, or the one that is asked for', async () => {
    const both = await open([first, second])
    expect(await versionOf(await start({ nr: 20 }))).toBe(2)
    const old = await start({ nr: 21 }, ', version => 1')
    expect(await versionOf(old)).toBe(1)
    await settled(old)
    expect(await both.get(old)).toMatchObject({ version: 1 })
    await until('all are done', async () => (await both.count({ status: ['pending', 'running'] })).running === 0)
    await stopEngine(both)
    // Rolled back to the code of before: version 2 stays registered, and nobody would take it.
    await open([first])
    expect(await versionOf(await start({ nr: 22 }))).toBe(1)
  })

  test('is the newest that was registered while no worker lives', async () => {
    const engine = await open([first, second])
    await stopEngine(engine)
    const id = await start({ nr: 23 })
    expect(await versionOf(id)).toBe(2)
    const back = await open([first, second])
    await settled(id)
    expect((await back.outcome(id)).status).toBe('completed')
  })

  test('that a worker lacks is left to one that has it, and refused when nobody has had it for long', async () => {
    const knowing = await open([lonely as never])
    await stopEngine(knowing)
    const lacking = await open([first], { codeMissingAfter: 300 })
    const given = await psql.askOne<string>(`select saga.enqueue('lonely', '{}')`)
    expect(await settled(given)).toMatchObject({
      state: 'refused',
      code: 'DEFINITION_UNKNOWN',
      message: expect.stringContaining('lonely version 1'),
    })
    await stopEngine(lacking)
    await open([first])
    const later = await psql.askOne<string>(`select saga.enqueue('lonely', '{}')`)
    await open([lonely as never])
    expect(await settled(later)).toMatchObject({ state: 'accepted' })
  })
})

describe('a start that does not come to its end', () => {
  test.each(['commands-settled', 'commands-committed'])('at "%s" is done once all the same', async (point) => {
    let failures = 0
    const engine = await open([first], {}, ((at: string) => {
      if (at !== point || failures > 0) return
      failures += 1
      throw new Error('The worker stumbles.')
    }) as never)
    const id = await start({ nr: 30 })
    expect(await settled(id)).toMatchObject({ state: 'accepted', result: { created: true } })
    await engine.outcome(id)
    expect(failures).toBe(1)
    expect(seen).toHaveLength(1)
  })

  test('is put off by what is no fault of its own, says why, and keeps no other from starting', async () => {
    const codec = testCodec('k1')
    codec.encode = (json) => {
      if (json.includes('"nr":31') && codec.fails.encode !== undefined) throw codec.fails.encode
      return { key: 'k1', json }
    }
    codec.decode = (stored) => (stored as { json: string }).json
    codec.fails = { encode: new Error('The keys are away.') }
    const engine = await open([first], { codec })
    const [held, other] = [await start({ nr: 31 }), await start({ nr: 32 })]
    expect(await settled(other)).toMatchObject({ state: 'accepted' })
    await until('it says why', async () => (await command(held)).code === 'CODEC_FAILED')
    expect(await command(held)).toMatchObject({
      state: 'waiting',
      message: expect.stringContaining('The keys are away.'),
    })
    codec.fails = {}
    expect(await settled(held)).toMatchObject({ state: 'accepted', code: null, message: null })
    await engine.outcome(held)
  })
})

describe('the input of a start', () => {
  const row = async (id: string) =>
    (await psql.ask('select input, input_hash from saga.saga_command where id = $1', [id]))[0] ?? {}

  test('lies in the inbox until it is settled, and then only its hash does, by the codec where there is one', async () => {
    const codec = { ...testCodec('k2'), hash: (json: string) => `hmac-${json.length}` }
    await stopEngine(await open([first, second]))
    const id = await start({ nr: 40, note: 'secret' })
    expect((await row(id))['input']).toEqual({ nr: 40, note: 'secret' })
    const engine = await open([first, second], { codec })
    await settled(id)
    expect(await row(id)).toEqual({ input: null, input_hash: 'hmac-25' })
    await engine.outcome(id)
    expect(seen).toEqual([{ nr: 40, note: 'secret', lines: [] }])
    const stored = await psql.ask('select payload::text from saga.saga_event where saga_id = $1', [id])
    expect(JSON.stringify(stored)).not.toContain('secret')
    const refused = await start({ nr: 41, email: 'secret' })
    await settled(refused)
    expect(await row(refused)).toEqual({ input: null, input_hash: expect.stringContaining('hmac') })
    const told = await psql.ask('select to_jsonb(c)::text as row from saga.saga_command c where id = $1', [refused])
    expect(JSON.stringify(told)).not.toContain('secret')
  })

  test('of a start by SQL and of one by code is the same to a key', async () => {
    const engine = await open()
    const id = await psql.askOne<string>(`select saga.enqueue('order', '{"note": "x", "nr": 42.0}', key => 'o-42')`)
    await settled(id)
    expect(await engine.enqueue(first, { nr: 42, note: 'x' }, { key: 'o-42' })).toEqual({ id, created: false })
  })
})

describe('a client without workers', () => {
  test('leaves what SQL has started where it is', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const id = await start({ nr: 50 })
    expect(await client.get(id)).toBeUndefined()
    expect(await command(id)).toMatchObject({ state: 'waiting' })
    const engine: SagaEngine = await open([first, second])
    await settled(id)
    expect((await engine.outcome(id)).status).toBe('completed')
  })
})
