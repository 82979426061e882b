/**
 * Metrics for Prometheus, made with the app's own `prom-client`.
 *
 * Counters and histograms say what this process has done; give `onEvent` to its engine. Gauges say what the database
 * holds, and are read with a scrape, by processes that have given a client.
 */
import { Counter, Gauge, Histogram, type Registry, register } from 'prom-client'
import type { SagaGauges } from '../engine/saga-client.ts'
import type { WorkerEvent } from '../jobs/worker.ts'
import { countEvent } from './counting.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from './metrics.ts'

export type SagaMetricsOptions = {
  /** Where the metrics are registered: prom-client's own registry by default. */
  readonly registry?: Registry
  /** An engine or a client, to read the gauges with. Without one there are none. */
  readonly client?: { gauges(): Promise<SagaGauges> }
  /** The shortest time between two looks into the database, whoever scrapes, in ms: 5 000 by default. */
  readonly refreshMs?: number
}

export type SagaMetrics = {
  readonly registry: Registry
  /** For the engine's option of that name. Several engines of a process can have the same one. */
  readonly onEvent: (event: WorkerEvent) => void
}

const REFRESH_MS = 5_000
const ANSWERED_WITHIN_MS = 3_000

type Description = { readonly name: string; readonly help: string; readonly labelNames: readonly string[] }

/** One metric for each line of a table. */
function each<const Table extends Readonly<Record<string, Description>>, Metric>(
  table: Table,
  make: (description: Description) => Metric,
): { readonly [key in keyof Table]: Metric } {
  const made = Object.entries(table).map(([key, description]) => [key, make(description)])
  return Object.fromEntries(made) as { readonly [key in keyof Table]: Metric }
}

/**
 * Registers the metrics of this process.
 *
 * @throws Error prom-client's, where the registry has metrics of these names already: ask once a process.
 */
export function sagaMetrics(options: SagaMetricsOptions = {}): SagaMetrics {
  const { registry = register, client, refreshMs = REFRESH_MS } = options
  const shared = ({ name, help, labelNames }: Description) => ({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
  })
  const counters = each(COUNTERS, (one) => new Counter(shared(one)))
  const histograms = each(HISTOGRAMS, (one) => {
    const { buckets } = one as Description & { readonly buckets: readonly number[] }
    return new Histogram({ ...shared(one), buckets: [...buckets] })
  })
  if (client !== undefined) {
    const look = refreshing(refreshMs, async () => {
      try {
        show(gauges, await soon(client.gauges()))
      } catch {
        hide(gauges)
        counters.refreshFailures.inc()
      }
    })
    const gauges = each(GAUGES, (one) => new Gauge({ ...shared(one), collect: look }))
  }
  return { registry, onEvent: (event) => countEvent(event, counters, histograms) }
}

/** One look for all gauges of a scrape, and for all scrapes of a short while. */
function refreshing(everyMs: number, look: () => Promise<void>): () => Promise<void> {
  let current = Promise.resolve()
  let nextAt = Number.NEGATIVE_INFINITY
  return () => {
    if (performance.now() < nextAt) return current
    // However long it takes: nobody else looks meanwhile.
    nextAt = Number.POSITIVE_INFINITY
    current = look().finally(() => {
      nextAt = performance.now() + everyMs
    })
    return current
  }
}

/** A scrape has ten seconds as a rule, and the counters are in it: a database that hangs must not keep them back. */
async function soon<T>(asked: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('The database has not answered.')), ANSWERED_WITHIN_MS)
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

type Gauges = { readonly [key in keyof typeof GAUGES]: Gauge }

/** What was true some time ago would look as if it were true now, and so would a nought. */
function hide(gauges: Gauges): void {
  for (const key of Object.keys(GAUGES) as (keyof Gauges)[]) {
    if (GAUGES[key].labelNames.length === 0) gauges[key].remove()
    else gauges[key].reset()
  }
}

function show(gauges: Gauges, now: SagaGauges): void {
  gauges.live.reset()
  for (const [status, count] of Object.entries(now.live)) gauges.live.set({ status }, count)
  gauges.withheld.reset()
  for (const [why, count] of Object.entries(now.withheld)) gauges.withheld.set({ why }, count)
  gauges.deadLetters.reset()
  let rest = now.deadLetters
  for (const { definition, reason, id, count } of now.groups) {
    gauges.deadLetters.set({ definition, reason, group: id }, count)
    rest -= count
  }
  if (rest > 0) gauges.deadLetters.set({ definition: 'other', reason: 'other', group: 'other' }, rest)
  gauges.depth.set(now.queue.depth)
  gauges.oldest.set(now.queue.oldestMs / 1_000)
  gauges.timers.set(now.timers.due)
  gauges.overdue.set(now.timers.overdueMs / 1_000)
  gauges.workers.set(now.workers)
  gauges.breakers.set(now.openBreakers)
  gauges.untold.set(now.untoldAlerts)
}
