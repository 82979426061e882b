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
import { Redaction } from '../redaction.ts'
import { inTimeZone, TimeZone } from '../time-zone.ts'
import { type DashboardEnv, DOOR } from '../view.ts'
import { securityHeaders, withHeaders } from './headers.ts'
import { type Allowances, tooMuchOf } from './limits.ts'
import { Refusal } from './refusal.ts'
import { isFromOurPages, whyNotOurs } from './same-origin.ts'
import { hostOf, sessionActor } from './who.ts'

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

export function gate(options: DashboardOptions, allowances: Allowances): MiddlewareHandler<DashboardEnv> {
  const { environment, trustedOrigins = [] } = options
  const redaction = new Redaction(options.redact)
  const zone = new TimeZone(options.timeZone ?? 'UTC')
  return async (c, next) => {
    const { method } = c.req
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
      return c.html(closedPage('Not allowed', `Nothing here answers ${method}.`), 405, { Allow: 'GET, HEAD, POST' })
    }
    if (method === 'POST' && !isFromOurPages(c.req.raw.headers, hostOf(c), trustedOrigins)) {
      return c.html(closedPage('Refused', whyNotOurs(c.req.raw.headers, hostOf(c))), 403)
    }
    const tooMuch = tooMuchOf(c.req.url)
    if (tooMuch !== undefined) return c.html(closedPage(tooMuch.title, tooMuch.message), tooMuch.status)
    const actor = await whoIsThere(c, options)
    if (actor instanceof Response) return actor
    const base = baseOf(c, options.basePath)
    c.set('view', {
      base,
      // Behind a door the path is ours already.
      path: c.env?.[DOOR] === undefined ? below(base, c.req.path) : c.req.path,
      nonce: c.get('nonce'),
      requestId: c.get('requestId'),
      actor,
      environment,
      assets: loadAssets(),
      now: Date.now(),
      redaction,
    })
    const waitS = isAsset(c) ? 0 : allowances.take(actor.id, method === 'POST')
    if (waitS === 0) return inTimeZone(zone, next)
    c.header('Retry-After', String(waitS))
    throw new Refusal(
      429,
      'Too many requests',
      `More came from ${actor.name ?? actor.id} than one person sends, so this one was not looked at, and nothing was done. ${IN_A_WHILE(waitS)}`,
    )
  }
}

const IN_A_WHILE = (waitS: number) =>
  `Come back in ${waitS} s. If a script asks, let it ask less; the option limits says how much is too much.`

/** They come with each page, and are kept by the browser. */
function isAsset(c: Context<DashboardEnv>): boolean {
  return c.get('view').path.startsWith('/assets/')
}

/** @returns a Response for those who do not come in. */
export async function whoIsThere(c: Context<DashboardEnv>, options: DashboardOptions): Promise<Actor | Response> {
  const who = await sessionActor(c, options)
  if (who === 'nobody') {
    return c.html(closedPage('Nobody is signed in', 'Sign in to the application, then come back.'), 401)
  }
  if (who !== 'closed') return who
  const why =
    'The dashboard shows payloads and changes sagas, so it lets nobody in until it is told who comes: give it an authenticate hook. With NODE_ENV=development it is open to this machine itself, under localhost.'
  return c.html(closedPage('The dashboard is closed', why, HOW_TO_OPEN), 403)
}

/** Adapters know where it was mounted, and Hono does by `route`; where the host has cut that off, the option says it. */
function baseOf(c: Context<DashboardEnv>, option: string | undefined): string {
  return (option ?? c.env?.[DOOR]?.base ?? basePath(c)).replace(/\/+$/, '')
}

/** Where a page lies below the base, whether or not the host has cut that off. */
export function below(base: string, path: string): string {
  const rest = base !== '' && (path === base || path.startsWith(`${base}/`)) ? path.slice(base.length) : path
  return rest === '' ? '/' : rest
}
