/** One definition: its steps as a picture and in order, its versions, and what is held of it. */
import type { Blueprint } from '../../engine/core/blueprint.ts'
import type { DefinitionView, VersionView } from '../../engine/definition-views.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import { graph } from '../graph/draw.ts'
import { definitionNodes } from '../graph/of-definition.ts'
import { crumbs } from '../partials/crumbs.ts'
import { definitionSteps } from '../partials/definition-steps.ts'
import { html, type Markup, NOTHING, url, when } from '../partials/markup.ts'
import { sign } from '../partials/sign.ts'
import { table } from '../partials/table.ts'
import { ago } from '../partials/time.ts'
import type { View } from '../view.ts'
import { HELD_SIGN, RELEASED_SIGN, scopeInWords, waitingInWords } from '../words/definitions.ts'
import { workersOf } from './definitions.ts'

export type DefinitionDetail = {
  readonly definition: DefinitionView
  /** Which of its versions is shown. */
  readonly shown: VersionView
  readonly holds: readonly HoldView[]
  readonly mayHold: boolean
  readonly mayRelease: boolean
}

const VERSION_COLUMNS = [
  { label: 'Version', kind: 'head' },
  { label: 'Workers', kind: 'wide' },
  { label: 'Under way', kind: 'number' },
  { label: 'Dead letters', kind: 'number' },
  { label: 'Shapes', kind: 'number' },
] as const

const HOLD_COLUMNS = [
  { label: 'State', kind: 'short' },
  { label: 'What', kind: 'head' },
  { label: 'Who', place: 'who' },
  { label: 'Why', kind: 'wide' },
  { label: 'Since', kind: 'short' },
  { label: 'Release', kind: 'short' },
] as const

export function definitionPage(view: View, detail: DefinitionDetail): Markup {
  const { definition, shown, mayHold } = detail
  const { name } = definition
  const { blueprint } = shown
  return html`${crumbs([url(view.base, '/definitions'), 'Definitions'])}
<div class="heading"><h1>${name} <span class="muted">v${shown.version}</span></h1></div>
${summary(view, detail)}
<section class="actions" aria-label="Actions">${
    mayHold
      ? html`<ul class="buttons"><li><a class="button" href="${url(view.base, `/definitions/${name}/hold`)}">Hold all of it…</a></li><li><a class="button" href="${url(view.base, '/sagas', { definition: name })}">Its sagas</a></li></ul>`
      : html`<ul class="buttons"><li><a class="button" href="${url(view.base, '/sagas', { definition: name })}">Its sagas</a></li></ul><p class="muted">${view.actor.name ?? view.actor.id} has no right to hold it.</p>`
  }</section>
${holdsSection(view, detail)}
${blueprint === null ? noCode() : picture(view, detail, blueprint)}
<section aria-labelledby="h-versions"><h2 id="h-versions">Versions</h2>${versions(view, definition, shown)}</section>`
}

function summary(view: View, { definition, shown }: DefinitionDetail): Markup {
  const stranded = definition.versions.filter((one) => one.workers.length === 0 && one.underWay > 0)
  return html`${stranded.map(
    ({ version, underWay }) =>
      html`<div class="problem"><p><b>No worker has version ${version}</b>, and ${underWay === 1 ? '1 saga' : `${underWay} sagas`} of it ${underWay === 1 ? 'is' : 'are'} under way. They wait until one comes, and are dead letters after a while. ${when(version !== shown.version, () => html`<a href="${url(view.base, `/definitions/${definition.name}`, { version: String(version) })}">See its steps</a>`)}</p></div>`,
  )}`
}

function noCode(): Markup {
  return html`<section class="empty"><h2>Nobody knows its steps</h2><p>Sagas of this version were started from a contract, and no worker that has the code has come yet.</p></section>`
}

function picture(view: View, { definition, holds, mayHold }: DefinitionDetail, blueprint: Blueprint): Markup {
  return html`<section aria-labelledby="h-graph"><h2 id="h-graph">Graph</h2>${graph(
    definitionNodes(blueprint, holds),
    `Graph of ${definition.name}`,
    html`The same stands in <a href="#h-steps">the list of steps</a>.`,
  )}</section>
<section aria-labelledby="h-steps"><h2 id="h-steps">Steps</h2>${definitionSteps(view, blueprint, holds, mayHold)}</section>`
}

function versions(view: View, { name, versions: all }: DefinitionView, shown: VersionView): Markup {
  const rows = all.map((version) => ({
    cells: [
      html`<a class="name" href="${url(view.base, `/definitions/${name}`, { version: String(version.version) })}" ${version === shown ? html`aria-current="page"` : NOTHING}>v${version.version}</a>`,
      html`${workersOf(version)} ${when(version.workers.length > 0, () => html`<span class="muted">${version.workers.slice(0, 5).map((id) => html`<code>${id.slice(0, 13)}</code> `)}</span>`)}`,
      version.underWay,
      version.deadLetters,
      version.shapes,
    ],
  }))
  return table('versions', 'The newest first; each renaming of a step makes a new shape', VERSION_COLUMNS, rows)
}

function holdsSection(view: View, { holds, mayRelease }: DefinitionDetail): Markup {
  if (holds.length === 0) return NOTHING
  const rows = holds.map((hold) => {
    const { release } = hold
    const said = release ?? { actor: hold.actor, reason: hold.reason, at: hold.createdAt }
    return {
      id: `hold-${hold.id}`,
      cells: [
        sign(release === null ? HELD_SIGN : RELEASED_SIGN),
        html`<b>${scopeInWords(hold)}</b> <span class="muted">${waitingInWords(hold.waiting)}${release === null ? '' : `, ${release.letGo} let go at ${release.rate} a second`}</span>`,
        said.actor,
        said.reason,
        ago(said.at, view.now),
        mayRelease
          ? html`<a class="name" href="${url(view.base, `/holds/${hold.id}/release`)}">${release === null ? 'Release…' : 'Change…'}</a>`
          : html`<span class="muted">no right</span>`,
      ],
    }
  })
  return html`<section aria-labelledby="h-holds"><h2 id="h-holds">Holds</h2>${table('holds', 'In force, or letting go what has waited', HOLD_COLUMNS, rows)}</section>`
}
