/**
 * Keys that do something: what they are, and the switch that turns them off, which the browser remembers. Whoever speaks to
 * the page, or leans on a key, must be able to have it without them.
 */
import { html, type Markup } from './markup.ts'

const KEYS = [
  ['/', 'go to the search field'],
  ['r', 'pause updates, or go on with them; where there are none, load the page anew'],
  ['?', 'show this'],
] as const

/** At the end of each page; shown only where scripts run. */
export function shortcuts(): Markup {
  return html`<footer class="inner"><button class="copy" type="button" data-opens="keys">Keyboard shortcuts</button></footer>
<dialog id="keys" aria-labelledby="h-keys"><h2 id="h-keys">Keyboard shortcuts</h2>
<dl class="facts">${KEYS.map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
<p class="choice"><input id="keys-on" type="checkbox" checked><label for="keys-on">Shortcuts are on in this browser</label></p>
<form method="dialog"><button type="submit">Close</button></form></dialog>`
}
