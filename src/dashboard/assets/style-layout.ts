/** The ground: type, links, frame, forms and tables. */
export const LAYOUT = `
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 400 .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  overflow-wrap: anywhere;
}
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
h1, h2, p, ul, ol, dl, dd, figure, fieldset, pre { margin: 0; padding: 0; }
h1 { font-size: 1.4rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 1.0625rem; line-height: 1.4; font-weight: 650; margin-bottom: .5rem; }
a { color: var(--accent); text-underline-offset: .18em; text-decoration-thickness: .06em; }
a:hover { text-decoration-thickness: .12em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
#main:focus { outline: none; }
b { font-weight: 600; }
td, dd, li, h1, .error, .said { unicode-bidi: plaintext; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 2; background: var(--surface); padding: .5rem 1rem; border-radius: 6px; }
.skip:focus { top: .5rem; }
.muted { color: var(--muted); }
.nowrap { white-space: nowrap; }
.inner { width: 100%; max-width: 84rem; margin-inline: auto; padding-inline: clamp(.875rem, 3vw, 2rem); }

.top { background: var(--surface); border-bottom: 1px solid var(--line); }
.top .inner { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding-block: .625rem; }
.brand { font-weight: 700; letter-spacing: -.01em; color: var(--text); text-decoration: none; padding-block: .25rem; }
.environment { border: 1px solid var(--line-strong); border-radius: 999px; padding: 0 .625rem; font-size: .8125rem; color: var(--muted); }
.find { display: flex; gap: .5rem; flex: 0 1 24rem; margin-left: auto; }
.find input { flex: 1 1 auto; min-width: 0; }
.actor { color: var(--muted); font-size: .875rem; }

main { padding-block: 1.5rem 4rem; }
main section { margin-top: 2rem; }
main > section:first-of-type { margin-top: 1rem; }
.heading { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: .25rem 1.5rem; }
.crumbs { font-size: .875rem; color: var(--muted); margin-bottom: .375rem; }
.crumbs a { display: inline-block; padding-block: .125rem; }
#status { background: var(--accent-soft); color: var(--text); border-radius: 8px; padding: .625rem .875rem; margin-bottom: 1rem; }
#status:empty { padding: 0; margin: 0; }

input, select, textarea, button, .button {
  font: inherit; color: inherit; border: 1px solid var(--line-strong); border-radius: 6px; background: var(--surface);
  min-height: 2.125rem; padding: .25rem .625rem;
}
input, select, textarea { width: 100%; }
input[type=radio] { width: 1.25rem; height: 1.25rem; min-height: 0; margin: .125rem 0 0; accent-color: var(--accent); flex: none; }
::placeholder { color: var(--muted); opacity: 1; }
textarea { resize: vertical; display: block; }
[aria-invalid=true] { border-color: var(--bad); border-width: 2px; }
button, .button {
  display: inline-flex; align-items: center; justify-content: center; font-weight: 550; text-decoration: none;
  cursor: pointer; padding-inline: .875rem; color: var(--text); white-space: nowrap;
}
button:hover, .button:hover { border-color: var(--muted); background: var(--ground); }
button.first, .button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.first:hover, .button.first:hover { filter: brightness(1.08); background: var(--accent); }
.buttons { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; }
label, legend { font-weight: 550; font-size: .875rem; padding: 0; }

table { width: 100%; border-collapse: collapse; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; box-shadow: var(--shadow); border-spacing: 0; border-collapse: separate; }
caption { text-align: left; color: var(--muted); font-size: .8125rem; padding-block: 0 .375rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid var(--line); }
td, tbody th { font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-size: .8125rem; font-weight: 550; color: var(--muted); white-space: nowrap; }
tbody th { font-weight: 400; overflow-wrap: anywhere; min-width: 10rem; }
th.number, td.number { text-align: right; width: 1%; }
th.short, td.short { white-space: nowrap; width: 1%; }
.wide { width: 32%; }
td.wide { overflow-wrap: anywhere; }
td.none { color: var(--muted); }
tbody tr:hover { background: color-mix(in srgb, var(--accent-soft) 35%, var(--surface)); }
/* The exact times of a row in which the keyboard is: a pointer gets them as titles. */
tr:has(:focus-visible) time[title] { position: relative; }
tr:has(:focus-visible) time[title]::after { content: attr(title); position: absolute; z-index: 2; top: calc(100% + .25rem); left: 0; padding: 0 .5rem; border: 1px solid var(--line-strong); border-radius: 6px; background: var(--surface); color: var(--text); font-size: .75rem; line-height: 1.6; white-space: nowrap; box-shadow: var(--shadow); pointer-events: none; }
tr:has(:focus-visible) :is(td:has(+ td time[title]), td:last-child) time[title]::after { left: auto; right: 0; }

@media (max-width: 56rem) {
  .cards, .cards tbody, .cards tr, .cards td, .cards tbody th, .cards caption { display: block; width: auto; min-width: 0; }
  .cards { background: none; border: 0; box-shadow: none; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tbody tr { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .75rem; margin-bottom: .5rem; box-shadow: var(--shadow); }
  .cards tbody th, .cards td { border: 0; padding: .125rem 0; text-align: left; white-space: normal; overflow-wrap: anywhere; display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .5rem; }
  .cards tbody th::before, .cards td::before { content: attr(data-label) / ""; color: var(--muted); font-size: .8125rem; line-height: 1.7; }
  .cards td.none, .steps .at-no { display: none; }
  .cell { min-width: 0; }
  .sagas tbody tr, .journal tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: .75rem; }
  .sagas td, .sagas tbody th, .journal td { display: block; }
  .sagas td::before, .sagas tbody th::before, .journal td::before { display: none; }
  .sagas .said, .sagas .said time, .journal .at-no, .journal .at-when { color: var(--muted); font-size: .875rem; }
  .sagas .said::before { display: inline; content: attr(data-label) " " / ""; font-size: inherit; }
  .sagas .said .cell { display: inline; }
  .sagas .across, .journal .wide { grid-column: 1 / -1; }
  .sagas .at-end, .journal .at-when { grid-column: 2; text-align: right; }
  .sagas .at-top { grid-row: 1; grid-column: 2; text-align: right; }
  tr:has(:focus-visible) td time[title]::after { position: static; display: block; padding: 0; border: 0; background: none; box-shadow: none; }
  .journal .short:not(.at-when) { grid-column: 1 / -1; font-weight: 550; }
}
@media (max-width: 40rem) {
  .find { order: 3; flex-basis: 100%; margin-left: 0; }
  .actor { margin-left: auto; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
`
