/** One operation: its scope in a sentence, how far it is, what can be done, its log, and what became of each saga. */
import type { Operation } from '../../engine/operation-order.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { OperationResult } from '../../engine/store/operation-items.ts'
import { crumbs } from '../partials/crumbs.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { clip, count, html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { progress } from '../partials/progress.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago, exact, moment } from '../partials/time.ts'
import type { OperationQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { ACTION_WORDS } from '../words/actions.ts'
import {
  besideOperation,
  CHANGE_NAMES,
  CHANGE_WORDS,
  type ChangeName,
  changedInWords,
  manySagas,
  OPERATION_SIGNS,
  progressInWords,
  RESULT_SIGNS,
  signOfResult,
} from '../words/operations.ts'
import { scopeInWords } from '../words/scope.ts'

export type OperationDetail = {
  readonly operation: Operation
  /** Of its filter, as far as it can still be told. */
  readonly group: Pick<ErrorGroup, 'message' | 'code' | 'step' | 'reason'> | undefined
  readonly results: readonly OperationResult[]
  readonly next: string | undefined
  /** The changes that this actor has no right to. */
  readonly mayNot: ReadonlySet<ChangeName>
}

export type ResultName = NonNullable<OperationQuery['result']>

const MAX_MESSAGE_CHARACTERS = 400

const LOG_COLUMNS = [
  { label: 'When', kind: 'short' },
  { label: 'What', kind: 'short' },
  { label: 'Who', place: 'who' },
  { label: 'Why', kind: 'wide' },
] as const

const RESULT_COLUMNS = [
  { label: 'No.', kind: 'number' },
  { label: 'Saga', kind: 'head', place: 'across' },
  { label: 'Result', kind: 'short' },
  { label: 'Ordered', kind: 'short' },
  { label: 'Why', kind: 'wide', place: 'across' },
] as const

export function operationTitle({ verb, counts }: Pick<Operation, 'verb' | 'counts'>): string {
  return `${ACTION_WORDS[verb].label} ${manySagas(counts.total, false)}`
}

export function operationPage(view: View, detail: OperationDetail, query: OperationQuery): Markup {
  const { operation } = detail
  const to = (off: 'off' | undefined) => address(view, operation, { ...query, live: off })
  return html`${crumbs([url(view.base, '/operations'), 'Operations'])}
<div class="heading"><h1>${operationTitle(operation)}</h1>${operation.settledAt === null ? liveSwitch(query.live === 'off', to) : NOTHING}</div>
${operationPart(view, detail, query)}`
}

export function operationPart(view: View, detail: OperationDetail, query: OperationQuery): Markup {
  const { operation } = detail
  const hasSettled = operation.settledAt !== null
  const from = query.live === 'off' || hasSettled ? undefined : address(view, operation, query)
  const { word, tone } = OPERATION_SIGNS[operation.state]
  const said = sentence(detail)
  const body = html`<section class="verdict ${tone}" aria-label="State"><p class="state">${sign(OPERATION_SIGNS[operation.state], besideOperation(operation))}</p><p class="said">${said}</p>${progress(operation)}</section>
${changes(view, detail)}
<section aria-labelledby="h-facts"><h2 id="h-facts">Facts</h2>${facts(view, operation)}</section>
<section aria-labelledby="h-log"><h2 id="h-log">What happened to it</h2>${log(view, operation)}</section>
${results(view, detail, query)}`
  return live(view, from, `${word}: ${progressInWords(operation)}.`, body)
}

/** `Retry of the 412 sagas that were dead letters for “…” at 2026-11-21 14:03:12 UTC.` */
function sentence({ operation, group }: OperationDetail): string {
  const { verb, filter, counts, createdAt, more, options } = operation
  const past = options.pastPivot === true ? ', also where the pivot is passed' : ''
  const as = options.as === undefined ? '' : ` as ${options.as}`
  const which = counts.total === 1 ? 'the 1 saga' : `the ${counts.total} sagas`
  const rest = more ? ' There were more: the newer ones are not part of it.' : ' Newer ones are not part of it.'
  return `${ACTION_WORDS[verb].label}${as}${past}: ${which} ${scopeInWords(filter, 'were', group)} at ${exact(createdAt)}.${rest}`
}

function address(view: View, { id }: Operation, query: OperationQuery): string {
  const { done: _done, again: _again, ...kept } = query
  return url(view.base, `/operations/${id}`, kept)
}

function changes(view: View, { operation, mayNot }: OperationDetail): Markup {
  const all = CHANGE_NAMES.map((name) => {
    const { needs, fits } = CHANGE_WORDS[name]
    if (!fits.includes(operation.state)) return { name, whyNot: needs }
    return { name, whyNot: mayNot.has(name) ? `${view.actor.name ?? view.actor.id} has no right to this.` : undefined }
  })
  const possible = all.filter(({ whyNot }) => whyNot === undefined)
  const others = all.filter(({ whyNot }) => whyNot !== undefined)
  return html`<section class="actions" aria-label="Actions">${when(
    possible.length > 0,
    () =>
      html`<ul class="buttons">${possible.map(({ name }) => html`<li><a class="button" href="${url(view.base, `/operations/${operation.id}/plan`, { action: name })}">${CHANGE_WORDS[name].label}…</a></li>`)}</ul>`,
  )}${when(
    others.length > 0,
    () =>
      html`<details><summary>${possible.length === 0 ? 'Nothing can be ordered now: why' : `Not possible now: ${others.length}`}</summary><dl class="why">${others.map(({ name, whyNot }) => html`<div><dt>${CHANGE_WORDS[name].label}</dt><dd>${whyNot ?? ''}</dd></div>`)}</dl></details>`,
  )}</section>`
}

function facts(view: View, operation: Operation): Markup {
  const { actor, reason, rate, canary, createdAt, finishedAt, settledAt, id } = operation
  const list: readonly (readonly [string, Markup | string])[] = [
    ['Ordered by', html`<b>${actor}</b>`],
    ['Reason', reason],
    ['Rate', `${rate} a second`],
    ['Canary', canary === 0 ? 'none: all at the rate' : `${count(canary, 'saga')} first`],
    ['Started', moment(createdAt, view.now)],
    ...(finishedAt === null ? [] : [['Finished', moment(finishedAt, view.now)] as const]),
    ...(settledAt === null ? [] : [['All known', moment(settledAt, view.now)] as const]),
    ['Id', html`<code>${id}</code>`],
  ]
  return html`<dl class="facts">${list.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function log(view: View, operation: Operation): Markup {
  const rows = operation.log.map((entry) => ({
    cells: [ago(entry.at, view.now), changedInWords(entry), entry.actor, entry.reason],
  }))
  return table('log', 'In order; what it does by itself is signed pg-saga', LOG_COLUMNS, rows)
}

function results(view: View, { operation, results: all, next }: OperationDetail, query: OperationQuery): Markup {
  const rows = all.map((result) => ({
    id: `result-${result.position}`,
    cells: [
      result.position,
      saga(view, result),
      sign(signOfResult(result)),
      result.orderedAt === null ? undefined : ago(result.orderedAt, view.now),
      why(view, operation, result),
    ],
  }))
  return html`<section aria-labelledby="h-results"><h2 id="h-results">Results</h2>${shown(view, operation, query)}
${rows.length === 0 ? html`<p class="muted">No saga has this result.</p>` : table('results', 'Each saga, the oldest first', RESULT_COLUMNS, rows)}
${when(
  next !== undefined || query.cursor !== undefined,
  () => html`<nav class="pages" aria-label="Pages of results"><ul class="buttons">
${when(query.cursor !== undefined, () => html`<li><a class="button" href="${address(view, operation, { ...query, cursor: undefined })}">First</a></li>`)}
${when(next !== undefined, () => html`<li><a class="button" href="${address(view, operation, { ...query, cursor: next })}">Next</a></li>`)}</ul></nav>`,
)}</section>`
}

function saga(view: View, { sagaId, newSagaId }: OperationResult): Markup {
  const link = (id: string) => html`<a class="name" href="${url(view.base, `/sagas/${id}`)}"><code>${id}</code></a>`
  return newSagaId === null
    ? link(sagaId)
    : html`${link(sagaId)} <span class="muted">rerun as</span> ${link(newSagaId)}`
}

function why(view: View, { filter }: Operation, { code, message, sagaId }: OperationResult): Markup | undefined {
  if (code === null && message === null) return undefined
  const said = view.redaction.message(message, { definition: filter.definition ?? '', sagaId })
  return html`<span class="muted">${code ?? ''}</span> ${clip(said ?? '', MAX_MESSAGE_CHARACTERS)}`
}

/** Links for the results that there are. */
function shown(view: View, operation: Operation, query: OperationQuery): Markup {
  const { counts } = operation
  const numbers: Readonly<Record<ResultName, number>> = { ...counts, dead_lettered: counts.deadLettered }
  const names = (Object.keys(RESULT_SIGNS) as ResultName[]).filter((name) => numbers[name] > 0 || query.result === name)
  const link = (result: ResultName | undefined, label: Markup | string, number: number) =>
    html`<li><a href="${address(view, operation, { ...query, result, cursor: undefined })}" ${query.result === result ? html`aria-current="page"` : NOTHING}>${label} <span class="count">${number}</span></a></li>`
  return html`<nav aria-label="Results by kind"><ul class="states">${link(undefined, 'All', counts.total)}${names.map((name) => link(name, sign(RESULT_SIGNS[name]), numbers[name]))}</ul></nav>`
}
