/** The form of the list's filters: the words of the command line, each with a field; those that few need are folded in. */
import { DEAD_LETTER_REASONS, STATUSES } from '../../engine/core/machine.ts'
import type { FilterWord } from '../../engine/filter-text.ts'
import type { ListQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { REASON_WORDS } from '../words/reasons.ts'
import { STATUS_SIGNS } from '../words/states.ts'
import { html, type Markup, NOTHING, url, when } from './markup.ts'
import { columnChoice } from './sagas.ts'

type Field = { readonly word: FilterWord; readonly label: string; readonly hint?: string }

const OFTEN: readonly Field[] = [
  { word: 'definition', label: 'Definition' },
  { word: 'key-prefix', label: 'Key begins with' },
  { word: 'tag', label: 'Tag' },
]

const RARELY: readonly Field[] = [
  { word: 'definition-version', label: 'Version' },
  { word: 'step', label: 'Has reached the step' },
  { word: 'started-after', label: 'Started after', hint: '2 hours, or 2026-11-21T09:00Z' },
  { word: 'started-before', label: 'Started before', hint: '2 hours, or 2026-11-21T09:00Z' },
  { word: 'min-attempts', label: 'Attempts of a step, at least' },
  { word: 'build', label: 'Build that ran an attempt' },
  { word: 'compensated-step', label: 'Step that was compensated' },
  { word: 'compensated-by', label: 'Build that compensated it' },
  { word: 'compensated-from', label: 'Compensated after', hint: '2 hours, or 2026-11-21T09:00Z' },
  { word: 'compensated-to', label: 'Compensated before', hint: '2 hours, or 2026-11-21T09:00Z' },
]

/** No field shows them, and they go along with the form. */
const KEPT = ['id', 'q', 'key', 'rerun-of', 'correction-of', 'error-group', 'live'] as const

/** @param isSet whether there is anything to clear. */
export function filters(view: View, query: ListQuery, isSet: boolean): Markup {
  const reason = query['dead-reason']
  const hasMore = reason !== undefined || RARELY.some(({ word }) => query[word] !== undefined)
  const clear = url(view.base, '/sagas', { live: query.live })
  return html`<form class="filters" method="get" action="${url(view.base, '/sagas')}">
  <p><label for="f-status">State</label><select id="f-status" name="status"><option value="">Any</option>${statuses(query.status)}</select></p>
  ${OFTEN.map((one) => field(one, query))}
  ${KEPT.map((name) => kept(name, query[name]))}
  <p class="submit"><button type="submit">Filter</button>${when(isSet, () => html` <a href="${clear}">Clear</a>`)}</p>
  <details class="more" ${hasMore ? html`open` : NOTHING}><summary>More filters and columns</summary>
    <div class="fields">
    <p><label for="f-dead-reason">Reason of a dead letter</label><select id="f-dead-reason" name="dead-reason"><option value="">Any</option>${DEAD_LETTER_REASONS.map(
      (one) => html`<option value="${one}" ${one === reason ? html`selected` : NOTHING}>${REASON_WORDS[one]}</option>`,
    )}</select></p>
    ${RARELY.map((one) => field(one, query))}
    </div>
    ${columnChoice(query.columns)}
  </details>
</form>`
}

/** Several, as the command line takes them, stay as they are. */
function statuses(chosen: string | undefined): Markup {
  const isKnown = chosen === undefined || STATUSES.some((status) => status === chosen)
  const several = isKnown ? NOTHING : html`<option value="${chosen}" selected>${chosen.replaceAll(',', ', ')}</option>`
  return html`${several}${STATUSES.map(
    (status) =>
      html`<option value="${status}" ${status === chosen ? html`selected` : NOTHING}>${STATUS_SIGNS[status].word}</option>`,
  )}`
}

function field({ word, label, hint }: Field, query: ListQuery): Markup {
  const placeholder = hint === undefined ? NOTHING : html`placeholder="${hint}"`
  return html`<p><label for="f-${word}">${label}</label><input id="f-${word}" name="${word}" value="${query[word] ?? ''}" ${placeholder} maxlength="500" autocomplete="off" spellcheck="false"></p>`
}

function kept(name: string, value: string | undefined): Markup {
  return value === undefined ? NOTHING : html`<input type="hidden" name="${name}" value="${value}">`
}
