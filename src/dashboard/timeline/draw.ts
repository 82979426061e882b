/** A timeline as SVG, in a box of its own that scrolls where it is wider than the page: attributes and classes only. */
import { clip, count, html, type Markup, NOTHING, when } from '../partials/markup.ts'
import { span } from '../partials/time.ts'
import { stepName } from '../words/position.ts'
import { type Axis, axisOf, type Gap, idleIn, type Range } from './axis.ts'
import type { Kind, Mark, Row, Segment, Timeline } from './rows.ts'

/** Rows on one page. */
export const MAX_ROWS = 200
const MAX_MARKS = 60
const NAMES = 168
const WIDTH = 1_100
const RIGHT = 16
const TOP = 30
const LANE = 16
const BAR = 10
/** Of one letter of a name, on the average. */
const LETTER = 7

export type Drawn = {
  /** Something can be folded. */
  readonly hasIdle: boolean
  readonly markup: Markup
}

/**
 * @param isFolded Whether long waits are folded, where there are any.
 * @param from The first row to be drawn.
 * @param href Where the attempts of a step are, if they are on the page.
 */
export function draw(
  timeline: Timeline,
  { isFolded, from, href }: { isFolded: boolean; from: number; href: (step: string) => string | undefined },
): Drawn {
  const idle = idleIn(timeline.range, busy(timeline.rows))
  const axis = axisOf(timeline.range, isFolded ? idle : [], NAMES, WIDTH - NAMES - RIGHT)
  const rows = timeline.rows.slice(from, from + MAX_ROWS)
  let y = TOP
  const drawn = rows.map((row) => {
    const markup = rowOf(row, axis, y, href(row.step))
    y += heightOf(row)
    return markup
  })
  const height = y + 6
  const markup = html`<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="group" aria-label="Timeline of ${count(rows.length, 'step')}">
<defs>${pattern('queued', 'M-1 1 1-1M0 6 6 0M5 7 7 5')}${pattern('held', 'M0 0 6 6M6 0 0 6')}</defs>
${axis.ticks.map(({ x, offsetMs }) => html`<line class="tick" x1="${at(x)}" y1="20" x2="${at(x)}" y2="${height}" /><text class="when" x="${at(x + 3)}" y="14">${offsetMs === 0 ? 'start' : `+${span(offsetMs)}`}</text>`)}
${drawn}
${axis.gaps.map((gap) => fold(gap, height))}
${timeline.marks.slice(-MAX_MARKS).map((mark) => markOf(mark, axis, height))}
</svg>`
  return { hasIdle: idle.length > 0, markup }
}

/** What runs, or could: a wait is what can be folded. */
function busy(rows: readonly Row[]): readonly Range[] {
  const kinds: readonly Kind[] = ['ran', 'either', 'items']
  return rows.flatMap(({ forward, back }) => [...forward, ...back]).filter(({ kind }) => kinds.includes(kind))
}

function heightOf({ back }: Row): number {
  return back.length === 0 ? LANE + 8 : LANE * 2 + 8
}

function rowOf(row: Row, axis: Axis, y: number, href: string | undefined): Markup {
  const name = html`<text class="name" x="6" y="${y + 15}">${clip(stepName(row.step), Math.floor((NAMES - 14) / LETTER))}</text>`
  return html`<g><title>${row.step}</title><line class="row" x1="0" y1="${y}" x2="${WIDTH}" y2="${y}" />${href === undefined ? name : html`<a href="${href}">${name}</a>`}${row.forward.map(
    (segment) => bar(segment, axis, y + 6, 'above'),
  )}${when(
    row.back.length > 0,
    () =>
      html`<text class="lane" x="${NAMES - 8}" y="${y + LANE + 14}">undone</text>${row.back.map((segment) => bar(segment, axis, y + LANE + 6, 'below'))}`,
  )}</g>`
}

function bar({ kind, from, to, isOpen, hasFailed, says }: Segment, axis: Axis, y: number, lane: string): Markup {
  const x = axis.place(from)
  const width = Math.max(2, axis.place(to) - x)
  const classes = `bar ${kind} ${lane}${hasFailed === true ? ' failed' : ''}${isOpen === true ? ' open' : ''}`
  const title = html`<title>${says}, ${isOpen === true ? 'until now' : span(to - from)}</title>`
  if (kind === 'backoff' || kind === 'child') {
    const middle = y + BAR / 2
    return html`<path class="${classes}" d="M${at(x)} ${middle}H${at(x + width)}">${title}</path>`
  }
  // Told apart without their colours, too: by a hatching, by a cross at the end.
  const fill = kind === 'queued' || kind === 'held' ? html` fill="url(#t-${kind})"` : NOTHING
  const end = at(x + width)
  const cross =
    hasFailed === true
      ? html`<path class="cross" d="M${end} ${y - 2}v${BAR + 4}m-3 -${BAR + 4}h6m-6 ${BAR + 4}h6" />`
      : NOTHING
  return html`<rect class="${classes}" x="${at(x)}" y="${y}" width="${at(width)}" height="${BAR}" rx="2"${fill}>${title}</rect>${cross}`
}

function fold({ x, width, from, to }: Gap, height: number): Markup {
  const [left, right] = [x + 6, x + width - 6]
  const zigzag = (at0: number) => `M${at(at0)} 20V${height / 2 - 8}l4 4l-8 8l4 4V${height}`
  return html`<g class="fold"><title>Nothing ran for ${span(to - from)}</title><rect x="${at(left)}" y="20" width="${at(right - left)}" height="${height - 20}" /><path d="${zigzag(left)}${zigzag(right)}" /><text class="when" x="${at(x + width / 2)}" y="14">${span(to - from)}</text></g>`
}

function markOf({ at: moment, kind, says }: Mark, axis: Axis, height: number): Markup {
  const x = at(axis.place(moment))
  const sign = { act: 'M0 0l5 4l-5 4z', turn: 'M0 4l6 -4v8z', stop: 'M-4 0h8v8h-8z' }[kind]
  return html`<g class="mark ${kind}"><title>${says}</title><path class="pole" d="M${x} 18V${height}" /><path class="sign" transform="translate(${x} 18)" d="${sign}" /></g>`
}

function pattern(kind: Kind, d: string): Markup {
  return html`<pattern id="t-${kind}" class="hatch ${kind}" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" /><path d="${d}" /></pattern>`
}

/** With one digit, so that a page stays small. */
function at(x: number): string {
  return String(Math.round(x * 10) / 10)
}
