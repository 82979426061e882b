/** Bars that are stacked: of each point, how many of each kind. */
import { html, type Markup, NOTHING } from '../partials/markup.ts'
import { type Chart, column, figure, type Look } from './figure.ts'
import { ceilingOf, percent } from './scale.ts'

/** Of the room that a point has. */
const WIDTH = 0.76
/** In percent of the height: what is there is seen. */
const LEAST = 1.4

export function bars(given: Chart): Markup {
  const chart = withoutEmpty(given)
  const sums = chart.points.map(({ values }) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0))
  const ceiling = ceilingOf(Math.max(0, ...sums))
  const columns = chart.points.map((_, index) => column(chart, index, stack(chart, index, ceiling)))
  const drawing = html`<defs>${chart.series.map(({ look }) => pattern(chart.id, look))}</defs>${columns}`
  return figure(
    chart,
    ceiling,
    chart.series.map(({ look }) => sample(chart.id, look)),
    drawing,
  )
}

/** A kind that there is none of is not drawn, nor named; the first one always is. */
function withoutEmpty(chart: Chart): Chart {
  const isThere = (at: number) => at === 0 || chart.points.some(({ values }) => (values[at] ?? 0) > 0)
  return {
    ...chart,
    series: chart.series.filter((_, at) => isThere(at)),
    points: chart.points.map((point) => ({ ...point, values: point.values.filter((_, at) => isThere(at)) })),
  }
}

/** The first series lies lowest. */
function stack({ id, series, points }: Chart, index: number, ceiling: number): Markup {
  const x = percent(index + (1 - WIDTH) / 2, points.length)
  const width = percent(WIDTH, points.length)
  let y = 100
  const shapes = series.map(({ look }, at) => {
    const value = points[index]?.values[at] ?? 0
    if (value <= 0) return NOTHING
    const height = Math.min(y, Math.max(LEAST, (value / ceiling) * 100))
    y -= height
    return html`<rect class="bar ${look}" x="${x}%" y="${percent(y, 100)}%" width="${width}%" height="${percent(height, 100)}%" fill="${fill(id, look)}" />`
  })
  return html`${shapes}`
}

/** `plain` has its colour from the stylesheet. */
function fill(id: string, look: Look): Markup {
  return look === 'plain' ? html`currentColor` : html`url(#${id}-${look})`
}

const MARKS: Readonly<Record<Exclude<Look, 'plain'>, string>> = {
  hatched: 'M-1 1 1-1M0 6 6 0M5 7 7 5',
  crossed: 'M0 0 6 6M6 0 0 6',
  dotted: 'M1.5 1.5v.01M4.5 4.5v.01',
}

function pattern(id: string, look: Look): Markup {
  if (look === 'plain') return NOTHING
  return html`<pattern id="${id}-${look}" class="bar ${look}" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="soft" width="6" height="6" /><path class="mark" d="${MARKS[look]}" /></pattern>`
}

function sample(id: string, look: Look): Markup {
  return html`<svg class="sample" width="14" height="14" focusable="false"><rect class="bar ${look}" x="0.5" y="0.5" width="13" height="13" rx="2" fill="${fill(id, look)}" /></svg>`
}
