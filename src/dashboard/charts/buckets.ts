/** Hours of the statistics put together to as many points as a chart shows. Moments are in UTC, as the hours are. */
import type { HourStatistics } from '../../engine/store/statistics.ts'

/** Those that are made of hours. */
export type Range = '24h' | '7d' | '30d'

const HOUR_MS = 60 * 60 * 1_000

/** How long a range is, and how much of it one point stands for, in hours. */
const SHAPES: Readonly<Record<Range, { readonly hours: number; readonly each: number }>> = {
  '24h': { hours: 24, each: 1 },
  '7d': { hours: 7 * 24, each: 6 },
  '30d': { hours: 30 * 24, each: 24 },
}

/** `each`: how much of it one point stands for, in hours. */
export type Span = { readonly from: Date; readonly to: Date; readonly each: number }

/** What became of sagas in a span of time. */
export type Bucket = {
  readonly from: Date
  readonly to: Date
  readonly started: number
  readonly completed: number
  readonly compensated: number
  readonly resolved: number
  readonly deadLettered: number
  /**
   * Of several hours or definitions, those of the slowest: the percentile of all of them is at most that. `null` where
   * nothing ended.
   */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

/** Up to the last full hour, or to the point that is under way, which may be a part of one. */
export function spanOf(range: Range, now: number): Span {
  const { hours, each } = SHAPES[range]
  const step = each * HOUR_MS
  const to = each === 1 ? Math.floor(now / step) * step : Math.ceil(now / step) * step
  return { from: new Date(to - hours * HOUR_MS), to: new Date(to), each }
}

/** Where more happens than is counted while somebody waits: the last hour that is over, as one point. */
export function fullHour(now: number): Span {
  const to = Math.floor(now / HOUR_MS) * HOUR_MS
  return { from: new Date(to - HOUR_MS), to: new Date(to), each: 1 }
}

/** One for each point of the span, those without any hour included. */
export function bucketsOf(rows: readonly HourStatistics[], { from, to, each }: Span): readonly Bucket[] {
  const step = each * HOUR_MS
  const parts = Array.from({ length: Math.round((to.getTime() - from.getTime()) / step) }, (): HourStatistics[] => [])
  for (const row of rows) parts[Math.floor((row.hour.getTime() - from.getTime()) / step)]?.push(row)
  return parts.map((part, index) => {
    const at = from.getTime() + index * step
    return summed(part, new Date(at), new Date(at + step))
  })
}

/** All of them as one. */
export function summed(rows: readonly HourStatistics[], from: Date, to: Date): Bucket {
  const sum = (of: (row: HourStatistics) => number) => rows.reduce((total, row) => total + of(row), 0)
  const slowest = (of: (row: HourStatistics) => number | null) => {
    const known = rows.map(of).filter((ms) => ms !== null)
    return known.length === 0 ? null : Math.max(...known)
  }
  return {
    from,
    to,
    started: sum(({ started }) => started),
    completed: sum(({ completed }) => completed),
    compensated: sum(({ compensated }) => compensated),
    resolved: sum(({ resolved }) => resolved),
    deadLettered: sum(({ deadLettered }) => deadLettered),
    p50Ms: slowest(({ p50Ms }) => p50Ms),
    p95Ms: slowest(({ p95Ms }) => p95Ms),
    p99Ms: slowest(({ p99Ms }) => p99Ms),
  }
}

type Ends = Pick<Bucket, 'completed' | 'compensated' | 'resolved' | 'deadLettered'>

export function endedOf({ completed, compensated, resolved, deadLettered }: Ends): number {
  return completed + compensated + resolved + deadLettered
}

/** From 0 to 100; `null` where nothing ended. */
export function percentOf(part: number, bucket: Ends): number | null {
  const ended = endedOf(bucket)
  return ended === 0 ? null : (part / ended) * 100
}
