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

/** Below the axis: `13:00`, `21 Nov 12:00` or `21 Nov`, by how much a point stands for. */
export function tick(at: Date, { each }: Pick<Span, 'each'>): string {
  if (each === 24) return day(at)
  return each === 1 ? hour(at) : momentLabel(at)
}

/** `21 Nov, 13:00 to 14:00`, `21 Nov`. */
export function spanLabel({ from, to }: { readonly from: Date; readonly to: Date }): string {
  const hours = (to.getTime() - from.getTime()) / (60 * 60 * 1_000)
  return hours === 24 ? day(from) : `${day(from)}, ${hour(from)} to ${hour(to)}`
}
