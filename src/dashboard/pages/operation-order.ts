/** Before an operation: which sagas, how many would take it, what it would do to some, how fast, why, and one button. */
import type { Operation } from '../../engine/operation-order.ts'
import type { OperationPreview } from '../../engine/operation-preview.ts'
import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { OperationVerb } from '../../engine/store/operations.ts'
import { crumbs } from '../partials/crumbs.ts'
import { choiceField, hiddenField, numberField, reasonField } from '../partials/fields.ts'
import { html, type Markup, url, when } from '../partials/markup.ts'
import { planList } from '../partials/plan.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import { scopeText } from '../scope.ts'
import type { ScopeQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS } from '../words/actions.ts'
import { manySagas, OPERATION_SIGNS, REFUSAL_WORDS } from '../words/operations.ts'
import { scopeInWords } from '../words/scope.ts'
import { STATUS_SIGNS } from '../words/states.ts'
import { OUTCOMES } from './plan.ts'

/** What a person looks at before deciding. */
export type Shown = {
  readonly filter: SagaFilter
  readonly group: ErrorGroup | undefined
  readonly preview: OperationPreview
  /** Operations over the same sagas that have not ended. */
  readonly others: readonly Operation[]
}

export type OrderProblems = {
  readonly reason?: boolean
  readonly as?: string
  readonly canary?: string
  readonly rate?: string
}

export type Order = {
  readonly verb: OperationVerb
  /** Also where the pivot is passed. */
  readonly past: boolean
  readonly scope: ScopeQuery
  readonly shown: Shown
  readonly requestId: string
  /** This actor has no right to it: what it would do is shown, the form is not. */
  readonly mayNot: boolean
  readonly mayPastPivot: boolean
  /** What is filled in. */
  readonly canary: string
  readonly rate: string
  readonly reason: string
  readonly as?: 'completed' | 'compensated' | undefined
  /** Why the page comes a second time. */
  readonly problems?: OrderProblems
  readonly changes?: readonly string[]
}

const PRESET_COLUMNS = [
  { label: 'State', kind: 'short' },
  { label: 'Sagas', kind: 'number' },
  { label: 'Why not', kind: 'wide' },
] as const

export function orderTitle({ verb, shown: { preview } }: Pick<Order, 'verb' | 'shown'>): string {
  return `${ACTION_WORDS[verb].label}: ${manySagas(preview.count, preview.more)}`
}

export function orderPage(view: View, order: Order): Markup {
  const { verb, past, scope, shown, changes = [] } = order
  const { base } = view
  const words = ACTION_WORDS[past ? 'compensate_past_pivot' : verb]
  const list = url(base, '/sagas', scope)
  return html`${crumbs([url(base, '/sagas'), 'Sagas'], [list, 'those of this filter'], [url(base, '/operations/new', scope), 'another verb'])}
<h1>${words.label} ${manySagas(shown.preview.count, shown.preview.more)}</h1>
<p class="lead">For the sagas ${scopeInWords(shown.filter, 'are', shown.group)}. ${words.does}</p>
${when(
  changes.length > 0,
  () =>
    html`<div class="problem" role="alert" id="problem"><p><b>Nothing was started: something has changed since you looked.</b></p><ul>${changes.map((text) => html`<li>${text}</li>`)}</ul><p>This is how it is now; look at it again and confirm it.</p></div>`,
)}
${fitting(order)}
${others(view, shown.others)}
${when(shown.preview.refused.length > 0, () => refusals(view, order))}
${when(shown.preview.sample.length > 0, () => samples(view, shown.preview))}
${ending(view, order, list)}`
}

function fitting({ shown: { preview } }: Order): Markup {
  const { count, fitting, more } = preview
  const of = more ? `Of the ${count} oldest` : `Of ${count}`
  const said =
    count === 0
      ? 'There is no such saga now.'
      : fitting === count && !more
        ? count === 1
          ? 'It would take it.'
          : `All ${count} would take it.`
        : `${of}, ${fitting} would take it.`
  return html`<p class="figure">${said}</p>`
}

function others(view: View, running: readonly Operation[]): Markup {
  return html`${running.map(
    ({ id, verb, actor, reason, createdAt, state }) =>
      html`<div class="problem"><p>${sign(OPERATION_SIGNS[state])} <b>${actor}</b> started this for the same sagas ${ago(createdAt, view.now)}, to ${ACTION_WORDS[verb].label.toLowerCase()} them: ${reason}. <a href="${url(view.base, `/operations/${id}`)}">See that operation</a></p></div>`,
  )}`
}

function refusals(view: View, { verb, past, scope, shown, mayPastPivot }: Order): Markup {
  const { refused } = shown.preview
  const rows = refused.map(({ status, reason, count }) => ({
    cells: [sign(STATUS_SIGNS[status]), count, REFUSAL_WORDS[reason]],
  }))
  const isPast = refused.some(({ reason }) => reason === 'needs_admin' || reason === 'past_pivot')
  const address = url(view.base, '/operations/new', { verb, past: 'yes', ...scope })
  return html`<section aria-labelledby="h-refused"><h2 id="h-refused">These would not</h2>${table('refused', 'They are asked again when their turn comes, and left as they are if they refuse', PRESET_COLUMNS, rows)}
${when(verb === 'compensate' && !past && isPast && mayPastPivot, () => html`<p class="note"><a href="${address}">Compensate past the pivot, too</a>: what cannot be undone stays done.</p>`)}</section>`
}

function samples(view: View, { sample }: OperationPreview): Markup {
  return html`<section aria-labelledby="h-sample"><h2 id="h-sample">What it would do to the oldest</h2>${sample.map(
    ({ sagaId, status, plan }, index) =>
      html`<details class="sample" ${index === 0 ? html`open` : ''}><summary>${STATUS_SIGNS[status].word}: <code>${sagaId}</code></summary>
<p><a href="${url(view.base, `/sagas/${sagaId}`)}">See this saga</a></p>${plan === null ? html`<p class="note">It has no plan: it only changes the state.</p>` : planList(plan)}</details>`,
  )}</section>`
}

function ending(view: View, order: Order, list: string): Markup {
  if (order.shown.preview.count === 0) return html`<p><a class="button" href="${list}">Back to the list</a></p>`
  if (order.mayNot) {
    return html`<p class="note">You have no right to order this. Ask somebody who has.</p><p><a class="button" href="${list}">Back to the list</a></p>`
  }
  return form(view, order, list)
}

function form(view: View, order: Order, list: string): Markup {
  const { verb, past, scope, shown, problems = {} } = order
  const { count, fitting, more } = shown.preview
  const fields: readonly (readonly [string, string])[] = [
    ['requestId', order.requestId],
    ['verb', verb],
    ['past', past ? 'yes' : ''],
    ['scope', scopeText(scope)],
    ['seen', String(count)],
    ['fitting', String(fitting)],
    ['more', more ? 'yes' : ''],
    ['others', shown.others.map(({ id }) => id).join(' ')],
  ]
  return html`<section aria-labelledby="h-start"><h2 id="h-start">Start it</h2>
<form class="confirm" method="post" action="${url(view.base, '/operations')}">
  ${fields.map(([name, value]) => hiddenField(name, value))}
  ${when(verb === 'resolve', () => choiceField('as', 'How did they end?', OUTCOMES, order.as, problems.as))}
  <div class="pair">${numberField({
    name: 'canary',
    label: 'Canary',
    hint: 'So many sagas go first; the others wait until it is known what became of these.',
    value: order.canary,
    min: '0',
    max: '1000',
    isRequired: true,
    problem: problems.canary,
  })}
  ${numberField({
    name: 'rate',
    label: 'Rate',
    hint: 'Sagas a second. It pauses itself when more than half of the canary, or of the last 20, end badly.',
    value: order.rate,
    min: '0.001',
    max: '1000',
    step: 'any',
    isRequired: true,
    problem: problems.rate,
  })}</div>
  ${reasonField(order.reason, problems.reason === true)}
  <ul class="buttons"><li><button class="first" type="submit">${ACTION_WORDS[verb].label} them</button></li><li><a class="button" href="${list}">Do nothing</a></li></ul>
</form></section>`
}
