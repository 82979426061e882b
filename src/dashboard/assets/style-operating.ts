/** What the pages for many sagas have: graphs, progress, trees of steps, forms with numbers. */
export const OPERATING = `
.graph { margin-top: .5rem; }
.graph .scroll { overflow-x: auto; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: .75rem; box-shadow: var(--shadow); }
.graph svg { display: block; margin-inline: auto; font-size: 12px; }
.graph figcaption { color: var(--muted); font-size: .8125rem; margin-top: .375rem; }
.graph .idle, .graph .busy, .graph .good, .graph .back, .graph .care, .graph .bad { background: none; }
.graph text { fill: var(--text); }
.graph .lane, .graph .label { fill: var(--muted); font-size: 11px; }
.graph .lane { font-weight: 600; letter-spacing: .02em; }
.graph .end { text-anchor: end; font-weight: 600; fill: var(--text); }
.graph .middle { stroke: var(--line-strong); stroke-dasharray: 2 5; }
.graph .line path { fill: none; stroke: var(--line-strong); stroke-width: 1.25; stroke-linejoin: round; stroke-linecap: round; }
.graph .line.reached path { stroke: var(--muted); stroke-width: 1.5; }
.graph .pair path, .graph .instead path { stroke-dasharray: 3 4; }
.graph .undo.reached path, .graph .pair.reached path { stroke: var(--back); }
.graph .node rect { fill: var(--surface); stroke: var(--line-strong); stroke-width: 1.25; }
.graph .node.idle { color: var(--muted); }
.graph .busy rect, .graph .good rect, .graph .back rect, .graph .care rect, .graph .bad rect { stroke: currentColor; }
.graph .busy rect { fill: var(--busy-soft); }
.graph .good rect { fill: var(--good-soft); }
.graph .care rect { fill: var(--care-soft); }
.graph .bad rect { fill: var(--bad-soft); }
.graph .back rect { fill: var(--back-soft); }
.graph .pivot.above rect { stroke-width: 2.5; }
.graph .title { font-size: 13px; font-weight: 600; }
.graph .word { fill: currentColor; }
.graph .beside { fill: var(--muted); }
.graph .ghost rect { stroke-dasharray: 3 4; stroke: var(--line); }
.graph .ghost .word { fill: var(--muted); text-anchor: middle; font-size: 11px; }
.graph a { color: inherit; }
.graph a:hover .title { text-decoration: underline; }
.graph a:focus-visible { outline: none; }
.graph a:focus-visible rect { stroke: var(--accent); stroke-width: 3; }
tr:target > *, .tree li:target { background: var(--accent-soft); }


.progress progress { width: 100%; max-width: 40rem; height: .5rem; display: block; appearance: none; border: 0; border-radius: 999px; overflow: hidden; background: var(--line); accent-color: var(--accent); margin-block: .375rem; }
progress::-webkit-progress-bar { background: var(--line); border-radius: 999px; }
progress::-webkit-progress-value { background: var(--accent); border-radius: 999px; }
progress::-moz-progress-bar { background: var(--accent); border-radius: 999px; }
.progress p { font-size: .875rem; color: var(--text); }
.operations td .progress { min-width: 12rem; }
.verdict .progress { margin-top: .75rem; max-width: 40rem; }

.figure { font-size: 1.125rem; font-weight: 600; margin-top: .5rem; }
.choices { max-width: 46rem; gap: .75rem; }
.sample { margin-top: .5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 1rem; align-items: start; }
input.number { max-width: 9rem; }
.problem ul { padding-left: 1.25rem; margin-block: .375rem; }
.all, .scope { margin-top: .75rem; font-size: .875rem; }
.all a, .small { display: inline-block; padding-block: .125rem; }
.tools { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1.5rem; margin-top: .75rem; }
.tools > * { margin: 0; }
.choose { display: inline-flex; align-items: center; padding: .125rem .5rem .125rem 0; vertical-align: middle; }
.choose input { margin: 0; }
.small { font-size: .8125rem; margin-left: .375rem; }
.tree { padding-left: 1.5rem; max-width: 56rem; }
.tree > li { padding: .4375rem .5rem; border-radius: 6px; }
.tree .muted { font-size: .875rem; }
.tree .tree { margin-top: .125rem; }
.lanes > li + li { margin-top: .5rem; }
.lanes { list-style: none; border-left: 2px solid var(--line); padding-left: .75rem; margin-top: .25rem; }
td.who { overflow-wrap: anywhere; min-width: 10rem; max-width: 14rem; }
@media (max-width: 56rem) {
  td.who { max-width: none; min-width: 0; }
  .operations td .progress { min-width: 0; }
  .groups .across, .operations .across, .results .across { font-weight: 400; }
}
.noted { margin: .5rem 0; padding: .25rem .75rem; border-left: .1875rem solid var(--accent); white-space: pre-wrap; max-width: 52rem; }
td .noted, th .noted { margin: .25rem 0 0; font-size: .875rem; }
.triage > * + * { margin-top: .5rem; }
.gone { list-style: none; display: grid; gap: .25rem; margin-top: .5rem; }
.gone a { display: inline-block; padding-block: .125rem; }
input.moment { max-width: 16rem; }
.audit { margin-top: 1rem; }
.facts.me { margin-top: .75rem; }
.audit td .name { font-weight: 550; }
.audit td a { display: inline-block; padding-block: .0625rem; min-height: 1.5rem; }
`
