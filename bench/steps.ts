/**
 * Five no-op steps, one worker: the engine as a user runs it, with journal, claims, fences, timeouts and heartbeats.
 *
 * Run by bench/compare.ts in a process of its own: `node bench/steps.ts <connection string> <sagas> <options as JSON>`.
 * Prints one JSON line: sagas per second, commits, WAL bytes and CPU milliseconds per saga.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { z } from 'zod'
import { createSagaClient, createSagaEngine, sagasFor } from '../src/index.ts'

const RESULT = {
  ok: true,
  ref: 'abcdefghijklmnopqrstuvwxyz0123456789',
  amount: 12345,
  currency: 'EUR',
  at: '2026-01-01T00:00:00Z',
}

const step = { action: async () => RESULT, compensation: async () => {} }

const noop = sagasFor<{ services: unknown; tx: unknown }>()('five-steps', {
  version: 1,
  input: z.object({ mode: z.string() }),
})
  .step('one', step)
  .step('two', step)
  .step('three', step)
  .step('four', step)
  .step('five', step)

type Options = { readonly slots: number; readonly committers: number; readonly maxBatch: number }

const [connectionString = '', count = '5000', json = '{}'] = process.argv.slice(2)
const sagas = Number(count)
const { slots = 1000, committers = 2, maxBatch = 250 } = JSON.parse(json) as Partial<Options>

const engine = createSagaEngine({
  connectionString,
  definitions: [noop],
  services: {},
  concurrency: slots,
  committers,
  maxBatch,
})
const client = createSagaClient({ connectionString })
const observer = new pg.Client({ connectionString })
await observer.connect()

// Migrated and registered first, queued second, drained last: only the draining is measured.
await engine.start()
await engine.stop()
const inputs = Array.from({ length: sagas }, () => ({ input: { mode: 'ok' } }))
const startedAt = performance.now()
await client.enqueueMany(noop, inputs)
const enqueueMs = performance.now() - startedAt
await client.close()
await observer.query('checkpoint')
await sleep(1_200)

const before = await snapshot()
const cpuBefore = process.cpuUsage()
let done = 0
let finish: () => void = () => {}
const finished = new Promise<void>((resolve) => {
  finish = resolve
})
const worker = createSagaEngine({
  connectionString,
  definitions: [noop],
  services: {},
  concurrency: slots,
  committers,
  maxBatch,
  onEvent: (event) => {
    if (event.type !== 'committed') return
    for (const { state, events } of event.batch.applied)
      if (state.status === 'completed' && events.length > 0) done += 1
    if (done >= sagas) finish()
  },
})
const drainAt = performance.now()
await worker.start()
await finished
const ms = performance.now() - drainAt
const cpu = process.cpuUsage(cpuBefore)
await worker.stop()
await sleep(1_200)
const after = await snapshot()
await observer.end()

console.log(
  JSON.stringify({
    sps: (sagas / ms) * 1000,
    enqueuePerS: (sagas / enqueueMs) * 1000,
    commitsPer: (after.commits - before.commits) / sagas,
    walPer: (after.wal - before.wal) / sagas,
    cpuMsPer: (cpu.user + cpu.system) / 1000 / sagas,
  }),
)

async function snapshot(): Promise<{ commits: number; wal: number }> {
  const { rows } = await observer.query(
    `select xact_commit::float8 as commits, (pg_current_wal_lsn() - '0/0')::float8 as wal
     from pg_stat_database where datname = current_database()`,
  )
  return rows[0]
}
