/**
 * The dashboard as a Hono app: the table of its routes.
 *
 * 1. Each request passes `frame` and `gate` first: headers, origin, who it is.
 * 2. Every GET changes nothing, and its URL is the whole state of the page.
 * 3. Whatever changes something is a POST through `act`.
 */
import { createHash, randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import type { Action, Target } from '../engine/access.ts'
import { SILENT } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import { act, codeOf, planFor, readSaga, refused } from './acts.ts'
import { loadAssets } from './assets/assets.ts'
import type { DashboardOptions } from './options.ts'
import { filterOf, listPage, livePart, readList } from './pages/list.ts'
import { confirmationTitle, planPage } from './pages/plan.ts'
import { closedPage, problemPage } from './pages/problem.ts'
import { sagaPage, sagaPart, titleOf } from './pages/saga.ts'
import { layout, type Page } from './partials/layout.ts'
import { type Markup, url } from './partials/markup.ts'
import { frame, gate } from './security/gate.ts'
import { listQuery, MAX_BODY_BYTES, planQuery, type SagaQuery, sagaId, sagaQuery } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { BY_ROLE, demandRight, may } from './security/rights.ts'
import { StepNames } from './step-names.ts'
import type { DashboardEnv } from './view.ts'
import { ACTION_NAMES, ACTION_WORDS, type ActionName, actionsFor } from './words/actions.ts'

type Ctx = Context<DashboardEnv>

/** To be mounted with `app.route('/admin/sagas', sagaDashboard({ client, authenticate }))`. */
export function sagaDashboard(options: DashboardOptions): Hono<DashboardEnv> {
  const { client, authorize = BY_ROLE, logger = SILENT } = options
  const names = new StepNames(client)
  const mayRead = (c: Ctx, target: Target) => demandRight(authorize, c.get('view').actor, 'read', target)
  const limit = bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new Refusal(413, 'Too much', 'The form is too long. Nothing was done.')
    },
  })
  const app = new Hono<DashboardEnv>()
  app.use('*', frame())
  app.use('*', gate(options))

  app.get('/', (c) => c.redirect(url(c.get('view').base, '/sagas')))
  app.get('/assets/:name', (c) => sendAsset(c))

  app.get('/sagas', async (c) => {
    const view = c.get('view')
    const query = parsed(listQuery, c.req.query())
    await mayRead(c, query.definition === undefined ? {} : { definition: query.definition })
    const found = query.q === undefined ? undefined : await find(client, query.q)
    if (found !== undefined) return c.redirect(url(view.base, `/sagas/${found}`))
    const list = await readList(client, names, query)
    if (isPartial(c)) return part(c, livePart(view, list, names, query))
    const body = listPage(view, list, names, query)
    return page(c, { title: 'Sagas', body, ...(query.q === undefined ? {} : { search: query.q }) })
  })

  app.get('/sagas/:id', async (c) => {
    const view = c.get('view')
    const query = parsed(sagaQuery, c.req.query())
    const saga = await readSaga(client, c.req.param('id'))
    await mayRead(c, { sagaId: saga.id, definition: saga.definition })
    const journal = await client.journal(saga.id)
    const mayNot = await forbidden(c, { sagaId: saga.id, definition: saga.definition })
    const detail = { saga, journal, mayNot }
    if (isPartial(c)) return part(c, sagaPart(view, detail, query))
    return page(c, { title: titleOf(saga), body: sagaPage(view, detail, query), notice: noticeOf(query) })
  })

  app.get('/sagas/:id/plan', async (c) => {
    const view = c.get('view')
    const { action } = parsed(planQuery, c.req.query())
    const saga = await readSaga(client, c.req.param('id'))
    const target = { sagaId: saga.id, definition: saga.definition }
    await mayRead(c, target)
    const whyNot = actionsFor(saga).find(({ name }) => name === action)?.whyNot
    if (whyNot !== undefined) return refused(c, client, { saga, action }, new Error(whyNot))
    try {
      const plan = await planFor(client, saga.id, action)
      const mayNot = !(await may(authorize, view.actor, action, target))
      const confirmation = { saga, action, plan, requestId: randomUUID(), mayNot }
      return page(c, { title: confirmationTitle(confirmation), body: planPage(view, confirmation) })
    } catch (error) {
      if (codeOf(error) === 'ORDER_REFUSED') return refused(c, client, { saga, action }, error as Error)
      throw error
    }
  })

  app.post('/sagas/:id/actions/:action', limit, (c) => act(c, { client, authorize }))

  app.all('*', (c) => {
    const { base } = c.get('view')
    if (c.req.path === `${base}/`) return c.redirect(url(base, '/sagas'))
    throw new Refusal(404, 'Not found', 'There is no such page.')
  })

  app.onError((error, c) => {
    const refusal = refusalOf(error)
    if (refusal.status >= 500) {
      // Name and code only beside the error itself: whoever logs decides how much of it to keep.
      logger.error({ requestId: c.get('requestId'), error }, 'A request of the dashboard failed.')
    }
    const view = c.get('view') as DashboardEnv['Variables']['view'] | undefined
    if (view === undefined) return c.html(closedPage(refusal.title, `Request ${c.get('requestId')}.`), refusal.status)
    return c.html(layout(view, { title: refusal.title, body: problemPage(view, refusal) }), refusal.status)
  })

  async function forbidden(c: Ctx, target: Target): Promise<ReadonlySet<ActionName>> {
    const { actor } = c.get('view')
    const answers = await Promise.all(
      ACTION_NAMES.map(async (name) => ((await may(authorize, actor, name satisfies Action, target)) ? [] : [name])),
    )
    return new Set(answers.flat())
  }

  return app
}

/** The saga of that id, or the only one of that key. */
async function find(client: SagaClient, text: string): Promise<string | undefined> {
  const id = sagaId.safeParse(text)
  if (id.success) return (await client.get(id.data))?.id
  const { sagas } = await client.list(filterOf({ q: text }), { limit: 2 })
  return sagas.length === 1 ? sagas[0]?.id : undefined
}

function noticeOf({ done, again }: SagaQuery): string {
  if (done === undefined) return ''
  return again === 'yes' ? 'That was done already, by the same click.' : ACTION_WORDS[done].done
}

/** @throws Refusal 400. */
function parsed<T extends z.ZodType>(schema: T, query: unknown): z.output<T> {
  const result = schema.safeParse(query)
  if (result.success) return result.data
  const fields = [...new Set(result.error.issues.map((issue) => issue.path.join('.')))].join(', ')
  throw new Refusal(400, 'Not understood', `This address does not say what to show: ${fields} cannot be that.`)
}

function isPartial(c: Ctx): boolean {
  return c.req.header('HX-Request-Type') === 'partial'
}

async function page(c: Ctx, content: Page): Promise<Response> {
  c.header('Vary', 'HX-Request-Type')
  return c.html(layout(c.get('view'), content))
}

/** The part of a page that is kept up to date; 304 when it is the same as the last time. */
async function part(c: Ctx, markup: Markup): Promise<Response> {
  const text = String(await markup)
  const tag = createHash('sha256')
    .update(text.replaceAll(c.get('nonce'), ''))
    .digest('base64url')
    .slice(0, 22)
  c.header('Vary', 'HX-Request-Type')
  c.header('HX-PTag', tag)
  return c.req.header('HX-PTag') === tag ? c.body(null, 304) : c.html(text)
}

function sendAsset(c: Ctx): Response {
  const asset = loadAssets().byName.get(c.req.param('name') ?? '')
  if (asset === undefined) throw new Refusal(404, 'Not found', 'There is no such file.')
  const zipped = /\bgzip\b/i.test(c.req.header('accept-encoding') ?? '')
  c.header('Content-Type', asset.type)
  c.header('Cache-Control', 'private, max-age=31536000, immutable')
  c.header('Vary', 'Accept-Encoding')
  if (zipped) c.header('Content-Encoding', 'gzip')
  return c.body(zipped ? asset.gzipped : asset.body)
}

/** What a person is told of an error. Messages of others never: they may hold SQL, or somebody's data. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const message = error instanceof Error ? error.message : ''
  switch (codeOf(error)) {
    case 'SAGA_NOT_FOUND':
      return new Refusal(404, 'No such saga', message)
    case 'NOT_AUTHORIZED':
      return new Refusal(403, 'No right', message)
    case 'ORDER_REFUSED':
    case 'PLAN_CHANGED':
      return new Refusal(409, 'It has moved on', message)
    case 'ACT_INVALID':
    case 'FILTER_INVALID':
      return new Refusal(400, 'Not understood', message)
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
