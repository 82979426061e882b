/** What programs do to a saga through the API: held to the plan that they were shown, once, with who and why. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SagaEngine } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine } from '../../support/engine.ts'
import { brokenRules } from '../../support/rules.ts'
import { fulfilOrder, hostile, order } from '../orders.ts'
import type { Dashboard } from '../requests.ts'
import { type Answer, ask, dashboardWithTokens, fetchApi, postApi, type Sender } from './programs.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard
let orders = 0

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [fulfilOrder])
  app = dashboardWithTokens(engine)
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const newOrder = (...wrong: string[]) => order(engine, `order-${++orders}`, wrong)
const planOf = async (id: string, act: string) => (await fetchApi(app, `/sagas/${id}/plans/${act}`)).json.plan
const actOn = (id: string, act: string, body: object = {}, as: Sender = 'admin') =>
  postApi(app, `/sagas/${id}/acts/${act}`, { reason: 'a test', ...body }, as)
/** Looks at the plan, and confirms it. */
const confirm = async (id: string, act: string, body: object = {}): Promise<Answer> =>
  actOn(id, act, { plan: (await planOf(id, act)).hash, ...body })

describe('an act', () => {
  test('is done as its plan said, and journalled with who and why', async () => {
    const id = await newOrder('away send-mail')
    const plan = await planOf(id, 'retry')
    expect(plan).toMatchObject({ order: 'retry', steps: [{ step: 'send-mail', will: 'run' }] })
    const { status, json } = await actOn(id, 'retry', { plan: plan.hash, reason: hostile })
    expect([status, json]).toEqual([200, { sagaId: id, act: 'retry', repeated: false }])
    expect((await engine.outcome(id)).status).toBe('completed')
    const { json: journal } = await fetchApi(app, `/sagas/${id}/journal?limit=500`)
    const retried = journal.entries.find(({ type }: { type: string }) => type === 'saga_retried')
    expect(retried.event.act).toMatchObject({ actor: 'ada', reason: hostile, plan: plan.hash })
  })

  test('asks for the reason and for the plan, naming the field', async () => {
    const id = await newOrder('away send-mail')
    const answers = [
      await postApi(app, `/sagas/${id}/acts/retry`, { reason: 'because' }),
      await postApi(app, `/sagas/${id}/acts/pause`, {}),
      await postApi(app, `/sagas/${id}/acts/pause`, { reason: '  ' }),
      await postApi(app, `/sagas/${id}/acts/pause`, { reason: 'x'.repeat(1_001) }),
      await postApi(app, `/sagas/${id}/acts/pause`, { reason: 'because', force: true }),
      await postApi(app, `/sagas/${id}/acts/resolve`, { reason: 'because' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400])
    const fields = answers.map(({ json }) => json.errors[0].path)
    expect(fields).toEqual(['plan', 'reason', 'reason', 'reason', 'force', 'as'])
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('acts once under one request id, and says that it had', async () => {
    const id = await newOrder('away send-mail')
    const { hash } = await planOf(id, 'retry')
    const answers = await Promise.all([1, 2].map(() => actOn(id, 'retry', { plan: hash, requestId: 'request-1' })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers.map(({ json }) => String(json.repeated)).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'false',
      'true',
    ])
    await engine.outcome(id)
    expect((await engine.journal(id)).filter(({ event }) => event.type === 'saga_retried')).toHaveLength(1)
  })

  test('is done for one of two who press at once, and refused for the other', async () => {
    const id = await newOrder('away book-carrier')
    const { hash } = await planOf(id, 'cancel')
    const answers = await Promise.all([1, 2].map((n) => actOn(id, 'cancel', { plan: hash, requestId: `request-${n}` })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    expect(['PLAN_CHANGED', 'ORDER_REFUSED']).toContain(answers.find(({ status }) => status === 409)?.json.code)
    await engine.outcome(id)
    expect((await engine.journal(id)).filter(({ event }) => event.type === 'saga_turned')).toHaveLength(1)
  })

  test('of a plan that is stale is 409 with what has changed and the new plan, whose hash is taken', async () => {
    const id = await newOrder('away send-mail')
    const stale = { plan: 'anotherhash', shown: [{ step: 'ship', will: 'run' }] }
    const { status, json } = await actOn(id, 'retry', stale)
    expect([status, json.code]).toEqual([409, 'PLAN_CHANGED'])
    expect(json.plan.steps).toEqual([{ step: 'send-mail', will: 'run' }])
    expect(json.changes).toEqual([
      { step: 'ship', was: 'run', is: null },
      { step: 'send-mail', was: null, is: 'run' },
    ])
    expect((await engine.get(id))?.status).toBe('dead_lettered')
    expect((await actOn(id, 'retry', { plan: json.plan.hash })).status).toBe(200)
    await engine.outcome(id)
  })

  test('that does not fit is 409 with what does', async () => {
    const id = await newOrder('refuse charge-card')
    const { status, json } = await fetchApi(app, `/sagas/${id}/plans/retry`)
    expect([status, json.code, json.fits]).toEqual([409, 'ORDER_REFUSED', ['rerun', 'erase']])
    expect((await actOn(id, 'pause')).json).toMatchObject({ status: 409, code: 'ORDER_REFUSED' })
  })

  test('can be each verb of the engine', async () => {
    const waiting = await newOrder('away book-carrier')
    expect((await actOn(waiting, 'pause')).status).toBe(200)
    expect((await engine.get(waiting))?.paused).toBe(true)
    expect((await actOn(waiting, 'resume')).status).toBe(200)
    expect((await confirm(waiting, 'compensate')).status).toBe(200)
    expect((await engine.outcome(waiting)).status).toBe('compensated')
    const rerun = await actOn(waiting, 'rerun')
    expect((await engine.outcome(rerun.json.newSagaId)).status).toBe('completed')
    expect((await actOn(waiting, 'erase', { tags: true })).status).toBe(200)
    expect((await fetchApi(app, `/sagas/${waiting}/payloads`)).json).toMatchObject({ erased: true })
    const past = await newOrder('away send-mail')
    expect((await confirm(past, 'compensate_past_pivot')).status).toBe(200)
    expect((await engine.outcome(past)).status).toBe('compensated')
    const resolved = await newOrder('away send-mail')
    expect((await actOn(resolved, 'resolve', { as: 'completed' })).status).toBe(200)
    const completed = await newOrder('away send-mail')
    expect((await actOn(completed, 'complete', { step: 'send-mail', result: { sent: 'by hand' } })).status).toBe(200)
    expect((await engine.outcome(completed)).status).toBe('completed')
    expect((await fetchApi(app, `/sagas/${completed}/payloads`)).json.results['send-mail'].value).toEqual({
      sent: 'by hand',
    })
    const irrevocable = await fetchApi(app, `/sagas/${completed}/plans/revert`)
    expect([irrevocable.status, irrevocable.json.code]).toEqual([409, 'ORDER_REFUSED'])
  })

  test('gives a dead letter another input, exactly as it was sent', async () => {
    const id = await newOrder('away send-mail')
    // Longer than other bodies may be.
    const input = { order: `${hostile} \u2028 𝕏 ${'é'.repeat(100_000)}`, cents: Number.MAX_SAFE_INTEGER }
    expect((await actOn(id, 'edit_input', { input })).status).toBe(200)
    await engine.outcome(id)
    expect((await fetchApi(app, `/sagas/${id}/payloads`)).json.input).toEqual({ value: input })
  })

  test('refuses an input that does not fit, by its fields, and one with a number that would be rounded', async () => {
    const id = await newOrder('away send-mail')
    const wrong = await actOn(id, 'edit_input', { input: { order: 'o', cents: 'many' } })
    expect(wrong.json).toMatchObject({ status: 400, code: 'INPUT_INVALID', errors: [{ path: 'cents' }] })
    const big = '{"reason":"x","input":{"order":"o","cents":9007199254740993}}'
    const rounded = await ask(app, 'POST', `/sagas/${id}/acts/edit_input`, 'admin', big)
    expect(rounded.json).toMatchObject({ status: 400, code: 'JSON_INVALID' })
    expect(rounded.json.detail).toContain('send it as text')
    const kept = '{"reason":"x","input":{"order":"o","cents":9007199254740992}}'
    expect((await ask(app, 'POST', `/sagas/${id}/acts/edit_input`, 'admin', kept)).status).toBe(200)
    await engine.outcome(id)
  })
})
