/** Exports: what a list holds as a file, streamed and bounded, safe to be opened in a spreadsheet. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cell } from '../../../src/dashboard/csv.ts'
import { createSagaClient, type SagaClient } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine, stopEngine } from '../../support/engine.ts'
import { until } from '../../support/waiting.ts'
import { fulfilOrder, hostile, order } from '../orders.ts'
import { ADA, type Dashboard, dashboardFor, get } from '../requests.ts'
import { dashboardWithTokens, fetchApi } from './programs.ts'

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>
let app: Dashboard
const ids: Record<string, string> = {}
const FORMULA = `=cmd|' /C calc'!A0, "quoted"\nnext line`

beforeAll(async () => {
  database = await testDatabase()
  for (const build of ['b-1', 'b-2']) {
    const engine = await startEngine(database.connectionString, [fulfilOrder], { build })
    ids[build] = await order(engine, `undone by ${build}`, ['refuse charge-card'])
    await stopEngine(engine)
  }
  const engine = await startEngine(database.connectionString, [fulfilOrder])
  ids['formula'] = await order(engine, FORMULA, [], { tags: ['@sum', hostile] })
  ids['dead'] = await order(engine, 'dead', ['away send-mail'])
  await stopEngine(engine)
  client = createSagaClient({ connectionString: database.connectionString })
  app = dashboardWithTokens(client)
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

/** As RFC 4180 reads it. */
function readCsv(text: string): readonly Record<string, string>[] {
  const rows: string[][] = [[]]
  for (const [, quoted, plain = '', end] of text
    .replace(/^\ufeff/, '')
    .matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === '\r\n') rows.push([])
    if (end === '') break
  }
  const [names = [], ...others] = rows.filter((row) => row.length > 1)
  return others.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])))
}

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('an export', () => {
  test('has the sagas that a build compensated', async () => {
    const words = 'format=ndjson&compensated-step=reserve-stock&compensated-by=b-2'
    const { text, headers } = await fetchApi(app, `/sagas/export?${words}`)
    expect(linesOf(text).map(({ id }) => id)).toEqual([ids['b-2']])
    expect(headers.get('content-type')).toBe('application/x-ndjson')
    expect(headers.get('content-disposition')).toBe('attachment; filename="sagas.ndjson"')
    const ofAnyStep = await fetchApi(app, '/sagas/export?format=ndjson&definition=fulfil-order&compensated-by=b-1')
    expect(linesOf(ofAnyStep.text).map(({ id }) => id)).toEqual([ids['b-1']])
  })

  test('is the same in each format, and in the list', async () => {
    const { json: list } = await fetchApi(app, '/sagas?limit=500')
    const { json } = await fetchApi(app, '/sagas/export?format=json')
    expect(json).toEqual({ sagas: list.sagas, cut: false })
    const { text: lines } = await fetchApi(app, '/sagas/export?format=ndjson')
    expect(linesOf(lines)).toEqual(list.sagas)
    const { text, headers } = await fetchApi(app, '/sagas/export')
    expect(headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/)
    expect(readCsv(text).map(({ id }) => id)).toEqual(list.sagas.map(({ id }: { id: string }) => id))
    expect(readCsv(text).find(({ id }) => id === ids['dead'])).toMatchObject({
      failedStep: 'send-mail',
      errorCode: 'STEP_NOT_APPLIED',
    })
  })

  test('has no cell that a spreadsheet would take for a formula', async () => {
    const { text } = await fetchApi(app, '/sagas/export')
    const row = readCsv(text).find(({ id }) => id === ids['formula'])
    expect(row).toMatchObject({ key: `'${FORMULA}`, tags: `'@sum ${hostile}`, priority: '0' })
    for (const one of readCsv(text)) for (const value of Object.values(one)) expect(value).not.toMatch(/^[=+\-@\t\r]/)
  })

  test.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['  =x', "'  =x"],
    ['\tx', `"'\tx"`],
    ['a;=1+1', `"a;'=1+1"`],
    ['a\t@x', `"a\t'@x"`],
    ['a\n-1', `"a\n'-1"`],
    ['a; "=1"', `"a; ""'=1"""`],
    ['a;b', '"a;b"'],
    ['a=1', 'a=1'],
    ['\rx', `"'\rx"`],
    ['a,"b"', '"a,""b"""'],
    [-5, '-5'],
    [null, ''],
    ['plain', 'plain'],
  ])('writes %j as %j', (value, written) => {
    expect(cell(value)).toBe(written)
  })

  test('is cut at its limit, and says so at its end', async () => {
    const cut = await fetchApi(app, '/sagas/export?format=ndjson&limit=3')
    expect(linesOf(cut.text)).toHaveLength(4)
    expect(linesOf(cut.text).at(-1)).toEqual({ cut: { sagas: 3 } })
    expect(cut.headers.get('x-saga-export-limit')).toBe('3')
    expect((await fetchApi(app, '/sagas/export?limit=3')).text).toMatch(/\r\nCut: the newest 3 of more sagas\.\r\n$/)
    expect((await fetchApi(app, '/sagas/export?format=json&limit=3')).json).toMatchObject({ cut: true })
    expect((await fetchApi(app, '/sagas/export?format=json&limit=4')).json).toMatchObject({ cut: false })
  })

  test.each(['?limit=100001', '?limit=0', '?format=xml', '?colour=red', '?status=gone'])(
    'is 400 for %s',
    async (query) => {
      expect((await fetchApi(app, `/sagas/export${query}`)).status).toBe(400)
    },
  )

  test('tells what redact says', async () => {
    const redacting = dashboardWithTokens(client, { redact: () => '=hidden' })
    const { text } = await fetchApi(redacting, '/sagas/export')
    expect(text).not.toContain('ECONNREFUSED')
    expect(readCsv(text).find(({ id }) => id === ids['dead'])?.['error']).toBe("'=hidden")
  })
})

describe('an export of many', () => {
  const SAGAS = 1_200
  /** The client, counting the pages that are read. */
  const counting = (): { client: SagaClient; pages: number } => {
    const counted = { client, pages: 0 } as { client: SagaClient; pages: number }
    counted.client = new Proxy<SagaClient>(client, {
      get: (target, name, own: SagaClient) => {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'forReading') return () => own
        if (typeof value !== 'function') return value
        if (name === 'list') counted.pages += 1
        return value.bind(target) as unknown
      },
    })
    return counted
  }

  beforeAll(async () => {
    await database.pool.query(
      `insert into saga.saga select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'key', null,
         'tags', array['many']))).* from saga.saga s cross join generate_series(1, $2::int) where s.id = $1`,
      [ids['b-1'], SAGAS],
    )
  })

  test('is read in pages, and has each saga once', async () => {
    const { client: own } = counting()
    const { text } = await fetchApi(dashboardWithTokens(own), '/sagas/export?format=ndjson&tag=many')
    expect(new Set(linesOf(text).map(({ id }) => id)).size).toBe(SAGAS)
  })

  test('is read no faster than it is taken, and no further when whoever asked for it goes', async () => {
    const counted = counting()
    const headers = { Authorization: 'Bearer admin-token' }
    const path = '/api/v1/sagas/export?format=ndjson&tag=many'
    const response = await dashboardWithTokens(counted.client).request(path, { headers })
    const reader = response.body?.getReader()
    await reader?.read()
    await until('a page is read', async () => counted.pages > 0)
    await reader?.cancel()
    const before = counted.pages
    await new Promise((resolve) => setImmediate(resolve))
    expect(before).toBeLessThan(3)
    expect(counted.pages).toBe(before)
  })

  test('has a place of two for each person and of eight for all, and gives it back when it ends or is left', async () => {
    const people = Array.from({ length: 5 }, (_one, at) => ({ id: `person ${at}` }))
    let who = people[0]
    const crowd = dashboardFor(client, ADA, { authenticate: () => who ?? null })
    const path = '/sagas/export?format=ndjson&tag=many'
    const under: Response[] = []
    for (who of people.slice(0, 4)) under.push(await crowd.request(path), await crowd.request(path))
    expect(under.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
    for (const own of [people[0], people[4]]) {
      who = own
      for (const address of [path, `/api/v1${path}`]) {
        const refused = await crowd.request(address)
        expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10'])
      }
    }
    await under[0]?.body?.cancel()
    // Of another person, and its own place is free.
    under[0] = await crowd.request(path)
    expect(under[0].status).toBe(200)
    expect((await crowd.request(path)).status).toBe(429)
    for (const one of under) await one.text()
    for (let at = 0; at < 10; at += 1) expect((await crowd.request(path, { method: 'HEAD' })).status).toBe(200)
    for (who of people) expect((await get(crowd, path)).status).toBe(200)
  })

  test('breaks off when the database does, and says nothing of why', async () => {
    let pages = 0
    const breaking = new Proxy<SagaClient>(client, {
      get: (target, name, own: SagaClient) => {
        if (name === 'forReading') return () => own
        if (name === 'list' && ++pages > 1) return () => Promise.reject(new Error('select secret from saga'))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const logged: object[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (details: object) => void logged.push(details) }
    const broken = dashboardWithTokens(breaking, { logger })
    const headers = { Authorization: 'Bearer admin-token' }
    const response = await broken.request('/api/v1/sagas/export?format=ndjson&tag=many', { headers })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('The export broke off.')
    expect(logged).toMatchObject([{ error: { message: 'select secret from saga' } }])
  })

  test('is told by a status what goes wrong at once', async () => {
    const away = createSagaClient({ connectionString: 'postgres://nobody:secret@127.0.0.1:1/nowhere' })
    const quiet = { debug() {}, info() {}, warn() {}, error() {} }
    expect((await fetchApi(dashboardWithTokens(away, { logger: quiet }), '/sagas/export')).status).toBe(503)
    await away.close()
  })
})

describe('the page /sagas/export', () => {
  test('is the same file, for the session that may read', async () => {
    const page = await get(dashboardFor(client, ADA), '/sagas/export?format=json&key-prefix=undone')
    const { text } = await fetchApi(app, '/sagas/export?format=json&key-prefix=undone')
    expect([page.status, page.text]).toEqual([200, text])
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect((await get(dashboardFor(client, null), '/sagas/export')).status).toBe(401)
    const nobody = dashboardFor(client, ADA, { authorize: () => false })
    expect((await get(nobody, '/sagas/export')).status).toBe(403)
    expect((await get(dashboardFor(client, ADA), '/sagas/export?colour=red')).status).toBe(400)
    expect((await get(dashboardFor(client, ADA), '/sagas/export?status=gone')).status).toBe(400)
  })

  test('has no body for HEAD', async () => {
    const response = await dashboardFor(client, ADA).request('/sagas/export', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
  })
})
