/** How a request is answered: a page, the part of one that has changed, a file, or what went wrong. */
import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import type { z } from 'zod'
import type { Logger } from '../engine/runtime/ports.ts'
import { codeOf } from './acts.ts'
import { loadAssets } from './assets/assets.ts'
import { closedPage, problemPage } from './pages/problem.ts'
import { layout, type Page } from './partials/layout.ts'
import type { Markup } from './partials/markup.ts'
import { Refusal } from './security/refusal.ts'
import { type DashboardEnv, DOOR, type View } from './view.ts'

export type Ctx = Context<DashboardEnv>

/** @throws Refusal 400. */
export function parsed<T extends z.ZodType>(schema: T, query: unknown): z.output<T> {
  const result = schema.safeParse(query)
  if (result.success) return result.data
  const fields = [...new Set(result.error.issues.map((issue) => issue.path.join('.')))].join(', ')
  throw new Refusal(400, 'Not understood', `This address does not say what to show: ${fields} cannot be that.`)
}

/** Asked for by htmx, for the part of a page that is kept up to date. */
export function isPartial(c: Ctx): boolean {
  return c.req.header('HX-Request-Type') === 'partial'
}

export async function page(c: Ctx, content: Page): Promise<Response> {
  c.header('Vary', 'HX-Request-Type')
  return c.html(layout(c.get('view'), content))
}

/** The part of a page that is kept up to date; 304 when it is the same as the last time. */
export async function part(c: Ctx, markup: Markup): Promise<Response> {
  const text = String(await markup)
  const tag = createHash('sha256')
    .update(text.replaceAll(c.get('nonce'), ''))
    .digest('base64url')
    .slice(0, 22)
  c.header('Vary', 'HX-Request-Type')
  c.header('HX-PTag', tag)
  return c.req.header('HX-PTag') === tag ? c.body(null, 304) : c.html(text)
}

export function sendAsset(c: Ctx): Response {
  const asset = loadAssets().byName.get(c.req.param('name') ?? '')
  if (asset === undefined) throw new Refusal(404, 'Not found', 'There is no such file.')
  const zipped = /\bgzip\b/i.test(c.req.header('accept-encoding') ?? '') && c.env?.[DOOR]?.zips !== true
  c.header('Content-Type', asset.type)
  c.header('Cache-Control', 'private, max-age=31536000, immutable')
  c.header('Vary', 'Accept-Encoding')
  if (zipped) c.header('Content-Encoding', 'gzip')
  return c.body(zipped ? asset.gzipped : asset.body)
}

/** An error as a page. The log gets the error itself, the person a request id to find it by. */
export function failed(c: Ctx, error: unknown, logger: Logger): Response | Promise<Response> {
  const refusal = refusalOf(error)
  const requestId = c.get('requestId')
  if (refusal.status >= 500) logger.error({ requestId, error }, 'A request of the dashboard failed.')
  // Nobody has come in yet when `authenticate` itself throws.
  const view = c.get('view') as View | undefined
  if (view === undefined) return c.html(closedPage(refusal.title, `Request ${requestId}.`), refusal.status)
  return c.html(layout(view, { title: refusal.title, body: problemPage(view, refusal) }), refusal.status)
}

/** What a person is told of an error. Messages of others never: they may hold SQL, or somebody's data. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const message = error instanceof Error ? error.message : ''
  switch (codeOf(error)) {
    case 'SAGA_NOT_FOUND':
      return new Refusal(404, 'No such saga', message)
    case 'ERROR_GROUP_NOT_FOUND':
      return new Refusal(404, 'No such error group', message)
    case 'NOT_AUTHORIZED':
      return new Refusal(403, 'No right', message)
    case 'ORDER_REFUSED':
    case 'PLAN_CHANGED':
    case 'OPERATION_REFUSED':
    case 'REQUEST_REUSED':
    case 'TRIAGE_CHANGED':
      return new Refusal(409, 'It has moved on', message)
    case 'ACT_INVALID':
    case 'FILTER_INVALID':
    case 'OPERATION_INVALID':
      return new Refusal(400, 'Not understood', message)
    case 'READ_TOO_SLOW':
      return new Refusal(
        503,
        'It took too long',
        'The database was given two seconds for each question, so that sagas do not wait for this page, and it took longer. Narrow it: a state, a definition, a shorter time. Or look again in a while: perhaps many look, or the database is busy.',
      )
    case 'DATABASE_UNREACHABLE':
      return new Refusal(
        503,
        'The database does not answer',
        'Sagas cannot be shown now. Nothing was done, unless its answer was lost.',
      )
    default:
      return new Refusal(500, 'Something went wrong', 'The page could not be made.')
  }
}
