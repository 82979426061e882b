/** Before an act: what it will do, why the person wants it, and one button. */
import type { Plan } from '../../engine/core/plan.ts'
import type { ShownPlan } from '../../engine/operator.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { choiceField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { asText, planList } from '../partials/plan.ts'
import { sign } from '../partials/sign.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS, type ActionName } from '../words/actions.ts'
import { besideState, signOf } from '../words/states.ts'
import { titleOf } from './saga.ts'

export type Confirmation = {
  readonly saga: SagaView
  readonly action: ActionName
  /** For the acts that have one. */
  readonly plan: ShownPlan | undefined
  readonly requestId: string
  /** This actor has no right to it: the plan is shown, the form is not. */
  readonly mayNot: boolean
  /** What was filled in already, when the page comes a second time, and why it does. */
  readonly reason?: string
  readonly as?: 'completed' | 'compensated' | undefined
  readonly problem?: 'no_reason' | 'no_outcome' | 'plan_changed'
  /** The plan as it was shown before. */
  readonly before?: readonly string[]
}

export function confirmationTitle({ action, saga }: Pick<Confirmation, 'action' | 'saga'>): string {
  return `${ACTION_WORDS[action].label}: ${titleOf(saga)}`
}

export function planPage(view: View, confirmation: Confirmation): Markup {
  const { saga, action, plan, problem, before } = confirmation
  const detail = url(view.base, `/sagas/${saga.id}`)
  return html`<nav aria-label="Breadcrumb" class="crumbs"><a href="${url(view.base, '/sagas')}">Sagas</a> <span aria-hidden="true">/</span> <a href="${detail}">${titleOf(saga)}</a></nav>
<h1>${ACTION_WORDS[action].label}</h1>
<p class="lead">${ACTION_WORDS[action].does}</p>
<p>${sign(signOf(saga), besideState(saga))} <span class="name">${titleOf(saga)}</span> <span class="muted">${saga.definition} v${saga.version}</span></p>
${when(problem === 'plan_changed', () => html`<div class="problem" role="alert" id="problem"><p><b>Nothing was done: the plan has changed.</b> The saga has moved on since you saw it. This is what would happen now; look at it again and confirm it.</p></div>`)}
${plan === undefined ? '' : planSection(plan, problem === 'plan_changed' ? before : undefined)}
${confirmation.mayNot ? html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${detail}">Back to the saga</a></p>` : form(view, confirmation, detail)}`
}

function planSection(plan: Plan, before: readonly string[] | undefined): Markup {
  return html`<section aria-labelledby="h-plan"><h2 id="h-plan">What will happen, in this order</h2>${planList(plan, before)}</section>`
}

function form(view: View, confirmation: Confirmation, detail: string): Markup {
  const { saga, action, plan, requestId, reason = '', problem } = confirmation
  return html`<form class="confirm" method="post" action="${url(view.base, `/sagas/${saga.id}/actions/${action}`)}">
  <input type="hidden" name="requestId" value="${requestId}">
  ${plan === undefined ? '' : html`<input type="hidden" name="plan" value="${plan.hash}"><input type="hidden" name="shown" value="${plan.steps.map(asText).join(' ')}">`}
  ${when(action === 'resolve', () => outcome(confirmation))}
  ${reasonField(reason, problem === 'no_reason')}
  <ul class="buttons"><li><button class="first" type="submit">${ACTION_WORDS[action].label} now</button></li><li><a class="button" href="${detail}">Do nothing</a></li></ul>
</form>`
}

function outcome({ problem, as }: Confirmation): Markup {
  return choiceField(
    'as',
    'How did it end?',
    OUTCOMES,
    as,
    problem === 'no_outcome' ? 'Choose one of the two.' : undefined,
  )
}

/** What somebody says who has handled a saga elsewhere. */
export const OUTCOMES = [
  { value: 'completed', label: 'Completed: what it was for has been done by hand' },
  { value: 'compensated', label: 'Compensated: what it had done has been undone by hand' },
] as const
