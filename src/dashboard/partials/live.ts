/**
 * The part of a page that is kept up to date. It is the only one with htmx attributes, and all of them are written
 * here: each element that has some needs the nonce, or hx-csp strips it.
 */
import type { View } from '../view.ts'
import { html, type Markup } from './markup.ts'

export const LIVE_ID = 'live'

/** Seconds between two looks. */
export const EVERY_S = 5

/** What htmx is told: the extensions, and that errors replace nothing. */
export const HTMX_CONFIG = JSON.stringify({
  extensions: 'hx-csp,ptag',
  noSwap: [204, 304, '4xx', '5xx'],
  defaultTimeout: 15_000,
  morphIgnore: ['data-htmx-powered', 'open'],
  includeIndicatorCSS: false,
  history: false,
})

/**
 * @param from Where the same part comes from; `undefined`: it stays as it is.
 * @param news What a screen reader hears when it has changed.
 * @param everyS Seconds between two looks.
 */
export function live(view: View, from: string | undefined, news: string, body: Markup, everyS = EVERY_S): Markup {
  // Morphing keeps focus, selection and open details; a request that is still under way makes the next one wait.
  const attributes =
    from === undefined
      ? html``
      : html`hx-get="${from}" hx-trigger="every ${everyS}s" hx-swap="outerMorph" hx-sync="this:drop" hx-nonce="${view.nonce}"`
  return html`<div id="${LIVE_ID}" data-announce="${news}" ${attributes}>${body}</div>`
}

/**
 * Says that the page updates itself, and stops it or lets it go on. Shown only where scripts run: without them nothing is
 * updated.
 *
 * @param to The address of the page with `live` set to this.
 */
export function liveSwitch(isOff: boolean, to: (live: 'off' | undefined) => string, everyS = EVERY_S): Markup {
  return isOff
    ? html`<p class="live">Updates are paused. <a href="${to(undefined)}">Update live</a></p>`
    : html`<p class="live"><span class="pulse" aria-hidden="true"></span>Updates every ${everyS} s. <a href="${to('off')}">Pause updates</a></p>`
}
