/** How points in time are called beside a chart, in UTC. */
import type { Span } from './buckets.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export function day(at: Date): string {
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ''}`
}

export function hour(at: Date): string {
  return at.toISOString().slice(11, 16)
}

/** `21 Nov 13:00`. */
export function momentLabel(at: Date): string {
  return `${day(at)} ${hour(at)}`
}

/** Below the axis, where there is little room: `13:00`, or `21 Nov` where points stand for more than an hour. */
export function tick(at: Date, { each }: Pick<Span, 'each'>): string {
  return each <= 1 ? hour(at) : day(at)
}

/** `21 Nov, 13:00 to 14:00`, `21 Nov`. */
export function spanLabel({ from, to }: { readonly from: Date; readonly to: Date }): string {
  const hours = (to.getTime() - from.getTime()) / (60 * 60 * 1_000)
  return hours === 24 ? day(from) : `${day(from)}, ${hour(from)} to ${hour(to)}`
}
