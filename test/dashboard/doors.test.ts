/** One contract for all frameworks, over real HTTP: whatever the dashboard was mounted in, it is the same dashboard. */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type DashboardOptions, nodeDashboard } from '../../src/dashboard/index.ts'
import type { SagaEngine } from '../../src/index.ts'
import { createSagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { BASE, HOSTS, type Host, listening, type Open } from './hosts.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { ADA, hiddenFields, SAME_ORIGIN } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [sendLetter], services: {} })
  await engine.start()
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

type Answer = { readonly status: number; readonly headers: Headers; readonly text: string }

describe.each(HOSTS)('the dashboard in $name', (host: Host) => {
  const below = host.linksBelow ?? BASE
  let open: Open
  let seen: unknown[]

  afterEach(async () => {
    vi.unstubAllEnvs()
    await open.close()
  })

  /** Ada comes in. */
  async function opened(options: Partial<DashboardOptions> = {}): Promise<void> {
    seen = []
    const authenticate: DashboardOptions['authenticate'] = (_request, its) => {
      seen.push(its)
      return ADA
    }
    open = await host.open({ client: engine, authenticate, ...options })
  }

  async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(open.url + path, { redirect: 'manual', ...init })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  function send(
    path: string,
    body: string | URLSearchParams,
    headers: Record<string, string> = SAME_ORIGIN,
  ): Promise<Answer> {
    return ask(path, { method: 'POST', body, headers })
  }

  test('links to itself, with or without a slash at the end', async () => {
    await opened()
    for (const path of ['', '/', '/sagas', '/sagas?status=dead_lettered']) {
      const { status, text } = await ask(path)
      expect(status).toBe(200)
      const links = [...text.matchAll(/(?:href|action|src)="(\/[^"]*)"/g)].map(([, link = '']) => link)
      expect(links.length).toBeGreaterThan(8)
      for (const link of links) expect(`${link}/`.replace('?', '/').startsWith(`${below}/`), link).toBe(true)
    }
    expect((await ask('/sagas')).text).toContain('aria-current="page"')
  })

  test('gives its files zipped', async () => {
    await opened()
    const path = /href="[^"]+(\/assets\/[^"]+\.css)"/.exec((await ask('/sagas')).text)?.[1] ?? ''
    const { status, headers, text } = await ask(path, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(status).toBe(200)
    expect(headers.get('content-encoding')).toBe(host.zips === true ? null : 'gzip')
    expect(headers.get('cache-control')).toContain('immutable')
    expect(text).toContain('@media')
  })

  test('answers 304 for a part that has not changed', async () => {
    await opened()
    const partial = { 'HX-Request': 'true', 'HX-Request-Type': 'partial' }
    const first = await ask('/sagas?tag=nobody-has-it', { headers: partial })
    const tag = first.headers.get('hx-ptag') ?? ''
    expect(first.text).not.toContain('<html')
    const again = await ask('/sagas?tag=nobody-has-it', { headers: { ...partial, 'HX-PTag': tag } })
    expect([again.status, again.text]).toEqual([304, ''])
    hasHeaders(again)
  })

  test('does what a form says, and leads back to the saga', async () => {
    await opened()
    const { ids } = await deadLetters(engine, 1)
    const shown = await ask(`/sagas/${ids[0]}/plan?action=retry`)
    const fields = { ...hiddenFields(shown.text), reason: 'the office is open & "ready" = ünter' }
    const { status, headers } = await send(`/sagas/${ids[0]}/actions/retry`, new URLSearchParams(fields))
    expect(status).toBe(303)
    expect(headers.get('location')).toBe(`${below}/sagas/${ids[0]}?done=retry`)
    expect(await engine.outcome(ids[0] ?? '')).toMatchObject({ status: 'completed' })
    expect((await ask(`/sagas/${ids[0]}?done=retry`)).text).toContain(
      'the office is open &amp; &quot;ready&quot; = ünter',
    )
  })

  test('refuses a form from elsewhere, one that is too long, and what is none', async () => {
    await opened()
    const { ids } = await deadLetters(engine, 1)
    const path = `/sagas/${ids[0]}/actions/retry`
    const before = await engine.journal(ids[0] ?? '')
    const form = new URLSearchParams({ reason: 'x' })
    const foreign = [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }, {}]
    for (const headers of foreign) expect((await send(path, form, headers)).status).toBe(403)
    const long = await send(path, new URLSearchParams({ reason: 'x'.repeat(20_000) }))
    expect(long.status).toBe(413)
    expect(long.text).toContain('Nothing was done.')
    const json = await send(path, '{"reason":"x"}', { ...SAME_ORIGIN, 'Content-Type': 'application/json' })
    expect(json.status).toBe(415)
    hasHeaders(json)
    expect((await send(path, form)).status).toBe(400)
    expect(await engine.journal(ids[0] ?? '')).toEqual(before)
  })

  test('refuses other methods, and pages that are not there', async () => {
    await opened()
    for (const method of ['PUT', 'DELETE', 'PATCH']) expect((await ask('/sagas', { method })).status).toBe(405)
    const lost = await ask('/nowhere')
    expect(lost.status).toBe(404)
    hasHeaders(lost)
  })

  test('answers HEAD with the headers only', async () => {
    await opened()
    const { status, headers, text } = await ask('/sagas', { method: 'HEAD' })
    expect([status, text]).toEqual([200, ''])
    expect(headers.get('content-type')).toContain('text/html')
    hasHeaders({ headers })
  })

  test('hands the framework’s own request to authenticate', async () => {
    await opened()
    await ask('/sagas', { headers: { 'X-Test-User': 'grace' } })
    expect(seen.map((one) => host.userOf(one))).toEqual(['grace'])
  })

  test('sends what authenticate answers, such as the way to a login page', async () => {
    const login = () => new Response(null, { status: 302, headers: { Location: '/login', 'Set-Cookie': 'from=sagas' } })
    await opened({ authenticate: login })
    const { status, headers } = await ask('/sagas')
    expect([status, headers.get('location'), headers.get('set-cookie')]).toEqual([302, '/login', 'from=sagas'])
    hasHeaders({ headers })
  })

  test('is told when somebody goes away', async () => {
    const signals: AbortSignal[] = []
    await opened({
      authenticate: (request) => {
        signals.push(request.signal)
        return new Promise(() => {})
      },
    })
    const leaving = new AbortController()
    const asked = fetch(`${open.url}/sagas`, { signal: leaving.signal }).catch(() => {})
    await until('it has come in', async () => signals.length === 1)
    leaving.abort()
    await asked
    await until('it is known to be gone', async () => signals[0]?.aborted === true)
  })

  test('sends signals while they come, until the page leaves or the server closes', async () => {
    const closing = new AbortController()
    await opened({ closing: closing.signal })
    const { ids } = await deadLetters(engine, 1)
    const answer = await fetch(`${open.url}/events?saga=${ids[0]}`, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    hasHeaders({ headers: answer.headers })
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toContain('event: sagas:alive')
    // A second later: nobody on the way has kept it back.
    expect((await reader.read()).value).toContain('event: sagas:changed')
    closing.abort()
    let ended = false
    while (!ended) ended = (await reader.read()).done
  })

  test('is closed by default, and open to this machine in development only where the socket says so', async () => {
    open = await host.open({ client: engine })
    const closed = await ask('/sagas')
    expect(closed.status).toBe(403)
    expect(closed.text).toContain('authenticate')
    hasHeaders(closed)
    vi.stubEnv('NODE_ENV', 'development')
    expect((await ask('/sagas')).status).toBe(host.knowsSockets ? 200 : 403)
    expect((await ask('/sagas', { headers: { 'X-Forwarded-For': '127.0.0.1' } })).status).toBe(403)
    expect(await statusFor('evil.example')).toBe(403)
  })

  /** As a page elsewhere asks whose name was pointed at this machine: fetch sets the Host itself. */
  function statusFor(name: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      httpRequest(`${open.url}/sagas`, { headers: { Host: name } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
  }
})

describe('a host', () => {
  test('of Fastify keeps its own parser, and what its hooks have set is sent along', async () => {
    const fastify = HOSTS.find(({ name }) => name === 'Fastify with a parser of its own') as Host
    const { url, close } = await fastify.open({ client: engine, authenticate: () => ADA })
    const body = new URLSearchParams({ a: '1' })
    expect(await (await fetch(new URL('/theirs', url), { method: 'POST', body })).json()).toEqual({ body: 'a=1' })
    expect((await fetch(`${url}/sagas`)).headers.get('x-from-a-hook')).toBe('yes')
    await close()
  })

  test('whose other code has read the form, and left nothing of it, is told so', async () => {
    const listener = nodeDashboard({ client: engine, authenticate: () => ADA })
    const server = createServer((request, response) => {
      request.resume().on('end', () => listener(request, response))
    })
    const { url, close } = await listening(server)
    const path = new URL('/schedules/cleanup', url)
    const answer = await fetch(path, {
      method: 'POST',
      body: new URLSearchParams({ dry: 'yes' }),
      headers: SAME_ORIGIN,
    })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('Mount the dashboard before it.')
    await close()
  })

  test('whose parser has changed a number is told so by the API, and what it has kept is taken', async () => {
    const express = HOSTS.find(({ name }) => name === 'Express behind body parsers') as Host
    const { url, close } = await express.open({ client: engine, authenticateToken: () => ADA })
    const { ids } = await deadLetters(engine, 1)
    const headers = { Authorization: 'Bearer x', 'Content-Type': 'application/json' }
    const path = `${url}/api/v1/sagas/${ids[0]}/acts/edit_input`
    const send = (number: string) =>
      fetch(path, { method: 'POST', headers, body: `{"reason":"x","input":{"to":"ada","deep":[{"n":${number}}]}}` })
    const before = await engine.journal(ids[0] ?? '')
    for (const number of ['9007199254740993', '-9007199254740993', '1e999']) {
      const refused = await send(number)
      expect([number, refused.status]).toEqual([number, 400])
      expect(((await refused.json()) as { detail: string }).detail).toContain('before the parser')
    }
    expect(await engine.journal(ids[0] ?? '')).toEqual(before)
    for (const number of ['9007199254740991', '0.5']) {
      const { text } = await send(number).then(async (one) => ({ text: await one.text() }))
      expect(text).not.toContain('parser')
    }
    await close()
  })

  test('that is asked without a Host does not take that for a developer on this machine', async () => {
    vi.stubEnv('NODE_ENV', 'development')
    const { url, close } = await listening(createServer(nodeDashboard({ client: engine })))
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('GET /sagas HTTP/1.0\r\n\r\n'))
      let text = ''
      socket.setEncoding('utf8')
      socket.on('data', (chunk: string) => {
        text += chunk
      })
      socket.on('end', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    await close()
    vi.unstubAllEnvs()
  })

  test('that is asked by a Host that is no name gets a page', async () => {
    const { url, close } = await listening(createServer(nodeDashboard({ client: engine, authenticate: () => ADA })))
    const answer = await new Promise<IncomingMessage>((resolve) => {
      httpRequest(url, { headers: { Host: 'a b' } }, resolve).end()
    })
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'/)
    expect((await answer.toArray()).join('')).toContain('Host header')
    await close()
  })

  const circle: Record<string, unknown> = {}
  circle['self'] = circle

  test.each([
    ['a number that JSON does not have', { amount: 1n }],
    ['what goes in circles', circle],
  ])('whose body somebody has made into %s says that it is not the request', async (_what, body) => {
    const error = vi.fn<(fields: object, message: string) => void>()
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error }
    const dashboard = nodeDashboard({ client: engine, authenticate: () => ADA, logger })
    const server = createServer((request, response) => {
      request.resume().on('end', () => dashboard(Object.assign(request, { body }), response))
    })
    const { url, close } = await listening(server)
    const answer = await fetch(url, { method: 'POST', body: 'a=b', headers: { 'Content-Type': 'text/plain' } })
    expect(answer.status).toBe(500)
    hasHeaders(answer)
    const [fields] = error.mock.calls[0] ?? []
    expect(fields).toEqual({ requestId: expect.any(String), error: expect.any(TypeError) })
    expect(await answer.text()).toContain(`Request ${(fields as { requestId: string }).requestId}.`)
    await close()
  })
})

function hasHeaders({ headers }: Pick<Answer, 'headers'>): void {
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('cache-control')).toMatch(/^no-store/)
}
