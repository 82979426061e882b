/** How a number went, in the height of a line of text. What it says is said beside it, so it is a picture only. */
import { html, type Markup } from '../partials/markup.ts'
import { percent } from './scale.ts'

export function sparkline(values: readonly number[]): Markup {
  const most = Math.max(1, ...values)
  const places = values.map((value, index) => {
    return `${percent(index, Math.max(1, values.length - 1))} ${(23 - (value / most) * 22).toFixed(1)}`
  })
  const first = places[0] === undefined ? '' : `M${places.join('L')}`
  return html`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" width="96" height="24" aria-hidden="true" focusable="false"><path class="area" d="${first === '' ? '' : `${first}L100 24L0 24Z`}" /><path class="line plain" vector-effect="non-scaling-stroke" d="${first}" /></svg>`
}
