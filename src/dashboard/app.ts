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
import { getPath } from 'hono/utils/url'
import type { Target } from '../engine/access.ts'
import { SILENT } from '../engine/runtime/ports.ts'
import type { ReadingLimits, SagaClient } from '../engine/saga-client.ts'
import { type Acting, act, codeOf, planFor, readSaga, refused } from './acts.ts'
import { type Ctx, failed, isPartial, page, parsed, part, sendAsset } from './answers.ts'
import { API_PATH, sagaApi } from './api/api.ts'
import { DutiesNow } from './duties-now.ts'
import { listenTo } from './events/listening.ts'
import { Pulse } from './events/pulse.ts'
import { ExportPlaces } from './export/places.ts'
import { exportSagas } from './export/route.ts'
import type { Actor, DashboardOptions, MetricsOption } from './options.ts'
import { listPage, livePart, readList } from './pages/list.ts'
import { confirmationTitle, planPage } from './pages/plan.ts'
import { url } from './partials/markup.ts'
import { columnsText } from './partials/sagas.ts'
import { demandMetrics, Readiness, sendMetrics } from './probes.ts'
import { Redaction } from './redaction.ts'
import { showAudit, showMe } from './routes/audit.ts'
import { showDefinition, showDefinitions } from './routes/definitions.ts'
import { showErrors, showGroup } from './routes/errors.ts'
import { placeHold, releaseHold, showHold, showRelease } from './routes/holds.ts'
import { changeOperation, showChange, showOperation, showOperations } from './routes/operations.ts'
import { type Sagas, sendData, sendExport, showData, showItems, showSaga } from './routes/sagas.ts'
import { showOrder, startOperation } from './routes/starting.ts'
import { noteGroup, showTriage, triageGroup } from './routes/triage.ts'
import { wordsOf } from './scope.ts'
import { below, frame, gate } from './security/gate.ts'
import { Allowances } from './security/limits.ts'
import { listQuery, MAX_BODY_BYTES, planQuery, sagaId } from './security/parameters.ts'
import { Refusal } from './security/refusal.ts'
import { BY_ROLE, demandRight, may } from './security/rights.ts'
import { Shapes } from './shapes.ts'
import { StepNames } from './step-names.ts'
import { showOverview, showQueues, showSchedules, showWorkers } from './system-pages.ts'
import { type DashboardEnv, DOOR } from './view.ts'
import { actionsFor } from './words/actions.ts'

/** Of all that is shown by one process. */
const READING: ReadingLimits = { maxAtOnce: 4, withinMs: 2_000 }

/** To be mounted with `app.route('/admin/sagas', sagaDashboard({ client, authenticate }))`. */
export function sagaDashboard(options: DashboardOptions): Hono<DashboardEnv> {
  const { client, authorize = BY_ROLE, logger = SILENT, metrics } = options
  const acting: Acting = { client, authorize, logger }
  const redaction = new Redaction(options.redact)
  // Whatever GETs show is read with limits: nobody who looks can keep the engine from its connections.
  const reader = onFirstUse(() => client.forReading(READING))
  const looking: Acting = {
    authorize,
    logger,
    get client() {
      return reader()
    },
  }
  const allowances = new Allowances(options.limits)
  const names = new StepNames(looking)
  const duties = new DutiesNow(acting)
  const sagas: Sagas = {
    authorize,
    logger,
    shapes: new Shapes(looking),
    options,
    get client() {
      return reader()
    },
  }
  const places = new ExportPlaces()
  const readiness = new Readiness(acting, logger)
  const pulse = new Pulse((ids) => looking.client.system.pulse(ids), logger)
  const limit = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLong })

  const app = new Hono<DashboardEnv>({ getPath: pathBelow })
  app.use('*', frame())
  app.get('/healthz', (c) => c.text('ok\n'))
  app.get('/readyz', (c) => readiness.answer(c))
  if (metrics?.allow !== undefined) app.get('/metrics', (c) => scraped(c, metrics))
  // It answers all that lies below it, and asks by itself who is there.
  app.route(API_PATH, sagaApi(options, { ...acting, redaction, duties, places }, reader, allowances))
  app.use('*', gate(options, allowances))
  if (metrics !== undefined) app.get('/metrics', (c) => showMetrics(c, metrics, looking))
  app.get('/', (c) => showOverview(c, looking))
  app.get('/assets/:name', sendAsset)
  app.get('/sagas', (c) => showList(c, looking, names))
  app.get('/sagas/export', (c) => exportSagas(c, looking, places))
  app.get('/sagas/:id', (c) => showSaga(c, sagas))
  app.get('/sagas/:id/export', (c) => sendExport(c, sagas))
  app.get('/sagas/:id/items/:map', (c) => showItems(c, sagas))
  app.get('/sagas/:id/data/:sequence', (c) => showData(c, sagas))
  app.get('/sagas/:id/data/:sequence/file', (c) => sendData(c, sagas))
  app.get('/sagas/:id/plan', (c) => showPlan(c, looking))
  app.post('/sagas/:id/actions/:action', limit, (c) => act(c, acting))
  app.get('/events', (c) => listenTo(c, looking, pulse, options))
  app.get('/workers', (c) => showWorkers(c, looking))
  app.get('/queues', (c) => showQueues(c, looking))
  app.get('/schedules', (c) => showSchedules(c, looking))
  app.post('/schedules/:duty', limit, (c) => duties.act(c))
  app.get('/errors', (c) => showErrors(c, looking))
  app.get('/errors/:group', (c) => showGroup(c, looking, names))
  app.get('/errors/:group/triage', (c) => showTriage(c, looking))
  app.post('/errors/:group/triage', limit, (c) => triageGroup(c, acting))
  app.post('/errors/:group/note', limit, (c) => noteGroup(c, acting))
  app.get('/operations', (c) => showOperations(c, looking))
  app.get('/operations/new', (c) => showOrder(c, looking))
  app.get('/operations/:id', (c) => showOperation(c, looking))
  app.get('/operations/:id/plan', (c) => showChange(c, looking))
  app.post('/operations', limit, (c) => startOperation(c, acting))
  app.post('/operations/:id/actions/:action', limit, (c) => changeOperation(c, acting))
  app.get('/definitions', (c) => showDefinitions(c, looking))
  app.get('/definitions/:name', (c) => showDefinition(c, looking))
  app.get('/definitions/:name/hold', (c) => showHold(c, looking))
  app.post('/definitions/:name/holds', limit, (c) => placeHold(c, acting))
  app.get('/holds/:id/release', (c) => showRelease(c, looking))
  app.post('/holds/:id/release', limit, (c) => releaseHold(c, acting))
  app.get('/audit', (c) => showAudit(c, looking))
  app.get('/me', (c) => showMe(c, looking))
  app.all('*', (c) => nothingThere(c, looking))
  app.onError((error, c) => failed(c, error, logger))
  return app
}

async function showList(c: Ctx, acting: Acting, names: StepNames): Promise<Response> {
  const { client, authorize } = acting
  const view = c.get('view')
  const query = parsed(listQuery, listWords(c))
  const target: Target = query.definition === undefined ? {} : { definition: query.definition }
  await demandRight(authorize, view.actor, 'read', target)
  const found = query.q === undefined ? undefined : await find(acting, view.actor, query.q, target)
  if (found !== undefined) return c.redirect(url(view.base, `/sagas/${found}`))
  const list = await readList(client, names, query)
  if (isPartial(c)) return part(c, livePart(view, list, names, query))
  const body = listPage(view, list, names, query)
  return page(c, { title: 'Sagas', body, ...(query.q === undefined ? {} : { search: query.q }) })
}

/** Boxes that are ticked come one by one: they are one list of columns. */
function listWords(c: Ctx): Record<string, string | undefined> {
  const { columns: _one, ...words } = wordsOf(c)
  return { ...words, columns: columnsText(c.req.queries('columns') ?? []) }
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

/** By a machine, with a hook of its own. */
async function scraped(c: Ctx, metrics: MetricsOption): Promise<Response> {
  await demandMetrics(c, metrics.allow ?? (() => false))
  return sendMetrics(c, metrics)
}

async function showMetrics(c: Ctx, metrics: MetricsOption, { authorize }: Acting): Promise<Response> {
  await demandRight(authorize, c.get('view').actor, 'read', {})
  return sendMetrics(c, metrics)
}

/** Some frameworks cut off where the dashboard lies, some do not: adapters say where that is. */
function pathBelow(request: Request, options?: { readonly env?: DashboardEnv['Bindings'] | undefined }): string {
  return below(options?.env?.[DOOR]?.cutOff ?? '', getPath(request))
}

/** Where the app was mounted by `route`, its own path with a slash behind is not that of a route. */
function nothingThere(c: Ctx, acting: Acting): Promise<Response> {
  if (c.req.method !== 'POST' && c.get('view').path === '/') return showOverview(c, acting)
  throw new Refusal(404, 'Not found', 'There is no such page.')
}

function onFirstUse<T>(make: () => T): () => T {
  let made: { readonly it: T } | undefined
  return () => {
    made ??= { it: make() }
    return made.it
  }
}

function tooLong(): never {
  throw new Refusal(413, 'Too much', 'The form is too long. Nothing was done.')
}

/** The saga of that id, or the only one of that key in the definition that is asked for: if the person may see it. */
async function find(acting: Acting, actor: Actor, text: string, of: Target): Promise<string | undefined> {
  const saga = await only(acting.client, text, of)
  if (saga === undefined) return undefined
  const target = { sagaId: saga.id, definition: saga.definition }
  return (await may(acting.authorize, actor, 'read', target)) ? saga.id : undefined
}

async function only(
  client: SagaClient,
  text: string,
  { definition }: Target,
): Promise<{ readonly id: string; readonly definition: string } | undefined> {
  const id = sagaId.safeParse(text)
  if (id.success) return (await client.excerpts.outline(id.data))?.saga
  const { sagas } = await client.list({ key: text, ...(definition === undefined ? {} : { definition }) }, { limit: 2 })
  return sagas.length === 1 ? sagas[0] : undefined
}
