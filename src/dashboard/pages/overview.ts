/** The first page: what needs attention, then what became of sagas, then each definition. */
import type { SagaClient } from '../../engine/saga-client.ts'
import type { HourStatistics } from '../../engine/store/statistics.ts'
import { type Bucket, bucketsOf, endedOf, fullHour, type Span, spanOf, summed } from '../charts/buckets.ts'
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
/** Attention counts no further than that. */
const MOST_COUNTED = 10_000
const HOUR_MS = 60 * 60 * 1_000
const RANGE_WORDS = { '1h': 'Last hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const

export type Overview = {
  readonly facts: Facts
  readonly span: Span
  /** Of the definition that was asked for. */
  readonly rows: readonly HourStatistics[]
  /** Up to this moment, and not to the last full hour. */
  readonly isNow: boolean
  /** Up to which moment the hours are counted, where `rows` are of hours; `undefined` while none is. */
  readonly countedTo: Date | undefined
  readonly hasSagas: boolean
}

export async function readOverview(
  client: SagaClient,
  { redaction, now }: View,
  query: OverviewQuery,
): Promise<Overview> {
  const facts = await readFacts(client, redaction)
  const figures = await readRows(client, query, now)
  const hasSagas = figures.rows.length > 0 || (await client.list({}, { limit: 1 })).sagas.length > 0
  return { facts, ...figures, hasSagas }
}

/**
 * Of the last hour from the sagas themselves, unless there are too many; of longer times from what is counted by the hour. An
 * hour is counted soon after its end: until then the one before it is the last, for nothing would be said of it but zeros.
 */
async function readRows(
  client: SagaClient,
  { range, definition }: OverviewQuery,
  now: number,
): Promise<Pick<Overview, 'span' | 'rows' | 'isNow' | 'countedTo'>> {
  const of = definition === undefined ? {} : { definition }
  if (range === '1h') {
    const { rows, isCut, from, to, eachMs } = await client.system.recent(of)
    if (!isCut) {
      const span = { from, to, each: eachMs / HOUR_MS }
      return { span, rows: rows.map(({ at, ...row }) => ({ hour: at, ...row })), isNow: true, countedTo: undefined }
    }
  }
  const countedTo = await client.system.countedTo()
  const end = Math.min(now, countedTo?.getTime() ?? now)
  const span = range === '1h' ? fullHour(end) : spanOf(range, end)
  const rows = await client.system.statistics({ from: span.from, to: span.to, ...of })
  return { span, rows, isNow: false, countedTo }
}

export function overviewPage(view: View, overview: Overview, query: OverviewQuery): Markup {
  return html`<div class="heading"><h1>Overview</h1>${liveSwitch(query.live === 'off', (live) => address(view, { ...query, live }), EVERY_S)}</div>
${overviewPart(view, overview, query)}`
}

export function overviewPart(view: View, overview: Overview, query: OverviewQuery): Markup {
  const concerns = concernsOf(overview.facts, view.now)
  const news = concerns.length === 0 ? 'All clear.' : concerns.map(({ says }) => says).join(' ')
  const body = html`<section aria-labelledby="h-attention"><h2 id="h-attention">Needs attention</h2>${concernList(view, concerns)}${ignored(view, overview.facts)}</section>
${overview.hasSagas ? figures(view, overview, query) : nothingYet()}`
  return live(view, query.live === 'off' ? undefined : address(view, query), news, body, EVERY_S)
}

function ignored(view: View, { attention: { ignored: number } }: Facts): Markup {
  if (number === 0) return NOTHING
  const to = url(view.base, '/errors', { state: 'ignored' })
  return html`<p class="note">Beside that, ${number > MOST_COUNTED ? `more than ${MOST_COUNTED}` : number} ${number === 1 ? 'saga is' : 'sagas are'} in error groups that are ignored. <a href="${to}">Ignored</a></p>`
}

function address({ base }: View, { range, definition, live: updates }: OverviewQuery): string {
  return url(base, '/', { range: range === '1h' ? undefined : range, definition, live: updates })
}

function nothingYet(): Markup {
  return html`<section class="empty"><h2>No sagas yet</h2>
<p>Define one with <code>sagasFor()</code>, start an engine with it, and start a saga in the transaction in which you store what it is about: <code>sagas.enqueue(definition, input)</code>. What becomes of it appears here.</p></section>`
}

function figures(view: View, overview: Overview, query: OverviewQuery): Markup {
  const { span, rows, isNow, countedTo } = overview
  // Figures of what nobody has counted would be zeros, and look like facts.
  const isKnown = isNow || countedTo !== undefined || rows.length > 0
  const total = summed(rows, span.from, span.to)
  const buckets = bucketsOf(rows, span)
  return html`<section aria-labelledby="h-figures"><div class="heading"><h2 id="h-figures">What became of sagas</h2>${ranges(view, query)}</div>
<p class="muted">${scope(view, query)}From ${momentLabel(span.from)} ${isNow ? 'UTC to now' : html`to ${momentLabel(lastHour(overview, view.now))} UTC, counted soon after each full hour`}.${behind(overview, view.now)}</p>
${isKnown ? keyFigures(total) : NOTHING}
${rows.length === 0 ? nothingCounted(isKnown) : figureCharts(view, { buckets, total, span, definition: query.definition })}
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

/** Hours that are over and have not been counted are not in the figures. */
function behind({ isNow, countedTo }: Overview, now: number): Markup {
  if (isNow || countedTo === undefined || now - countedTo.getTime() < HOUR_MS) return NOTHING
  return html` What came after ${momentLabel(countedTo)} UTC has not been counted yet.`
}

/** No figure is there, which need not mean that nothing happened. */
function nothingCounted(isKnown: boolean): Markup {
  return isKnown
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
function lastHour({ span: { to }, countedTo }: Overview, now: number): Date {
  return new Date(Math.min(to.getTime(), Math.floor(now / HOUR_MS) * HOUR_MS, countedTo?.getTime() ?? now))
}
