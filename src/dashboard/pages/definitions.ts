/** All definitions: their versions, who has their code, and what of them is under way. */
import type { DefinitionView, VersionView } from '../../engine/definition-views.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import { count, html, type Markup, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import type { View } from '../view.ts'
import { HELD_SIGN } from '../words/definitions.ts'

/** Sagas of a state that are looked at for the figures. */
export const COUNTED = 10_000

const COLUMNS = [
  { label: 'Definition', kind: 'head', place: 'across' },
  { label: 'Version', kind: 'number' },
  { label: 'Workers', kind: 'short' },
  { label: 'Under way', kind: 'number' },
  { label: 'Dead letters', kind: 'number' },
] as const

export function definitionsPage(
  view: View,
  definitions: readonly DefinitionView[],
  holds: readonly HoldView[],
): Markup {
  const rows = definitions.flatMap(({ name, versions }) =>
    versions.map((version, index) => ({
      cells: [
        html`<a class="name" href="${url(view.base, `/definitions/${name}`, { version: index === 0 ? undefined : String(version.version) })}">${name}</a>${when(
          index === 0 && holds.some((hold) => hold.definition === name && hold.release === null),
          () => html` ${sign(HELD_SIGN)}`,
        )}`,
        `v${version.version}`,
        workersOf(version),
        version.underWay,
        version.deadLetters,
      ],
    })),
  )
  return html`<h1>Definitions</h1>
<p class="lead">What sagas follow. A worker tells of its definitions when it starts.</p>
${
  rows.length === 0
    ? html`<section class="empty"><h2>No definitions yet</h2><p>Start a worker with <code>createSagaEngine({ definitions })</code>: what it has appears here.</p></section>`
    : table('definitions', `Each version; sagas are counted up to ${COUNTED} of a state`, COLUMNS, rows)
}`
}

/** How many live workers have it, or that none has although there is work. */
export function workersOf({ workers, underWay, deadLetters }: VersionView): Markup {
  if (workers.length > 0) return html`${count(workers.length, 'worker')}`
  const isNeeded = underWay + deadLetters > 0
  return isNeeded
    ? sign({ word: 'No worker has it', icon: 'alert', tone: 'bad' })
    : html`<span class="muted">none, and none is needed</span>`
}
