/** The route of signals: who may listen, and how many. */
import type { Target } from '../../engine/access.ts'
import { type Acting, readSaga } from '../acts.ts'
import { type Ctx, parsed } from '../answers.ts'
import type { DashboardOptions } from '../options.ts'
import { whoIsThere } from '../security/gate.ts'
import { eventsQuery } from '../security/parameters.ts'
import { Refusal } from '../security/refusal.ts'
import { demandRight, may } from '../security/rights.ts'
import type { Pulse } from './pulse.ts'
import { streamOf } from './stream.ts'

/** For each process. A browser holds one for each page that can be seen. */
const MAX_LISTENERS = 200
/** Of one person: so that nobody's forgotten tabs, or script, take the others' places. */
const MAX_LISTENERS_PER_ACTOR = 50

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // Nobody on the way may zip it, which holds it back, or keep it.
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

export async function listenTo(
  c: Ctx,
  { client, authorize }: Acting,
  pulse: Pulse,
  options: DashboardOptions,
): Promise<Response> {
  const { actor } = c.get('view')
  const { saga, definition } = parsed(eventsQuery, c.req.query())
  const target: Target =
    saga === undefined ? (definition === undefined ? {} : { definition }) : targetOf(await readSaga(client, saga))
  await demandRight(authorize, actor, 'read', target)
  if (c.req.method === 'HEAD') return c.body(null, 200, HEADERS)
  const { maxListeners = MAX_LISTENERS, maxListenersPerActor = MAX_LISTENERS_PER_ACTOR } = options.limits ?? {}
  const isFull = pulse.listeners >= maxListeners
  if (isFull || pulse.listenersOf(actor.id) >= maxListenersPerActor) {
    c.header('Retry-After', '30')
    const title = isFull ? 'Too many listen' : 'Too many pages of yours listen'
    throw new Refusal(isFull ? 503 : 429, title, 'Pages update themselves without it, every few seconds.')
  }
  const mayLook = async () => {
    const now = await whoIsThere(c, options).catch(() => undefined)
    if (now === undefined || now instanceof Response || now.id !== actor.id) return false
    return may(authorize, now, 'read', target)
  }
  const signals = [c.req.raw.signal, ...(options.closing === undefined ? [] : [options.closing])]
  const stream = streamOf({ pulse, saga, who: actor.id, mayLook, signal: AbortSignal.any(signals) })
  return c.body(stream, 200, HEADERS)
}

function targetOf({ id, definition }: { readonly id: string; readonly definition: string }): Target {
  return { sagaId: id, definition }
}
