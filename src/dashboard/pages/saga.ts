/** One saga: the verdict first, then what can be done, then everything that led to it. */
import type { Blueprint } from '../../engine/core/blueprint.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import type { JournalEntry } from '../../engine/store/journal.ts'
import { graph } from '../graph/draw.ts'
import { sagaNodes } from '../graph/of-saga.ts'
import { spansOf } from '../graph/spans.ts'
import { actions } from '../partials/actions.ts'
import { acts, journalTable } from '../partials/journal.ts'
import { json } from '../partials/json.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { steps } from '../partials/steps.ts'
import { moment, span } from '../partials/time.ts'
import type { SagaQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import type { ActionName } from '../words/actions.ts'
import { besideState, signOf } from '../words/states.ts'
import { verdict } from '../words/verdict.ts'

const JOURNAL_SHOWN = 100

export type Detail = {
  readonly saga: SagaView
  readonly journal: readonly JournalEntry[]
  /** The shape that it carries, once a worker with the code has taken it. */
  readonly blueprint: Blueprint | undefined
  /** The acts that this actor has no right to. */
  readonly mayNot: ReadonlySet<ActionName>
}

export function titleOf(saga: Pick<SagaView, 'key' | 'id'>): string {
  return saga.key ?? saga.id
}

export function sagaPage(view: View, detail: Detail, query: SagaQuery): Markup {
  const { saga } = detail
  return html`<nav aria-label="Breadcrumb" class="crumbs"><a href="${url(view.base, '/sagas')}">Sagas</a> <span aria-hidden="true">/</span> <a href="${url(view.base, '/sagas', { definition: saga.definition })}">${saga.definition}</a></nav>
<div class="heading"><h1>${titleOf(saga)}</h1>${updates(view, saga, query)}</div>
${sagaPart(view, detail, query)}`
}

/** All that changes while the saga goes on. */
export function sagaPart(view: View, { saga, journal, blueprint, mayNot }: Detail, query: SagaQuery): Markup {
  const { done: _done, again: _again, ...kept } = query
  const from = query.live === 'off' || isFinal(saga) ? undefined : url(view.base, `/sagas/${saga.id}`, kept)
  const said = verdict(saga, journal)
  const people = acts(view, journal)
  const shown = query.journal === 'all' ? journal : journal.slice(-JOURNAL_SHOWN)
  const body = html`<section class="verdict ${signOf(saga).tone}" aria-label="Verdict"><p class="state">${sign(signOf(saga), besideState(saga))}</p><p class="said">${said}</p></section>
${actions(view, saga, mayNot)}
<section aria-labelledby="h-graph"><h2 id="h-graph">Graph</h2>${graph(sagaNodes(saga, blueprint, spansOf(journal)), 'Graph of the steps', html`The same stands in <a href="#h-steps">the table of steps</a>.`)}</section>
<section aria-labelledby="h-steps"><h2 id="h-steps">Steps</h2>${steps(view, saga)}</section>
<section aria-labelledby="h-facts"><h2 id="h-facts">Facts</h2>${facts(view, saga)}${json('Input', saga.input)}</section>
<section aria-labelledby="h-acts"><h2 id="h-acts">Acts of people</h2>${people ?? html`<p class="muted">Nobody has touched this saga.</p>`}</section>
<section aria-labelledby="h-journal"><h2 id="h-journal">Journal</h2>${when(
    shown.length < journal.length,
    () =>
      html`<p><a href="${url(view.base, `/sagas/${saga.id}`, { ...kept, journal: 'all' })}">Show all ${journal.length} events</a></p>`,
  )}${journalTable(shown, journal.length)}</section>`
  return live(view, from, said, body)
}

/** Nothing of it changes any more by itself. */
function isFinal({ status }: SagaView): boolean {
  return status === 'completed' || status === 'compensated' || status === 'resolved'
}

function updates(view: View, saga: SagaView, query: SagaQuery): Markup {
  if (isFinal(saga)) return html``
  return liveSwitch(query.live === 'off', (live) =>
    url(view.base, `/sagas/${saga.id}`, { journal: query.journal, live }),
  )
}

function facts(view: View, saga: SagaView): Markup {
  const { createdAt, updatedAt, finishedAt } = saga
  const list: readonly (readonly [string, Markup | string] | undefined)[] = [
    ['Definition', html`${saga.definition} <span class="muted">version ${saga.version}</span>`],
    ['Id', html`<code>${saga.id}</code>`],
    saga.key === null ? undefined : ['Key', html`<code>${saga.key}</code>`],
    saga.tags.length === 0 ? undefined : ['Tags', tags(view, saga.tags)],
    ['Started', moment(createdAt, view.now)],
    ['Updated', moment(updatedAt, view.now)],
    finishedAt === null
      ? undefined
      : [
          'Finished',
          html`${moment(finishedAt, view.now)} <span class="muted">after ${span(finishedAt.getTime() - createdAt.getTime())}</span>`,
        ],
    ['Direction', `${saga.direction}${saga.draining ? ', draining' : ''}`],
    saga.rerunOf === null
      ? undefined
      : ['Rerun of', html`<a href="${url(view.base, `/sagas/${saga.rerunOf}`)}"><code>${saga.rerunOf}</code></a>`],
    saga.correctionOf === null
      ? undefined
      : [
          'Correction of',
          html`<a href="${url(view.base, `/sagas/${saga.correctionOf}`)}"><code>${saga.correctionOf}</code></a>`,
        ],
  ]
  return html`<dl class="facts">${list.map((fact) => fact && html`<div><dt>${fact[0]}</dt><dd>${fact[1]}</dd></div>`)}</dl>`
}

function tags(view: View, all: readonly string[]): Markup {
  return html`${all.map((tag) => html`<a class="tag" href="${url(view.base, '/sagas', { tag })}">${tag}</a> `)}`
}
