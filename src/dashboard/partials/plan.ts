/** A plan as a numbered list: what will happen to each step, in the order in which it will. */
import type { Plan, PlanStep } from '../../engine/core/plan.ts'
import { WILL_WORDS } from '../words/actions.ts'
import { stepName } from '../words/position.ts'
import { count, html, type Markup, when } from './markup.ts'
import { sign } from './sign.ts'

const SIGNS = {
  finish: { icon: 'clock', tone: 'idle' },
  run: { icon: 'play', tone: 'busy' },
  compensate: { icon: 'back', tone: 'care' },
  verify: { icon: 'doubt', tone: 'care' },
  stay_done: { icon: 'dash', tone: 'idle' },
  stay_in_doubt: { icon: 'doubt', tone: 'bad' },
} as const satisfies Record<PlanStep['will'], unknown>

/** @param before What was shown before, where that has changed. */
export function planList(plan: Plan, before?: readonly string[]): Markup {
  const now = plan.steps.map(asText)
  const gone = before?.filter((text) => !now.includes(text)) ?? []
  return html`${when(plan.waitsForPivot, () => html`<p class="note">The pivot is under way. The order is recorded, and takes effect only if the pivot turns out not applied.</p>`)}
${
  plan.steps.length === 0
    ? html`<p class="note">No step is touched: the saga only changes its state.</p>`
    : html`<ol class="plan">${plan.steps.map((step) => item(step, before !== undefined && !before.includes(asText(step))))}</ol>`
}
${when(gone.length > 0, () => html`<p class="note">No longer part of it: ${gone.map(readable).join(', ')}.</p>`)}`
}

function item(step: PlanStep, isNew: boolean): Markup {
  const { word, means } = WILL_WORDS[step.will]
  const sameStep = html`<span class="name">${stepName(step.step)}</span> ${when(step.items !== undefined, () => html`${count(step.items ?? 0, 'item')} `)}<span class="muted">${means}</span>`
  return html`<li>${sign({ word, ...SIGNS[step.will] })} <span>${sameStep}${when(isNew, () => html` <b class="new">changed</b>`)}</span></li>`
}

/** How a form remembers what was shown; said again only as text. */
export function asText({ step, will, items }: PlanStep): string {
  return items === undefined ? `${step}:${will}` : `${step}[×${items}]:${will}`
}

function readable(text: string): string {
  const [step = '', will = ''] = text.split(':')
  return `${stepName(step)} (${will.replaceAll('_', ' ')})`
}
