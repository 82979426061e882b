/** Time as places on a line: long spans in which nothing ran can be folded, so that seconds stay visible beside days. */

/** In ms; or in units of the drawing. */
export type Range = { readonly from: number; readonly to: number }

export type Gap = Range & { readonly x: number; readonly width: number }

export type Tick = { readonly x: number; readonly offsetMs: number }

export type Axis = {
  readonly range: Range
  readonly place: (at: number) => number
  /** Those that are folded. */
  readonly gaps: readonly Gap[]
  readonly ticks: readonly Tick[]
}

/** Shorter ones are no wait that anybody would fold. */
const MIN_GAP_MS = 60_000
/** Of the whole: what is shorter than that does not hide anything. */
const MIN_SHARE = 0.1
const GAP_WIDTH = 44
/** Between two ticks, so that their labels do not touch. */
const TICK_ROOM = 90

/** What could be folded: long spans without anything of `busy` in them. */
export function idleIn(range: Range, busy: readonly Range[]): readonly Range[] {
  const least = Math.max(MIN_GAP_MS, (range.to - range.from) * MIN_SHARE)
  const gaps: Range[] = []
  let until = range.from
  for (const one of busy.toSorted((a, b) => a.from - b.from)) {
    if (one.from - until > least) gaps.push({ from: until, to: one.from })
    until = Math.max(until, one.to)
  }
  if (range.to - until > least) gaps.push({ from: until, to: range.to })
  return gaps
}

/** @param folded in order, within the range. @param left where the line begins. */
export function axisOf(range: Range, folded: readonly Range[], left: number, width: number): Axis {
  const idleMs = folded.reduce((sum, { from, to }) => sum + to - from, 0)
  const shownMs = Math.max(1, range.to - range.from - idleMs)
  const perMs = Math.max(0, width - folded.length * GAP_WIDTH) / shownMs
  const place = (at: number) => {
    let x = left
    let from = range.from
    for (const gap of folded) {
      if (at <= gap.from) break
      x += (gap.from - from) * perMs
      if (at < gap.to) return x + ((at - gap.from) / (gap.to - gap.from)) * GAP_WIDTH
      x += GAP_WIDTH
      from = gap.to
    }
    return x + (Math.min(Math.max(at, range.from), range.to) - from) * perMs
  }
  const gaps = folded.map((gap) => ({ ...gap, x: place(gap.from), width: GAP_WIDTH }))
  return { range, place, gaps, ticks: ticksOf(range, gaps, place) }
}

const TIDY = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400]

function ticksOf(range: Range, gaps: readonly Gap[], place: (at: number) => number): readonly Tick[] {
  // Behind a fold the time of day has moved on: its end is worth more than a round number.
  const marks = [range.from, ...gaps.map(({ to }) => to).filter((at) => at < range.to)]
  if (gaps.length === 0) {
    const each = tidy((range.to - range.from) / 5)
    for (let at = range.from + each; at < range.to; at += each) marks.push(at)
  }
  const ticks: Tick[] = []
  for (const at of marks.toSorted((a, b) => a - b)) {
    const x = place(at)
    const last = ticks.at(-1)
    if (last === undefined || x - last.x >= TICK_ROOM) ticks.push({ x, offsetMs: at - range.from })
  }
  return ticks
}

/** A step of time that people count in, in ms. */
function tidy(ms: number): number {
  if (ms < 1_000) {
    const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)))
    return ([1, 2, 5, 10].find((factor) => factor * power >= ms) ?? 10) * power
  }
  const seconds = TIDY.find((step) => step * 1_000 >= ms)
  return seconds === undefined ? Math.ceil(ms / 86_400_000) * 86_400_000 : seconds * 1_000
}
