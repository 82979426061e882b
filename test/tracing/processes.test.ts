/** One trace, whoever works on the saga: the process that starts it, two workers, and the service that they call. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSagaClient, createSagaEngine } from '../../src/index.ts'
import { WorkerProcess } from '../crash/processes.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { registerTracing, type Seen } from '../support/traces.ts'
import { until } from '../support/waiting.ts'
import { order } from './order.ts'

const by = { actor: 'ada', reason: 'a test' }

let database: TestDatabase
let server: Server
let url: string
let stopTracing: () => Promise<void>
const own: Seen[] = []
const processes: WorkerProcess[] = []

beforeAll(async () => {
  database = await testDatabase()
  stopTracing = registerTracing((span) => own.push(span))
  server = createServer((request, response) => {
    const span = trace
      .getTracer('service')
      .startSpan(`serve ${request.url}`, { kind: SpanKind.SERVER }, extracted(request.headers))
    span.end()
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await Promise.all(processes.map((process) => process.stop()))
  server.close()
  await stopTracing()
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

function extracted(headers: IncomingHttpHeaders) {
  return propagation.extract(ROOT_CONTEXT, headers)
}

async function startWorker(build: string): Promise<WorkerProcess> {
  const worker = new WorkerProcess('../tracing/worker-process.ts', [database.connectionString, url, build])
  processes.push(worker)
  await worker.message('ready')
  return worker
}

function seenBy(worker: WorkerProcess): readonly Seen[] {
  return worker.messages.filter(({ type }) => type === 'span').map(({ span }) => span as Seen)
}

describe('the trace of a saga', () => {
  test('goes from who starts it through its steps and their calls to the worker that undoes it, in another process', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    // Its shape has to be known before a hold can name it; nothing of it is run here.
    const known = createSagaEngine({
      connectionString: database.connectionString,
      definitions: [order],
      services: { url },
    })
    await known.start()
    await known.stop()
    const hold = await client.operator.hold({ definition: 'order', step: 'charge', side: 'compensation' }, by)
    const first = await startWorker('first')
    const id = await trace.getTracer('shop').startActiveSpan('POST /orders', async (span) => {
      const started = await client.enqueue(order, {})
      span.end()
      return started.id
    })
    await until('the undoing waits for the hold', async () => (await client.get(id))?.waiting === 'hold')
    await first.stop()
    const second = await startWorker('second')
    await client.operator.release(hold, by)
    expect((await client.outcome(id)).status).toBe('compensated')
    await second.stop()

    const all = [...own, ...seenBy(first), ...seenBy(second)]
    expect(new Set(all.map(({ traceId }) => traceId)).size).toBe(1)
    const names = new Map(all.map((span) => [span.spanId, span.name]))
    const chain = all.map(({ name, parentId }) => `${name} ← ${parentId === undefined ? '' : names.get(parentId)}`)
    expect(chain.sort()).toEqual(
      [
        'POST /orders ← ',
        'order enqueue ← POST /orders',
        'order charge ← order enqueue',
        'POST ← order charge',
        'serve /charge ← POST',
        'order ship ← order enqueue',
        'order charge compensation ← order enqueue',
        'POST ← order charge compensation',
        'serve /refund ← POST',
        'order ← order enqueue',
      ].sort(),
    )
    expect(seenBy(first).map(({ name }) => name)).toEqual(['POST', 'order charge', 'order ship'])
    expect(seenBy(second).map(({ name }) => name)).toEqual(['POST', 'order charge compensation', 'order'])
    const attempt = seenBy(second).find(({ name }) => name === 'order charge compensation')
    expect(attempt?.attributes).toEqual({
      'saga.id': id,
      'saga.definition': 'order',
      'saga.version': 1,
      'saga.step': 'charge',
      'saga.side': 'compensation',
      'saga.attempt': 1,
      'saga.build': 'second',
      'saga.outcome': 'succeeded',
    })
    const refused = seenBy(first).find(({ name }) => name === 'order ship')
    expect(refused).toMatchObject({ isError: true, message: 'No parcels today.' })
    const whole = seenBy(second).find(({ name }) => name === 'order')
    expect(whole).toMatchObject({ isError: false, attributes: { 'saga.id': id, 'saga.status': 'compensated' } })
    expect(context.active()).toBe(ROOT_CONTEXT)
  })
})
