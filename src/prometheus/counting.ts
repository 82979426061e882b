/** What of a worker's events is counted, and under which labels. */
import type { Counter, Histogram } from 'prom-client'
import { definedName } from '../engine/core/blueprint.ts'
import type { SagaEvent } from '../engine/core/events.ts'
import type { Applied, Batch } from '../engine/runtime/apply.ts'
import { restOf } from '../engine/runtime/tracing.ts'
import type { WorkerEvent } from '../jobs/worker.ts'
import type { COUNTERS, HISTOGRAMS } from './metrics.ts'

type Counters = { readonly [key in keyof typeof COUNTERS]: Counter }
type Histograms = { readonly [key in keyof typeof HISTOGRAMS]: Histogram }

export function countEvent(event: WorkerEvent, counters: Counters, histograms: Histograms): void {
  if (event.type === 'committed') {
    if (event.tookMs !== undefined) {
      histograms.commit.observe(event.tookMs / 1_000)
      histograms.batch.observe(event.batch.applied.length)
    }
    for (const one of event.batch.applied) countApplied(one, event.batch, counters, histograms)
  } else if (event.type === 'fetched') counters.fetched.inc(event.jobs)
  else if (event.type === 'taken_over') {
    counters.takeovers.inc()
    counters.takenOver.inc(event.jobs)
  } else if (event.type === 'watched') for (const { what } of event.report.mended) counters.mended.inc({ what })
  else if (event.type === 'session_lost') counters.sessionsLost.inc()
}

function countApplied(applied: Applied, { now }: Batch, counters: Counters, histograms: Histograms): void {
  const { definition, events, origin } = applied
  for (const event of events) countJournalled(event, definition, counters)
  const { input } = applied.item
  const isLate = events.some(({ type }) => type === 'late_report')
  // What a success leads to differs from step to step; that it was taken for one shows in that it was not ignored.
  if (input.type === 'succeeded' && applied.ignored === undefined && !isLate && input.blueprint === undefined) {
    const { side } = input
    counters.attempts.inc({ definition, step: definedName(input.step), side, outcome: 'succeeded' })
  }
  const status = restOf(events)
  if (status === undefined) return
  counters.executions.inc({ definition, status })
  if (origin !== undefined) {
    histograms.duration.observe({ definition, status }, Math.max(0, now - origin.startedAt) / 1_000)
  }
}

function countJournalled(event: SagaEvent, definition: string, counters: Counters): void {
  if (event.type === 'saga_turned') counters.turns.inc({ definition, cause: event.cause.kind })
  else if (event.type === 'step_compensated') {
    if (event.needless !== true) counters.compensations.inc({ definition, step: definedName(event.step) })
  } else if (event.type === 'attempt_failed' || event.type === 'attempt_lost' || event.type === 'late_report') {
    const labels = { definition, step: definedName(event.step), side: event.side }
    counters.attempts.inc({ ...labels, outcome: outcomeOf(event) })
    if (event.type === 'attempt_failed' && event.retryAt !== undefined) counters.retries.inc(labels)
  }
}

function outcomeOf(event: Extract<SagaEvent, { type: 'attempt_failed' | 'attempt_lost' | 'late_report' }>): string {
  if (event.type === 'attempt_lost') return 'lost'
  if (event.type === 'late_report') return 'late'
  return event.timedOut === true ? 'timed_out' : event.verdict
}
