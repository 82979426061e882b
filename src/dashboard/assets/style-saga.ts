/** What the page of one saga has beyond others: the timeline, attempts, payloads as trees, texts to be copied. */
export const SAGA = `
.contents { margin-top: 1.25rem; }
.contents .ranges a { border-color: var(--line); background: var(--surface); }
.small-text { font-size: .875rem; color: var(--muted); }
.timeline svg { font-size: 11px; font-variant-numeric: tabular-nums; margin-inline: 0; }
.timeline .row { stroke: var(--line); }
.timeline .tick { stroke: var(--line); stroke-dasharray: 2 4; }
.timeline .when { fill: var(--muted); }
.timeline .name { font-size: 12.5px; font-weight: 600; }
.timeline .bar { stroke-width: 1; stroke: currentColor; color: var(--good); }
.timeline .bar.ran { fill: var(--good-mark); }
.timeline .bar.items { fill: var(--good-soft); }
.timeline .bar.either { fill: var(--busy-soft); color: var(--busy); stroke-dasharray: 5 2; }
.timeline .bar.below { color: var(--back); }
.timeline .bar.ran.below { fill: var(--back); fill-opacity: .55; }
.timeline .bar.failed { color: var(--bad); }
.timeline .bar.ran.failed { fill: var(--bad); fill-opacity: .5; }
.timeline .bar.open { color: var(--busy); stroke-dasharray: 5 2; }
.timeline .bar.queued { color: var(--idle); stroke-width: .75; }
.timeline .bar.held { color: var(--care); }
.timeline .bar.backoff, .timeline .bar.child { fill: none; color: var(--muted); stroke-width: 2; stroke-dasharray: 2 4; stroke-linecap: round; }
.timeline .bar.child { stroke-dasharray: 8 4; }
.timeline .cross { fill: none; stroke: var(--bad); stroke-width: 2; }
.timeline .hatch rect { fill: var(--surface); stroke: none; }
.timeline .hatch path { fill: none; stroke: var(--idle); }
.timeline .hatch.held path { stroke: var(--care); }
.timeline .fold rect { fill: var(--ground); }
.timeline .fold path { fill: none; stroke: var(--line-strong); }
.timeline .fold .when { text-anchor: middle; }
.timeline .lane { text-anchor: end; font-weight: 400; }
.timeline .mark { stroke: none; }
.timeline .pole { stroke: var(--accent); stroke-dasharray: 1 3; }
.timeline .sign { fill: var(--accent); padding: 0; }
.timeline .turn .pole { stroke: var(--back); } .timeline .turn .sign { fill: var(--back); }
.timeline .stop .pole { stroke: var(--bad); } .timeline .stop .sign { fill: var(--bad); }
.sample-of { white-space: nowrap; margin-right: .625rem; }
.sample-of svg { display: inline; vertical-align: -3px; }
.attempts summary { padding-block: .25rem; }
details.attempts { border-bottom: 1px solid var(--line); }
details.attempts[open] { padding-bottom: .75rem; }
.json-box { max-height: 28rem; overflow: auto; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; margin-top: .25rem; font-size: .875rem; }
.json-box.whole { max-height: none; background: var(--surface); }
.json-box pre { white-space: pre-wrap; unicode-bidi: plaintext; }
.data { list-style: none; padding-left: .25rem; }
.data .data { padding-left: 1.125rem; border-left: 1px solid var(--line); margin-left: .3rem; }
.data li { padding-block: .0625rem; }
.data summary { color: var(--text); }
.data b { color: var(--muted); font-weight: 550; }
.data .v { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .8125rem; white-space: pre-wrap; unicode-bidi: isolate; }
.redacted { display: inline-block; font-size: .75rem; line-height: 1.25rem; padding-inline: .4375rem; border: 1px dashed var(--line-strong); border-radius: 4px; color: var(--muted); }
.copies { display: grid; gap: .375rem; }
footer { padding-bottom: 2rem; }
footer button { font-size: .8125rem; color: var(--muted); background: none; }
dialog { max-width: min(34rem, calc(100vw - 2rem)); color: var(--text); background: var(--surface); border: 1px solid var(--line-strong); border-radius: 10px; padding: 1.25rem; }
dialog::backdrop { background: rgb(10 12 18 / .5); }
dialog .facts { grid-template-columns: minmax(0, 1fr); }
dialog form { margin-top: 1rem; }
kbd { font: inherit; font-weight: 600; border: 1px solid var(--line-strong); border-radius: 4px; padding: 0 .375rem; }
input[type=checkbox] { width: 1.25rem; height: 1.25rem; min-height: 0; margin: .125rem 0 0; accent-color: var(--accent); flex: none; }
.copy { display: none; }
@media (scripting: enabled) { .copy { display: inline-flex; } }
.copies textarea { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin-block: .25rem; }
.attempts td, .attempts tbody th { font-size: .875rem; }
.attempts tbody th { min-width: 0; }
@media (min-width: 56.01rem) { .attempts tbody th { width: 1%; } }
`
