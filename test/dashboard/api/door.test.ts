/** Who comes in to the API, and how requests that cannot be are told so. No database: nobody gets that far. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { sagaDashboard } from '../../../src/dashboard/index.ts'
import type { SagaClient } from '../../../src/index.ts'
import { ADA, SAME_ORIGIN } from '../requests.ts'
import { ask, dashboardWithTokens, fetchApi, postApi } from './programs.ts'

/** Whoever asks it for anything has come too far. */
const unreachable = new Proxy({} as SagaClient, {
  get: (_target, key) => {
    throw new Error(`select secret from ${String(key)}`)
  },
})

const id = '01a1fce1-8814-7000-aad7-833589d72686'
const PAUSE = `/sagas/${id}/acts/pause`
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

describe('a bearer token', () => {
  const app = dashboardWithTokens(unreachable, { logger: quiet })

  test.each([
    ['nobody’s', 'Bearer somebody-elses'],
    ['none at all', 'Bearer'],
    ['not one', 'Bearer a b'],
  ])('that is %s is 401 with a challenge', async (_what, authorization) => {
    const { status, json, headers } = await ask(app, 'GET', '/sagas', { Authorization: authorization })
    expect([status, json.code]).toEqual([401, 'TOKEN_INVALID'])
    expect(headers.get('www-authenticate')).toBe('Bearer realm="pg-saga", error="invalid_token"')
  })

  test.each([[undefined], [false], [''], [{}], [{ id: '' }], [{ id: 7 }]])(
    'of which the hook says %j is nobody’s, and so is a session',
    async (nobody) => {
      const tokens = dashboardWithTokens(unreachable, { authenticateToken: () => nobody as never })
      expect((await fetchApi(tokens, '/sagas')).json).toMatchObject({ status: 401, code: 'TOKEN_INVALID' })
      const sessions = sagaDashboard({ client: unreachable, authenticate: () => nobody as never })
      expect((await ask(sessions, 'GET', '/sagas', {})).json).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
      expect((await sessions.request('/sagas')).status).toBe(401)
    },
  )

  test('is asked for where there is none', async () => {
    const { status, json, headers } = await ask(app, 'GET', '/sagas', {})
    expect([status, json.code]).toEqual([401, 'UNAUTHENTICATED'])
    expect(headers.get('www-authenticate')).toBe('Bearer realm="pg-saga"')
  })

  test('is enough for a change, wherever it comes from, and the session is not asked', async () => {
    const asked: string[] = []
    const both = dashboardWithTokens(unreachable, {
      logger: quiet,
      authenticate: () => {
        asked.push('session')
        return ADA
      },
    })
    const from = { Authorization: 'Bearer admin-token', 'Sec-Fetch-Site': 'cross-site' }
    // It gets as far as the client, which there is none of.
    expect((await ask(both, 'POST', PAUSE, from, '{"reason":"because"}')).status).toBe(500)
    expect(asked).toEqual([])
  })

  test('that is wrong does not fall back on a session', async () => {
    const both = dashboardWithTokens(unreachable, { authenticate: () => ADA })
    expect((await ask(both, 'GET', '/sagas', { Authorization: 'Bearer wrong' })).status).toBe(401)
  })

  test('is refused where no hook takes it, though somebody is signed in', async () => {
    const sessions = sagaDashboard({ client: unreachable, authenticate: () => ADA })
    const { status, json } = await fetchApi(sessions, '/sagas')
    expect([status, json.code]).toEqual([401, 'TOKEN_INVALID'])
  })

  test('does not open the pages, nor a form of theirs', async () => {
    const headers = { Authorization: 'Bearer admin-token', ...SAME_ORIGIN }
    for (const path of ['/', '/sagas', `/sagas/${id}`]) expect((await app.request(path, { headers })).status).toBe(403)
    const form = { method: 'POST', body: new URLSearchParams({ reason: 'because' }), headers }
    expect((await app.request(`/sagas/${id}/actions/pause`, form)).status).toBe(403)
  })

  test('gets a Response of the hook’s as it is', async () => {
    const busy = dashboardWithTokens(unreachable, { authenticateToken: () => new Response('later', { status: 429 }) })
    const response = await busy.request('/api/v1/sagas', { headers: { Authorization: 'Bearer x' } })
    expect([response.status, await response.text()]).toEqual([429, 'later'])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('is closed when the hook throws, and says nothing of why', async () => {
    const broken = dashboardWithTokens(unreachable, {
      logger: quiet,
      authenticateToken: () => Promise.reject(new Error('secret of the tokens')),
    })
    const { status, text } = await fetchApi(broken, '/sagas')
    expect(status).toBe(500)
    expect(text).not.toContain('secret')
  })
})

describe('a session', () => {
  const app = sagaDashboard({ client: unreachable, authenticate: () => ADA, logger: quiet })
  const body = '{"reason":"because"}'

  test('changes from our own pages only', async () => {
    const refused = [{}, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }]
    for (const headers of refused) {
      expect((await ask(app, 'POST', PAUSE, headers, body)).json).toMatchObject({ status: 403, code: 'CROSS_SITE' })
    }
    expect((await ask(app, 'POST', PAUSE, SAME_ORIGIN, body)).status).toBe(500)
  })

  test('of another scheme than Bearer is guarded as well: a browser sends it by itself', async () => {
    const basic = { Authorization: 'Basic YWRhOnNlY3JldA==' }
    expect((await ask(app, 'POST', PAUSE, basic, body)).status).toBe(403)
  })

  test('that is none is 401, and closed without any hook', async () => {
    const nobody = sagaDashboard({ client: unreachable, authenticate: () => null })
    expect((await ask(nobody, 'GET', '/sagas', {})).json).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    const closed = sagaDashboard({ client: unreachable })
    for (const path of ['/sagas', '/openapi.json', '/nowhere']) {
      expect((await ask(closed, 'GET', path, {})).json).toMatchObject({ status: 403, code: 'CLOSED' })
    }
  })
})

describe('a request that cannot be', () => {
  const app = dashboardWithTokens(unreachable, { logger: quiet })

  test.each([
    ['PUT', '/sagas', 'GET, HEAD'],
    ['POST', '/sagas', 'GET, HEAD'],
    ['DELETE', `/sagas/${id}`, 'GET, HEAD'],
    ['OPTIONS', PAUSE, 'POST'],
    ['GET', PAUSE, 'POST'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('is 405 for %s %s, with what is allowed', async (method, path, allow) => {
    const { status, headers } = await ask(app, method, path, 'admin')
    expect([status, headers.get('allow')]).toEqual([405, allow])
  })

  test('is 404 where there is nothing', async () => {
    expect((await fetchApi(app, '/nowhere')).json).toMatchObject({ status: 404, code: 'NOT_FOUND' })
    expect((await fetchApi(app, '')).status).toBe(404)
  })

  test('is 414 for a long address, and 400 for many parameters, whoever sends it', async () => {
    const long = await ask(app, 'GET', `/sagas?key=${'x'.repeat(9_000)}`, {})
    expect(long.json).toMatchObject({ status: 414, code: 'ADDRESS_TOO_LONG' })
    const many = Array.from({ length: 101 }, (_one, at) => `p${at}=1`).join('&')
    expect((await ask(app, 'GET', `/sagas?${many}`, {})).json).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
  })

  test('is 415 for what is not sent as JSON, a form included', async () => {
    const as = { Authorization: 'Bearer admin-token' }
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/jsonp']) {
      const { status } = await ask(app, 'POST', PAUSE, { ...as, 'Content-Type': type }, undefined)
      expect(status).toBe(415)
    }
  })

  test.each(['', '{', '{"reason":"x",}', 'undefined', '[1e999]'])('is 400 for the body %j', async (body) => {
    expect((await ask(app, 'POST', PAUSE, 'admin', body)).json).toMatchObject({ status: 400, code: 'JSON_INVALID' })
  })

  test('is 400 for JSON that is no object', async () => {
    expect((await ask(app, 'POST', PAUSE, 'admin', '[]')).json).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
  })

  test('is 413 for a long body, though its length was not said', async () => {
    const long = `{"reason":"${'x'.repeat(70_000)}"}`
    expect((await ask(app, 'POST', PAUSE, 'admin', long)).json).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
    const body = new Blob([long]).stream()
    const headers = { Authorization: 'Bearer admin-token', 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
    expect((await app.request(`/api/v1${PAUSE}`, init)).status).toBe(413)
  })

  test('is told without what went wrong inside, which the log has under the same id', async () => {
    const logged: object[] = []
    const logger = { ...quiet, error: (details: object) => void logged.push(details) }
    const { json } = await postApi(dashboardWithTokens(unreachable, { logger }), PAUSE, { reason: 'because' })
    expect(json).toMatchObject({ status: 500, code: 'INTERNAL' })
    expect(logged).toMatchObject([{ requestId: json.requestId, error: { message: 'select secret from excerpts' } }])
  })
})

describe('the API', () => {
  test('lies below the dashboard, wherever that is mounted', async () => {
    const host = new Hono().route('/admin/sagas', dashboardWithTokens(unreachable))
    const headers = { Authorization: 'Bearer viewer-token' }
    const response = await host.request('/admin/sagas/api/v1/openapi.json', { headers })
    expect(((await response.json()) as { servers: unknown }).servers).toEqual([{ url: '.' }])
    expect((await host.request('/admin/sagas/api/v1/nowhere', { headers })).status).toBe(404)
  })
})
