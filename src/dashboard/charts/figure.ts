/**
 * What all charts have around them: a title, what they say in a sentence, a legend, axes, and the numbers as a table. The
 * drawing itself is left out for screen readers and the keyboard, for all that is in it is in the table, links included.
 *
 * Shapes are placed in percent of a drawing that is as wide as there is room; texts stand beside it, and keep their size.
 */
import { html, type Markup } from '../partials/markup.ts'
import { type Column, type TableRow, table } from '../partials/table.ts'
import { percent } from './scale.ts'

/** How a series is told from others, without its colour too: bars by their hatching, lines by their dashes. */
export type Look = 'plain' | 'hatched' | 'dotted' | 'crossed'

export type Series = { readonly name: string; readonly look: Look }

/** A point in time with its values, one for each series; `null` where there is none. */
export type Point = {
  readonly label: string
  readonly href: string
  readonly values: readonly (number | null)[]
}

export type Chart = {
  /** Unique on the page. */
  readonly id: string
  readonly title: string
  readonly summary: string
  readonly series: readonly Series[]
  readonly points: readonly Point[]
  /** Below the axis, from left to right, at even distances. */
  readonly ticks: readonly string[]
  /** How a value is written. */
  readonly format: (value: number) => string
}

export function figure(chart: Chart, ceiling: number, samples: readonly Markup[], drawing: Markup): Markup {
  const { id, title, summary, series, ticks, format } = chart
  const legend = html`<ul class="legend" aria-hidden="true">${series.map(
    ({ name }, index) => html`<li>${samples[index] ?? ''}${name}</li>`,
  )}</ul>`
  return html`<div class="chart" role="group" aria-labelledby="${id}-title">
  <div class="caption"><h3 id="${id}-title">${title}</h3><p class="muted">${summary}</p></div>
  ${legend}
  <div class="plot" aria-hidden="true">
    <div class="axis-y">${[ceiling, ceiling / 2, 0].map((value) => html`<span>${format(value)}</span>`)}</div>
    <svg class="drawing" width="100%" height="144" focusable="false">${grid()}${drawing}</svg>
    <div class="axis-x">${ticks.map((tick) => html`<span>${tick}</span>`)}</div>
  </div>
  <details><summary>${title} as a table</summary>${asTable(chart)}</details>
</div>`
}

function grid(): Markup {
  return html`${['0.5', '50%', '100%'].map((y) => html`<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}" />`)}`
}

function asTable({ title, series, points, format }: Chart): Markup {
  const columns: readonly Column[] = [
    { label: 'When (UTC)', kind: 'head' },
    ...series.map(({ name }): Column => ({ label: name, kind: 'number' })),
  ]
  const rows = points.map(({ label, href, values }): TableRow => {
    const cells = values.map((value) => (value === null ? undefined : format(value)))
    return { cells: [html`<a class="name" href="${href}">${label}</a>`, ...cells] }
  })
  return table('figures', title, columns, rows)
}

/** The column of a point: pointing at it says what it is, and clicking leads to what is behind it. */
export function column({ points, series, format }: Chart, index: number, shapes: Markup): Markup {
  const { label, href, values } = points[index] ?? { label: '', href: '', values: [] }
  const said = series.map(({ name }, at) => {
    const value = values[at] ?? null
    return `${name}: ${value === null ? '–' : format(value)}`
  })
  const [x, width] = [percent(index, points.length), percent(1, points.length)]
  return html`<a href="${href}" tabindex="-1"><title>${label}\n${said.join('\n')}</title><rect class="hit" x="${x}%" y="0" width="${width}%" height="100%" />${shapes}</a>`
}
