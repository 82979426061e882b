/** The parts: signs, verdict, lanes, plan, filters. */
export const PARTS = `
.sign { display: inline-flex; align-items: center; gap: .3125rem; border-radius: 999px; padding: 0 .5625rem 0 .4375rem; font-size: .8125rem; font-weight: 550; line-height: 1.4375rem; white-space: nowrap; vertical-align: middle; }
.icon { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; flex: none; width: .9375rem; height: .9375rem; }
.idle { color: var(--idle); background: var(--idle-soft); }
.busy { color: var(--busy); background: var(--busy-soft); }
.good { color: var(--good); background: var(--good-soft); }
.back { color: var(--back); background: var(--back-soft); }
.care { color: var(--care); background: var(--care-soft); }
.bad { color: var(--bad); background: var(--bad-soft); }
.beside { color: var(--muted); font-size: .8125rem; white-space: nowrap; }
.sagas td .beside { display: block; padding-left: .4375rem; }
.name { font-weight: 600; }
td .name, th .name { display: inline-block; padding-block: .0625rem; min-height: 1.5rem; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.count { font-variant-numeric: tabular-nums; color: var(--muted); font-size: .875rem; }
.tag { display: inline-block; border: 1px solid var(--line-strong); border-radius: 999px; padding: 0 .625rem; font-size: .8125rem; line-height: 1.5rem; text-decoration: none; }

.live { display: none; color: var(--muted); font-size: .8125rem; align-items: center; gap: .375rem; }
.live a { padding-block: .1875rem; }
@media (scripting: enabled) { .live { display: flex; flex-wrap: wrap; } }
.pulse { width: .5rem; height: .5rem; border-radius: 50%; background: var(--good); }
.newer:empty { display: none; }
.newer { margin-bottom: .75rem; }

.states { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem; margin: 1rem 0; }
.states a { display: flex; align-items: center; gap: .375rem; padding: .25rem .5rem; min-height: 2.25rem; border: 1px solid transparent; border-radius: 8px; color: var(--text); text-decoration: none; }
.states a:hover { background: var(--surface); border-color: var(--line); }
.states a[aria-current] { background: var(--surface); border-color: var(--accent); font-weight: 550; }

.filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .625rem .75rem; align-items: end; margin-top: 1rem; }
.filters p { min-width: 0; }
.filters .submit { display: flex; align-items: center; gap: .75rem; }
.filters .more { grid-column: 1 / -1; }
.filters .fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .625rem .75rem; align-items: end; margin-top: .625rem; }
.filters .columns { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .75rem; }
.filters .columns label { display: flex; align-items: center; gap: .375rem; min-height: 1.75rem; }
.filters .submit a { padding-block: .25rem; }
.pages { margin-top: 1rem; }

.empty { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: clamp(1.25rem, 4vw, 2.5rem); max-width: 46rem; }
.empty > * + * { margin-top: .75rem; }
.empty p, .lead { max-width: 40rem; }
.lead { margin: .375rem 0 1rem; color: var(--muted); font-size: 1rem; }

.verdict { border-radius: 10px; padding: 1rem 1.125rem; border: 1px solid var(--line); border-left: .25rem solid currentColor; background: var(--surface); margin-top: 1rem; }
.verdict .said { color: var(--text); font-size: 1.0625rem; line-height: 1.5; margin-top: .375rem; max-width: 60rem; }
.verdict.bad .sign { background: var(--bad-soft); }
.actions { margin-top: 1rem; display: flex; flex-wrap: wrap; align-items: flex-start; gap: .625rem 1.25rem; }
.actions details { flex: 1 1 16rem; padding-top: .25rem; }
details > summary { cursor: pointer; padding-block: .1875rem; width: fit-content; max-width: 100%; color: var(--accent); font-size: .875rem; }
.why, .facts { display: grid; gap: .375rem 2rem; }
.why { margin-top: .5rem; }
.why > div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: .5rem; }
.why dt, .facts dt { font-weight: 550; font-size: .875rem; }
.why dd { color: var(--muted); }
.why dt a { display: inline-block; padding-block: .125rem; }
.facts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); margin-bottom: .75rem; }
.facts > div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .5rem; }
.facts dt { color: var(--muted); }
.error { color: var(--text); white-space: pre-wrap; }
.error .muted { display: block; font-size: .8125rem; }
.act { margin-top: .125rem; white-space: pre-wrap; }
.json pre { white-space: pre-wrap; max-height: 24rem; overflow: auto; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: .625rem .75rem; margin-top: .25rem; unicode-bidi: plaintext; }

.plan { list-style: none; counter-reset: plan; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); max-width: 52rem; }
.plan li { counter-increment: plan; display: grid; grid-template-columns: 1.25rem 8.75rem minmax(0, 1fr); align-items: center; gap: .25rem .75rem; padding: .625rem .875rem; border-bottom: 1px solid var(--line); }
.plan li:last-child { border-bottom: 0; }
.plan .sign { justify-self: start; }
.plan li::before { content: counter(plan); color: var(--muted); font-variant-numeric: tabular-nums; min-width: 1.25rem; }
.plan .new { color: var(--care); font-size: .8125rem; }
.note { margin-top: .625rem; max-width: 52rem; color: var(--muted); }
.problem { background: var(--care-soft); color: var(--care); border-radius: 8px; padding: .75rem 1rem; margin-top: 1rem; max-width: 52rem; }
.confirm { margin-top: 1.75rem; max-width: 40rem; display: grid; gap: 1rem; }
.confirm label { display: block; }
.hint { display: block; color: var(--muted); font-size: .8125rem; margin-bottom: .25rem; }
.field-problem { display: block; color: var(--bad); font-size: .875rem; font-weight: 550; }
fieldset { border: 0; display: grid; gap: .375rem; min-width: 0; }
.choice { display: flex; gap: .5rem; align-items: flex-start; min-height: 1.5rem; }
.choice label { font-weight: 400; font-size: .9375rem; }
@media (max-width: 40rem) {
  .why > div, .facts > div { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .buttons .button, .buttons button { white-space: normal; }
  .plan li { grid-template-columns: 1.25rem minmax(0, 1fr); }
  .plan li > :last-child { grid-column: 2; }
  .filters { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
`
