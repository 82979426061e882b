/** A worker process of ours, as a user runs it: retries, timeouts, fences, journal, claims and heartbeats are on. */
import { createSagaEngine } from '../../src/index.ts'
import { NEVER_DUE } from '../contenders/ours.ts'
import { workloadNamed } from '../workloads/all.ts'
import { serveWorker, Timeline } from './serve.ts'

export type OurWorkerSettings = {
  readonly connectionString: string
  readonly workload: string
  readonly slots: number
  readonly committers: number
  readonly maxBatch: number
}

const settings = JSON.parse(process.argv[2] ?? '{}') as OurWorkerSettings
const { definition, ends } = workloadNamed(settings.workload)
const timeline = new Timeline()

const engine = createSagaEngine({
  connectionString: settings.connectionString,
  definitions: [definition] as never,
  services: { began: (sagaId: string) => timeline.began(sagaId) },
  migrate: false,
  maintenance: NEVER_DUE,
  concurrency: settings.slots,
  committers: settings.committers,
  maxBatch: settings.maxBatch,
  onEvent: (event) => {
    if (event.type !== 'committed') return
    for (const { state, events, item } of event.batch.applied) {
      if (state.status === ends && events.length > 0) timeline.ended(item.sagaId)
    }
  },
} as Parameters<typeof createSagaEngine>[0])

serveWorker({ start: () => engine.start(), stop: () => engine.stop() }, timeline)
