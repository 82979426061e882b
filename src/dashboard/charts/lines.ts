/** Lines over time, broken where nothing is known. */
import { html, type Markup } from '../partials/markup.ts'
import { type Chart, column, figure, type Look } from './figure.ts'
import { ceilingOf, percent } from './scale.ts'

/** @param least The axis does not end below it, so that what is small looks small. */
export function lines(chart: Chart, least = 0): Markup {
  const known = chart.points.flatMap(({ values }) => values.filter((value) => value !== null))
  const ceiling = ceilingOf(Math.max(least, ...known))
  const samples = chart.series.map(({ look }) => sample(look))
  const columns = chart.points.map((_, index) => column(chart, index, html``))
  const drawn = chart.series.map(({ look }, at) => line(chart, at, look, ceiling))
  // Stretched to the drawing; the strokes keep their width.
  const paths = html`<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">${drawn.map(({ path }) => path)}</svg>`
  return figure(chart, ceiling, samples, html`${paths}${drawn.map(({ dots }) => dots)}${columns}`)
}

function line({ points }: Chart, at: number, look: Look, ceiling: number): { path: Markup; dots: Markup } {
  const places = points.map(({ values }, index) => {
    const value = values[at] ?? null
    return value === null ? null : { x: percent(index + 0.5, points.length), y: percent(ceiling - value, ceiling) }
  })
  const steps = places.map((place, index) => {
    if (place === null) return ''
    return `${places[index - 1] ? 'L' : 'M'}${place.x} ${place.y}`
  })
  // One that stands alone has no line.
  const alone = places.filter((place, index) => place !== null && !places[index - 1] && !places[index + 1])
  return {
    path: html`<path class="line ${look}" vector-effect="non-scaling-stroke" d="${steps.join('')}" />`,
    dots: html`${alone.map((place) => html`<circle class="dot ${look}" cx="${place?.x ?? 0}%" cy="${place?.y ?? 0}%" r="2.5" />`)}`,
  }
}

function sample(look: Look): Markup {
  return html`<svg class="sample" width="22" height="14" focusable="false"><path class="line ${look}" d="M0 7H22" /></svg>`
}
