/** The list of sagas: filters in the URL, counts that stop early, pages by key. */
import type { Status } from '../../engine/core/machine.ts'
import { STATUSES } from '../../engine/core/machine.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { SagaSummary } from '../../engine/store/reading.ts'
import { filters } from '../partials/filters.ts'
import { AS_SAGAS_CHANGE, EVERY_S, live, liveSwitch, streamFor } from '../partials/live.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { columnsOf, sagaTable } from '../partials/sagas.ts'
import { sign } from '../partials/sign.ts'
import { filterOf } from '../scope.ts'
import type { ListQuery, ScopeQuery } from '../security/parameters.ts'
import type { StepNames } from '../step-names.ts'
import type { View } from '../view.ts'
import { scopeInWords } from '../words/scope.ts'
import { STATUS_SIGNS } from '../words/states.ts'

const PAGE_SIZE = 50
/** One more than is shown as a number: beyond it the page says `1000+`. */
const COUNT_CAP = 1_001
const MAX_NEWER = 20
/** For one page, where no index serves the filter in this order: as many as a person waits for. */
const LOOKS = 1_000

/** The form of the boxes. It stands outside of what is replaced, and they stay ticked while rows come and go. */
const CHOICE = 'choice'

export type List = {
  readonly sagas: readonly SagaSummary[]
  readonly next: string | undefined
  /** There may be more of them behind what was looked at. */
  readonly endedEarly: boolean
  /** The filter as it is understood. */
  readonly filter: SagaFilter
  /** By status, while no other filter is set. */
  readonly counts: Readonly<Record<Status, number>> | undefined
  /** Sagas that came after this page was opened. */
  readonly newer: number
}

/** @throws SagaError `FILTER_INVALID`. */
export async function readList(client: SagaClient, names: StepNames, query: ListQuery): Promise<List> {
  const filter = filterOf(scopeOf(query))
  const cursor = query.cursor ?? (query.top === undefined ? undefined : after(query.top))
  const page = await client.list(filter, {
    limit: PAGE_SIZE,
    looks: LOOKS,
    ...(cursor === undefined ? {} : { cursor }),
  })
  await names.learn(page.sagas)
  const { status: _status, reason: _reason, ...others } = filter
  // Of all sagas only: no index counts what fits a filter.
  const counts = Object.keys(others).length > 0 ? undefined : await client.count({}, { cap: COUNT_CAP })
  return {
    sagas: page.sagas,
    next: page.cursor,
    endedEarly: page.endedEarly === true,
    filter,
    counts,
    newer: await newer(client, filter, query.top),
  }
}

/** Which sagas, without where in the list and how they are shown. */
export function scopeOf({
  cursor: _cursor,
  top: _top,
  columns: _columns,
  live: _live,
  ...scope
}: ListQuery): ScopeQuery {
  return scope
}

/** The id after this one: a page that begins below it begins with this one. */
function after(id: string): string {
  const next = (BigInt(`0x${id.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0')
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

async function newer(client: SagaClient, filter: SagaFilter, top: string | undefined): Promise<number> {
  if (top === undefined) return 0
  const { sagas } = await client.list(filter, { limit: MAX_NEWER + 1, looks: LOOKS })
  return sagas.filter(({ id }) => id > top).length
}

export function listPage(view: View, list: List, names: StepNames, query: ListQuery): Markup {
  return html`<div class="heading"><h1>Sagas</h1>${liveSwitch(query.live === 'off', (live) => address(view, { ...query, live }), EVERY_S, streamFor(view, { definition: query.definition }))}</div>
${filters(view, query, hasFilter(query) || query.columns !== undefined)}
<div class="tools">${inWords(view, list, query)}${when(list.sagas.length > 0, () => choice(view, query))}</div>
${livePart(view, list, names, query)}`
}

/** What is listed, in a sentence, with what can be done with all of it. */
function inWords(view: View, { filter }: List, query: ListQuery): Markup {
  const scope = scopeOf(query)
  if (!hasFilter(query)) return html`<p class="all">${exportLinks(view, query)}</p>`
  const group = query['error-group']
  return html`<p class="all">Sagas ${scopeInWords(filter, 'are')}. ${when(
    group !== undefined,
    () => html`<a href="${url(view.base, `/errors/${encodeURIComponent(group ?? '')}`)}">The error group</a> `,
  )}<a href="${url(view.base, '/operations/new', scope)}">Act on all that match…</a> ${exportLinks(view, query)}</p>`
}

/** A definition goes along: some may act on its sagas only. */
function choice({ base }: View, { definition }: ListQuery): Markup {
  const of = when(
    definition !== undefined,
    () => html`<input type="hidden" name="definition" value="${definition ?? ''}">`,
  )
  return html`<form id="${CHOICE}" method="get" action="${url(base, '/operations/new')}">${of}<button type="submit">Act on those that are ticked…</button></form>`
}

/** All that match, and not only this page of them. */
function exportLinks(view: View, query: ListQuery): Markup {
  const { q, ...words } = scopeOf(query)
  const to = (format: string) => url(view.base, '/sagas/export', { ...words, key: q ?? words.key, format })
  return html`<a href="${to('csv')}" download>Export as CSV</a> <a href="${to('json')}" download>as JSON</a>`
}

/** What is kept up to date: counts and rows. New rows are announced, and never pushed in under the pointer. */
export function livePart(view: View, list: List, names: StepNames, query: ListQuery): Markup {
  // Nothing new comes into a time that is over, but what is there goes on.
  const top =
    query.cursor === undefined && !isOver(list, query, view.now) ? (query.top ?? list.sagas[0]?.id) : undefined
  const from = query.live === 'off' ? undefined : address(view, { ...query, top })
  const body = html`${counts(view, list, query)}
<p class="newer">${when(
    list.newer > 0,
    () =>
      html`<a class="button" href="${address(view, { ...query, top: undefined })}">Show ${newerWords(list.newer)}</a>`,
  )}</p>
${list.sagas.length === 0 ? empty(view, query, list) : sagaTable(view, list.sagas, names, columnsOf(query.columns), CHOICE)}
${when(list.endedEarly, () => furtherBack(view, list, query))}
${pages(view, list, query)}`
  return live(
    view,
    from,
    list.newer > 0 ? `${newerWords(list.newer)} since this page was opened.` : '',
    body,
    AS_SAGAS_CHANGE,
  )
}

/** `2 hours` goes along with the clock: what was too young for it comes in. */
function isOver({ filter: { startedBefore } }: List, query: ListQuery, now: number): boolean {
  const isMoment = /^\d{4}-/.test(query['started-before'] ?? '')
  return isMoment && startedBefore !== undefined && startedBefore.getTime() <= now
}

function newerWords(newer: number): string {
  return newer > MAX_NEWER ? `more than ${MAX_NEWER} newer sagas` : `${newer} newer saga${newer === 1 ? '' : 's'}`
}

function address(view: View, query: ListQuery): string {
  return url(view.base, '/sagas', query)
}

function counts(view: View, { counts }: List, query: ListQuery): Markup {
  const chosen = query['dead-reason'] === undefined ? query.status : 'dead_lettered'
  const link = (status: Status | undefined, label: Markup | string, count: Markup) => {
    const of = { status, 'dead-reason': undefined, cursor: undefined, top: undefined }
    const target = address(view, { ...query, ...of })
    const current = chosen === status ? html`aria-current="page"` : NOTHING
    return html`<li><a href="${target}" ${current}>${label} ${count}</a></li>`
  }
  return html`<nav aria-label="States"><ul class="states">${link(undefined, 'All', NOTHING)}${STATUSES.map((state) => {
    const counted = counts?.[state]
    const number = counted !== undefined && counted >= COUNT_CAP ? `${COUNT_CAP - 1}+` : counted
    const shown = number === undefined ? NOTHING : html`<span class="count">${number}</span>`
    return link(state, sign(STATUS_SIGNS[state]), shown)
  })}</ul></nav>`
}

function hasFilter(query: ListQuery): boolean {
  return Object.values(scopeOf(query)).some((value) => value !== undefined)
}

function furtherBack(view: View, { next }: List, query: ListQuery): Markup {
  const further = address(view, { ...query, top: undefined, cursor: next })
  return html`<p class="further">Looked through ${LOOKS} sagas for this page. <a href="${further}">Look further back</a>, or say in the filter which definition or tag, or when they were started.</p>`
}

function empty(view: View, query: ListQuery, list: List): Markup {
  const all = url(view.base, '/sagas')
  const { q: _q, ...others } = scopeOf(query)
  const isOnlyKey = Object.values(others).every((value) => value === undefined)
  if (query.q !== undefined && isOnlyKey) {
    const prefix = url(view.base, '/sagas', { 'key-prefix': query.q })
    return html`<section class="empty"><h2>No saga has this id or key</h2>
<p>Looked for the whole of <code>${query.q}</code>. <a href="${prefix}">Look for keys that begin with it</a>, or <a href="${all}">see all sagas</a>.</p></section>`
  }
  if (list.endedEarly)
    return html`<section class="empty"><h2>None so far</h2><p>None of those that were looked at fits.</p></section>`
  if (query.cursor !== undefined) {
    return html`<section class="empty"><h2>No more sagas</h2><p>This is the end of the list. <a href="${address(view, { ...query, cursor: undefined })}">Back to the newest</a>.</p></section>`
  }
  if (hasFilter(query)) {
    const some = Object.values(list.counts ?? {}).some((count) => count > 0)
    return html`<section class="empty"><h2>Nothing for this filter</h2><p>${some ? 'No saga of this kind is there now.' : 'No saga fits.'} <a href="${all}">Clear the filter</a> to see all sagas.</p></section>`
  }
  return html`<section class="empty"><h2>No sagas yet</h2>
<p>Each saga that your app starts appears here. Start one with <code>sagas.enqueue(definition, input)</code>, in the transaction in which you store what it is about.</p></section>`
}

function pages(view: View, list: List, query: ListQuery): Markup {
  const newest = query.cursor !== undefined
  if (!newest && list.next === undefined) return NOTHING
  return html`<nav class="pages" aria-label="Pages"><ul class="buttons">
${when(newest, () => html`<li><a class="button" href="${address(view, { ...query, cursor: undefined, top: undefined })}">Newest</a></li>`)}
${when(list.next !== undefined && !list.endedEarly, () => html`<li><a class="button" href="${address(view, { ...query, top: undefined, cursor: list.next })}">Older</a></li>`)}
</ul></nav>`
}
