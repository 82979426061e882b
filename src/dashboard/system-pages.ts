/** The routes of what there is beside sagas: overview, workers, queues, schedules. All of them read. */
import type { SagaClient } from '../engine/saga-client.ts'
import type { MaintenanceEntry } from '../engine/store/maintenance-log.ts'
import type { Acting } from './acts.ts'
import { type Ctx, isPartial, page, parsed, part } from './answers.ts'
import { readLog } from './facts.ts'
import { overviewPage, overviewPart, readOverview } from './pages/overview.ts'
import { queuesPage, queuesPart } from './pages/queues.ts'
import { noticeOf, schedulesPage, schedulesPart } from './pages/schedules.ts'
import { workersPage, workersPart } from './pages/workers.ts'
import { overviewQuery, type SchedulesQuery, schedulesQuery, systemQuery } from './security/parameters.ts'
import { demandRight, may } from './security/rights.ts'

const LOG_SHOWN = 50
/** All that the log keeps of a duty. */
const LOG_KEPT = 1_000

export async function showOverview(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(overviewQuery, c.req.query())
  await demandRight(authorize, view.actor, 'read', {})
  const overview = await readOverview(client, view, query)
  if (isPartial(c)) return part(c, overviewPart(view, overview, query))
  return page(c, { title: 'Overview', body: overviewPage(view, overview, query) })
}

export async function showWorkers(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(systemQuery, c.req.query())
  await demandRight(authorize, view.actor, 'read', {})
  const workers = await client.system.workers()
  if (isPartial(c)) return part(c, workersPart(view, workers, query))
  return page(c, { title: 'Workers', body: workersPage(view, workers, query) })
}

export async function showQueues(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(systemQuery, c.req.query())
  await demandRight(authorize, view.actor, 'read', {})
  const queues = await client.system.queues()
  if (isPartial(c)) return part(c, queuesPart(view, queues, query))
  return page(c, { title: 'Queues', body: queuesPage(view, queues, query) })
}

export async function showSchedules(c: Ctx, { client, authorize }: Acting): Promise<Response> {
  const view = c.get('view')
  const query = parsed(schedulesQuery, c.req.query())
  await demandRight(authorize, view.actor, 'read', {})
  const { duty } = query
  const { redaction } = view
  const entries = await client.maintenance.log({ limit: LOG_SHOWN, ...(duty === undefined ? {} : { duty }) })
  const entry = await entryOf(client, query)
  const read = {
    schedules: await client.system.schedules(),
    log: await readLog(client, redaction),
    entries: entries.map((one) => redaction.maintenance(one)),
    entry: entry && redaction.maintenance(entry),
    mayMaintain: await may(authorize, view.actor, 'maintain', {}),
  }
  if (isPartial(c)) return part(c, schedulesPart(view, read, query))
  return page(c, { title: 'Schedules', body: schedulesPage(view, read, query), notice: noticeOf(read.entry) })
}

async function entryOf({ maintenance }: SagaClient, query: SchedulesQuery): Promise<MaintenanceEntry | undefined> {
  const { duty, entry } = query
  if (entry === undefined) return undefined
  const entries = await maintenance.log({ limit: LOG_KEPT, ...(duty === undefined ? {} : { duty }) })
  return entries.find(({ id }) => id === entry)
}
