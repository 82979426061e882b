/** Payloads that pass through the app's codec: nothing is stored as it is, and what cannot be read stops nobody else. */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { LoadedSaga } from '../../src/engine/runtime/context.ts'
import { Encoding } from '../../src/engine/runtime/encoding.ts'
import {
  createSagaClient,
  type SagaClient,
  type SagaEngine,
  StepRejected,
  sagasFor,
  Unreadable,
} from '../../src/index.ts'
import { type TestCodec, testCodec } from '../support/codecs.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

type Seen = { step: string; input: unknown; results?: unknown; result?: unknown; item?: unknown; was?: unknown }
type Services = { seen: Seen[]; refuse: Set<string> }

const defineSaga = sagasFor<{ services: Services; tx: pg.ClientBase }>()
const by = { actor: 'ada', reason: 'a test' }

const visit = defineSaga('visit', { version: 1, input: z.object({ patient: z.string() }) })
  .step('admit', {
    action: async ({ input, services, checkpoint, attempt }) => {
      services.seen.push({ step: 'admit', input })
      if (attempt === 1) await checkpoint({ note: 'secret note' })
      return { bed: 'secret bed' }
    },
    compensation: ({ services, input, result, action }) =>
      void services.seen.push({ step: 'discharge', input, result, was: action.checkpoint }),
  })
  .transactionalStep('record', {
    action: async ({ input, results, services, tx }) => {
      await tx.query('select 1')
      services.seen.push({ step: 'record', input, results })
      return 'secret record'
    },
  })
  .map('treat', {
    over: () => ['secret plaster', 'secret pill'],
    concurrency: 2,
    action: ({ item, services, input }) => {
      services.seen.push({ step: 'treat', input, item })
      return `${item} given`
    },
  })
  .step('bill', {
    retry: QUICK,
    whenExhausted: 'dead_letter',
    action: ({ input, results, services }) => {
      services.seen.push({ step: 'bill', input, results })
      if (services.refuse.has('bill')) throw new StepRejected('It is not billed.')
      if (services.refuse.has('bank')) throw new Error('The bank is away.')
      return { cents: 4200 }
    },
  })

const plain = defineSaga('plain', { version: 1, input: z.object({ word: z.string() }) }).step('say', {
  action: ({ input }) => input.word,
})

let database: TestDatabase
let codec: TestCodec
let services: Services

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(() => {
  codec = testCodec('one')
  services = { seen: [], refuse: new Set() }
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (options: object = { codec }): Promise<SagaEngine> =>
  startEngine(database.connectionString, [visit, plain], { services, ...options })

const clientWith = (options: object): SagaClient & AsyncDisposable =>
  createSagaClient({ connectionString: database.connectionString, ...options })

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

async function everythingStored(id: string): Promise<string> {
  const { rows } = await database.pool.query(
    `select row_to_json(s)::text || (select json_agg(e)::text from saga.saga_event e where e.saga_id = s.id) as all
     from saga.saga s where s.id = $1`,
    [id],
  )
  return rows[0].all
}

describe('a codec', () => {
  test('encodes every payload before it is stored, and functions see what they would without it', async () => {
    const engine = await start()
    const { id } = await engine.enqueue(visit, { patient: 'secret Ada' })
    const outcome = await engine.outcome(id, { definition: visit })
    const given = ['secret plaster given', 'secret pill given']
    const results = { admit: { bed: 'secret bed' }, record: 'secret record', treat: given, bill: { cents: 4200 } }
    expect(outcome).toMatchObject({ status: 'completed', results })
    const { bill: _bill, ...before } = results
    expect(services.seen.find(({ step }) => step === 'bill')).toMatchObject({ results: before })
    expect(services.seen.every(({ input }) => (input as { patient: string }).patient === 'secret Ada')).toBe(true)
    expect(new Set(services.seen.flatMap(({ item }) => item ?? []))).toEqual(new Set(['secret plaster', 'secret pill']))

    const stored = await everythingStored(id)
    expect(stored).not.toContain('secret')
    const { rows } = await database.pool.query(
      `select step, payload -> '$saga' ->> 0 as mark from saga.saga_event where saga_id = $1 and payload is not null`,
      [id],
    )
    expect(rows.map(({ mark }) => mark)).toEqual(rows.map(() => 'encoded'))
    const steps = ['none', 'admit', 'admit', 'record', 'treat', 'treat[0]', 'treat[1]', 'bill']
    expect(rows.map(({ step }) => step ?? 'none').toSorted(byText)).toEqual(steps.toSorted(byText))
  })

  test('encodes what is given by hand, and shows compensations what was stored', async () => {
    services.refuse.add('bank')
    const engine = await start()
    const settled = await engine.enqueue(visit, { patient: 'secret Bob' })
    expect(await engine.outcome(settled.id)).toMatchObject({ status: 'dead_lettered', reason: 'forward_exhausted' })
    await engine.operator.complete(settled.id, { ...by, step: 'bill', result: { cents: 7 } })
    expect(await engine.outcome(settled.id)).toMatchObject({ status: 'completed', results: { bill: { cents: 7 } } })
    services.refuse = new Set(['bill'])
    services.seen = []
    const again = await engine.enqueue(visit, { patient: 'secret Cyd' })
    expect(await engine.outcome(again.id)).toMatchObject({ status: 'compensated', undone: ['admit'] })
    expect(services.seen.at(-1)).toEqual({
      step: 'discharge',
      input: { patient: 'secret Cyd' },
      result: { bed: 'secret bed' },
      was: { note: 'secret note' },
    })
    for (const { id } of [settled, again]) expect(await everythingStored(id)).not.toContain('secret')
  })

  test('encodes an edited input', async () => {
    const shy = defineSaga('shy', { version: 1, input: z.object({ word: z.string() }) }).step('say', {
      retry: { maxAttempts: 1 },
      whenExhausted: 'dead_letter',
      classify: () => 'not_applied',
      action: ({ input }) => {
        if (input.word === 'secret bad') throw new Error('No.')
        return input.word
      },
    })
    const engine = await startEngine(database.connectionString, [shy], { codec })
    const { id } = await engine.enqueue(shy, { word: 'secret bad' })
    await engine.outcome(id)
    await engine.operator.editInput(id, { ...by, input: { word: 'secret good' } })
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { say: 'secret good' } })
    expect(await everythingStored(id)).not.toContain('secret')
    const edited = (await engine.journal(id)).find(({ event }) => event.type === 'input_edited')
    expect(edited?.payload).toEqual({ word: 'secret good' })
  })

  test('shows payloads to who has the key, and to others that they cannot be read', async () => {
    const engine = await start()
    const { id } = await engine.enqueue(plain, { word: 'secret' })
    await engine.outcome(id)
    await using without = clientWith({})
    await using other = clientWith({ codec: testCodec('two') })
    const payloads = async (client: SagaClient) => (await client.journal(id)).flatMap(({ payload }) => payload ?? [])
    expect(await payloads(engine)).toEqual([{ word: 'secret' }, 'secret'])
    const watched: unknown[] = []
    for await (const { payload } of engine.watch(id)) watched.push(payload ?? [])
    expect(watched.flat()).toEqual([{ word: 'secret' }, 'secret'])
    expect(await payloads(without)).toEqual([new Unreadable('CODEC_MISSING'), new Unreadable('CODEC_MISSING')])
    expect(await payloads(other)).toEqual([new Unreadable('CODEC_FAILED'), new Unreadable('CODEC_FAILED')])
    expect(await without.get(id)).toMatchObject({
      status: 'completed',
      input: { unreadable: 'CODEC_MISSING' },
      steps: [{ name: 'say', result: { unreadable: 'CODEC_MISSING' } }],
    })
    expect(await without.outcome(id)).toMatchObject({ results: { say: { unreadable: 'CODEC_MISSING' } } })
    expect((await engine.get(id))?.input).toEqual({ word: 'secret' })
  })

  test('reads what was stored before there was one', async () => {
    const hold = { definition: 'plain', step: 'say' }
    const before = await start({})
    const held = await before.operator.hold(hold, by)
    const { id } = await before.enqueue(plain, { word: 'as it is' })
    await journalled(before, id, 'attempt_returned')
    await stopEngine(before)
    const engine = await start()
    await engine.operator.release(held, by)
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { say: 'as it is' } })
    expect((await engine.get(id))?.input).toEqual({ word: 'as it is' })
  })

  test('that a worker lacks puts off these attempts only, which count as none, until one comes that has it', async () => {
    const engine = await start({})
    await using client = clientWith({ codec })
    const { id } = await client.enqueue(plain, { word: 'secret' })
    const { id: other } = await engine.enqueue(plain, { word: 'open' })
    expect(await engine.outcome(other)).toMatchObject({ status: 'completed' })
    expect(await journalled(client, id, 'attempt_returned')).toMatchObject({ why: 'code' })
    expect(await client.get(id)).toMatchObject({ status: 'running', waiting: 'code' })
    await stopEngine(engine)
    await start()
    expect(await client.outcome(id)).toMatchObject({ status: 'completed', results: { say: 'secret' } })
    const types = (await client.journal(id)).map(({ event }) => event.type)
    expect(types).not.toContain('attempt_failed')
  })

  test('whose key is away puts attempts off, and they run when it is back', async () => {
    const engine = await start()
    codec.fails.decode = new Error('The key service is away.')
    const { id } = await engine.enqueue(plain, { word: 'secret' })
    expect(await journalled(engine, id, 'attempt_returned')).toMatchObject({ why: 'code' })
    codec.fails = {}
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed' })
  })

  test.each([
    ['throws', { encode: new Error('The key service is away.') }, /encode the input of saga plain.*away/],
    ['gives nothing', { gives: undefined }, /gave nothing/],
    ['gives what cannot be stored', { gives: { box: new Map() } }, /box/],
    ['gives too much', { gives: 'x'.repeat(2 * 1024 * 1024 + 5000) }, /bytes/],
  ])('that %s refuses the start, and nothing is stored', async (_what, fails, message) => {
    await using client = clientWith({ codec })
    codec.fails = fails
    const refused = client.enqueue(plain, { word: 'secret' }, { key: 'refused' })
    await expect(refused).rejects.toMatchObject({ code: 'CODEC_FAILED', message: expect.stringMatching(message) })
    expect((await client.list({ key: 'refused' })).sagas).toEqual([])
    const [one] = await client.enqueueMany(plain, [{ input: { word: 'secret' } }])
    expect(one).toMatchObject({ ok: false, error: { code: 'CODEC_FAILED' } })
  })

  test('that fails on a result fails the attempt, which may have taken effect all the same', async () => {
    const engine = await start()
    const hold = await engine.operator.hold({ definition: 'plain' }, by)
    const { id } = await engine.enqueue(plain, { word: 'secret' })
    await journalled(engine, id, 'attempt_returned')
    codec.fails.encode = Object.assign(new Error('The key service is away.'), { code: 'ECONNREFUSED' })
    await engine.operator.release(hold, by)
    expect(await journalled(engine, id, 'attempt_failed')).toMatchObject({
      verdict: 'in_doubt',
      error: { code: 'CODEC_FAILED' },
    })
    codec.fails = {}
    await engine.operator.retry(id, by)
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { say: 'secret' } })
  })

  test('encodes the input of a rerun anew, for its own saga', async () => {
    services.refuse.add('bill')
    const engine = await start()
    const { id } = await engine.enqueue(visit, { patient: 'secret Ada' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated' })
    services.refuse.clear()
    await using without = clientWith({})
    await expect(without.operator.rerun(id, by)).rejects.toMatchObject({ code: 'CODEC_MISSING' })
    const { newSagaId } = await engine.operator.rerun(id, by)
    expect(await engine.outcome(newSagaId)).toMatchObject({ status: 'completed' })
    expect(codec.encoded).toContainEqual({ sagaId: newSagaId, definition: 'visit' })
    expect((await engine.get(newSagaId))?.input).toEqual({ patient: 'secret Ada' })
  })

  test('can say what tells a repeated start from another', async () => {
    codec.hash = (json) => `hash-of-${json.length}`
    await using client = clientWith({ codec })
    const first = await client.enqueue(plain, { word: 'one' }, { key: 'hashed' })
    expect(await client.enqueue(plain, { word: 'two' }, { key: 'hashed' })).toEqual({ id: first.id, created: false })
    await expect(client.enqueue(plain, { word: 'three' }, { key: 'hashed' })).rejects.toMatchObject({
      code: 'KEY_REUSED',
    })
    const { rows } = await database.pool.query('select input_hash from saga.saga where id = $1', [first.id])
    expect(rows[0].input_hash).toBe('hash-of-14')
  })

  test('leaves what is known of a saga apart from its payloads as it was', async () => {
    const encoding = new Encoding(codec, 1_000)
    const encoded = await encoding.encode('{"patient":"Ada"}', { sagaId: 'one', definition: 'visit' }, 'the input')
    const payloads = { input: encoded, results: {}, lists: { treat: '[1]' }, wholeMaps: ['treat'] }
    const saga = { id: 'one', definition: 'visit', payloads } as unknown as LoadedSaga
    expect((await encoding.open(saga)).payloads).toEqual({ ...payloads, input: '{"patient":"Ada"}' })
  })

  test('has a mark of its own: a payload that looks like it is refused', async () => {
    const odd = defineSaga('odd', { version: 1, input: z.looseObject({}) }).step('say', { action: () => null })
    await using client = clientWith({})
    await expect(client.enqueue(odd, { $saga: ['encoded', 1] })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' })
    const { id } = await client.enqueue(odd, { $saga: ['encoded', 1], more: 1 })
    expect((await client.get(id))?.input).toEqual({ $saga: ['encoded', 1], more: 1 })
  })

  test('that is none is refused', () => {
    expect(() => clientWith({ codec: { encode: () => '' } })).toThrow(/codec is an object/)
  })
})

test('a worker that reads a secret of others stays a worker', async () => {
  const engine = await start({ codec: testCodec('two') })
  await using client = clientWith({ codec })
  const ids = await client.enqueueMany(
    plain,
    Array.from({ length: 50 }, () => ({ input: { word: 'secret' } })),
  )
  expect(ids.every(({ ok }) => ok)).toBe(true)
  await until(
    'all of them wait',
    async () => (await client.count({ definition: 'plain', status: 'running' })).running >= 50,
  )
  const { id } = await engine.enqueue(plain, { word: 'open' })
  expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { say: 'open' } })
  await stopEngine(engine)
  await start()
  for (const one of ids) if (one.ok) expect(await client.outcome(one.id)).toMatchObject({ status: 'completed' })
})
