/** One saga: the verdict first, then what can be done, then everything that led to it. */
import type { PayloadText } from '../../engine/excerpts.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { graph } from '../graph/draw.ts'
import { sagaNodes } from '../graph/of-saga.ts'
import { spansOf } from '../graph/spans.ts'
import type { Link } from '../links.ts'
import { actions } from '../partials/actions.ts'
import { attemptsByStep } from '../partials/attempts.ts'
import { copyAs } from '../partials/copy-as.ts'
import { acts, journalTable } from '../partials/journal.ts'
import { json } from '../partials/json.ts'
import { AS_SAGAS_CHANGE, EVERY_S, live, liveSwitch, streamFor } from '../partials/live.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sagaFacts } from '../partials/saga-facts.ts'
import { sign } from '../partials/sign.ts'
import { steps } from '../partials/steps.ts'
import { timelineFigure } from '../partials/timeline.ts'
import { Room } from '../payload/room.ts'
import type { SagaDetail } from '../saga-detail.ts'
import type { SagaQuery } from '../security/parameters.ts'
import { timelineOf } from '../timeline/rows.ts'
import type { View } from '../view.ts'
import type { ActionName } from '../words/actions.ts'
import { besideState, signOf } from '../words/states.ts'
import { verdict } from '../words/verdict.ts'

/** Of all payloads on the page. */
const MAX_NODES = 1_500
const MAX_CHARACTERS = 128 * 1024

export type Detail = SagaDetail & {
  /** The acts that this actor has no right to. */
  readonly mayNot: ReadonlySet<ActionName>
  readonly links: readonly Link[]
}

export function titleOf(saga: Pick<SagaView, 'key' | 'id'>): string {
  return saga.key ?? saga.id
}

export function sagaPage(view: View, detail: Detail, query: SagaQuery): Markup {
  const { saga } = detail.outline
  return html`<nav aria-label="Breadcrumb" class="crumbs"><a href="${url(view.base, '/sagas')}">Sagas</a> <span aria-hidden="true">/</span> <a href="${url(view.base, '/sagas', { definition: saga.definition })}">${saga.definition}</a></nav>
<div class="heading"><h1>${titleOf(saga)}</h1>${updates(view, saga, query)}</div>
${sagaPart(view, detail, query)}`
}

/** All that changes while the saga goes on. */
export function sagaPart(view: View, detail: Detail, query: SagaQuery): Markup {
  const { outline, blueprint, mayNot, links } = detail
  const { saga, lines } = outline
  const { done: _done, again: _again, ...kept } = query
  const to = (change: SagaQuery) => url(view.base, `/sagas/${saga.id}`, { ...kept, ...change })
  const from = query.live === 'off' || isFinal(saga) ? undefined : to({})
  const said = verdict(saga, lines)
  const people = acts(view, lines)
  const room = new Room(MAX_NODES, MAX_CHARACTERS)
  const input = data(view, detail, detail.input, room)
  const timeline = timelineOf({ saga, lines, items: outline.items, now: view.now })
  const figure = timelineFigure(
    timeline,
    { idle: query.idle, rows: query.rows === undefined ? undefined : Number(query.rows) },
    ({ idle, rows }) => `${to({ idle, rows: rows === undefined ? undefined : String(rows) })}#h-timeline`,
  )
  const body = html`<section class="verdict ${signOf(saga).tone}" aria-label="Verdict"><p class="state">${sign(signOf(saga), besideState(saga))}</p><p class="said">${said}</p></section>
${actions(view, saga, mayNot)}
<nav aria-label="On this page" class="contents"><ul class="ranges">${SECTIONS.map(([id, label]) => html`<li><a href="#h-${id}">${label}</a></li>`)}</ul></nav>
${when(outline.hasOlder, () => html`<p class="note">It has ${outline.events} events. The verdict, the graph, the timeline and the attempts are made of the newest of those that are not of items.</p>`)}
${section('graph', graph(sagaNodes(saga, blueprint, spansOf(lines)), 'Graph of the steps', html`The same stands in <a href="#h-steps">the table of steps</a>.`))}
${section('timeline', figure)}
${section(
  'steps',
  steps(view, saga, (step) => data(view, detail, detail.results.get(step), room)),
)}
${section('attempts', attemptsByStep(view, saga, timeline.attempts))}
${section('facts', html`${sagaFacts(view, saga, links)}${input ?? NOTHING}`)}
${section('acts', people ?? html`<p class="muted">Nobody has touched this saga.</p>`)}
${section(
  'journal',
  journal(view, detail, (before) => `${to({ journal: before })}#h-journal`, query.journal !== undefined),
)}
${section('copy', copyAs(view, { saga, attempts: timeline.attempts, input: detail.input, about: { sagaId: saga.id, definition: saga.definition, kind: 'input' } }))}`
  return live(view, from, said, body, AS_SAGAS_CHANGE)
}

const SECTIONS = [
  ['graph', 'Graph'],
  ['timeline', 'Timeline'],
  ['steps', 'Steps'],
  ['attempts', 'Attempts'],
  ['facts', 'Facts and input'],
  ['acts', 'Acts of people'],
  ['journal', 'Journal'],
  ['copy', 'Copy as'],
] as const

function section(id: (typeof SECTIONS)[number][0], body: Markup): Markup {
  const label = SECTIONS.find(([known]) => known === id)?.[1] ?? ''
  return html`<section aria-labelledby="h-${id}"><h2 id="h-${id}">${label}</h2>${body}</section>`
}

/** Nothing of it changes any more by itself. */
function isFinal({ status }: SagaView): boolean {
  return status === 'completed' || status === 'compensated' || status === 'resolved'
}

function updates(view: View, saga: SagaView, query: SagaQuery): Markup {
  if (isFinal(saga)) return html``
  const { done: _done, again: _again, ...kept } = query
  const to = (live: 'off' | undefined) => url(view.base, `/sagas/${saga.id}`, { ...kept, live })
  return liveSwitch(query.live === 'off', to, EVERY_S, streamFor(view, { saga: saga.id }))
}

function data(view: View, { outline }: Detail, payload: PayloadText | undefined, room: Room): Markup | undefined {
  if (payload === undefined) return undefined
  const { id, definition } = outline.saga
  return json(view, {
    label: payload.step === null ? 'Input' : `Result of ${payload.step}`,
    payload,
    about: aboutPayload(id, definition, payload),
    whole: url(view.base, `/sagas/${id}/data/${payload.sequence}`),
    room,
  })
}

/** What the hook is told of a payload. A map's list is what its items are given. */
export function aboutPayload(sagaId: string, definition: string, { step, type }: Pick<PayloadText, 'step' | 'type'>) {
  const kind = step === null || type === 'map_started' ? ('input' as const) : ('result' as const)
  return { sagaId, definition, kind, ...(step === null ? {} : { step }) }
}

/** @param to The page of the journal that ends before an event; the newest one without. */
function journal(
  view: View,
  { journal: lines, outline }: Detail,
  to: (before: string | undefined) => string,
  isPast: boolean,
): Markup {
  const first = lines[0]?.sequence ?? 1
  const pages = html`<nav class="pages" aria-label="Pages of the journal"><ul class="buttons">
${when(isPast, () => html`<li><a class="button" href="${to(undefined)}">Newest events</a></li>`)}
${when(first > 1, () => html`<li><a class="button" href="${to(String(first))}">Older events</a></li>`)}</ul></nav>`
  return html`${journalTable(view, outline.saga, lines, outline.events)}${isPast || first > 1 ? pages : NOTHING}`
}
