/** Where one can go from every page. */
import type { View } from '../view.ts'
import { html, type Markup, NOTHING, url } from './markup.ts'

/** In the order in which they stand there, one a line. */
const NAV: readonly (readonly [path: string, label: string])[] = [
  ['/', 'Overview'],
  ['/sagas', 'Sagas'],
  ['/errors', 'Errors'],
  ['/operations', 'Operations'],
  ['/definitions', 'Definitions'],
  ['/workers', 'Workers'],
  ['/queues', 'Queues'],
  ['/schedules', 'Schedules'],
  ['/audit', 'Audit'],
]

export function nav({ base, path }: View): Markup {
  return html`<nav class="nav" aria-label="Pages of the dashboard"><ul class="inner">${NAV.map(
    ([to, label]) => html`<li><a href="${url(base, to)}" ${current(to, path)}>${label}</a></li>`,
  )}</ul></nav>`
}

/** `true`: a page below it. */
function current(to: string, path: string): Markup {
  if (path === to) return html`aria-current="page"`
  return to !== '/' && path.startsWith(`${to}/`) ? html`aria-current="true"` : NOTHING
}
