/** What needs attention, as a list: a sign, a sentence, and where to look. */
import type { View } from '../view.ts'
import type { Concern } from '../words/concern.ts'
import { html, type Markup, url } from './markup.ts'
import { sign } from './sign.ts'

export function concernList(view: View, concerns: readonly Concern[]): Markup {
  if (concerns.length === 0) {
    return html`<p class="clear">${sign({ word: 'All clear', icon: 'check', tone: 'good' })} <span>Nothing needs anybody.</span></p>`
  }
  return html`<ul class="concerns">${concerns.map((concern) => item(view, concern))}</ul>`
}

function item({ base }: View, { sign: shown, says, link }: Concern): Markup {
  const target = url(base, link.path, link.query)
  return html`<li>${sign(shown)} <p class="said">${says}</p> <a href="${target}">${link.label}<span class="hidden"> (${shown.word})</span></a></li>`
}
