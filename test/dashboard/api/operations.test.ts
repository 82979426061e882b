/** Many sagas through the API: error groups, and operations that are started with what was seen. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SagaEngine } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine } from '../../support/engine.ts'
import { brokenRules } from '../../support/rules.ts'
import { until } from '../../support/waiting.ts'
import { deadLetters, sendLetter } from '../letters.ts'
import { hostile } from '../orders.ts'
import type { Dashboard } from '../requests.ts'
import { dashboardWithTokens, fetchApi, postApi } from './programs.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [sendLetter])
  app = dashboardWithTokens(engine)
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const seenOf = async (group: string, verb = 'retry') =>
  (await fetchApi(app, `/operations/preview?verb=${verb}&error-group=${encodeURIComponent(group)}`)).json.seen

const startRetry = (group: string, seen: object, more: object = {}) =>
  postApi(app, '/operations', {
    verb: 'retry',
    filter: { 'error-group': group },
    seen,
    rate: 1_000,
    reason: hostile,
    ...more,
  })

describe('error groups', () => {
  test('are listed with their message, and one by one', async () => {
    const { group } = await deadLetters(engine, 2, `The office says ${hostile}`)
    const { json } = await fetchApi(app, '/errors?definition=send-letter')
    const listed = json.groups.find(({ id }: { id: string }) => id === group)
    expect(listed).toMatchObject({
      step: 'post',
      code: 'OFFICE_CLOSED',
      message: `The office says ${hostile}`,
      count: 2,
    })
    expect((await fetchApi(app, `/errors/${encodeURIComponent(group)}`)).json).toEqual(listed)
    expect((await fetchApi(app, '/errors/no-such-group')).status).toBe(404)
  })

  test('say what redact says, of no one saga', async () => {
    const { group } = await deadLetters(engine, 2, 'A secret office is closed.')
    const asked: unknown[] = []
    const redact = (_value: unknown, context: unknown) => {
      asked.push(context)
      return '***'
    }
    const { json } = await fetchApi(dashboardWithTokens(engine, { redact }), `/errors/${encodeURIComponent(group)}`)
    expect(json.message).toBe('***')
    expect(asked).toEqual([{ definition: 'send-letter', sagaId: '', kind: 'error', step: 'post' }])
  })
})

describe('triage', () => {
  test('is said of a group as it was seen, once, and stands in the audit with what was refused', async () => {
    const { group } = await deadLetters(engine, 1, 'It was closed for a holiday.')
    const path = `/errors/${encodeURIComponent(group)}`
    const body = { state: 'ignored', untilMore: 5, seen: 0, reason: hostile, requestId: 'request-t' }
    const first = await postApi(app, `${path}/triage`, body)
    expect(first.json).toMatchObject({ state: 'ignored', untilMore: 5, by: 'ada', why: hostile, revision: 1 })
    expect((await postApi(app, `${path}/triage`, body)).json).toMatchObject({ revision: 1 })
    expect((await fetchApi(app, path)).json.triage).toMatchObject({ revision: 1 })
    const stale = await postApi(app, `${path}/note`, { note: 'mine', seen: 0 })
    expect(stale.json).toMatchObject({ status: 409, code: 'TRIAGE_CHANGED', triage: { revision: 1 } })
    expect((await postApi(app, `${path}/note`, { note: hostile, seen: 1 })).json).toMatchObject({ note: hostile })
    expect((await postApi(app, `${path}/note`, { note: 'no', seen: 2 }, 'viewer')).status).toBe(403)
    const { json } = await fetchApi(app, `/audit?error-group=${encodeURIComponent(group)}`)
    expect(
      json.entries.map(({ actor, action, deniedTimes }: Record<string, unknown>) => [actor, action, deniedTimes]),
    ).toEqual([
      ['vera', 'triage', 1],
      ['ada', 'note', null],
      ['ada', 'triage', null],
    ])
    expect((await fetchApi(app, '/audit?denied=true&actor=vera')).json.entries).toHaveLength(1)
    expect((await fetchApi(app, '/audit?cursor=yesterday')).status).toBe(400)
  })

  test('that fails with its database is told so, and looks at nothing that nobody waits for', async () => {
    const { group } = await deadLetters(engine, 1, 'It was closed for a storm.')
    let reads = 0
    const broken = new Proxy<SagaEngine>(engine, {
      get: (target, name, own: unknown) => {
        if (name === 'forReading') return () => own
        if (name === 'operator') return { triage: () => Promise.reject(GONE), note: () => Promise.reject(GONE) }
        if (name === 'triage') {
          return (id: string) => {
            reads += 1
            // The first one is that which finds it.
            return reads % 2 === 1 ? engine.triage(id) : Promise.reject(GONE)
          }
        }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const away = dashboardWithTokens(broken)
    const path = `/errors/${encodeURIComponent(group)}`
    const said = await postApi(away, `${path}/triage`, { state: 'resolved', seen: 0, reason: 'mended' })
    const noted = await postApi(away, `${path}/note`, { note: 'mine', seen: 0 })
    expect([said.status, noted.status, reads]).toEqual([500, 500, 2])
  })
})

const GONE = new Error('The connection is gone.')

describe('an operation', () => {
  test('is previewed, started with what was seen, and followed to its end', async () => {
    const { group, ids } = await deadLetters(engine, 3, 'It was closed once.')
    const { json: preview } = await fetchApi(
      app,
      `/operations/preview?verb=retry&error-group=${encodeURIComponent(group)}`,
    )
    expect(preview).toMatchObject({ count: 3, fitting: 3, refused: [], others: [], may: true })
    expect(preview.sample[0].plan.steps).toContainEqual({ step: 'post', will: 'run' })
    const { status, json } = await startRetry(group, preview.seen, { canary: 1 })
    expect([status, json.repeated, json.operation.reason]).toEqual([200, false, hostile])
    const { id } = json.operation
    await until('all are retried', async () => (await fetchApi(app, `/operations/${id}`)).json.counts.completed === 3)
    const first = await fetchApi(app, `/operations/${id}/items?limit=2`)
    const rest = await fetchApi(app, `/operations/${id}/items?limit=2&cursor=${first.json.cursor}`)
    const items = [...first.json.items, ...rest.json.items]
    expect(items.map(({ sagaId }) => sagaId)).toEqual(ids)
    expect(items.every(({ outcome }) => outcome === 'completed')).toBe(true)
    expect((await fetchApi(app, '/operations?limit=1')).json.operations[0].id).toBe(id)
  })

  test('is started once under a request id, and by one of two who press at once', async () => {
    const { group } = await deadLetters(engine, 2, 'It was closed twice.')
    const seen = await seenOf(group)
    const slow = { rate: 0.001 }
    const once = await Promise.all([1, 2].map(() => startRetry(group, seen, { ...slow, requestId: 'request-1' })))
    expect(new Set(once.map(({ json }) => json.operation.id)).size).toBe(1)
    const again = await startRetry(group, seen, { ...slow, requestId: 'request-1' })
    expect(again.json).toMatchObject({ repeated: true, operation: { id: once[0]?.json.operation.id } })
    const second = await startRetry(group, seen, { ...slow, requestId: 'request-2' })
    expect([second.status, second.json.code]).toEqual([409, 'CHANGED'])
    expect(second.json.changes[0]).toContain('ada has started to retry these sagas')
    expect(second.json.seen.others).toEqual([once[0]?.json.operation.id])
    expect((await startRetry(group, second.json.seen, { ...slow, requestId: 'request-3' })).status).toBe(200)
  })

  test('takes no more sagas than were seen, and none where there are fewer', async () => {
    const { group } = await deadLetters(engine, 2, 'It was closed thrice.')
    const seen = await seenOf(group)
    await deadLetters(engine, 1, 'It was closed thrice.')
    const { json } = await startRetry(group, seen, { rate: 0.001 })
    expect(json.operation).toMatchObject({ more: true, counts: { total: seen.count } })
    const fewer = await startRetry(group, { ...(await seenOf(group)), fitting: 9 })
    expect(fewer.json).toMatchObject({ status: 409, code: 'CHANGED' })
  })

  test('is paused, resumed and aborted, each once under a request id', async () => {
    const { group } = await deadLetters(engine, 2, 'It was closed for good.')
    const { json } = await startRetry(group, await seenOf(group), { rate: 0.001 })
    const actOn = (act: string, requestId: string) =>
      postApi(app, `/operations/${json.operation.id}/acts/${act}`, { reason: 'wait', requestId })
    expect((await actOn('pause', 'request-p')).json).toMatchObject({ repeated: false, operation: { state: 'paused' } })
    expect((await actOn('pause', 'request-p')).json).toMatchObject({ repeated: true })
    expect((await actOn('pause', 'request-q')).json).toMatchObject({ status: 409, code: 'OPERATION_REFUSED' })
    expect((await actOn('resume', 'request-r')).json.operation.state).toBe('running')
    expect((await actOn('abort', 'request-a')).json.operation.state).toBe('aborted')
  })

  test.each([
    ['without a filter', { filter: {} }, 'FILTER_INVALID'],
    ['with a word that there is not', { filter: { colour: 'red' } }, 'REQUEST_INVALID'],
    ['that resolves as nothing', { verb: 'resolve', filter: { tag: 'x' } }, 'REQUEST_INVALID'],
    ['past the pivot of a retry', { pastPivot: true, filter: { tag: 'x' } }, 'REQUEST_INVALID'],
    ['with a canary of a half', { canary: 0.5, filter: { tag: 'x' } }, 'REQUEST_INVALID'],
    ['that has not said what was seen', { seen: undefined, filter: { tag: 'x' } }, 'REQUEST_INVALID'],
  ])('%s is refused', async (_what, body, code) => {
    const seen = { count: 0, fitting: 0, more: false, others: [] }
    const { json } = await postApi(app, '/operations', { verb: 'retry', seen, reason: 'x', ...body })
    expect(json).toMatchObject({ status: 400, code })
  })

  test('that there is not is 404', async () => {
    const path = '/operations/01a1fce1-8814-7000-aad7-833589d72686'
    expect((await fetchApi(app, path)).status).toBe(404)
    expect((await fetchApi(app, `${path}/items`)).status).toBe(404)
    expect((await fetchApi(app, '/operations?cursor=yesterday')).status).toBe(400)
  })
})
