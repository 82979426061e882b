/** Lengths of time, as people write them. */
import { SagaError } from './errors.ts'

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'second' | 'seconds' | 'minute' | 'minutes' | 'hour' | 'hours' | 'day' | 'days'

/** Milliseconds, or a number with a unit: `500`, `'30s'`, `'1.5h'`, `'2 days'`. */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`

const UNIT_MS: Readonly<Record<string, number>> = {
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

/**
 * @param what names the option in the error.
 * @throws SagaError `DEFINITION_INVALID` for anything that is not a length of time of zero or more.
 */
export function toMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new SagaError('DEFINITION_INVALID', `${what} is "${String(duration)}", which is not a length of time. Write milliseconds, or '30s', '5 minutes', '2h', '1 day'.`)
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([a-z]+)$/.exec(text)
  const unit = UNIT_MS[match?.[2] ?? '']
  return match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit
}
