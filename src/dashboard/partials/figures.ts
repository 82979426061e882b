/** The charts of the overview, and its table of definitions. */
import type { HourStatistics } from '../../engine/store/statistics.ts'
import type { Attention } from '../../engine/system.ts'
import { bars } from '../charts/bars.ts'
import { type Bucket, bucketsOf, endedOf, percentOf, type Span, summed } from '../charts/buckets.ts'
import type { Chart } from '../charts/figure.ts'
import { spanLabel, tick } from '../charts/labels.ts'
import { lines } from '../charts/lines.ts'
import { digits } from '../charts/scale.ts'
import { sparkline } from '../charts/sparkline.ts'
import type { OverviewQuery } from '../security/parameters.ts'
import type { View } from '../view.ts'
import { compensations, durations, length, share, throughput } from '../words/figures.ts'
import { html, type Markup, url } from './markup.ts'
import { table } from './table.ts'
import { span as inWords } from './time.ts'

export type Figures = {
  readonly buckets: readonly Bucket[]
  readonly total: Bucket
  readonly span: Span
  readonly definition: string | undefined
}

export function figureCharts(view: View, { buckets, total, span, definition }: Figures): Markup {
  const behind = (bucket: Bucket, status?: string) => {
    return url(view.base, '/sagas', {
      definition,
      status,
      'started-after': bucket.from.toISOString(),
      'started-before': bucket.to.toISOString(),
    })
  }
  const points = (valuesOf: (bucket: Bucket) => Chart['points'][number]['values'], status?: string) =>
    buckets.map((bucket) => ({ label: spanLabel(bucket), href: behind(bucket, status), values: valuesOf(bucket) }))
  const ticks = ticksOf(buckets, span)
  return html`<div class="charts">${bars({
    id: 'throughput',
    title: 'Ended',
    summary: throughput(total, buckets),
    series: [
      { name: 'Completed', look: 'plain' },
      { name: 'Compensated', look: 'hatched' },
      { name: 'Resolved', look: 'dotted' },
      { name: 'Dead letters', look: 'crossed' },
    ],
    points: points(({ completed, compensated, resolved, deadLettered }) => [
      completed,
      compensated,
      resolved,
      deadLettered,
    ]),
    ticks,
    format: digits,
  })}${lines({
    id: 'durations',
    title: 'Duration',
    summary: durations(buckets),
    series: [
      { name: 'p50', look: 'plain' },
      { name: 'p95', look: 'hatched' },
      { name: 'p99', look: 'dotted' },
    ],
    points: points(({ p50Ms, p95Ms, p99Ms }) => [p50Ms, p95Ms, p99Ms]),
    ticks,
    format: inWords,
  })}${lines(
    {
      id: 'compensations',
      title: 'Compensation rate',
      summary: compensations(total, buckets),
      series: [{ name: 'Undone', look: 'hatched' }],
      points: points((bucket) => [percentOf(bucket.compensated, bucket)], 'compensated'),
      ticks,
      format: share,
    },
    10,
  )}</div>
<p class="hint">A bar or a point leads to the sagas that were started in its time. Where it stands for several hours or definitions, durations are those of the slowest one: of all together they are at most that.</p>`
}

/** The first, the middle and the last one. */
function ticksOf(buckets: readonly Bucket[], span: Span): readonly string[] {
  const [first, last] = [buckets[0], buckets.at(-1)]
  if (first === undefined || last === undefined) return []
  if (buckets.length === 1) return [tick(first.from, span), tick(first.to, span)]
  const middle = buckets[Math.floor(buckets.length / 2)] ?? first
  return [first, middle, last].map(({ from }) => tick(from, span))
}

const COLUMNS = [
  { label: 'Definition', kind: 'head' },
  { label: 'Under way', kind: 'number' },
  { label: 'Started', kind: 'number' },
  { label: 'Started, over time', kind: 'short' },
  { label: 'Ended', kind: 'number' },
  { label: 'Success', kind: 'number' },
  { label: 'Undone', kind: 'number' },
  { label: 'Dead letters', kind: 'number' },
  { label: 'p95', kind: 'number' },
] as const

type Definitions = {
  readonly attention: Pick<Attention, 'underWay' | 'mayBeMore'>
  /** Names that are there although nothing of them is. */
  readonly known: readonly string[]
  readonly rows: readonly HourStatistics[]
  readonly span: Span
  readonly query: OverviewQuery
}

/** `undefined` when there is none. */
export function definitionTable(view: View, { attention, known, rows, span, query }: Definitions): Markup | undefined {
  const { underWay: flights, mayBeMore } = attention
  const wanted = query.definition
  const all = [...known, ...[...flights, ...rows].map(({ definition }) => definition)]
  const names = [...new Set(all)].filter((name) => wanted === undefined || name === wanted).sort()
  if (names.length === 0) return undefined
  const drawn = names.map((name) => {
    const own = rows.filter(({ definition }) => definition === name)
    const total = summed(own, span.from, span.to)
    const buckets = bucketsOf(own, span)
    const live = flights
      .filter(({ definition }) => definition === name)
      .reduce((sum, { sagas, deadLetters }) => sum + sagas - deadLetters, 0)
    const figures = url(view.base, '/', { range: query.range, definition: name, live: query.live })
    return {
      id: `definition-${name}`,
      cells: [
        html`<a class="name" href="${figures}">${name}</a> <a class="muted" href="${url(view.base, '/sagas', { definition: name })}">its sagas</a>`,
        `${digits(live)}${mayBeMore && live > 0 ? '+' : ''}`,
        digits(total.started),
        sparkline(buckets.map(({ started }) => started)),
        digits(endedOf(total)),
        share(percentOf(total.completed, total)),
        share(percentOf(total.compensated, total)),
        digits(total.deadLettered),
        length(total.p95Ms),
      ],
    }
  })
  return table('definitions', 'What was under way is of now, the rest of the time above', COLUMNS, drawn)
}
