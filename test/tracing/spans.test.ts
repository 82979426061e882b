/** The spans of one process: what is told of an attempt, and whose trace it belongs to. */
import { trace } from '@opentelemetry/api'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fromPg, type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { registerTracing, type Seen } from '../support/traces.ts'
import { until } from '../support/waiting.ts'

const by = { actor: 'ada', reason: 'a test' }
let failures = 0
const inner = (name: string): void => trace.getTracer('app').startSpan(name).end()

const order = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('order', {
  version: 1,
  input: z.object({ secret: z.string().default('a secret') }),
})
  .transactionalStep('book', { action: () => inner('in book') })
  .step('pay', {
    retry: QUICK,
    action: () => {
      inner('in pay')
      if (failures-- > 0) throw new StepNotApplied('The bank is away.', { code: 'AWAY' })
    },
  })

const refused = sagasFor<{ services: unknown; tx: unknown }>()('refused', { version: 1, input: z.object({}) }).step(
  'one',
  {
    action: () => {
      throw new StepRejected('No.')
    },
  },
)

let database: TestDatabase
let engine: SagaEngine
let spans: Seen[] = []
let stopTracing: (() => Promise<void>) | undefined

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(() => {
  spans = []
  failures = 0
})
afterEach(async () => {
  await stopTracing?.()
  stopTracing = undefined
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(() => database.drop())

const traced = () => {
  stopTracing = registerTracing((span) => spans.push(span))
}
const named = (name: string) => spans.filter((span) => span.name === name)
const only = (name: string): Seen => {
  expect(named(name)).toHaveLength(1)
  return named(name)[0] as Seen
}
async function inSpan<T>(name: string, run: () => Promise<T>): Promise<T> {
  return trace.getTracer('app').startActiveSpan(name, async (span) => {
    try {
      return await run()
    } finally {
      span.end()
    }
  })
}
async function stored(id: string): Promise<{ traceparent: string | null; tracestate: string | null }> {
  const { rows } = await database.pool.query('select traceparent, tracestate from saga.saga where id = $1', [id])
  return rows[0]
}
const settled = async (id: string) => {
  expect((await engine.outcome(id)).status).toBe('completed')
  await until('the saga has its span', async () => named('order').some((span) => span.attributes['saga.id'] === id))
}

describe('an attempt', () => {
  test('is a span with the step’s own spans below it, each try one, and what failed says why, without payloads', async () => {
    traced()
    engine = await startEngine(database.connectionString, [order], { build: 'b1' })
    failures = 1
    const { id } = await engine.enqueue(order, {})
    await settled(id)
    const start = only('order enqueue')
    expect(start.attributes).toEqual({ 'saga.definition': 'order', 'saga.id': id })
    const book = only('order book')
    expect(book).toMatchObject({ parentId: start.spanId, attributes: { 'saga.outcome': 'succeeded' } })
    expect(only('in book').parentId).toBe(book.spanId)
    const [failed, paid] = named('order pay')
    expect(failed).toMatchObject({
      parentId: start.spanId,
      isError: true,
      attributes: { 'saga.attempt': 1, 'saga.outcome': 'not_applied', 'saga.build': 'b1' },
      exceptions: [{ 'exception.type': 'AWAY', 'exception.message': 'The bank is away.' }],
    })
    expect(paid).toMatchObject({ isError: false, attributes: { 'saga.attempt': 2, 'saga.outcome': 'succeeded' } })
    expect(named('in pay').map(({ parentId }) => parentId)).toEqual([failed?.spanId, paid?.spanId])
    const whole = only('order')
    expect(whole).toMatchObject({ parentId: start.spanId, attributes: { 'saga.status': 'completed' } })
    expect(whole.endedAt).toBeGreaterThan(whole.startedAt)
    expect(JSON.stringify(spans)).not.toContain('a secret')
  })

  test('belongs to no span that the worker was started in, or woken from', async () => {
    traced()
    // What the worker does by itself, its own statements included, is in nobody's span.
    const active = new Set<unknown>()
    const onEvent = () => void active.add(trace.getActiveSpan()?.spanContext())
    engine = await inSpan('deploy', () => startEngine(database.connectionString, [order], { onEvent }))
    const { id } = await inSpan('request', () => engine.enqueue(order, {}))
    // As if a process without tracing had started it.
    const other = await inSpan('another request', async () => {
      const { id: later } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + 60_000) })
      await database.pool.query('update saga.saga set traceparent = null where id = $1', [later])
      await database.pool.query(`update saga.saga_timer set due_at = saga.now() where saga_id = $1`, [later])
      return later
    })
    await settled(id)
    await settled(other)
    const [deploy, request] = [only('deploy'), only('request')]
    const of = (sagaId: string) => named('order book').find((span) => span.attributes['saga.id'] === sagaId)
    expect(of(id)?.traceId).toBe(request.traceId)
    expect(of(other)?.parentId).toBeUndefined()
    expect([...active]).toEqual([undefined])
    expect([deploy.traceId, request.traceId, only('another request').traceId]).not.toContain(of(other)?.traceId)
  })
})

describe('a start', () => {
  test('keeps the trace in the caller’s transaction, and nothing where nobody traces', async () => {
    engine = await startEngine(database.connectionString, [order])
    const untraced = await engine.enqueue(order, {})
    expect(await stored(untraced.id)).toEqual({ traceparent: null, tracestate: null })
    expect((await engine.outcome(untraced.id)).status).toBe('completed')
    expect(spans).toEqual([])
    traced()
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      const { id } = await inSpan('request', () => engine.enqueue(order, {}, { db: fromPg(client) }))
      await client.query('commit')
      await settled(id)
      const start = only('order enqueue')
      expect(await stored(id)).toEqual({ traceparent: `00-${start.traceId}-${start.spanId}-01`, tracestate: null })
      expect(start.parentId).toBe(only('request').spanId)
    } finally {
      client.release()
    }
  })

  test('of many is one span, and a rerun goes on with the trace of the act', async () => {
    traced()
    engine = await startEngine(database.connectionString, [order, refused])
    const started = await inSpan('import', () => engine.enqueueMany(order, [{ input: {} }, { input: {} }]))
    const ids = started.flatMap((one) => (one.ok ? [one.id] : []))
    for (const id of ids) await settled(id)
    const many = only('order enqueue')
    expect(many.attributes).toEqual({ 'saga.definition': 'order', 'saga.count': 2 })
    expect(named('order book').map(({ parentId }) => parentId)).toEqual([many.spanId, many.spanId])
    spans = []
    const { id } = await engine.enqueue(refused, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    const { newSagaId } = await inSpan('incident', () => engine.operator.rerun(id, by))
    expect((await engine.outcome(newSagaId)).status).toBe('compensated')
    const again = named('refused one').find((span) => span.attributes['saga.id'] === newSagaId)
    expect(again?.parentId).toBe(only('incident').spanId)
  })

  test('that is refused is a span that says so', async () => {
    traced()
    engine = await startEngine(database.connectionString, [order])
    await expect(engine.enqueue(order, { secret: 1 } as never)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(only('order enqueue')).toMatchObject({ isError: true, exceptions: [{ 'exception.type': 'INPUT_INVALID' }] })
  })

  test('keeps the trace state, and no header that is longer than the standard has it', async () => {
    traced()
    engine = await startEngine(database.connectionString, [order])
    const { context, createTraceState } = await import('@opentelemetry/api')
    const started = async (state: string) => {
      const parent = {
        traceId: 'a'.repeat(32),
        spanId: 'b'.repeat(16),
        traceFlags: 1,
        traceState: createTraceState(state),
      }
      const active = trace.setSpanContext(context.active(), parent)
      return stored((await context.with(active, () => engine.enqueue(order, {}))).id)
    }
    expect(await started('vendor=opaque')).toMatchObject({ tracestate: 'vendor=opaque' })
    const long = Array.from({ length: 4 }, (_, nr) => `v${nr}=${'x'.repeat(150)}`).join(',')
    expect(await started(long)).toMatchObject({
      tracestate: null,
      traceparent: expect.stringContaining('a'.repeat(32)),
    })
    await until('all is at rest', async () => (await engine.count({ status: ['pending', 'running'] })).running === 0)
    expect(named('order book').every(({ traceId }) => traceId === 'a'.repeat(32))).toBe(true)
  })
})
