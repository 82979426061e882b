/** What a saga is: its definition, its names, its times, and where else there is something about it. */
import type { SagaView } from '../../engine/saga-client.ts'
import type { Link } from '../links.ts'
import type { View } from '../view.ts'
import { html, type Markup, NOTHING, url } from './markup.ts'
import { moment, span } from './time.ts'

type Fact = readonly [label: string, value: Markup | string]

/** @param links To other systems. */
export function sagaFacts(view: View, saga: SagaView, links: readonly Link[]): Markup {
  const { createdAt, updatedAt, finishedAt } = saga
  const other = (id: string) => html`<a href="${url(view.base, `/sagas/${id}`)}"><code>${id}</code></a>`
  const list: readonly (Fact | undefined)[] = [
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
    saga.rerunOf === null ? undefined : ['Rerun of', other(saga.rerunOf)],
    saga.correctionOf === null ? undefined : ['Correction of', other(saga.correctionOf)],
    links.length === 0 ? undefined : ['Elsewhere', linksOut(links)],
  ]
  return html`<dl class="facts">${list.map((fact) => fact && html`<div><dt>${fact[0]}</dt><dd>${fact[1]}</dd></div>`)}</dl>`
}

function tags(view: View, all: readonly string[]): Markup {
  return html`${all.map((tag) => html`<a class="tag" href="${url(view.base, '/sagas', { tag })}">${tag}</a> `)}`
}

function linksOut(links: readonly Link[]): Markup {
  return html`${links.map(({ label, href }, at) => html`${at === 0 ? NOTHING : ', '}<a href="${href}" rel="noreferrer">${label}</a>`)}`
}
