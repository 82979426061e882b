/** Erasing one saga's payloads: what goes, what stays, and what can still be done to it (rules 13 and 14). */
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaEngine, SagaError, StepRejected, sagasFor, Unreadable } from '../../src/index.ts'
import { testCodec } from '../support/codecs.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled } from '../support/waiting.ts'

type Services = {
  refuse: boolean
  hangs: PromiseWithResolvers<string> | undefined
  undone: number
}

const defineSaga = sagasFor<{ services: Services; tx: pg.ClientBase }>()
const by = { actor: 'ada', reason: 'a request under article 17' }
const input = { name: 'Personal Ada' }

const order = defineSaga('order', { version: 1, input: z.object({ name: z.string() }) })
  .step('pack', {
    action: async ({ input: { name }, checkpoint }) => {
      await checkpoint(`Personal box of ${name}`)
      return `Personal parcel of ${name}`
    },
    compensation: ({ services }) => void (services.undone += 1),
  })
  .step('pay', {
    timeout: '1s',
    settleAfter: '10ms',
    retry: { maxAttempts: 1 },
    action: async ({ input: { name }, services }) => {
      if (services.refuse) throw new StepRejected(`Personal refusal of ${name}.`, { code: 'NO_MONEY' })
      return (await services.hangs?.promise) ?? 'paid'
    },
    compensation: ({ services }) => void (services.undone += 1),
  })

let database: TestDatabase
let engine: SagaEngine
let services: Services

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  services = { refuse: false, hangs: undefined, undone: 0 }
  engine = await startEngine(database.connectionString, [order], { services })
})
afterEach(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(() => database.drop())

async function ended(key?: string): Promise<string> {
  const { id } = await engine.enqueue(order, input, { tags: ['personal tag'], ...(key === undefined ? {} : { key }) })
  await engine.outcome(id)
  return id
}

async function everythingStored(id: string): Promise<string> {
  const { rows } = await database.pool.query(
    `select row_to_json(s)::text || (select json_agg(e)::text from saga.saga_event e where e.saga_id = s.id) as all
     from saga.saga s where s.id = $1`,
    [id],
  )
  return rows[0].all
}

describe('an erased saga', () => {
  test('has no payloads and no messages any more, and replays to its row all the same (rule 13)', async () => {
    services.refuse = true
    const id = await ended()
    expect(await everythingStored(id)).toContain('Personal')
    expect(await engine.operator.erase(id, by)).toEqual({ sagaId: id, repeated: false })
    const stored = await everythingStored(id)
    expect(stored).not.toContain('Personal')
    expect(stored).toContain('personal tag')
    expect(await brokenRules(database.pool)).toEqual([])

    const erased = new Unreadable('PAYLOAD_ERASED')
    const error = { name: 'StepRejected', code: 'NO_MONEY', message: '(erased)' }
    expect(await engine.get(id)).toMatchObject({
      status: 'compensated',
      erased: true,
      input: erased,
      failure: { step: 'pay', error },
      steps: [
        { name: 'pack', state: 'compensated', result: erased },
        { name: 'pay', error },
      ],
      fits: [],
    })
    const journal = await engine.journal(id)
    expect(journal.flatMap(({ payload }) => payload ?? [])).toEqual([erased, erased, erased])
    expect(journal.at(-1)?.event).toMatchObject({ type: 'saga_erased', act: by })
    const { rows } = await database.pool.query('select error_message from saga.overview where id = $1', [id])
    expect(rows).toEqual([{ error_message: '(erased)' }])
  })

  test('loses its tags where that is asked for, and keeps its key, which nobody can start again', async () => {
    const id = await ended('order-1')
    await engine.operator.erase(id, { ...by, tags: true })
    expect(await everythingStored(id)).not.toContain('ersonal')
    expect(await engine.get(id)).toMatchObject({ key: 'order-1', tags: [] })
    await expect(engine.enqueue(order, input, { key: 'order-1' })).rejects.toMatchObject({
      code: 'KEY_REUSED',
      details: { sagaId: id },
    })
  })

  test('is neither run again nor erased twice, and says why', async () => {
    services.refuse = true
    const id = await ended()
    const act = { ...by, requestId: 'erase-once' }
    await engine.operator.erase(id, act)
    expect(await engine.operator.erase(id, act)).toEqual({ sagaId: id, repeated: true })
    const refused = (reason: string) => ({ code: 'ORDER_REFUSED', details: { reason, fits: [] } })
    await expect(engine.operator.erase(id, by)).rejects.toMatchObject(refused('already_so'))
    await expect(engine.operator.rerun(id, by)).rejects.toMatchObject(refused('erased'))
    expect((await engine.list({ rerunOf: id })).sagas).toEqual([])
    await expect(engine.operator.rerun(id, act)).rejects.toMatchObject({ code: 'REQUEST_REUSED' })
  })

  test('of which something takes effect late is for a person: nothing of it is run without its payloads', async () => {
    services.hangs = Promise.withResolvers()
    const { id } = await engine.enqueue(order, input)
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated' })
    await engine.operator.erase(id, by)
    const before = services.undone
    services.hangs.resolve('Personal and late')
    await journalled(engine, id, 'saga_dead_lettered')
    expect(services.undone).toBe(before)
    expect(await everythingStored(id)).not.toContain('Personal')
    expect(await engine.get(id)).toMatchObject({
      status: 'dead_lettered',
      reason: 'compensation_exhausted',
      steps: [{ name: 'pack' }, { name: 'pay', state: 'compensation_failed', error: { code: 'PAYLOAD_ERASED' } }],
    })
    await engine.operator.complete(id, { ...by, step: 'pay' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated' })
  })

  test('is erased also where its payloads are encoded, by who has no codec', async () => {
    const codec = testCodec('one')
    const encoding = await startEngine(database.connectionString, [order], { services, codec })
    await stopEngine(engine)
    const { id } = await encoding.enqueue(order, input)
    await encoding.outcome(id)
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.operator.erase(id, by)
    expect((await encoding.get(id))?.input).toEqual(new Unreadable('PAYLOAD_ERASED'))
  })
})

describe('erasing', () => {
  test('is refused while the saga is live, or a dead letter, with what fits', async () => {
    services.hangs = Promise.withResolvers()
    const { id } = await engine.enqueue(order, input)
    await journalled(engine, id, 'step_completed')
    await expect(engine.operator.erase(id, by)).rejects.toMatchObject({
      code: 'ORDER_REFUSED',
      details: { reason: 'does_not_fit', fits: ['cancel', 'compensate', 'pause'] },
    })
    services.hangs.resolve('paid')
    await engine.outcome(id)
    expect((await engine.get(id))?.fits).toEqual(['erase'])
    expect(await everythingStored(id)).toContain('Personal')
  })

  test('asks for the right, and for who and why', async () => {
    const asked: unknown[] = []
    const careful = await startEngine(database.connectionString, [order], {
      services,
      authorize: (...args: unknown[]) => {
        asked.push(args)
        return args[1] !== 'erase'
      },
    })
    const id = await ended()
    await expect(careful.operator.erase(id, by)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    expect(asked.at(-1)).toEqual(['ada', 'erase', { sagaId: id, definition: 'order' }])
    await expect(engine.operator.erase(id, { ...by, actor: '' })).rejects.toBeInstanceOf(SagaError)
    expect(await everythingStored(id)).toContain('Personal')
  })
})
