/** Dead letters by what is the matter with them: one line for nine hundred of them. */
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { clip, html, type Markup, url, when } from '../partials/markup.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import type { ErrorsQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { REASON_LABELS } from '../words/groups.ts'
import { stepName } from '../words/position.ts'

/** One more than is shown as a number. */
export const GROUP_CAP = 10_001
const MAX_MESSAGE_CHARACTERS = 200

const COLUMNS = [
  { label: 'Sagas', kind: 'number', place: 'at-end' },
  { label: 'Error', kind: 'head', place: 'across' },
  { label: 'Step' },
  { label: 'Why dead', kind: 'short' },
  { label: 'First', kind: 'short' },
  { label: 'Last', kind: 'short' },
] as const

export function errorsPage(view: View, groups: readonly ErrorGroup[], query: ErrorsQuery): Markup {
  const to = (off: 'off' | undefined) => url(view.base, '/errors', { ...query, live: off })
  return html`<div class="heading"><h1>Errors</h1>${liveSwitch(query.live === 'off', to)}</div>
<p class="lead">What keeps sagas from going on without a person. Sagas that stopped for the same error are one group, and leave it when they go on.</p>
${errorsPart(view, groups, query)}`
}

export function errorsPart(view: View, groups: readonly ErrorGroup[], query: ErrorsQuery): Markup {
  const from = query.live === 'off' ? undefined : url(view.base, '/errors', query)
  const body = html`${when(
    query.definition !== undefined,
    () =>
      html`<p class="scope">Of <b>${query.definition ?? ''}</b> only. <a href="${url(view.base, '/errors', { live: query.live })}">See all</a></p>`,
  )}${groups.length === 0 ? empty(query) : rows(view, groups)}`
  const news = groups.length === 0 ? 'No dead letters.' : `${groups.length} groups of dead letters.`
  return live(view, from, news, body)
}

function rows(view: View, groups: readonly ErrorGroup[]): Markup {
  const all = groups.map((group) => ({
    id: `group-${group.id.replace(':', '-')}`,
    cells: [
      html`<b>${sizeOf(group)}</b>`,
      html`<a class="name" href="${groupAddress(view, group.id)}"><span class="clamp">${nameOf(group)}</span></a>${when(group.code !== null && group.message !== null, () => html`<div class="muted">${clip(group.code ?? '', 80)}</div>`)}`,
      html`${group.step === null ? 'no step' : stepName(group.step)} <span class="muted">${group.definition}, ${group.direction}</span>`,
      REASON_LABELS[group.reason],
      ago(group.firstSeenAt, view.now),
      ago(group.lastSeenAt, view.now),
    ],
  }))
  return table('groups', 'Groups of dead letters, the largest first', COLUMNS, all)
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

function empty({ definition }: ErrorsQuery): Markup {
  return definition === undefined
    ? html`<section class="empty"><h2>All clear</h2><p>There are no dead letters: no saga waits for a person.</p></section>`
    : html`<section class="empty"><h2>Nothing here</h2><p>No saga of ${definition} waits for a person.</p></section>`
}
