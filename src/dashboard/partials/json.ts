/** Payloads as text, never as markup: closed until asked for, and bounded. */
import { html, type Markup } from './markup.ts'

const MAX_CHARACTERS = 64 * 1024

/** @param label What it is, for the summary and for screen readers. */
export function json(label: string, value: unknown): Markup {
  const whole = JSON.stringify(value, null, 2) ?? 'undefined'
  const shown = whole.length > MAX_CHARACTERS ? whole.slice(0, MAX_CHARACTERS).toWellFormed() : whole
  const rest = whole.length - shown.length
  return html`<details class="json">
    <summary>${label} <span class="muted">${size(whole.length)}</span></summary>
    <pre tabindex="0" role="region" aria-label="${label}" hx-ignore>${shown}</pre>
    ${rest > 0 ? html`<p class="muted">The first 64 KB; ${size(rest)} more are not shown.</p>` : ''}
  </details>`
}

function size(characters: number): string {
  if (characters < 1024) return `${characters} B`
  return `${(characters / 1024).toFixed(characters < 10_240 ? 1 : 0)} KB`
}
