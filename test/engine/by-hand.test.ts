/** What a person settles or changes by hand: completing steps, editing the input, reverting (rules 7, 9 and 14). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  type SagaClient,
  type SagaEngine,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const defineSaga = sagasFor<{ services: { log: string[] }; tx: unknown }>()
const input = z.object({
  amount: z.coerce.number().positive(),
  fails: z.enum(['no', 'refused', 'doubt']).default('no'),
})
const by = { actor: 'olga', reason: 'the bank has confirmed it' }

const pathOf = (path: string) => expect.objectContaining({ path })

let database: TestDatabase
let log: string[]
/** Has no code: it knows what the database knows. */
let client: SagaClient & { close(): Promise<void> }

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
})
afterAll(async () => {
  await client.close()
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const transfer = defineSaga('transfer', { version: 1, input, revertWithin: '30 days' })
  .step('book', {
    action: ({ idempotencyKey, services }) => void services.log.push(`book ${idempotencyKey.split(':')[1]}`),
    compensation: ({ action, idempotencyKey, services }) =>
      void services.log.push(
        `unbook ${action.idempotencyKey.split(':')[1]} ${idempotencyKey.split(':').slice(1).join(':')}`,
      ),
  })
  .step('pay', {
    output: z.object({ receipt: z.string().min(3), paid: z.number() }),
    action: ({ input: { amount, fails }, idempotencyKey, services }) => {
      services.log.push(`pay ${amount} ${idempotencyKey.split(':')[1]}`)
      if (fails === 'refused') throw new StepNotApplied('The bank is away.')
      if (fails === 'doubt') throw new Error('cut off')
      return { receipt: 'r-1', paid: amount }
    },
    compensation: ({ action, services }) =>
      void services.log.push(`unpay ${action.outcome} ${action.idempotencyKey.split(':')[1]}`),
    retry: { ...QUICK, maxAttempts: 1 },
    whenExhausted: 'dead_letter',
  })
  .step('tell', { action: ({ results, services }) => void services.log.push(`tell ${results.pay.receipt}`) })

async function deadLetter(fails: 'refused' | 'doubt'): Promise<{ engine: SagaEngine; id: string }> {
  log = []
  const engine = await startEngine(database.connectionString, [transfer], { services: { log } })
  const { id } = await engine.enqueue(transfer, { amount: 5, fails })
  expect((await engine.outcome(id)).status).toBe('dead_lettered')
  return { engine, id }
}

describe('completing a step by hand', () => {
  test('gives later steps the result, from a process that has no code', async () => {
    const { engine, id } = await deadLetter('doubt')
    await client.operator.complete(id, { ...by, step: 'pay', result: { receipt: 'by-phone', paid: 5 } })
    expect(await engine.outcome(id)).toMatchObject({
      status: 'completed',
      results: { pay: { receipt: 'by-phone', paid: 5 } },
    })
    expect(log).toEqual(['book book', 'pay 5 pay', 'tell by-phone'])
    const entry = (await client.journal(id)).find(({ event }) => event.type === 'step_settled_by_hand')
    expect(entry).toMatchObject({ event: { act: by }, payload: { receipt: 'by-phone', paid: 5 } })
  })

  test('checks the result by the stored schema, and names the fields', async () => {
    const { id } = await deadLetter('doubt')
    const wrong = client.operator.complete(id, { ...by, step: 'pay', result: { receipt: 'r', paid: 'five' } })
    await expect(wrong).rejects.toMatchObject({
      code: 'RESULT_INVALID',
      details: { fields: expect.arrayContaining([pathOf('receipt'), pathOf('paid')]) },
    })
    expect((await client.get(id))?.status).toBe('dead_lettered')
  })

  test('acts once for a request, and is refused where it does not fit', async () => {
    const { id } = await deadLetter('doubt')
    const result = { receipt: 'by-phone', paid: 5 }
    const order = { ...by, requestId: 'r-1', step: 'pay', result }
    expect(await client.operator.complete(id, order)).toEqual({ sagaId: id, repeated: false })
    expect(await client.operator.complete(id, order)).toEqual({ sagaId: id, repeated: true })
    await expect(client.operator.complete(id, { ...by, step: 'book' })).rejects.toMatchObject({ code: 'ORDER_REFUSED' })
    await expect(client.operator.complete(id, { ...by, step: 'none' })).rejects.toThrow(/there is no such step/)
    await expect(client.operator.complete(id, { ...by } as never)).rejects.toMatchObject({ code: 'ACT_INVALID' })
  })

  test('settles an undoing that gave up', async () => {
    log = []
    const stuck = defineSaga('stuck', { version: 1, input })
      .step('one', {
        action: () => 1,
        compensation: () => {
          throw new StepRejected('It cannot be undone from here.')
        },
      })
      .step('two', {
        action: () => {
          throw new StepRejected('No.')
        },
      })
    const engine = await startEngine(database.connectionString, [stuck], { services: { log } })
    const { id } = await engine.enqueue(stuck, { amount: 1 })
    expect(await engine.outcome(id)).toMatchObject({ status: 'dead_lettered', reason: 'compensation_exhausted' })
    const withResult = client.operator.complete(id, { ...by, step: 'one', result: 'undone by phone' })
    await expect(withResult).rejects.toMatchObject({ code: 'RESULT_INVALID' })
    await client.operator.complete(id, { ...by, step: 'one' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['one'] })
    // What the action returned is still to be seen.
    expect((await client.get(id))?.steps[0]).toMatchObject({ name: 'one', result: 1 })
  })
})

describe('editing the input', () => {
  test('sends a dead letter on with it, under new keys for what was tried and not done; the first input is kept', async () => {
    const { engine, id } = await deadLetter('refused')
    await client.operator.editInput(id, { ...by, input: { amount: 7, fails: 'no' } })
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { pay: { paid: 7 } } })
    expect(log).toEqual(['book book', 'pay 5 pay', 'pay 7 pay~1', 'tell r-1'])
    expect((await client.get(id))?.input).toEqual({ amount: 7, fails: 'no' })
    const payloads = (await client.journal(id)).map(({ event, payload }) => [event.type, payload])
    expect(payloads).toContainEqual(['saga_started', { amount: 5, fails: 'refused' }])
    expect(payloads).toContainEqual(['input_edited', { amount: 7, fails: 'no' }])
  })

  test('is checked by the stored schema, and refused while a step is in doubt', async () => {
    const { id } = await deadLetter('refused')
    const wrong = client.operator.editInput(id, { ...by, input: { amount: -7, fails: 'no' } })
    await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID', details: { fields: [{ path: 'amount' }] } })
    const { id: doubtful } = await deadLetter('doubt')
    const refused = client.operator.editInput(doubtful, { ...by, input: { amount: 7, fails: 'no' } })
    await expect(refused).rejects.toMatchObject({ code: 'ORDER_REFUSED', details: { reason: 'in_doubt' } })
  })
})

describe('a revert', () => {
  test('undoes a completed saga in its window, with the keys of its actions', async () => {
    const { engine, id } = await deadLetter('refused')
    await client.operator.editInput(id, { ...by, input: { amount: 7, fails: 'no' } })
    await engine.outcome(id)
    const plan = await client.operator.plan(id, 'revert')
    expect(plan.steps).toEqual([
      { step: 'tell', will: 'stay_done' },
      { step: 'pay', will: 'compensate' },
      { step: 'book', will: 'compensate' },
    ])
    await client.operator.revert(id, { ...by, plan: plan.hash })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['book', 'pay'] })
    expect(log.slice(-2)).toEqual(['unpay completed pay~1', 'unbook book book:compensation'])
  })

  test('is refused when the time is over, and where none was declared', async () => {
    log = []
    const engine = await startEngine(database.connectionString, [transfer], { services: { log } })
    const { id } = await engine.enqueue(transfer, { amount: 1 })
    await engine.outcome(id)
    expect((await client.get(id))?.fits).toContain('revert')
    await database.pool.query('insert into saga.saga_clock (offset_ms) values (31 * 24 * 3600 * 1000::bigint)')
    await expect(client.operator.revert(id, by)).rejects.toMatchObject({ details: { reason: 'too_late' } })
    await database.pool.query('delete from saga.saga_clock')
    const never = defineSaga('never', { version: 1, input }).step('one', { action: () => 1 })
    const other = await startEngine(database.connectionString, [never], { services: { log } })
    const { id: neverId } = await other.enqueue(never, { amount: 1 })
    await other.outcome(neverId)
    await expect(client.operator.revert(neverId, by)).rejects.toMatchObject({ details: { reason: 'does_not_fit' } })
  })

  test('has a window that is a length of time', () => {
    const make = () => defineSaga('bad', { version: 1, input, revertWithin: 'soon' as never })
    expect(make).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
    expect(make).toThrow(/At revertWithin/)
  })
})
