/** The timeline of a saga: the drawing, how to fold and unfold it, what its patterns mean. Its text is the attempts below it. */
import { draw, MAX_ROWS } from '../timeline/draw.ts'
import type { Timeline } from '../timeline/rows.ts'
import { attemptsAnchor } from './anchors.ts'
import { html, type Markup, NOTHING, when } from './markup.ts'

export type TimelineQuery = { readonly idle?: 'show' | undefined; readonly rows?: number | undefined }

/** @param to The address of the page with this said of its timeline. */
export function timelineFigure(
  timeline: Timeline,
  query: TimelineQuery,
  to: (change: TimelineQuery) => string,
): Markup {
  const from = Math.min(query.rows ?? 0, Math.max(0, timeline.rows.length - 1))
  const withAttempts = new Set(timeline.attempts.map(({ step }) => step))
  const isFolded = query.idle !== 'show'
  const href = (step: string) => (withAttempts.has(step) ? `#${attemptsAnchor(step)}` : undefined)
  const { hasIdle, markup } = draw(timeline, { isFolded, from, href })
  const fold = isFolded
    ? html`Waits in which nothing ran are folded. <a href="${to({ ...query, idle: 'show' })}">Show them at full length</a>`
    : html`Waits are at full length. <a href="${to({ ...query, idle: undefined })}">Fold those in which nothing ran</a>`
  return html`${when(hasIdle, () => html`<p class="small-text">${fold}</p>`)}
<figure class="graph timeline">
<div class="scroll" tabindex="0" role="region" aria-label="Drawing of the timeline">${markup}</div>
<figcaption>${legend()} The same stands in <a href="#h-attempts">the attempts</a>.</figcaption>
</figure>
${parts(timeline.rows.length, from, query, to)}`
}

function parts(all: number, from: number, query: TimelineQuery, to: (change: TimelineQuery) => string): Markup {
  if (all <= MAX_ROWS) return NOTHING
  const link = (rows: number) =>
    html`<li><a class="button" href="${to({ ...query, rows: rows === 0 ? undefined : rows })}">Rows ${rows + 1} to ${Math.min(all, rows + MAX_ROWS)}</a></li>`
  return html`<nav class="pages" aria-label="Parts of the timeline"><p class="muted">Rows ${from + 1} to ${Math.min(all, from + MAX_ROWS)} of ${all}.</p><ul class="buttons">
${when(from > 0, () => link(Math.max(0, from - MAX_ROWS)))}${when(from + MAX_ROWS < all, () => link(from + MAX_ROWS))}</ul></nav>`
}

const SAMPLES = [
  ['queued', 'queued'],
  ['ran', 'ran'],
  ['backoff', 'waits for the next attempt'],
  ['held', 'held or paused'],
] as const

function legend(): Markup {
  return html`<span aria-hidden="true">${SAMPLES.map(([kind, says]) => {
    const shape =
      kind === 'backoff'
        ? html`<path class="bar backoff" d="M1 7H21" />`
        : html`<rect class="bar ${kind} above" x="1" y="2" width="20" height="10" rx="2"${kind === 'ran' ? NOTHING : html` fill="url(#t-${kind})"`} />`
    return html`<span class="sample-of"><svg width="22" height="14" focusable="false">${shape}</svg> ${says}</span> `
  })}</span>`
}
