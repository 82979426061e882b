/** Dead letters by what is the matter with them: one line for nine hundred of them. */
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { DeadLetterHour } from '../../engine/store/health.ts'
import { TRIAGE_STATES, type Triage, type TriageState } from '../../engine/store/triage.ts'
import { sparkline } from '../charts/sparkline.ts'
import { AS_SAGAS_CHANGE, EVERY_S, live, liveSwitch, streamFor } from '../partials/live.ts'
import { clip, html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import type { ErrorsQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { stepName } from '../words/position.ts'
import { REASON_LABELS } from '../words/reasons.ts'
import { BACK_SIGN, TRIAGE_SIGNS, triageInWords } from '../words/triage.ts'

/** One more than is shown as a number. */
export const GROUP_CAP = 10_001
const MAX_MESSAGE_CHARACTERS = 200
const MAX_NOTE_CHARACTERS = 200
/** Beyond that nobody reads. */
const SHOWN = 100
const HOURS = 24

const COLUMNS = [
  { label: 'Sagas', kind: 'number', place: 'at-end' },
  { label: 'Error', kind: 'head', place: 'across' },
  { label: 'Step' },
  { label: 'Why dead', kind: 'short' },
  { label: 'Last 24 h', kind: 'short' },
  { label: 'First', kind: 'short' },
  { label: 'Last', kind: 'short' },
] as const

export type Errors = {
  /** However they stand. */
  readonly groups: readonly ErrorGroup[]
  readonly hours: readonly DeadLetterHour[]
  /** Without a saga, of the state that is shown. */
  readonly gone: readonly Triage[]
}

export function errorsPage(view: View, errors: Errors, query: ErrorsQuery): Markup {
  const to = (off: 'off' | undefined) => address(view, { ...query, live: off })
  return html`<div class="heading"><h1>Errors</h1>${liveSwitch(query.live === 'off', to, EVERY_S, streamFor(view, { definition: query.definition }))}</div>
<p class="lead">What keeps sagas from going on without a person. Sagas that stopped for the same error are one group, and leave it when they go on.</p>
${errorsPart(view, errors, query)}`
}

export function errorsPart(view: View, errors: Errors, query: ErrorsQuery): Markup {
  const from = query.live === 'off' ? undefined : address(view, query)
  const state = query.state ?? 'open'
  const groups = errors.groups.filter((group) => stateOf(group) === state)
  const body = html`${states(view, errors.groups, query)}${when(
    query.definition !== undefined,
    () =>
      html`<p class="scope">Of <b>${query.definition ?? ''}</b> only. <a href="${address(view, { ...query, definition: undefined })}">See all</a></p>`,
  )}${groups.length === 0 ? empty(view, errors, query) : rows(view, groups.slice(0, SHOWN), errors.hours)}
${when(groups.length > SHOWN, () => html`<p class="hint">The ${SHOWN} largest of ${groups.length}.</p>`)}
${goneGroups(view, errors.gone)}`
  const news =
    groups.length === 0 ? `No ${state} groups of dead letters.` : `${groups.length} ${state} groups of dead letters.`
  return live(view, from, news, body, AS_SAGAS_CHANGE)
}

function stateOf({ triage }: ErrorGroup): TriageState {
  return triage?.state ?? 'open'
}

function address(view: View, query: ErrorsQuery): string {
  return url(view.base, '/errors', { ...query, state: query.state === 'open' ? undefined : query.state })
}

function states(view: View, groups: readonly ErrorGroup[], query: ErrorsQuery): Markup {
  const link = (state: TriageState) => {
    const isCurrent = (query.state ?? 'open') === state
    const number = groups.filter((group) => stateOf(group) === state).length
    return html`<li><a href="${address(view, { ...query, state })}" ${isCurrent ? html`aria-current="page"` : NOTHING}>${sign(TRIAGE_SIGNS[state])} <span class="count">${number}</span></a></li>`
  }
  return html`<nav aria-label="How they stand"><ul class="states">${TRIAGE_STATES.map(link)}</ul></nav>`
}

function rows(view: View, groups: readonly ErrorGroup[], hours: readonly DeadLetterHour[]): Markup {
  const all = groups.map((group) => ({
    id: `group-${group.id.replace(':', '-')}`,
    cells: [
      html`<b>${sizeOf(group)}</b>`,
      html`<a class="name" href="${groupAddress(view, group.id)}"><span class="clamp">${nameOf(group)}</span></a>${when(group.code !== null && group.message !== null, () => html`<div class="muted">${clip(group.code ?? '', 80)}</div>`)}${triaged(group)}`,
      html`${group.step === null ? 'no step' : stepName(group.step)} <span class="muted">${group.definition}, ${group.direction}</span>`,
      REASON_LABELS[group.reason],
      lastDay(hours.filter(({ errorGroup }) => errorGroup === group.id)),
      ago(group.firstSeenAt, view.now),
      ago(group.lastSeenAt, view.now),
    ],
  }))
  return table('groups', 'Groups of dead letters, the largest first', COLUMNS, all)
}

/** What somebody has said of it, and the note. */
function triaged({ triage }: ErrorGroup): Markup {
  if (triage === null) return NOTHING
  const isBack = triage.state !== triage.said
  return html`${when(triage.said !== 'open', () => html`<div class="muted">${isBack ? html`${sign(BACK_SIGN)} ` : ''}${triageInWords(triage)}</div>`)}${when(
    triage.note !== null,
    () => html`<div class="noted">${clip(triage.note ?? '', MAX_NOTE_CHARACTERS)}</div>`,
  )}`
}

/** From left to right, hour by hour. */
function lastDay(hours: readonly DeadLetterHour[]): Markup | string {
  const values = Array.from({ length: HOURS }, () => 0)
  for (const { hoursAgo, count } of hours) {
    const place = HOURS - 1 - hoursAgo
    if (place >= 0) values[place] = count
  }
  const sum = values.reduce((all, count) => all + count, 0)
  return sum === 0 ? html`<span class="muted">none</span>` : html`${sum} ${sparkline(values)}`
}

function goneGroups(view: View, gone: readonly Triage[]): Markup {
  if (gone.length === 0) return NOTHING
  const items = gone.map(
    (triage) =>
      html`<li><a href="${groupAddress(view, triage.errorGroup)}">${triage.definition}${triage.step === null ? '' : ` at ${stepName(triage.step)}`}, ${REASON_LABELS[triage.reason]}</a> <span class="muted">${triageInWords(triage)}</span></li>`,
  )
  return html`<section aria-labelledby="h-gone"><h2 id="h-gone">No saga is in these any more</h2><p class="muted">They keep what was said of them, for when they come back.</p><ul class="gone">${items}</ul></section>`
}

export function groupAddress(view: View, id: string): string {
  return url(view.base, `/errors/${encodeURIComponent(id)}`)
}

export function sizeOf({ count }: Pick<ErrorGroup, 'count'>): string {
  return count >= GROUP_CAP ? `${GROUP_CAP - 1}+` : String(count)
}

function nameOf({ message, code, reason }: ErrorGroup): string {
  return clip(message !== null && message !== '' ? message : (code ?? REASON_LABELS[reason]), MAX_MESSAGE_CHARACTERS)
}

function empty(view: View, { groups }: Errors, { definition, state = 'open' }: ErrorsQuery): Markup {
  if (definition !== undefined)
    return html`<section class="empty"><h2>Nothing here</h2><p>No saga of ${definition} waits for a person${state === 'open' ? '' : ` in a group that is ${state}`}.</p></section>`
  if (state !== 'open')
    return html`<section class="empty"><h2>Nothing here</h2><p>No group with dead letters is ${state}. <a href="${url(view.base, '/errors')}">See those that are open</a>.</p></section>`
  return groups.length === 0
    ? html`<section class="empty"><h2>All clear</h2><p>There are no dead letters: no saga waits for a person.</p></section>`
    : html`<section class="empty"><h2>Nothing is open</h2><p>All dead letters are of error groups that somebody has resolved or ignores.</p></section>`
}
