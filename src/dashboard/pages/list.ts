/** The list of sagas: filters in the URL, counts that stop early, pages by key. */
import type { Status } from '../../engine/core/machine.ts'
import { STATUSES } from '../../engine/core/machine.ts'
import type { SagaClient } from '../../engine/saga-client.ts'
import type { SagaFilter, SagaSummary } from '../../engine/store/reading.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sagaTable } from '../partials/sagas.ts'
import { sign } from '../partials/sign.ts'
import { exact } from '../partials/time.ts'
import type { ListQuery } from '../security/parameters.ts'
import type { StepNames } from '../step-names.ts'
import type { View } from '../view.ts'
import { REASON_WORDS } from '../words/reasons.ts'
import { STATUS_SIGNS } from '../words/states.ts'

const PAGE_SIZE = 50
/** One more than is shown as a number: beyond it the page says `1000+`. */
const COUNT_CAP = 1_001
const MAX_NEWER = 20

export type List = {
  readonly sagas: readonly SagaSummary[]
  readonly next: string | undefined
  /** Not of a span of time, whose sagas no index counts. */
  readonly counts: Readonly<Record<Status, number>> | undefined
  /** Sagas that came after this page was opened. */
  readonly newer: number
}

export async function readList(client: SagaClient, names: StepNames, query: ListQuery): Promise<List> {
  const filter = filterOf(query)
  const span = spanOf(query)
  const cursor = query.cursor ?? span?.to ?? (query.top === undefined ? undefined : after(query.top))
  const page = await client.list(filter, { limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) })
  await names.learn(page.sagas)
  if (span !== undefined) {
    const sagas = page.sagas.filter(({ id }) => id >= span.from)
    const next = sagas.length < page.sagas.length ? undefined : page.cursor
    return { sagas, next, counts: undefined, newer: 0 }
  }
  const { status: _status, reason: _reason, ...others } = filter
  const counts = await client.count(others, { cap: COUNT_CAP })
  return { sagas: page.sagas, next: page.cursor, counts, newer: await newer(client, filter, query.top) }
}

/** Ids are ordered by time: the page begins at the end of the span, and breaks off at its beginning. */
function spanOf({ from, to }: ListQuery): { readonly from: string; readonly to: string } | undefined {
  return from === undefined || to === undefined ? undefined : { from: firstId(from), to: firstId(to) }
}

/** The smallest id that can have been made from this moment on. */
function firstId(moment: string): string {
  const ms = Math.max(0, Date.parse(moment)).toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8)}-0000-0000-000000000000`
}

export function filterOf({ state, definition, prefix, tag, q, reason, group }: Partial<ListQuery>): SagaFilter {
  return {
    ...(state === undefined ? {} : { status: state }),
    ...(reason === undefined ? {} : { status: 'dead_lettered', reason }),
    ...(definition === undefined ? {} : { definition }),
    ...(prefix === undefined ? {} : { keyPrefix: prefix }),
    ...(tag === undefined ? {} : { tag }),
    ...(q === undefined ? {} : { key: q }),
    ...(group === undefined ? {} : { errorGroup: group }),
  }
}

/** The id after this one: a page that begins below it begins with this one. */
function after(id: string): string {
  const next = (BigInt(`0x${id.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0')
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

async function newer(client: SagaClient, filter: SagaFilter, top: string | undefined): Promise<number> {
  if (top === undefined) return 0
  const { sagas } = await client.list(filter, { limit: MAX_NEWER + 1 })
  return sagas.filter(({ id }) => id > top).length
}

export function listPage(view: View, list: List, names: StepNames, query: ListQuery): Markup {
  return html`<div class="heading"><h1>Sagas</h1>${liveSwitch(query.live === 'off', (live) => address(view, { ...query, live }))}</div>
${filters(view, query)}
${actOnAll(view, query)}
${livePart(view, list, names, query)}`
}

/** From what is listed to an operation over all of it. */
function actOnAll(view: View, query: ListQuery): Markup {
  if (!hasFilter(query)) return NOTHING
  const { cursor: _cursor, top: _top, live: _live, ...scope } = query
  return html`<p class="all">${when(query.group !== undefined, () => html`<span>Of one <a href="${url(view.base, `/errors/${encodeURIComponent(query.group ?? '')}`)}">error group</a>. </span>`)}<a href="${url(view.base, '/operations/new', scope)}">Act on all that match…</a></p>`
}

/** What is kept up to date: counts and rows. New rows are announced, and never pushed in under the pointer. */
export function livePart(view: View, list: List, names: StepNames, query: ListQuery): Markup {
  const isPast = spanOf(query) !== undefined
  const top = query.cursor === undefined && !isPast ? (query.top ?? list.sagas[0]?.id) : undefined
  const from = query.live === 'off' || isPast ? undefined : address(view, { ...query, top })
  const body = html`${counts(view, list, query)}
${scope(view, query)}
<p class="newer">${when(
    list.newer > 0,
    () =>
      html`<a class="button" href="${address(view, { ...query, top: undefined })}">Show ${newerWords(list.newer)}</a>`,
  )}</p>
${list.sagas.length === 0 ? empty(view, query, list) : sagaTable(view, list.sagas, names)}
${pages(view, list, query)}`
  return live(view, from, list.newer > 0 ? `${newerWords(list.newer)} since this page was opened.` : '', body)
}

function newerWords(newer: number): string {
  return newer > MAX_NEWER ? `more than ${MAX_NEWER} newer sagas` : `${newer} newer saga${newer === 1 ? '' : 's'}`
}

function address(view: View, query: ListQuery): string {
  return url(view.base, '/sagas', query)
}

/** What a link from elsewhere asked for, and no field of the form shows. */
function scope(view: View, query: ListQuery): Markup {
  const { reason, from, to } = query
  if (reason !== undefined) {
    const all = address(view, { ...query, reason: undefined, state: 'dead_lettered', cursor: undefined })
    return html`<p class="scope">Dead letters: ${REASON_WORDS[reason]}. <a href="${all}">All dead letters</a></p>`
  }
  if (from === undefined || to === undefined) return NOTHING
  const all = address(view, { ...query, from: undefined, to: undefined, cursor: undefined })
  return html`<p class="scope">Started from ${exact(new Date(from))} to ${exact(new Date(to))}. <a href="${all}">Whenever started</a></p>`
}

function counts(view: View, { counts }: List, query: ListQuery): Markup {
  const chosen = query.reason === undefined ? query.state : 'dead_lettered'
  const link = (state: Status | undefined, label: Markup | string, count: Markup) => {
    const target = address(view, { ...query, state, reason: undefined, cursor: undefined, top: undefined })
    const current = chosen === state ? html`aria-current="page"` : NOTHING
    return html`<li><a href="${target}" ${current}>${label} ${count}</a></li>`
  }
  return html`<nav aria-label="States"><ul class="states">${link(undefined, 'All', NOTHING)}${STATUSES.map((state) => {
    const counted = counts?.[state]
    const number = counted !== undefined && counted >= COUNT_CAP ? `${COUNT_CAP - 1}+` : counted
    const shown = number === undefined ? NOTHING : html`<span class="count">${number}</span>`
    return link(state, sign(STATUS_SIGNS[state]), shown)
  })}</ul></nav>`
}

function filters(view: View, query: ListQuery): Markup {
  const field = (name: 'definition' | 'prefix' | 'tag', label: string, max: number) =>
    html`<p><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" value="${query[name] ?? ''}" maxlength="${max}" autocomplete="off" spellcheck="false"></p>`
  return html`<form class="filters" method="get" action="${url(view.base, '/sagas')}">
  <p><label for="f-state">State</label><select id="f-state" name="state"><option value="">Any</option>${STATUSES.map(
    (state) =>
      html`<option value="${state}" ${query.state === state ? html`selected` : ''}>${STATUS_SIGNS[state].word}</option>`,
  )}</select></p>
  ${field('definition', 'Definition', 200)}
  ${field('prefix', 'Key begins with', 500)}
  ${field('tag', 'Tag', 200)}
  ${kept('live', query.live)}${kept('from', query.from)}${kept('to', query.to)}${kept('group', query.group)}
  <p class="submit"><button type="submit">Filter</button>${when(
    hasFilter(query),
    () => html` <a href="${url(view.base, '/sagas', { live: query.live })}">Clear</a>`,
  )}</p>
</form>`
}

/** Goes along with the form. */
function kept(name: string, value: string | undefined): Markup {
  return value === undefined ? NOTHING : html`<input type="hidden" name="${name}" value="${value}">`
}

function hasFilter({ state, definition, prefix, tag, q, reason, group, from }: ListQuery): boolean {
  return [state, definition, prefix, tag, q, reason, group, from].some((value) => value !== undefined)
}

function empty(view: View, query: ListQuery, list: List): Markup {
  const all = url(view.base, '/sagas')
  if (query.q !== undefined) {
    const prefix = url(view.base, '/sagas', { prefix: query.q })
    return html`<section class="empty"><h2>No saga has this id or key</h2>
<p>Looked for the whole of <code>${query.q}</code>. <a href="${prefix}">Look for keys that begin with it</a>, or <a href="${all}">see all sagas</a>.</p></section>`
  }
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
${when(list.next !== undefined, () => html`<li><a class="button" href="${address(view, { ...query, top: undefined, cursor: list.next })}">Older</a></li>`)}
</ul></nav>`
}
