/** A state as icon, word and colour: whoever lacks one of them has the others. */
import type { Icon, Sign } from '../words/states.ts'
import { html, type Markup, when } from './markup.ts'

/** Drawn in a box of 16, with round ends, in the colour of the text. */
const PATHS: Readonly<Record<Icon, string>> = {
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 3v3.2l2.2 1.4',
  play: 'M5 3.2v9.6L12.6 8Z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  back: 'M13 11.5V9a3 3 0 0 0-3-3H3.5m3-3-3 3 3 3',
  check: 'm3 8.6 3.2 3.2L13 4.6',
  undone: 'M3.2 6.8A5.2 5.2 0 1 1 2.9 9.6M3 3.2v3.7h3.7m-.6 1.8 1.5 1.5 2.7-3',
  alert: 'M5.2 2h5.6L14 5.2v5.6L10.8 14H5.2L2 10.8V5.2ZM8 5v3.6m0 2.3v.1',
  flag: 'M4 14V2.5h7.5L9.8 5.6l1.7 3.1H4',
  circle: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z',
  dash: 'M4 8h8',
  doubt: 'M5.4 5.8a2.6 2.6 0 1 1 3.7 2.4c-.7.4-1.1.8-1.1 1.6m0 2.6v.1',
}

export function sign({ word, icon, tone }: Sign, beside?: string): Markup {
  return html`<span class="sign ${tone}">${picture(icon)}${word}</span>${when(
    beside !== undefined,
    () => html` <span class="beside">${beside ?? ''}</span>`,
  )}`
}

export function picture(icon: Icon): Markup {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"><path d="${PATHS[icon]}" /></svg>`
}

/** For a picture that is part of a larger one. */
export function iconPath(icon: Icon): string {
  return PATHS[icon]
}
