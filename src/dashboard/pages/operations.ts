/** The list of operations, the newest first. */
import type { Operation } from '../../engine/operation-order.ts'
import { OPERATION_STATES, type OperationState } from '../../engine/store/operations.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { clip, html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { progress } from '../partials/progress.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import type { OperationsQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS } from '../words/actions.ts'
import { besideOperation, manySagas, OPERATION_SIGNS } from '../words/operations.ts'
import { scopeInWords } from '../words/scope.ts'

const MAX_REASON_CHARACTERS = 160

const COLUMNS = [
  { label: 'State', kind: 'short' },
  { label: 'Operation', kind: 'head', place: 'across' },
  { label: 'Progress', place: 'across' },
  { label: 'Who', place: 'who' },
  { label: 'Why', kind: 'wide', place: 'across' },
  { label: 'Started', kind: 'short' },
] as const

export type OperationList = { readonly operations: readonly Operation[]; readonly next: string | undefined }

export function operationsPage(view: View, list: OperationList, query: OperationsQuery): Markup {
  const to = (off: 'off' | undefined) => url(view.base, '/operations', { ...query, live: off })
  return html`<div class="heading"><h1>Operations</h1>${liveSwitch(query.live === 'off', to)}</div>
<p class="lead">One verb over many sagas, ordered by workers at a rate. Start one from a group of <a href="${url(view.base, '/errors')}">errors</a>, or from a filtered list of <a href="${url(view.base, '/sagas')}">sagas</a>.</p>
${operationsPart(view, list, query)}`
}

export function operationsPart(view: View, list: OperationList, query: OperationsQuery): Markup {
  const from = query.live === 'off' ? undefined : url(view.base, '/operations', query)
  const body = html`${states(view, query)}
${list.operations.length === 0 ? empty(view, query) : rows(view, list.operations)}
${pages(view, list, query)}`
  return live(view, from, '', body)
}

function rows(view: View, operations: readonly Operation[]): Markup {
  const all = operations.map((operation) => ({
    id: `operation-${operation.id}`,
    cells: [
      sign(OPERATION_SIGNS[operation.state], besideOperation(operation)),
      html`<a class="name" href="${url(view.base, `/operations/${operation.id}`)}">${ACTION_WORDS[operation.verb].label} ${manySagas(operation.counts.total, false)}</a> <span class="muted">${clip(scopeInWords(operation.filter, 'were'), MAX_REASON_CHARACTERS)}</span>`,
      progress(operation),
      operation.actor,
      html`<span class="clamp">${clip(operation.reason, MAX_REASON_CHARACTERS)}</span>`,
      ago(operation.createdAt, view.now),
    ],
  }))
  return table('operations', 'Operations, the newest first', COLUMNS, all)
}

function states(view: View, query: OperationsQuery): Markup {
  const link = (state: OperationState | undefined, label: Markup | string) => {
    const target = url(view.base, '/operations', { ...query, state, cursor: undefined })
    return html`<li><a href="${target}" ${query.state === state ? html`aria-current="page"` : NOTHING}>${label}</a></li>`
  }
  return html`<nav aria-label="States"><ul class="states">${link(undefined, 'All')}${OPERATION_STATES.map((state) => link(state, sign(OPERATION_SIGNS[state])))}</ul></nav>`
}

function empty(view: View, query: OperationsQuery): Markup {
  const all = url(view.base, '/operations')
  if (query.state !== undefined || query.cursor !== undefined) {
    return html`<section class="empty"><h2>No operation here</h2><p>None is in this state. <a href="${all}">See all operations</a>.</p></section>`
  }
  return html`<section class="empty"><h2>No operations yet</h2><p>Nobody has ordered a verb for many sagas at once.</p></section>`
}

function pages(view: View, { next }: OperationList, query: OperationsQuery): Markup {
  if (query.cursor === undefined && next === undefined) return NOTHING
  return html`<nav class="pages" aria-label="Pages"><ul class="buttons">
${when(query.cursor !== undefined, () => html`<li><a class="button" href="${url(view.base, '/operations', { ...query, cursor: undefined })}">Newest</a></li>`)}
${when(next !== undefined, () => html`<li><a class="button" href="${url(view.base, '/operations', { ...query, cursor: next })}">Older</a></li>`)}
</ul></nav>`
}
