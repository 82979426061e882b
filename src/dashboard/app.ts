/**
 * The dashboard as a Hono app: the table of its routes.
 *
 * 1. Each request passes `frame` and `gate` first: headers, origin, who it is.
 * 2. Every GET changes nothing, and its URL is the whole state of the page.
 * 3. Whatever changes something is a POST through `act`.
 */
import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Target } from '../engine/access.ts'
import { SILENT } from '../engine/runtime/ports.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import { type Acting, act, codeOf, planFor, readSaga, refused } from './acts.ts'
import { type Ctx, failed, isPartial, page, parsed, part, sendAsset } from './answers.ts'
import { DutiesNow } from './duties-now.ts'
import type { DashboardOptions } from './options.ts'
import { filterOf, listPage, livePart, readList } from './pages/list.ts'
import { confirmationTitle, planPage } from './pages/plan.ts'
import { sagaPage, sagaPart, titleOf } from './pages/saga.ts'
import { url } from './partials/markup.ts'
import { showDefinition, showDefinitions } from './routes/definitions.ts'
import { showErrors, showGroup } from './routes/errors.ts'
import { placeHold, releaseHold, showHold, showRelease } from './routes/holds.ts'
import { changeOperation, showChange, showOperation, showOperations } from './routes/operations.ts'
import { showOrder, startOperation } from './routes/starting.ts'
import { frame, gate } from './security/gate.ts'
import { listQuery, MAX_BODY_BYTES, planQuery, type SagaQuery, sagaId, sagaQuery } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { BY_ROLE, demandRight, may } from './security/rights.ts'
import { Shapes } from './shapes.ts'
import { StepNames } from './step-names.ts'
import { showOverview, showQueues, showSchedules, showWorkers } from './system-pages.ts'
import type { DashboardEnv } from './view.ts'
import { ACTION_NAMES, ACTION_WORDS, type ActionName, actionsFor } from './words/actions.ts'

/** To be mounted with `app.route('/admin/sagas', sagaDashboard({ client, authenticate }))`. */
export function sagaDashboard(options: DashboardOptions): Hono<DashboardEnv> {
  const { client, authorize = BY_ROLE, logger = SILENT } = options
  const acting: Acting = { client, authorize }
  const names = new StepNames(client)
  const duties = new DutiesNow(acting, logger)
  const shapes = new Shapes(client)
  const limit = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLong })

  const app = new Hono<DashboardEnv>()
  app.use('*', frame())
  app.use('*', gate(options))
  app.get('/', (c) => showOverview(c, acting))
  app.get('/assets/:name', sendAsset)
  app.get('/sagas', (c) => showList(c, acting, names))
  app.get('/sagas/:id', (c) => showSaga(c, acting, shapes))
  app.get('/sagas/:id/plan', (c) => showPlan(c, acting))
  app.post('/sagas/:id/actions/:action', limit, (c) => act(c, acting))
  app.get('/workers', (c) => showWorkers(c, acting))
  app.get('/queues', (c) => showQueues(c, acting))
  app.get('/schedules', (c) => showSchedules(c, acting))
  app.post('/schedules/:duty', limit, (c) => duties.act(c))
  app.get('/errors', (c) => showErrors(c, acting))
  app.get('/errors/:group', (c) => showGroup(c, acting, names))
  app.get('/operations', (c) => showOperations(c, acting))
  app.get('/operations/new', (c) => showOrder(c, acting))
  app.get('/operations/:id', (c) => showOperation(c, acting))
  app.get('/operations/:id/plan', (c) => showChange(c, acting))
  app.post('/operations', limit, (c) => startOperation(c, acting))
  app.post('/operations/:id/actions/:action', limit, (c) => changeOperation(c, acting))
  app.get('/definitions', (c) => showDefinitions(c, acting))
  app.get('/definitions/:name', (c) => showDefinition(c, acting))
  app.get('/definitions/:name/hold', (c) => showHold(c, acting))
  app.post('/definitions/:name/holds', limit, (c) => placeHold(c, acting))
  app.get('/holds/:id/release', (c) => showRelease(c, acting))
  app.post('/holds/:id/release', limit, (c) => releaseHold(c, acting))
  app.all('*', (c) => nothingThere(c, acting))
  app.onError((error, c) => failed(c, error, logger))
  return app
}

async function showList(c: Ctx, { client, authorize }: Acting, names: StepNames): Promise<Response> {
  const view = c.get('view')
  const query = parsed(listQuery, c.req.query())
  const target: Target = query.definition === undefined ? {} : { definition: query.definition }
  await demandRight(authorize, view.actor, 'read', target)
  const found = query.q === undefined ? undefined : await find(client, query.q)
  if (found !== undefined) return c.redirect(url(view.base, `/sagas/${found}`))
  const list = await readList(client, names, query)
  if (isPartial(c)) return part(c, livePart(view, list, names, query))
  const body = listPage(view, list, names, query)
  return page(c, { title: 'Sagas', body, ...(query.q === undefined ? {} : { search: query.q }) })
}

async function showSaga(c: Ctx, { client, authorize }: Acting, shapes: Shapes): Promise<Response> {
  const view = c.get('view')
  const query = parsed(sagaQuery, c.req.query())
  const saga = await readSaga(client, c.req.param('id'))
  const target = { sagaId: saga.id, definition: saga.definition }
  await demandRight(authorize, view.actor, 'read', target)
  const detail = {
    saga,
    journal: await client.journal(saga.id),
    blueprint: await shapes.of(saga.state.blueprint),
    mayNot: await forbidden(c, { client, authorize }, target),
  }
  if (isPartial(c)) return part(c, sagaPart(view, detail, query))
  return page(c, { title: titleOf(saga), body: sagaPage(view, detail, query), notice: noticeOf(query) })
}

async function showPlan(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const { action } = parsed(planQuery, c.req.query())
  const saga = await readSaga(client, c.req.param('id'))
  const target = { sagaId: saga.id, definition: saga.definition }
  await demandRight(authorize, view.actor, 'read', target)
  const whyNot = actionsFor(saga).find(({ name }) => name === action)?.whyNot
  if (whyNot !== undefined) return refused(c, client, { saga, action }, new Error(whyNot))
  try {
    const plan = await planFor(client, saga.id, action)
    const mayNot = !(await may(authorize, view.actor, action, target))
    const confirmation = { saga, action, plan, requestId: randomUUID(), mayNot }
    return await page(c, { title: confirmationTitle(confirmation), body: planPage(view, confirmation) })
  } catch (error) {
    if (codeOf(error) === 'ORDER_REFUSED') return refused(c, client, { saga, action }, error as Error)
    throw error
  }
}

/** Where the app was mounted by `route`, its own path with a slash behind is not that of a route. */
function nothingThere(c: Ctx, acting: Acting): Promise<Response> {
  if (c.req.method !== 'POST' && c.get('view').path === '/') return showOverview(c, acting)
  throw new Refusal(404, 'Not found', 'There is no such page.')
}

function tooLong(): never {
  throw new Refusal(413, 'Too much', 'The form is too long. Nothing was done.')
}

/** The acts that this actor has no right to. */
async function forbidden(c: Ctx, { authorize }: Acting, target: Target): Promise<ReadonlySet<ActionName>> {
  const { actor } = c.get('view')
  const refused = await Promise.all(ACTION_NAMES.map(async (name) => !(await may(authorize, actor, name, target))))
  return new Set(ACTION_NAMES.filter((_name, index) => refused[index]))
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
