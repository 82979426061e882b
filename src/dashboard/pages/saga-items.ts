/** The items of one of a saga's maps, in parts. */

import type { StepState } from '../../engine/core/state.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { crumbs } from '../partials/crumbs.ts'
import { count, html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { errorText } from '../partials/steps.ts'
import { table } from '../partials/table.ts'
import type { View } from '../view.ts'
import { lanesOf } from '../words/states.ts'
import { titleOf } from './saga.ts'

export const ITEMS_SHOWN = 200

export type Items = {
  readonly map: string
  readonly from: number
  readonly count: number
  readonly items: readonly {
    readonly index: number
    readonly step: StepState | undefined
    readonly result: number | undefined
  }[]
}

const COLUMNS = [
  { label: 'No.', kind: 'head' },
  { label: 'Forward', kind: 'short' },
  { label: 'Compensation', kind: 'short' },
  { label: 'Attempts', kind: 'number' },
  { label: 'Error and result', kind: 'wide' },
] as const

export function itemsPage(view: View, saga: SagaView, { map, from, count: all, items }: Items): Markup {
  const path = `/sagas/${saga.id}`
  const rows = items.map(({ index, step, result }) => {
    const { forward, back } = lanesOf(step?.state ?? 'pending', step?.maybeApplied === true)
    const about = { definition: saga.definition, sagaId: saga.id, step: `${map}[${index}]` }
    const error = step?.error
    const said =
      error === undefined && result === undefined
        ? undefined
        : html`${error === undefined ? NOTHING : errorText(view, error, about)}${result === undefined ? NOTHING : html`<a href="${url(view.base, `${path}/data/${result}`)}">Result<span class="hidden"> of item ${index}</span></a>`}`
    return {
      id: `item-${index}`,
      cells: [`${map}[${index}]`, sign(forward), back && sign(back), attemptsOf(step), said],
    }
  })
  const to = (first: number) =>
    url(view.base, `${path}/items/${map}`, { from: first === 0 ? undefined : String(first) })
  return html`${crumbs([url(view.base, '/sagas'), 'Sagas'], [url(view.base, path), titleOf(saga)])}
<h1>Items of ${map}</h1>
<p class="lead">${count(all, 'item')}.</p>
${rows.length === 0 ? html`<p class="note">There is no such item.</p>` : table('items', `Items ${from} to ${from + rows.length - 1}`, COLUMNS, rows)}
<nav class="pages" aria-label="Pages of items"><ul class="buttons">
${when(from > 0, () => html`<li><a class="button" href="${to(Math.max(0, from - ITEMS_SHOWN))}">Those before</a></li>`)}
${when(from + rows.length < all && rows.length > 0, () => html`<li><a class="button" href="${to(from + rows.length)}">Those behind</a></li>`)}</ul></nav>`
}

function attemptsOf(step: StepState | undefined): number {
  return (step?.action.attempts ?? 0) + (step?.compensation?.attempts ?? 0)
}
