/** The audit: who did what and why, and who was refused what, the newest first. */
import type { AuditPage } from '../../engine/audit.ts'
import type { AuditEntry } from '../../engine/store/audit.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { exact, relative, toTheMinute } from '../partials/time.ts'
import type { AuditQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { AUDIT_ACTION_NAMES, AUDIT_ACTIONS, auditInWords, DENIED_SIGN } from '../words/audit.ts'

const COLUMNS = [
  { label: 'When', kind: 'short' },
  { label: 'Who' },
  { label: 'What', kind: 'head', place: 'across' },
  { label: 'Of what' },
  { label: 'Why', kind: 'wide', place: 'across' },
] as const

export function auditPage(view: View, page: AuditPage, query: AuditQuery): Markup {
  return html`<div class="heading"><h1>Audit</h1></div>
<p class="lead">Who did what and why, and who was refused what for want of a right. What an operation orders of each saga stands on its page, and in the journal of the saga.</p>
${filters(view, query)}
${scope(view, query)}
${page.entries.length === 0 ? empty(view, page, query) : html`${auditTable(view, page.entries, 'Acts, the newest first')}${exports(view, query)}`}
${pages(view, page, query)}`
}

export function auditTable(view: View, entries: readonly AuditEntry[], caption: string): Markup {
  const rows = entries.map((entry) => ({
    cells: [
      html`<time datetime="${entry.at.toISOString()}" title="${exact(entry.at)}">${toTheMinute(entry.at)}</time> <span class="muted nowrap">${relative(entry.at, view.now)}</span>`,
      html`<a class="name" href="${url(view.base, '/audit', { actor: entry.actor })}">${entry.actor}</a>`,
      html`${when(entry.deniedTimes !== null, () => html`${sign(DENIED_SIGN)} `)}${auditInWords(entry)}`,
      aboutWhat(view, entry),
      entry.reason ?? undefined,
    ],
  }))
  return table('audit', caption, COLUMNS, rows)
}

/** Where to look. */
function aboutWhat({ base }: View, { sagaId, definition, errorGroup, about }: AuditEntry): Markup | undefined {
  const ways: (readonly [to: string, label: string])[] = []
  if (sagaId !== null) ways.push([`/sagas/${sagaId}`, 'Saga'])
  if (about.operationId !== undefined) ways.push([`/operations/${encodeURIComponent(about.operationId)}`, 'Operation'])
  const group = errorGroup ?? about.ofGroup
  if (group !== undefined && group !== null) ways.push([`/errors/${encodeURIComponent(group)}`, 'Error group'])
  if (about.newSagaId !== undefined) ways.push([`/sagas/${encodeURIComponent(about.newSagaId)}`, 'New saga'])
  if (about.duty !== undefined) ways.push(['/schedules', 'Schedules'])
  const links = ways.map(([to, label]) => html`<a href="${url(base, to)}">${label}</a> `)
  const of =
    definition === null
      ? NOTHING
      : html`<a href="${url(base, `/definitions/${encodeURIComponent(definition)}`)}">${definition}</a> `
  return ways.length === 0 && definition === null ? undefined : html`${of}${links}`
}

function address(view: View, query: Partial<AuditQuery>): string {
  return url(view.base, '/audit', query)
}

function filters(view: View, query: AuditQuery): Markup {
  const field = (name: 'actor' | 'definition' | 'saga', label: string, max: number) =>
    html`<p><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" value="${query[name] ?? ''}" maxlength="${max}" autocomplete="off" spellcheck="false"></p>`
  const moment = (name: 'from' | 'to', label: string) => {
    const typed = asTyped(query[name])
    const step = typed.length > MINUTE_CHARACTERS ? html`step="any"` : NOTHING
    return html`<p><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" type="datetime-local" ${step} value="${typed}"></p>`
  }
  return html`<form class="filters" method="get" action="${url(view.base, '/audit')}">
  ${field('actor', 'Who', 200)}
  <p><label for="f-action">What</label><select id="f-action" name="action"><option value="">Anything</option>${AUDIT_ACTION_NAMES.map(
    (name) =>
      html`<option value="${name}" ${query.action === name ? html`selected` : ''}>${AUDIT_ACTIONS[name].label}</option>`,
  )}</select></p>
  ${field('definition', 'Definition', 200)}
  ${field('saga', 'Id of a saga', 36)}
  ${moment('from', 'From (UTC)')}
  ${moment('to', 'Before (UTC)')}
  <p><label for="f-denied">Outcome</label><select id="f-denied" name="denied"><option value="">Done or refused</option><option value="yes" ${query.denied === 'yes' ? html`selected` : ''}>Refused only</option></select></p>
  ${query.group === undefined ? NOTHING : html`<input type="hidden" name="group" value="${query.group}">`}
  <p class="submit"><button type="submit">Filter</button>${when(hasFilter(query), () => html` <a href="${address(view, {})}">Clear</a>`)}</p>
</form>`
}

const MINUTE_CHARACTERS = '2026-11-21T09:00'.length

/** As a field for date and time has it: without what is zero, and with all of what is not. */
function asTyped(moment: string | undefined): string {
  return moment?.replace(/(:00)?(\.000)?Z$/, '') ?? ''
}

function hasFilter({ cursor: _cursor, format: _format, ...filter }: AuditQuery): boolean {
  return Object.values(filter).some((value) => value !== undefined)
}

function scope(view: View, query: AuditQuery): Markup {
  const { group, ...rest } = query
  if (group === undefined) return NOTHING
  return html`<p class="scope">Of one <a href="${url(view.base, `/errors/${encodeURIComponent(group)}`)}">error group</a>. <a href="${address(view, { ...rest, cursor: undefined })}">Of all</a></p>`
}

function exports(view: View, query: AuditQuery): Markup {
  const as = (format: 'csv' | 'json', label: string) =>
    html`<a href="${address(view, { ...query, format })}" download>${label}</a>`
  return html`<p class="hint">This page as ${as('csv', 'CSV')} or ${as('json', 'JSON')}.</p>`
}

function empty(view: View, page: AuditPage, query: AuditQuery): Markup {
  if (page.cursor !== undefined) {
    return html`<section class="empty"><h2>Nothing so far</h2><p>So many acts were looked through that none of them fits. Go on with older ones, or name a time.</p></section>`
  }
  if (hasFilter(query) || query.cursor !== undefined) {
    return html`<section class="empty"><h2>Nothing for this filter</h2><p>Nobody did this${query.cursor === undefined ? '' : ' before'}, or it is not kept any more. <a href="${address(view, {})}">Clear the filter</a>.</p></section>`
  }
  return html`<section class="empty"><h2>Nothing yet</h2><p>Nobody has done anything by hand. What people do from here, from the command line, in code or by SQL appears here.</p></section>`
}

function pages(view: View, { cursor }: AuditPage, query: AuditQuery): Markup {
  if (query.cursor === undefined && cursor === undefined) return NOTHING
  return html`<nav class="pages" aria-label="Pages"><ul class="buttons">
${when(query.cursor !== undefined, () => html`<li><a class="button" href="${address(view, { ...query, cursor: undefined })}">Newest</a></li>`)}
${when(cursor !== undefined, () => html`<li><a class="button" href="${address(view, { ...query, cursor })}">Older</a></li>`)}
</ul></nav>`
}
