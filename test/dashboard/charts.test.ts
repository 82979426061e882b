/** Charts as functions from numbers to markup: no database, no browser. */
import { describe, expect, test } from 'vitest'
import { bars } from '../../src/dashboard/charts/bars.ts'
import { bucketsOf, percentOf, spanOf, summed } from '../../src/dashboard/charts/buckets.ts'
import type { Chart } from '../../src/dashboard/charts/figure.ts'
import { spanLabel, tick } from '../../src/dashboard/charts/labels.ts'
import { lines } from '../../src/dashboard/charts/lines.ts'
import { ceilingOf, percent } from '../../src/dashboard/charts/scale.ts'
import { sparkline } from '../../src/dashboard/charts/sparkline.ts'
import { compensations, durations, share, throughput } from '../../src/dashboard/words/figures.ts'
import type { HourStatistics } from '../../src/index.ts'

const at = (text: string) => new Date(`2026-11-${text}:00.000Z`)
const NOW = at('21T13:40').getTime()

const hour = (moment: string, counts: Partial<HourStatistics> = {}): HourStatistics => ({
  hour: at(moment),
  definition: 'one',
  started: 0,
  completed: 0,
  compensated: 0,
  resolved: 0,
  deadLettered: 0,
  meanMs: null,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  ...counts,
})

describe('the span of a range', () => {
  test.each([
    ['24h', '20T13:00', '21T13:00', 1],
    ['7d', '14T18:00', '21T18:00', 6],
    ['30d', undefined, '22T00:00', 24],
  ] as const)('of %s ends with the last full hour, or with the point that is under way', (range, from, to, each) => {
    const span = spanOf(range, NOW)
    expect(span.to).toEqual(at(to))
    if (from !== undefined) expect(span.from).toEqual(at(from))
    expect(span.each).toBe(each)
  })

  test('is cut into points, those in which nothing happened included', () => {
    const counts = (range: '24h' | '7d' | '30d') => bucketsOf([], spanOf(range, NOW)).length
    expect([counts('24h'), counts('7d'), counts('30d')]).toEqual([24, 28, 30])
  })
})

describe('hours that are put together', () => {
  test('add up, and have the percentiles of the slowest', () => {
    const rows = [
      hour('21T06:00', { completed: 3, p50Ms: 10, p95Ms: 40, p99Ms: 50 }),
      hour('21T11:00', { completed: 1, compensated: 1, deadLettered: 2, p50Ms: 30, p95Ms: 35, p99Ms: 90 }),
      hour('21T12:00', { completed: 7 }),
    ]
    const found = bucketsOf(rows, spanOf('7d', NOW))
    expect(found.at(-2)).toMatchObject({ from: at('21T06:00'), completed: 4, compensated: 1, deadLettered: 2 })
    expect(found.at(-2)).toMatchObject({ p50Ms: 30, p95Ms: 40, p99Ms: 90 })
    expect(found.at(-1)).toMatchObject({ completed: 7, p95Ms: null })
    expect(percentOf(1, summed(rows, at('21T06:00'), at('21T13:00')))).toBeCloseTo(100 / 14)
    expect(percentOf(0, summed([], at('21T06:00'), at('21T13:00')))).toBeNull()
  })

  test('leave out those that lie outside', () => {
    const rows = [hour('21T13:00', { completed: 5 }), hour('20T12:00', { completed: 5 })]
    expect(bucketsOf(rows, spanOf('24h', NOW)).some(({ completed }) => completed > 0)).toBe(false)
  })
})

describe('an axis', () => {
  test.each([
    [0, 2],
    [1, 2],
    [3, 4],
    [7, 8],
    [10, 10],
    [11, 20],
    [546, 600],
    [20_100, 40_000],
    [Number.NaN, 2],
  ])('for %d ends at %d', (max, ceiling) => {
    expect(ceilingOf(max)).toBe(ceiling)
  })

  test('has places in percent, with few digits', () => {
    expect([percent(1, 3), percent(1, 2), percent(0, 0), percent(100, 100)]).toEqual(['33.33', '50', '0', '100'])
  })
})

const chart = (values: readonly (readonly (number | null)[])[], names = ['Done', 'Undone', 'Dead']): Chart => ({
  id: 'c',
  title: 'Ended',
  summary: 'Nine ended.',
  series: names.map((name, index) => ({ name, look: (['plain', 'hatched', 'crossed'] as const)[index] ?? 'plain' })),
  points: values.map((each, index) => ({ label: `hour ${index}`, href: `/sagas?from=${index}&to=1`, values: each })),
  ticks: ['12:00', '13:00'],
  format: String,
})

const textOf = async (markup: ReturnType<typeof bars>) => String(await markup)

describe('bars', () => {
  test('are stacked from below in proportion, and what is there is seen', async () => {
    const text = await textOf(
      bars(
        chart([
          [6, 2, 0],
          [0, 0, 0],
          [1000, 1, 0],
        ]),
      ),
    )
    const heights = [
      ...text.matchAll(/class="bar (\w+)" x="[\d.]+%" y="([\d.]+)%" width="[\d.]+%" height="([\d.]+)%"/g),
    ]
    expect(heights.map(([, look, y, height]) => [look, Number(y), Number(height)])).toEqual([
      ['plain', 98.6, 1.4],
      ['hatched', 97.2, 1.4],
      ['plain', 50, 50],
      ['hatched', 48.6, 1.4],
    ])
  })

  test('leave out a kind that there is none of, but never all', async () => {
    expect(await textOf(bars(chart([[1, 2, 0]])))).not.toContain('Dead')
    expect(await textOf(bars(chart([[0, 0, 0]])))).toContain('Done')
  })

  test('lead to what is behind them, and all of it is in the table, which the keyboard and screen readers get', async () => {
    const text = await textOf(
      bars(
        chart([
          [6, 2, 1],
          [0, 3, 0],
        ]),
      ),
    )
    const [drawing = '', table = ''] = text.split('<details>')
    expect(drawing).toContain('<div class="plot" aria-hidden="true">')
    const links = [...drawing.matchAll(/<a href="([^"]+)" tabindex="-1"><title>([^<]+)</g)]
    expect(links.map(([, href, title]) => [href, title])).toEqual([
      ['/sagas?from=0&amp;to=1', 'hour 0\nDone: 6\nUndone: 2\nDead: 1'],
      ['/sagas?from=1&amp;to=1', 'hour 1\nDone: 0\nUndone: 3\nDead: 0'],
    ])
    expect(table.match(/href="\/sagas\?from=/g)).toHaveLength(2)
    expect(table.replace(/<[^>]+>/g, ' ')).toMatch(/hour 0\s+6\s+2\s+1\s+hour 1\s+0\s+3\s+0/)
    expect(text).toContain('Nine ended.')
  })

  test('are told apart without colour: each kind has its pattern', async () => {
    const text = await textOf(bars(chart([[6, 2, 1]])))
    expect(text.match(/fill="url\(#c-hatched\)"/g)).toHaveLength(2)
    expect(text.match(/<pattern id="c-(\w+)"/g)).toEqual(['<pattern id="c-hatched"', '<pattern id="c-crossed"'])
  })
})

describe('lines', () => {
  test('are broken where nothing is known, and a value that stands alone is a dot', async () => {
    const text = await textOf(lines(chart([[1], [2], [null], [4], [null]], ['Done'])))
    const paths = [...text.matchAll(/class="line plain" vector-effect="[\w-]+" d="([^"]*)"/g)].map(([, d]) => d)
    expect(paths).toEqual(['M10 75L30 50M70 0'])
    expect(text.match(/<circle[^>]+>/g)).toEqual(['<circle class="dot plain" cx="70%" cy="0%" r="2.5" />'])
    expect(text).toContain('Done: –')
  })

  test('end at least where they are told to', async () => {
    expect(await textOf(lines(chart([[1]], ['Done']), 10))).toContain('<span>10</span><span>5</span><span>0</span>')
  })
})

describe('a sparkline', () => {
  test('reaches from edge to edge, and is a picture only', async () => {
    const text = String(await sparkline([0, 5, 10]))
    expect(text).toContain('d="M0 23.0L50 12.0L100 1.0"')
    expect(text).toContain('aria-hidden="true"')
    expect(String(await sparkline([]))).toContain('d=""')
    expect(String(await sparkline([0]))).toContain('d="M0 23.0"')
  })
})

describe('any chart', () => {
  test('has no style of its own, and keeps hostile text', async () => {
    const hostile = `<script>alert(1)</script>"'&`
    const given = { ...chart([[1]], [hostile]), title: hostile, summary: hostile, ticks: [hostile] }
    const point = { label: hostile, href: `/sagas?definition=${hostile}`, values: [1] }
    for (const draw of [bars, lines]) {
      const text = await textOf(draw({ ...given, points: [point] }))
      expect(text).not.toMatch(/style=|<style|<script|\son\w+=/)
      expect(text).toContain('&lt;script&gt;')
    }
  })
})

describe('what figures say', () => {
  const buckets = bucketsOf(
    [
      hour('21T09:00', { completed: 90, compensated: 10, p95Ms: 900 }),
      hour('21T12:00', { completed: 50, deadLettered: 1, p95Ms: 100 }),
    ],
    spanOf('24h', NOW),
  )
  const total = summed(
    [hour('21T09:00', { completed: 140, compensated: 10, deadLettered: 1 })],
    at('20T13:00'),
    at('21T13:00'),
  )

  test('is a sentence of each', () => {
    expect(throughput(total, buckets)).toBe(
      '140 completed, 10 compensated, 1 dead-lettered. Most: 100, on 21 Nov, 09:00 to 10:00.',
    )
    expect(durations(buckets)).toBe(
      'From start to end. The last p95: 100 ms. Slowest: 900 ms, on 21 Nov, 09:00 to 10:00.',
    )
    expect(compensations(total, buckets)).toBe('6.6 % of what ended was undone. Most: 10 %, on 21 Nov, 09:00 to 10:00.')
    expect([null, 0, 0.04, 5.94, 42.4, 99.67, 99.99, 100].map(share)).toEqual([
      '–',
      '0 %',
      '< 0.1 %',
      '5.9 %',
      '42 %',
      '99.6 %',
      '99.9 %',
      '100 %',
    ])
    const none = bucketsOf([], spanOf('24h', NOW))
    expect(throughput(summed([], at('20T13:00'), at('21T13:00')), none)).toBe('Nothing ended.')
    expect(durations(none)).toBe('Nothing ended.')
  })

  test('names points by how much they stand for', () => {
    const [hourly, sixth, daily] = [{ each: 1 }, { each: 6 }, { each: 24 }]
    const point = at('21T12:00')
    expect([tick(point, hourly), tick(point, sixth), tick(point, daily)]).toEqual(['12:00', '21 Nov', '21 Nov'])
    expect(spanLabel({ from: at('21T00:00'), to: at('22T00:00') })).toBe('21 Nov')
  })
})
