/**
 * The JSON API beside the pages, below `/api/v1`: the same verbs and rights, for programs.
 *
 * 1. A bearer token says who it is; without one the session does, and then a change has to come from our own pages.
 * 2. With neither it is closed, as the pages are.
 */
import { Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { Actor, DashboardOptions } from '../options.ts'
import { type Allowances, tooMuchOf } from '../security/limits.ts'
import { isFromOurPages } from '../security/same-origin.ts'
import { bearerToken, hostOf, hostRequest, knownAs, sessionActor } from '../security/who.ts'
import { openApi } from './openapi.ts'
import { ApiProblem, partsOf } from './problems.ts'
import type { ApiCtx, ApiEnv, ApiParts, Route } from './route.ts'
import { ROUTES } from './table.ts'

/** Where it lies, below the dashboard. */
export const API_PATH = '/api/v1'

const CHALLENGE = 'Bearer realm="pg-saga"'

/** @param looking for what is only read. */
export function sagaApi(
  options: DashboardOptions,
  parts: ApiParts,
  looking: () => SagaClient,
  allowances: Allowances,
): Hono<ApiEnv> {
  const reading = () => ({ ...parts, client: looking() })
  const api = new Hono<ApiEnv>()
  api.onError((error, c) => problem(c, error, parts))
  api.use('*', lookWho(options, allowances))
  api.get('/openapi.json', (c) => c.json(openApi()))
  for (const route of ROUTES) {
    if (route.method === 'GET') api.get(route.path, (c) => route.respond(c, reading()))
    else
      api.post(route.path, bodyLimit({ maxSize: route.maxBodyBytes, onError: tooLong }), (c) => route.respond(c, parts))
  }
  for (const [path, allowed] of [...methodsOf(ROUTES), ['/openapi.json', 'GET, HEAD'] as const]) {
    api.all(path, (c) => notAllowed(c, allowed))
  }
  api.all('*', nothingThere)
  return api
}

function lookWho(options: DashboardOptions, allowances: Allowances): MiddlewareHandler<ApiEnv> {
  const { trustedOrigins = [] } = options
  return async (c, next) => {
    const tooMuch = tooMuchOf(c.req.url)
    if (tooMuch !== undefined) throw tooMuch
    const token = bearerToken(c.req.raw.headers)
    const isUnsafe = c.req.method !== 'GET' && c.req.method !== 'HEAD'
    // A cookie is sent by the browser, wherever the request comes from; a token is not.
    if (token === undefined && isUnsafe && !isFromOurPages(c.req.raw.headers, hostOf(c), trustedOrigins)) {
      const detail =
        'Without a bearer token a change is taken from the pages of the dashboard itself only. Nothing was done.'
      throw new ApiProblem({ status: 403, code: 'CROSS_SITE', title: 'Refused', detail })
    }
    const actor = token === undefined ? await bySession(c, options) : await byToken(c, options, token)
    if (actor instanceof Response) return actor
    c.set('actor', actor)
    const waitS = allowances.take(actor.id, isUnsafe)
    if (waitS > 0) throw tooMany(actor, waitS)
    return next()
  }
}

async function byToken(
  c: ApiCtx,
  { authenticateToken }: DashboardOptions,
  token: NonNullable<ReturnType<typeof bearerToken>>,
): Promise<Actor | Response> {
  const actor =
    typeof token === 'string' && authenticateToken !== undefined
      ? knownAs(await authenticateToken(token, c.req.raw, hostRequest(c)))
      : undefined
  if (actor !== undefined) return actor
  const detail =
    authenticateToken === undefined
      ? 'No tokens are taken here: the dashboard has no authenticateToken hook.'
      : 'This token is nobody’s.'
  throw unauthenticated('TOKEN_INVALID', detail, `${CHALLENGE}, error="invalid_token"`)
}

async function bySession(c: ApiCtx, options: DashboardOptions): Promise<Actor | Response> {
  const who = await sessionActor(c, options)
  if (who === 'nobody' || (who === 'closed' && options.authenticateToken !== undefined)) {
    throw unauthenticated('UNAUTHENTICATED', 'Send a bearer token, or sign in.', CHALLENGE)
  }
  if (who !== 'closed') return who
  const detail =
    'The API shows payloads and changes sagas, so it lets nobody in until the dashboard is told who comes: give it an authenticateToken hook, or authenticate.'
  throw new ApiProblem({ status: 403, code: 'CLOSED', title: 'The API is closed', detail })
}

function unauthenticated(code: string, detail: string, challenge: string): ApiProblem {
  const headers = { 'WWW-Authenticate': challenge }
  return new ApiProblem({ status: 401, code, title: 'Who is there?', detail, headers })
}

/** By path, what it takes. */
export function methodsOf(routes: readonly Route[]): ReadonlyMap<string, string> {
  const methods = new Map<string, string>()
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method
    const others = methods.get(path)
    methods.set(path, others === undefined ? own : `${others}, ${own}`)
  }
  return methods
}

function tooMany({ id }: Actor, waitS: number): ApiProblem {
  const detail = `More came from ${id} than the option limits lets in, so this one was not looked at. Come back in ${waitS} s.`
  const headers = { 'Retry-After': String(waitS) }
  return new ApiProblem({ status: 429, code: 'TOO_MANY_REQUESTS', title: 'Too many requests', detail, headers })
}

function tooLong(): never {
  const detail = 'The body is too long. Nothing was done.'
  throw new ApiProblem({ status: 413, code: 'BODY_TOO_LARGE', title: 'Too much', detail })
}

function notAllowed(c: ApiCtx, allowed: string): never {
  const detail = `This takes ${allowed}, and not ${c.req.method}.`
  const headers = { Allow: allowed }
  throw new ApiProblem({ status: 405, code: 'METHOD_NOT_ALLOWED', title: 'Not allowed', detail, headers })
}

function nothingThere(): never {
  const detail = 'There is nothing at this address. openapi.json lists what there is.'
  throw new ApiProblem({ status: 404, code: 'NOT_FOUND', title: 'Not found', detail })
}

/** The log gets the error itself, the program a request id to find it by. */
function problem(c: ApiCtx, error: unknown, { logger }: ApiParts): Response {
  const { status, code, title, detail, errors, more, headers } = partsOf(error)
  const requestId = c.get('requestId')
  if (status >= 500) logger.error({ requestId, error }, 'A request of the API failed.')
  const type = `urn:pg-saga:problem:${code.toLowerCase()}`
  const body = { type, title, status, detail, code, requestId, ...(errors === undefined ? {} : { errors }), ...more }
  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json', ...headers })
}
