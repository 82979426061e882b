/** The upper end of an axis, and places on it. */

const TIDY = [1, 2, 4, 5, 6, 8, 10]

/** The smallest tidy number that is not smaller, at least 2: its half is one to be written beside the axis as well. */
export function ceilingOf(max: number): number {
  if (!(max > 2)) return 2
  const power = 10 ** Math.floor(Math.log10(max))
  return (TIDY.find((factor) => factor * power >= max) ?? 10) * power
}

/** In percent, with so few digits that a page stays small. */
export function percent(part: number, whole: number): string {
  return (whole === 0 ? 0 : (part / whole) * 100).toFixed(2).replace(/\.?0+$/, '')
}

/** Tidy, with separators: `12,400`. */
export function digits(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}
