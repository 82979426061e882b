/** Navigation, what needs attention, key figures and charts. */
export const FIGURES = `
.nav { border-top: 1px solid var(--line); }
.nav .inner { list-style: none; display: flex; flex-wrap: wrap; gap: 0 .25rem; padding-block: 0; }
.nav a { display: block; padding: .4375rem .5rem; margin-bottom: -1px; color: var(--muted); text-decoration: none; border-bottom: 2px solid transparent; }
.nav li:first-child a { margin-left: -.5rem; }
.nav a:hover { color: var(--text); }
.nav a[aria-current] { color: var(--text); font-weight: 550; border-bottom-color: var(--accent); }

.concerns { list-style: none; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); }
.concerns li { display: grid; grid-template-columns: 12.25rem minmax(0, 1fr) auto; gap: .25rem 1rem; align-items: baseline; padding: .75rem 1rem; }
.concerns li + li { border-top: 1px solid var(--line); }
.concerns .sign { justify-self: start; }
.concerns a { white-space: nowrap; padding-block: .125rem; }
.clear { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; box-shadow: var(--shadow); }

.ranges { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; }
.ranges a { display: block; padding: .1875rem .625rem; border-radius: 999px; border: 1px solid transparent; font-size: .875rem; text-decoration: none; }
.ranges a[aria-current] { background: var(--surface); border-color: var(--accent); color: var(--text); font-weight: 550; }
.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1px; margin: 1rem 0; background: var(--line); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; box-shadow: var(--shadow); }
.keys > div { background: var(--surface); padding: .75rem 1rem; }
.keys dt { color: var(--muted); font-size: .8125rem; }
.keys dd { font-size: 1.375rem; line-height: 1.35; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem; align-items: start; }
.chart { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; box-shadow: var(--shadow); min-width: 0; display: grid; grid-template-rows: auto auto auto auto; gap: .5rem; }
.chart:has([open]) { grid-column: 1 / -1; }
h3 { font-size: .9375rem; font-weight: 650; margin: 0; }
.chart .caption p { font-size: .875rem; min-height: 2.625rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .125rem .875rem; font-size: .8125rem; color: var(--muted); min-height: 1.25rem; }
.legend li { display: flex; align-items: center; gap: .375rem; }
.plot { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .25rem .5rem; font-size: .75rem; line-height: 1; color: var(--muted); font-variant-numeric: tabular-nums; }
.axis-y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin-block: -.375rem; white-space: nowrap; }
.axis-x { grid-column: 2; display: flex; justify-content: space-between; gap: .5rem; padding-top: .125rem; white-space: nowrap; }
.drawing { display: block; overflow: visible; }
.grid { stroke: var(--line); stroke-width: 1; }
.hit { fill: transparent; }
.drawing a:hover .hit { fill: var(--accent-soft); fill-opacity: .7; }
.plain { color: var(--good-mark); }
.hatched { color: var(--back); }
.dotted { color: var(--idle); }
.crossed { color: var(--bad); }
.bar { stroke: currentColor; stroke-width: .75; }
.soft { fill: var(--surface); stroke: none; }
.mark { fill: none; stroke: currentColor; stroke-width: 1.5; }
.crossed .mark { stroke-width: 2.5; }
.dotted .mark { stroke-width: 1.75; stroke-linecap: round; }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.line.plain, .dot.plain { color: var(--accent); }
.line.hatched { stroke-dasharray: 7 3; }
.line.dotted { stroke-dasharray: 1.5 3; }
.dot { fill: currentColor; }
.charts + .hint { margin-top: .75rem; max-width: 60rem; }
td.number { white-space: nowrap; }
.spark { vertical-align: middle; overflow: visible; width: 6rem; height: 1.25rem; }
.spark .line { stroke-width: 1.5; }
.area { fill: var(--accent-soft); }
.scope { margin-bottom: .75rem; color: var(--muted); }
.explained { display: block; font-size: .875rem; }
.duties tbody th { min-width: 16rem; }
.tags { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; }
.lines { list-style: none; margin-top: .5rem; color: var(--text); display: grid; gap: .25rem; }
b.text { color: var(--text); }
form .buttons { gap: .375rem; }
td .buttons button { font-size: .875rem; min-height: 1.875rem; padding: .125rem .625rem; }
@media (max-width: 56rem) {
  .concerns li { grid-template-columns: minmax(0, 1fr); }
  .concerns a { justify-self: start; }
  .definitions tbody tr, .workers tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); column-gap: 1rem; }
  .cards:is(.definitions, .workers, .queues, .duties, .starts) tbody th { display: block; grid-column: 1 / -1; }
  .cards:is(.definitions, .workers, .queues, .duties, .starts) tbody th::before { display: none; }
  .definitions td { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .workers td { grid-column: 1 / -1; }
  .duties tbody th { min-width: 0; }
  .chart .caption p, .legend { min-height: 0; }
  .keys { grid-template-columns: repeat(auto-fit, minmax(6.75rem, 1fr)); }
}
`
