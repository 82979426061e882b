/**
 * What each request passes before any page: headers on the way out, then method, origin, and who it is.
 *
 * Closed by default: without `authenticate` nobody comes in but this machine itself, and only with `NODE_ENV=development`.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { basePath } from 'hono/route'
import { loadAssets } from '../assets/assets.ts'
import type { Actor, DashboardOptions } from '../options.ts'
import { closedPage, HOW_TO_OPEN } from '../pages/problem.ts'
import type { DashboardEnv } from '../view.ts'
import { securityHeaders, withHeaders } from './headers.ts'
import { isLocalDeveloper } from './loopback.ts'
import { isFromOurPages } from './same-origin.ts'

const LOCAL_DEVELOPER: Actor = { id: 'local developer', role: 'admin' }

/** Outermost: whatever comes of the request leaves with the headers. */
export function frame(): MiddlewareHandler<DashboardEnv> {
  return async (c, next) => {
    const nonce = randomBytes(16).toString('base64url')
    c.set('nonce', nonce)
    c.set('requestId', randomUUID())
    await next()
    const shutOut = c.res.status === 401 || c.res.status === 403
    // A page that updates itself is loaded anew when it may no longer be seen.
    const more = shutOut && c.req.header('HX-Request') === 'true' ? { 'HX-Refresh': 'true' } : {}
    c.res = withHeaders(c.res, { ...securityHeaders(nonce), ...more })
  }
}

export function gate(options: DashboardOptions): MiddlewareHandler<DashboardEnv> {
  const { environment, trustedOrigins = [] } = options
  return async (c, next) => {
    const { method } = c.req
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
      return c.html(closedPage('Not allowed', `Nothing here answers ${method}.`), 405, { Allow: 'GET, HEAD, POST' })
    }
    if (method === 'POST' && !isFromOurPages(c.req.raw.headers, hostOf(c), trustedOrigins)) {
      return c.html(closedPage('Refused', 'This form was sent by another site. Nothing was done.'), 403)
    }
    const actor = await whoIsThere(c, options)
    if (actor instanceof Response) return actor
    const base = baseOf(c, options.basePath)
    c.set('view', {
      base,
      path: below(base, c.req.path),
      nonce: c.get('nonce'),
      requestId: c.get('requestId'),
      actor,
      environment,
      assets: loadAssets(),
      now: Date.now(),
    })
    return next()
  }
}

async function whoIsThere(c: Context<DashboardEnv>, { authenticate }: DashboardOptions): Promise<Actor | Response> {
  if (authenticate !== undefined) {
    const actor = await authenticate(c.req.raw, c)
    return actor ?? c.html(closedPage('Nobody is signed in', 'Sign in to the application, then come back.'), 401)
  }
  const address = c.env?.incoming?.socket?.remoteAddress
  if (isLocalDeveloper(address, c.req.raw.headers, hostOf(c), process.env['NODE_ENV'])) return LOCAL_DEVELOPER
  const why =
    'The dashboard shows payloads and changes sagas, so it lets nobody in until it is told who comes: give it an authenticate hook. With NODE_ENV=development it is open to this machine itself, under localhost.'
  return c.html(closedPage('The dashboard is closed', why, HOW_TO_OPEN), 403)
}

function hostOf(c: Context<DashboardEnv>): string {
  return c.req.header('host') ?? new URL(c.req.url).host
}

/** Hono knows where the app was mounted by `route`; where the host has cut that off, the option says it. */
function baseOf(c: Context<DashboardEnv>, option: string | undefined): string {
  return (option ?? basePath(c)).replace(/\/+$/, '')
}

/** Where a page lies below the base, whether or not the host has cut that off. */
function below(base: string, path: string): string {
  const rest = base !== '' && (path === base || path.startsWith(`${base}/`)) ? path.slice(base.length) : path
  return rest === '' ? '/' : rest
}
