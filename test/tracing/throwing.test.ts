/** A tracer of the app's that throws costs spans, and no saga. */
import { type Tracer, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const one = sagasFor<{ services: unknown; tx: unknown }>()('one', { version: 1, input: z.object({}) })
  .step('first', { action: () => 1, compensation: () => {} })
  .step('second', { action: () => Promise.reject(new Error('No.')), retry: { maxAttempts: 1 } })

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  trace.disable()
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const broken = () => {
  throw new Error('This tracer is broken.')
}
const span = new Proxy({}, { get: () => broken })

test.each([
  ['that begins no span', broken],
  ['whose spans throw at everything', () => span],
])('a tracer %s keeps no saga from its end, and no worker from its work', async (_what, startSpan) => {
  trace.disable()
  const tracer = { startSpan, startActiveSpan: broken } as unknown as Tracer
  trace.setGlobalTracerProvider({ getTracer: () => tracer })
  const engine = await startEngine(database.connectionString, [one])
  const started = await engine.enqueueMany(one, [{ input: {} }, { input: {} }, { input: {} }])
  for (const item of started) {
    expect(item.ok).toBe(true)
    if (item.ok) expect((await engine.outcome(item.id)).status).toBe('compensated')
  }
  await stopEngine(engine)
})
