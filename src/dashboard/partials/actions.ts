/** What can be done with a saga now, and why the rest cannot. */
import type { SagaView } from '../../engine/saga-client.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS, type ActionName, actionsFor } from '../words/actions.ts'
import { html, type Markup, url, when } from './markup.ts'

/** @param mayNot The acts that this actor has no right to. */
export function actions(view: View, saga: SagaView, mayNot: ReadonlySet<ActionName>): Markup {
  const all = actionsFor(saga).map(({ name, whyNot }) => ({
    name,
    whyNot: whyNot ?? (mayNot.has(name) ? `${view.actor.name ?? view.actor.id} has no right to this.` : undefined),
  }))
  const possible = all.filter(({ whyNot }) => whyNot === undefined)
  const others = all.filter(({ whyNot }) => whyNot !== undefined)
  return html`<section class="actions" aria-label="Actions">
  ${when(possible.length > 0, () => html`<ul class="buttons">${possible.map(({ name }, index) => button(view, saga, name, index === 0))}</ul>`)}
  <details><summary>${possible.length === 0 ? 'Nothing can be ordered now: why' : `Not possible now: ${others.length}`}</summary>
    <dl class="why">${others.map(({ name, whyNot }) => html`<div><dt>${ACTION_WORDS[name].label}</dt><dd>${whyNot ?? ''}</dd></div>`)}</dl>
  </details>
</section>`
}

function button(view: View, saga: SagaView, name: ActionName, isFirst: boolean): Markup {
  const target = url(view.base, `/sagas/${saga.id}/plan`, { action: name })
  return html`<li><a class="button ${isFirst ? 'first' : ''}" href="${target}">${ACTION_WORDS[name].label}…</a></li>`
}
