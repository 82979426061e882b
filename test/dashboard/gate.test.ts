/** Who comes in, and what every response carries. No database: nobody gets that far. */
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { sagaDashboard } from '../../src/dashboard/index.ts'
import { isLocalDeveloper } from '../../src/dashboard/security/loopback.ts'
import { isFromOurPages } from '../../src/dashboard/security/same-origin.ts'
import type { SagaClient } from '../../src/index.ts'
import { ADA, dashboardFor, get, post } from './requests.ts'

/** Whoever asks it for anything has come too far. */
const unreachable = new Proxy({} as SagaClient, {
  get: (_target, key) => {
    throw new Error(`select secret from ${String(key)}`)
  },
})

const id = '01a1fce1-8814-7000-aad7-833589d72686'
const system = ['/', '/workers', '/queues', '/schedules']
const paths = [
  ...system,
  '/sagas',
  `/sagas/${id}`,
  `/sagas/${id}/plan?action=retry`,
  '/assets/dashboard.css',
  '/nowhere',
]
const from = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } })

describe('a dashboard without authenticate', () => {
  const app = sagaDashboard({ client: unreachable })
  beforeEach(() => vi.stubEnv('NODE_ENV', 'development'))
  afterEach(() => vi.unstubAllEnvs())

  test.each(paths)('answers 403 at %s, and says how to open it', async (path) => {
    const { status, text, headers } = await get(app, path)
    expect(status).toBe(403)
    expect(text).toContain('authenticate')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  })

  test('is closed to a post, also from the same origin', async () => {
    expect((await post(app, `/sagas/${id}/actions/retry`, {})).status).toBe(403)
    expect((await post(app, '/schedules/cleanup', { dry: 'no' })).status).toBe(403)
  })

  test.each(['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])(
    'lets %s in while in development',
    async (address) => {
      const response = await app.request('http://localhost:3000/nowhere', {}, from(address))
      expect(response.status).toBe(404)
      expect(await response.text()).toContain('There is no such page.')
    },
  )

  test.each([undefined, '', 'production', 'staging', 'test'])(
    'is closed to this machine in %o',
    async (environment) => {
      vi.stubEnv('NODE_ENV', environment)
      expect((await app.request('http://localhost:3000/', {}, from('127.0.0.1'))).status).toBe(403)
    },
  )

  test.each([
    ['another machine', 'localhost', '10.0.0.7', {}],
    ['an address that only looks like ours', 'localhost', '127.0.0.1.example.com', {}],
    ['a page elsewhere whose name was pointed at this machine', 'evil.example', '127.0.0.1', {}],
    ['what a proxy on this machine forwards', 'localhost', '127.0.0.1', { 'X-Forwarded-For': '10.0.0.7' }],
  ])('is closed to %s', async (_who, host, address, headers) => {
    const response = await app.request(`http://${host}:3000/`, { headers: { Host: host, ...headers } }, from(address))
    expect(response.status).toBe(403)
  })

  test('believes no header about where a request comes from', () => {
    const claim = new Headers({ 'x-real-ip': '127.0.0.1' })
    expect(isLocalDeveloper(undefined, claim, 'localhost', 'development')).toBe(false)
  })
})

describe('a dashboard with authenticate', () => {
  test.each(paths)('answers 401 at %s when nobody is there', async (path) => {
    expect((await get(dashboardFor(unreachable, null), path)).status).toBe(401)
  })

  test('does not fall back on the loopback', async () => {
    const response = await dashboardFor(unreachable, null).request('http://localhost/', {}, from('127.0.0.1'))
    expect(response.status).toBe(401)
  })

  test('sends its Response on, with our headers where it has none', async () => {
    const login = Response.redirect('https://login.example.com/')
    const app = sagaDashboard({ client: unreachable, authenticate: () => login })
    const { status, headers } = await get(app, '/sagas')
    expect(status).toBe(302)
    expect(headers.get('location')).toBe('https://login.example.com/')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('hands the framework’s own request over', async () => {
    const hosts: unknown[] = []
    const app = sagaDashboard({
      client: unreachable,
      authenticate: (_request, host) => {
        hosts.push(host)
        return null
      },
    })
    await get(app, '/sagas')
    expect(hosts[0]).toHaveProperty('req')
  })

  test('is closed when that throws, and says nothing of why', async () => {
    const app = sagaDashboard({
      client: unreachable,
      authenticate: () => Promise.reject(new Error('secret of the session')),
    })
    const { status, text } = await get(app, '/sagas')
    expect(status).toBe(500)
    expect(text).not.toContain('secret')
  })
})

describe('every response', () => {
  const app = dashboardFor(unreachable)

  test.each([
    ['a page', '/sagas', {}],
    ['an error', '/nowhere', {}],
    ['a part for htmx', '/sagas', { 'HX-Request-Type': 'partial' }],
  ])('carries the headers: %s', async (_what, path, init) => {
    const { headers } = await get(app, path, init)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/script-src 'nonce-[\w-]{20,}'/)
    expect(policy).toContain("require-trusted-types-for 'script'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('strict-transport-security')).toBeNull()
  })

  test('has a nonce of its own', async () => {
    const [first, second] = await Promise.all([get(app, '/nowhere'), get(app, '/nowhere')])
    expect(first.headers.get('content-security-policy')).not.toBe(second.headers.get('content-security-policy'))
  })

  test('shows a request id for an error, never the error, and the log has both', async () => {
    const logged: { details: object; message: string }[] = []
    const error = (details: object, message: string) => void logged.push({ details, message })
    const quiet = { debug() {}, info() {}, warn() {}, error }
    const { status, text } = await get(dashboardFor(unreachable, ADA, { logger: quiet }), '/sagas')
    expect(status).toBe(500)
    expect(text).not.toContain('select secret')
    const [, requestId = ''] = /Request <code>([^<]+)/.exec(text) ?? []
    expect(logged[0]?.details).toMatchObject({ requestId, error: { message: 'select secret from forReading' } })
  })

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('is 405 for %s', async (method) => {
    expect((await app.request('/sagas', { method })).status).toBe(405)
  })

  test('asks a page that updates itself to load anew when it is shut out', async () => {
    const { headers } = await get(dashboardFor(unreachable, null), '/sagas', { 'HX-Request': 'true' })
    expect(headers.get('hx-refresh')).toBe('true')
  })
})

describe('a form', () => {
  const sent = (headers: Record<string, string>, trusted: readonly string[] = []) =>
    isFromOurPages(new Headers(headers), 'ops.example.com', trusted)

  test.each([
    ['says same-origin', { 'Sec-Fetch-Site': 'same-origin' }],
    ['has our origin, from a browser that does not say', { Origin: 'https://ops.example.com' }],
  ])('is taken when it %s', (_why, headers) => {
    expect(sent(headers)).toBe(true)
  })

  test.each([
    ['says cross-site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://ops.example.com' }],
    ['says same-site', { 'Sec-Fetch-Site': 'same-site' }],
    ['says none', { 'Sec-Fetch-Site': 'none' }],
    ['has another origin', { Origin: 'https://evil.example' }],
    ['has our name as a part of another', { Origin: 'https://ops.example.com.evil.example' }],
    ['has no origin', {}],
    ['has the origin null', { Origin: 'null' }],
  ])('is refused when it %s', (_why, headers) => {
    expect(sent(headers as Record<string, string>)).toBe(false)
  })

  test('is taken from a trusted origin, where a proxy changes the Host', () => {
    expect(sent({ Origin: 'https://public.example.com' }, ['https://public.example.com'])).toBe(true)
  })

  test('is refused from another site before anything is looked up', async () => {
    const path = `/sagas/${id}/actions/retry`
    const answer = await post(dashboardFor(unreachable), path, {}, { 'Sec-Fetch-Site': 'cross-site' })
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('another site')
  })

  test('is refused when it is too long, or no form', async () => {
    const path = `/sagas/${id}/actions/retry`
    expect((await post(dashboardFor(unreachable), path, { reason: 'x'.repeat(20_000) })).status).toBe(413)
    const json = {
      method: 'POST',
      body: '{}',
      headers: { 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/json' },
    }
    expect((await dashboardFor(unreachable).request(path, json)).status).toBe(415)
  })
})

describe('the static files', () => {
  const app = dashboardFor(unreachable)
  const files = async () => {
    const { text } = await get(app, '/nowhere')
    return [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path = '']) => path)
  }

  test('are named by their content, and kept for ever', async () => {
    const paths = await files()
    expect(paths).toHaveLength(3)
    for (const path of paths) {
      const { status, headers } = await get(app, path)
      expect(status).toBe(200)
      expect(path).toMatch(/\.[0-9a-f]{16}\.\w+$/)
      expect(headers.get('cache-control')).toContain('immutable')
    }
  })

  test('hold htmx with its guard and nothing from elsewhere, within the budget', async () => {
    const script = (await files()).find((path) => path.endsWith('.js')) ?? ''
    const { text } = await get(app, script)
    expect(text).toContain('hx-csp')
    expect(text).not.toContain('sourceMappingURL')
    const zipped = await app.request(script, { headers: { 'Accept-Encoding': 'gzip, br' } })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect((await zipped.arrayBuffer()).byteLength).toBeLessThan(22 * 1024)
    const style = (await files()).find((path) => path.endsWith('.css')) ?? ''
    const css = await app.request(style, { headers: { 'Accept-Encoding': 'gzip' } })
    expect((await css.arrayBuffer()).byteLength).toBeLessThan(12 * 1024)
  })

  test('are those, and no others', async () => {
    expect((await get(app, '/assets/..%2f..%2fpackage.json')).status).toBe(404)
    expect((await get(app, '/assets/htmx.js')).status).toBe(404)
  })
})

describe('the links', () => {
  test('begin where the app was mounted', async () => {
    const host = new Hono().route('/admin/sagas', dashboardFor(unreachable))
    const lost = await host.request('/admin/sagas/nowhere')
    expect(lost.status).toBe(404)
    const text = await lost.text()
    expect(text).toContain('href="/admin/sagas/assets/')
    expect(text).toContain('<a href="/admin/sagas" >Overview')
    expect(text).toContain('<a href="/admin/sagas/sagas" >Sagas')
  })

  test('begin with basePath where the host has cut it off', async () => {
    const { text } = await get(dashboardFor(unreachable, ADA, { basePath: '/ops/' }), '/nowhere')
    expect(text).toContain('href="/ops/sagas"')
  })
})
