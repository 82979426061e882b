/** Sagas through the API: found by the words of the command line, in pages, and told as the host's redact says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSagaClient } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine, stopEngine } from '../../support/engine.ts'
import { brokenRules } from '../../support/rules.ts'
import { fulfilOrder, hostile, order } from '../orders.ts'
import type { Dashboard } from '../requests.ts'
import { ask, dashboardWithTokens, fetchApi } from './programs.ts'

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>
let app: Dashboard
let done: string
let dead: string
let undone: string

beforeAll(async () => {
  database = await testDatabase()
  const engine = await startEngine(database.connectionString, [fulfilOrder], { build: 'b-7' })
  done = await order(engine, `done ${hostile}`, [], { tags: [hostile] })
  dead = await order(engine, 'dead-1', ['away send-mail'])
  undone = await order(engine, 'undone-1', ['refuse charge-card'])
  await stopEngine(engine)
  client = createSagaClient({ connectionString: database.connectionString })
  app = dashboardWithTokens(client)
})
afterAll(async () => {
  await client.close()
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('the list of sagas', () => {
  const idsOf = async (query: string) =>
    (await fetchApi(app, `/sagas${query}`)).json.sagas.map((saga: { id: string }) => saga.id)

  test('has the newest first, and is paged by a cursor', async () => {
    const first = await fetchApi(app, '/sagas?limit=2')
    expect(first.json.sagas.map(({ id }: { id: string }) => id)).toEqual([undone, dead])
    const second = await fetchApi(app, `/sagas?limit=2&cursor=${first.json.cursor}`)
    expect(second.json.sagas.map(({ id }: { id: string }) => id)).toEqual([done])
    expect(second.json.cursor).toBeUndefined()
  })

  test('takes the words of the command line', async () => {
    expect(await idsOf('?status=dead_lettered&dead-reason=past_pivot')).toEqual([dead])
    expect(await idsOf('?key-prefix=undone&definition=fulfil-order&definition-version=2')).toEqual([undone])
    expect(await idsOf(`?key=${encodeURIComponent(`done ${hostile}`)}`)).toEqual([done])
    expect(await idsOf(`?tag=${encodeURIComponent(hostile)}`)).toEqual([done])
    expect(await idsOf('?compensated-step=reserve-stock&compensated-by=b-7')).toEqual([undone])
    expect(await idsOf('?compensated-step=reserve-stock&compensated-by=b-8')).toEqual([])
    expect(await idsOf('?definition=fulfil-order&compensated-by=b-7')).toEqual([undone])
  })

  test.each([
    ['?status=gone', 400, 'FILTER_INVALID', 'status'],
    ['?definition-version=two', 400, 'FILTER_INVALID', 'definition-version'],
    ['?started-after=soon', 400, 'FILTER_INVALID', 'started-after'],
    ['?compensated-by=b-7', 400, 'FILTER_INVALID', 'compensated-by'],
    ['?colour=red', 400, 'REQUEST_INVALID', 'colour'],
    ['?tag=a&tag=b', 400, 'REQUEST_INVALID', 'tag'],
    ['?limit=501', 400, 'REQUEST_INVALID', 'limit'],
    ['?limit=0', 400, 'REQUEST_INVALID', 'limit'],
    ['?cursor=yesterday', 400, 'FILTER_INVALID', 'cursor'],
    ['?key=%00', 400, 'REQUEST_INVALID', 'key'],
  ])('refuses %s with %d, naming what it is', async (query, status, code, names) => {
    const { json } = await fetchApi(app, `/sagas${query}`)
    expect(json).toMatchObject({ status, code })
    expect(json.detail).toContain(names)
  })

  test('counts by state, up to a cap', async () => {
    const { json } = await fetchApi(app, '/counts?definition=fulfil-order')
    expect(json).toMatchObject({ cap: 10_001, counts: { completed: 1, dead_lettered: 1, compensated: 1, running: 0 } })
  })
})

describe('one saga', () => {
  test('is told with its steps, and without what is packed inside', async () => {
    const { json, text } = await fetchApi(app, `/sagas/${dead}`)
    expect(json).toMatchObject({ id: dead, key: 'dead-1', status: 'dead_lettered', pivotPassed: true, version: 2 })
    expect(json.steps.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)).toContain(
      'ship completed',
    )
    expect(json.failure).toMatchObject({
      step: 'send-mail',
      error: { message: expect.stringContaining('ECONNREFUSED') },
    })
    expect(json.fits).toContain('retry')
    expect(text).not.toContain('jobId')
  })

  test('has an input and results, as they went in', async () => {
    const { json } = await fetchApi(app, `/sagas/${done}/payloads`)
    expect(json.input).toEqual({ value: { order: `done ${hostile}`, cents: 4900 } })
    expect(json.results['charge-card'].value).toMatchObject({ lines: 3, note: hostile })
  })

  test('keeps numbers that JavaScript cannot hold, in payloads and in the journal', async () => {
    const exact = '{"n": 9007199254740993, "many": 0.12345678901234567890}'
    const was = await database.pool.query(
      `update saga.saga_event e set payload = $2::jsonb
       from saga.saga_event old where old.saga_id = e.saga_id and old.sequence = e.sequence
       and e.saga_id = $1 and e.sequence = 1 returning old.payload`,
      [done, exact],
    )
    for (const redact of [undefined, (value: unknown) => value]) {
      const own = redact === undefined ? app : dashboardWithTokens(client, { redact })
      for (const path of ['payloads', 'journal']) {
        const { text } = await fetchApi(own, `/sagas/${done}/${path}`)
        expect(text).toContain('"n":9007199254740993')
        expect(text).toContain('0.12345678901234567890')
      }
    }
    const payload = JSON.stringify(was.rows[0].payload)
    await database.pool.query('update saga.saga_event set payload = $2::jsonb where saga_id = $1 and sequence = 1', [
      done,
      payload,
    ])
  })

  test('leaves out a payload that is too large for an answer, and says how large it is', async () => {
    const fill = (letter: string, times: number) =>
      database.pool.query(
        `update saga.saga_event set payload = to_jsonb(repeat($2::text, $3::int)) where saga_id = $1 and sequence = 1`,
        [undone, letter, times],
      )
    // Twice as many where JavaScript counts, and more than the limit there: Postgres counts.
    await fill('\u{1F600}', 700_000)
    const { value } = (await fetchApi(app, `/sagas/${undone}/payloads`)).json.input
    expect(value.length).toBe(1_400_000)
    expect(value.endsWith('\u{1F600}')).toBe(true)
    await fill('\u{1F600}', 1_048_576)
    expect((await fetchApi(app, `/sagas/${undone}/payloads`)).json.input.leftOut).toBe(1_048_578)
    await fill('x', 1_048_576)
    expect((await fetchApi(app, `/sagas/${undone}/payloads`)).json.input).toEqual({ leftOut: 1_048_578 })
    const { json } = await fetchApi(app, `/sagas/${undone}/journal?limit=1`)
    expect(json.entries[0].payload).toEqual({ leftOut: 1_048_578 })
  })

  test('is never read whole: neither its journal nor its payloads', async () => {
    const asked: string[] = []
    const counting = new Proxy<typeof client>(client, {
      get: (target, name, own: unknown) => {
        if (name === 'forReading') return () => own
        if (name === 'get' || name === 'journal') asked.push(name)
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const own = dashboardWithTokens(counting)
    for (const path of ['', '/payloads', '/journal?limit=3&after=2']) {
      expect((await fetchApi(own, `/sagas/${dead}${path}`)).status).toBe(200)
    }
    expect(asked).toEqual([])
  })

  test('has a journal, in pages', async () => {
    const whole = await client.journal(dead)
    const sequences: number[] = []
    let after: number | undefined = 0
    while (after !== undefined) {
      const { json } = await fetchApi(app, `/sagas/${dead}/journal?limit=4&after=${after}`)
      expect(json.entries.length).toBeLessThanOrEqual(4)
      sequences.push(...json.entries.map(({ sequence }: { sequence: number }) => sequence))
      after = json.next
    }
    expect(sequences).toEqual(whole.map(({ sequence }) => sequence))
  })

  test.each([
    '/sagas/01a1fce1-8814-7000-aad7-833589d72686',
    '/sagas/no-id',
    '/sagas/01a1fce1-8814-7000-aad7-833589d72686/journal',
  ])('is 404 at %s', async (path) => {
    expect((await fetchApi(app, path)).status).toBe(404)
  })

  test('is 304 for whoever has it already', async () => {
    const { headers } = await fetchApi(app, `/sagas/${done}`)
    const again = await ask(app, 'GET', `/sagas/${done}`, {
      Authorization: 'Bearer admin-token',
      'If-None-Match': headers.get('etag') ?? '',
    })
    expect(again).toMatchObject({ status: 304, text: '' })
  })
})

describe('what redact says', () => {
  test('holds for payloads, errors and the journal', async () => {
    const asked: unknown[] = []
    const redacting = dashboardWithTokens(client, {
      redact: (value, context) => {
        asked.push(context)
        return context.kind === 'error' ? '(an error)' : { hidden: typeof value }
      },
    })
    const paths = ['/sagas', `/sagas/${dead}`, `/sagas/${dead}/payloads`, `/sagas/${dead}/journal?limit=500`]
    const answers = await Promise.all(paths.map((path) => fetchApi(redacting, path)))
    for (const { text } of answers) {
      expect(text).not.toContain('ECONNREFUSED')
      expect(text).not.toContain('"cents":4900')
    }
    expect(answers[1]?.json.failure.error.message).toBe('(an error)')
    // As on pages and in files: what the hook has taken away is said to be.
    const input = { hidden: 'object', order: '[redacted]', cents: '[redacted]' }
    expect(answers[2]?.json.input).toEqual({ value: input })
    expect(asked).toContainEqual({ definition: 'fulfil-order', sagaId: dead, kind: 'input' })
    expect(asked).toContainEqual({ definition: 'fulfil-order', sagaId: dead, kind: 'result', step: 'charge-card' })
    expect(asked).toContainEqual({ definition: 'fulfil-order', sagaId: dead, kind: 'error', step: 'send-mail' })
  })
})
