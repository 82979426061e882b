/** A layout as SVG: attributes and classes only, since the policy lets no style through. */
import { clip, html, type Markup, when } from '../partials/markup.ts'
import { iconPath } from '../partials/sign.ts'
import { type Box, type Layout, type Line, layoutOf, type Point } from './layout.ts'
import type { Face, GraphNode, GraphStep } from './nodes.ts'

const NOTHING_UNDOES = 'nothing undoes it'
/** Of one letter of a name, on the average. */
const LETTER = 7

/**
 * The graph in a box of its own, which scrolls where it is wider than the page.
 *
 * @param label What it is a graph of, for screen readers.
 * @param caption Where the same stands in words.
 */
export function graph(nodes: readonly GraphNode[], label: string, caption: Markup | string): Markup {
  const layout = layoutOf(nodes)
  return html`<figure class="graph">
<div class="scroll" tabindex="0" role="region" aria-label="${label}">${drawing(layout, label)}</div>
<figcaption>${caption}</figcaption>
</figure>`
}

export function drawing(layout: Layout, label: string): Markup {
  const { width, height, middle } = layout
  // Lines first, so that boxes lie above them; the strong ones above the weak ones.
  const lines = layout.lines.toSorted((a, b) => Number(a.isReached) - Number(b.isReached))
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="${label}">
<text class="lane" x="18" y="16">Forward</text>
<line class="middle" x1="0" y1="${middle}" x2="${width}" y2="${middle}" />
<text class="lane" x="18" y="${middle + 18}">Compensation</text>
${lines.map(lineMarkup)}
${layout.boxes.map(box)}
</svg>`
}

function lineMarkup({ kind, points, isReached, label }: Line): Markup {
  const [first, ...rest] = points
  if (first === undefined) return html``
  const path = `M${first.x} ${first.y}${rest.map(({ x, y }) => `L${x} ${y}`).join('')}`
  return html`<g class="line ${kind} ${isReached ? 'reached' : ''}"><path d="${path}${head(points)}" />${label === undefined ? '' : lineLabel(label, points)}</g>`
}

/** The two strokes of an arrow's head, in the direction of the last part of the line. */
function head(points: readonly Point[]): string {
  const [before, end] = [points.at(-2), points.at(-1)]
  if (before === undefined || end === undefined) return ''
  const [dx, dy] = [Math.sign(end.x - before.x), Math.sign(end.y - before.y)]
  const [back, side] = [6, 4]
  const from = (sign: 1 | -1) => `${end.x - dx * back + dy * side * sign} ${end.y - dy * back + dx * side * sign}`
  return `M${from(1)}L${end.x} ${end.y}L${from(-1)}`
}

/** At the first turn, or beside a line that has none. */
function lineLabel(label: string, points: readonly Point[]): Markup {
  const [first, second, third] = points
  if (first === undefined || second === undefined) return html``
  const at = third ?? { x: second.x + 8, y: (first.y + second.y) / 2 + 10 }
  return html`<text class="label" x="${at.x + 4}" y="${at.y - 6}">${label}</text>`
}

function box(one: Box): Markup {
  const { step, face, side, x, y, width, label } = one
  const inner = face === 'none' ? ghost(one) : solid(one, face)
  const linked = step.href === undefined ? inner : html`<a href="${step.href}" aria-label="${said(one)}">${inner}</a>`
  return html`<g class="node ${side === 'forward' ? 'above' : 'below'} ${face === 'none' ? 'ghost' : face.tone} ${step.isPivot === true ? 'pivot' : ''}"><title>${said(one)}</title>${linked}${when(
    label !== undefined,
    () => html`<text class="label" x="${x + 2}" y="${y - 6}">${clip(label ?? '', fitting(width - 50))}</text>`,
  )}${when(
    step.isPivot === true && side === 'forward',
    () => html`<text class="label end" x="${x + width - 2}" y="${y - 6}">pivot</text>`,
  )}</g>`
}

/** The whole of a box in words. It holds what is seen, in the same order, so that people can ask for it by that. */
function said({ step, face, side, width }: Box): string {
  const name = nameIn(step, width)
  const about = side === 'back' ? 'Compensation of ' : ''
  const whole = name === step.name ? '' : ` (${step.name})`
  if (face === 'none') return `${about}${step.name}: ${NOTHING_UNDOES}`
  const beside = face.beside === undefined ? '' : ` ${face.beside}`
  const pivot = side === 'forward' && step.isPivot === true ? ', the pivot' : ''
  return `${about}${name} ${face.word}${beside}${pivot}${whole}`
}

function nameIn(step: GraphStep, width: number): string {
  return clip(step.name, fitting(width - 20))
}

function solid({ step, x, y, width, height }: Box, { word, icon, beside }: Face): Markup {
  const behind = when(
    step.isMap === true,
    () => html`<rect x="${x + 4}" y="${y - 4}" width="${width}" height="${height}" rx="8" />`,
  )
  return html`${behind}<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" />
<text class="title" x="${x + 10}" y="${y + 20}">${nameIn(step, width)}</text>
<path class="icon" transform="translate(${x + 9} ${y + 26})" d="${iconPath(icon)}" />
<text class="word" x="${x + 29}" y="${y + 38}">${word}${beside === undefined ? '' : html` <tspan class="beside" dx="3">${beside}</tspan>`}</text>`
}

function ghost({ x, y, width, height }: Box): Markup {
  return html`<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8" /><text class="word" x="${x + width / 2}" y="${y + height / 2 + 4}">${NOTHING_UNDOES}</text>`
}

function fitting(width: number): number {
  return Math.max(4, Math.floor(width / LETTER))
}
