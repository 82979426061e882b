/**
 * The part of a page that is kept up to date. It is the only one with htmx attributes, and all of them are written
 * here: each element that has some needs the nonce, or hx-csp strips it.
 */
import type { View } from '../view.ts'
import { html, type Markup, url } from './markup.ts'

export const LIVE_ID = 'live'

/** Seconds between two looks. */
export const EVERY_S = 5

/** A page that hears of changes looks when there are some, and now and then all the same. */
export const AS_SAGAS_CHANGE = 'as sagas change'

/** Seconds between two looks, or with each change. */
export type Pace = number | typeof AS_SAGAS_CHANGE

/** What htmx is told: the extensions, and that errors replace nothing. */
export const HTMX_CONFIG = JSON.stringify({
  extensions: 'sse,hx-csp,ptag,only-ours',
  noSwap: [204, 304, '4xx', '5xx'],
  defaultTimeout: 15_000,
  morphIgnore: ['data-htmx-powered', 'open'],
  includeIndicatorCSS: false,
  history: false,
})

/**
 * @param from Where the same part comes from; `undefined`: it stays as it is.
 * @param news What a screen reader hears when it has changed.
 * @param pace With each change only where `liveSwitch` listens for it.
 */
export function live(view: View, from: string | undefined, news: string, body: Markup, pace: Pace = EVERY_S): Markup {
  // Of signals the last one must not be lost: what it is about may have come after the request that is under way.
  const [trigger, sync] =
    pace === AS_SAGAS_CHANGE
      ? ['sagas:changed from:body throttle:2s, every 30s', 'this:queue last']
      : [`every ${pace}s`, 'this:drop']
  // Morphing keeps focus, selection and open details; a request that is still under way makes the next one wait.
  const attributes =
    from === undefined
      ? html``
      : html`hx-get="${from}" hx-trigger="${trigger}" hx-swap="outerMorph" hx-sync="${sync}" hx-nonce="${view.nonce}"`
  return html`<div id="${LIVE_ID}" data-announce="${news}" ${attributes}>${body}</div>`
}

/**
 * Says that the page updates itself, and stops it or lets it go on. Shown only where scripts run: without them nothing is
 * updated.
 *
 * @param to The address of the page with `live` set to this.
 * @param stream For pages that update as sagas change: see `streamFor`.
 */
export function liveSwitch(
  isOff: boolean,
  to: (live: 'off' | undefined) => string,
  everyS = EVERY_S,
  stream?: Markup,
): Markup {
  if (isOff) return html`<p class="live">Updates are paused. <a href="${to(undefined)}">Update live</a></p>`
  const pace = stream === undefined ? `every ${everyS} s` : AS_SAGAS_CHANGE
  return html`<p class="live" ${stream ?? ''}><span class="pulse" aria-hidden="true"></span>Updates ${pace}. <a href="${to('off')}">Pause updates</a></p>`
}

/** Outside the part that is replaced, so that it stays open. It closes while the page is not seen. */
export function streamFor(
  view: View,
  what: { readonly saga?: string; readonly definition?: string | undefined } = {},
): Markup {
  return html`hx-sse:connect="${url(view.base, '/events', what)}" hx-nonce="${view.nonce}"`
}
