/** Lengths of time, as people write them. */

type Unit =
  | 'ms'
  | 's'
  | 'm'
  | 'h'
  | 'd'
  | 'second'
  | 'seconds'
  | 'minute'
  | 'minutes'
  | 'hour'
  | 'hours'
  | 'day'
  | 'days'

/** Milliseconds, or a number with a unit: `500`, `'30s'`, `'1.5h'`, `'2 days'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`

/** A hundred years of 365 days: longer ones are mistakes, and their ends would not fit a timestamp. */
export const MAX_DURATION_MS: number = 100 * 365 * 86_400_000

const UNIT_MS: { readonly [unit in Unit]: number } = {
  ms: 1,
  s: 1_000,
  second: 1_000,
  seconds: 1_000,
  m: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
}

const PATTERN = new RegExp(`^(\\d+(?:\\.\\d+)?) ?(${Object.keys(UNIT_MS).join('|')})$`)

/** Whole milliseconds, from zero to a hundred years; `undefined` for everything else, whatever it is. */
export function parseDuration(duration: unknown): number | undefined {
  const ms = typeof duration === 'string' ? parseText(duration) : duration
  return typeof ms === 'number' && ms >= 0 && ms <= MAX_DURATION_MS ? Math.round(ms) : undefined
}

function parseText(text: string): number | undefined {
  const [, count, unit] = PATTERN.exec(text) ?? []
  return unit === undefined ? undefined : Number(count) * UNIT_MS[unit as Unit]
}
