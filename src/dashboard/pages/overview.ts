/** The first page: what needs attention, then what became of sagas, then each definition. */
import type { SagaClient } from '../../engine/saga-client.ts'
import type { HourStatistics } from '../../engine/store/statistics.ts'
import { type Bucket, bucketsOf, endedOf, type Span, spanOf, summed } from '../charts/buckets.ts'
import { momentLabel } from '../charts/labels.ts'
import { digits } from '../charts/scale.ts'
import { type Facts, readFacts } from '../facts.ts'
import { concernList } from '../partials/concerns.ts'
import { definitionTable, figureCharts } from '../partials/figures.ts'
import { live, liveSwitch } from '../partials/live.ts'
import { html, type Markup, NOTHING, url } from '../partials/markup.ts'
import { type OverviewQuery, RANGES } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { concernsOf } from '../words/concerns.ts'
import { length, share } from '../words/figures.ts'

const EVERY_S = 30
const HOUR_MS = 60 * 60 * 1_000
const RANGE_WORDS = { '1h': 'Last hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const

export type Overview = {
  readonly facts: Facts
  readonly span: Span
  /** Of the definition that was asked for. */
  readonly rows: readonly HourStatistics[]
  readonly hasSagas: boolean
}

export async function readOverview(client: SagaClient, query: OverviewQuery, now: number): Promise<Overview> {
  const span = spanOf(query.range, now)
  const { from, to } = span
  const facts = await readFacts(client)
  const rows = await client.system.statistics({
    from,
    to,
    ...(query.definition === undefined ? {} : { definition: query.definition }),
  })
  const hasSagas = rows.length > 0 || (await client.list({}, { limit: 1 })).sagas.length > 0
  return { facts, span, rows, hasSagas }
}

export function overviewPage(view: View, overview: Overview, query: OverviewQuery): Markup {
  return html`<div class="heading"><h1>Overview</h1>${liveSwitch(query.live === 'off', (live) => address(view, { ...query, live }), EVERY_S)}</div>
${overviewPart(view, overview, query)}`
}

export function overviewPart(view: View, overview: Overview, query: OverviewQuery): Markup {
  const concerns = concernsOf(overview.facts, view.now)
  const news = concerns.length === 0 ? 'All clear.' : concerns.map(({ says }) => says).join(' ')
  const body = html`<section aria-labelledby="h-attention"><h2 id="h-attention">Needs attention</h2>${concernList(view, concerns)}</section>
${overview.hasSagas ? figures(view, overview, query) : nothingYet()}`
  return live(view, query.live === 'off' ? undefined : address(view, query), news, body, EVERY_S)
}

function address({ base }: View, { range, definition, live: updates }: OverviewQuery): string {
  return url(base, '/', { range: range === '24h' ? undefined : range, definition, live: updates })
}

function nothingYet(): Markup {
  return html`<section class="empty"><h2>No sagas yet</h2>
<p>Define one with <code>sagasFor()</code>, start an engine with it, and start a saga in the transaction in which you store what it is about: <code>sagas.enqueue(definition, input)</code>. What becomes of it appears here.</p></section>`
}

function figures(view: View, overview: Overview, query: OverviewQuery): Markup {
  const { span, rows, facts } = overview
  const total = summed(rows, span.from, span.to)
  const buckets = bucketsOf(rows, span)
  return html`<section aria-labelledby="h-figures"><div class="heading"><h2 id="h-figures">What became of sagas</h2>${ranges(view, query)}</div>
<p class="muted">${scope(view, query)}From ${momentLabel(span.from)} to ${momentLabel(lastHour(span, view.now))} UTC, counted soon after each full hour.</p>
${keyFigures(total)}
${rows.length === 0 ? uncounted(facts) : figureCharts(view, { buckets, total, span, definition: query.definition })}
</section>
${definitions(view, overview, query)}`
}

function ranges(view: View, query: OverviewQuery): Markup {
  return html`<nav aria-label="How far back"><ul class="ranges">${RANGES.map((range) => {
    const current = range === query.range ? html`aria-current="page"` : NOTHING
    return html`<li><a href="${address(view, { ...query, range })}" ${current}>${RANGE_WORDS[range]}</a></li>`
  })}</ul></nav>`
}

function scope(view: View, query: OverviewQuery): Markup {
  if (query.definition === undefined) return NOTHING
  const all = address(view, { ...query, definition: undefined })
  return html`Of <b>${query.definition}</b> only: <a href="${all}">all definitions</a>. `
}

function keyFigures(total: Bucket): Markup {
  const ended = endedOf(total)
  const of = (number: number) => (ended === 0 ? '–' : share((number / ended) * 100))
  const all = [
    ['Started', digits(total.started)],
    ['Completed', digits(total.completed)],
    ['Success', of(total.completed)],
    ['Undone', of(total.compensated)],
    ['Dead letters', digits(total.deadLettered)],
    ['p95', length(total.p95Ms)],
  ] as const
  return html`<dl class="keys">${all.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** Nothing of the span is counted, which need not mean that nothing happened. */
function uncounted({ log }: Facts): Markup {
  const isCounted = log.statistics.some(
    ({ isDry, finishedAt, error }) => !isDry && finishedAt !== null && error === null,
  )
  return isCounted
    ? html`<p class="note">Nothing was started or ended in this time.</p>`
    : html`<p class="note">No hour has been counted yet. Workers do so two minutes after each full hour; under Schedules it can be done now.</p>`
}

function definitions(view: View, { facts, rows, span }: Overview, query: OverviewQuery): Markup {
  const table = definitionTable(view, { attention: facts.attention, known: knownTo(facts), rows, span, query })
  if (table === undefined) return NOTHING
  return html`<section aria-labelledby="h-definitions"><h2 id="h-definitions">Definitions</h2>${table}</section>`
}

/** Definitions that live workers have. */
function knownTo({ workers }: Facts): readonly string[] {
  const all = workers.filter(({ isAlive }) => isAlive).flatMap(({ definitions: names }) => names)
  return all.map((name) => name.split('@')[0] ?? name)
}

/** What is counted ends there, also where a point goes on. */
function lastHour({ to }: Span, now: number): Date {
  return new Date(Math.min(to.getTime(), Math.floor(now / HOUR_MS) * HOUR_MS))
}
