/** What figures say, in sentences. */
import { type Bucket, endedOf, percentOf } from '../charts/buckets.ts'
import { spanLabel } from '../charts/labels.ts'
import { digits } from '../charts/scale.ts'
import { span } from '../partials/time.ts'

/** Little is not nothing, and nearly all is not all. */
export function share(percent: number | null): string {
  if (percent === null) return '–'
  if (percent > 0 && percent < 0.1) return '< 0.1 %'
  if (percent > 99 && percent < 100) return `${Math.floor(percent * 10) / 10} %`
  return `${percent < 10 ? percent.toFixed(1).replace(/\.0$/, '') : Math.round(percent)} %`
}

export function length(ms: number | null): string {
  return ms === null ? '–' : span(ms)
}

export function throughput(total: Bucket, buckets: readonly Bucket[]): string {
  const ended = endedOf(total)
  if (ended === 0) return 'Nothing ended.'
  const { completed, compensated, resolved, deadLettered } = total
  const parts = [
    `${digits(completed)} completed`,
    compensated > 0 ? `${digits(compensated)} compensated` : '',
    resolved > 0 ? `${digits(resolved)} resolved` : '',
    deadLettered > 0 ? `${digits(deadLettered)} dead-lettered` : '',
  ]
  const said = `${parts.filter((part) => part !== '').join(', ')}.`
  const busiest = most(buckets, endedOf)
  return busiest === undefined || buckets.length === 1
    ? said
    : `${said} Most: ${digits(endedOf(busiest))}, on ${spanLabel(busiest)}.`
}

export function durations(buckets: readonly Bucket[]): string {
  const slowest = most(buckets, ({ p95Ms }) => p95Ms ?? -1)
  const last = buckets.findLast(({ p95Ms }) => p95Ms !== null)
  if (slowest === undefined || last === undefined) return 'Nothing ended.'
  const said = `From start to end. The last p95: ${length(last.p95Ms)}.`
  return buckets.length === 1 ? said : `${said} Slowest: ${length(slowest.p95Ms)}, on ${spanLabel(slowest)}.`
}

export function compensations(total: Bucket, buckets: readonly Bucket[]): string {
  const rate = (bucket: Bucket) => percentOf(bucket.compensated, bucket)
  if (endedOf(total) === 0) return 'Nothing ended.'
  const worst = most(buckets, (bucket) => rate(bucket) ?? -1)
  const said = `${share(rate(total))} of what ended was undone.`
  return worst === undefined || total.compensated === 0 || buckets.length === 1
    ? said
    : `${said} Most: ${share(rate(worst))}, on ${spanLabel(worst)}.`
}

function most(buckets: readonly Bucket[], of: (bucket: Bucket) => number): Bucket | undefined {
  let found: Bucket | undefined
  for (const bucket of buckets) if (of(bucket) > (found === undefined ? -1 : of(found))) found = bucket
  return found
}
