/** Definitions, holds, workers, queues, maintenance and figures through the API. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaEngine, sagasFor } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine } from '../../support/engine.ts'
import { deadLetters, sendLetter } from '../letters.ts'
import { hostile } from '../orders.ts'
import type { Dashboard } from '../requests.ts'
import { dashboardWithTokens, fetchApi, postApi } from './programs.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard

const nothing = { action: () => 1 }
const undoable = { ...nothing, compensation: () => {} }

/** A node of each kind. */
const bookTrip = sagasFor<{ services: unknown; tx: unknown }>()('book-trip', {
  version: 2,
  input: z.object({ way: z.enum(['train', 'plane']) }),
})
  .parallel('bookings', (both) => both.step('hotel', undoable).lane((lane) => lane.step('car', undoable)))
  .branch('way', ({ input }) => input.way, {
    train: (steps) => steps.step('book-train', undoable),
    plane: (steps) => steps.step('book-seats', undoable),
  })
  .map('invite', { over: () => ['ada', 'grace'], ...undoable })
  .step('pay', { ...undoable, formerly: ['charge'] })
  .pivot()
  .step('confirm', nothing)

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [sendLetter, bookTrip], { build: 'b-1' })
  app = dashboardWithTokens(engine)
})
afterAll(() => database.drop())

describe('definitions', () => {
  test('are listed, and told with their shapes one by one', async () => {
    const { json } = await fetchApi(app, '/definitions')
    expect(json.definitions.map(({ name }: { name: string }) => name)).toEqual(['book-trip', 'send-letter'])
    expect(json.definitions[1].versions[0].workers).toEqual([engine.workerId])
    const one = await fetchApi(app, '/definitions/book-trip')
    const nodes = one.json.versions[0].blueprint.nodes.map(({ node }: { node: string }) => node)
    expect(nodes).toEqual(['parallel', 'branch', 'map', 'step', 'step'])
    expect((await fetchApi(app, '/definitions/no-such')).status).toBe(404)
  })
})

describe('a hold', () => {
  const body = { definition: 'send-letter', step: 'stamp', reason: hostile }

  test('is placed, listed, and released as it stood', async () => {
    const { json } = await postApi(app, '/holds', { ...body, requestId: 'request-1' })
    expect((await postApi(app, '/holds', { ...body, requestId: 'request-1' })).json).toEqual({
      id: json.id,
      repeated: true,
    })
    const [hold] = (await fetchApi(app, '/holds')).json.holds
    expect(hold).toMatchObject({ id: json.id, step: 'stamp', side: null, actor: 'ada', reason: hostile, waiting: 0 })
    expect((await fetchApi(app, '/definitions/send-letter')).json.holds).toEqual([hold])
    const stale = await postApi(app, `/holds/${json.id}/release`, { reason: 'over', stand: 'otherwise' })
    expect(stale.json).toMatchObject({ status: 409, code: 'CHANGED', holds: [hold] })
    const release = (requestId: string) =>
      postApi(app, `/holds/${json.id}/release`, { reason: 'over', stand: hold.stand, requestId })
    expect((await release('request-2')).json).toEqual({ id: json.id, sagas: 0, repeated: false })
    expect((await release('request-2')).json).toEqual({ id: json.id, sagas: 0, repeated: true })
    const again = await release('request-3')
    expect([again.status, again.json.title]).toEqual([409, 'It is released already'])
  })

  test('is not placed beside one that was not seen', async () => {
    const other = await engine.operator.hold(
      { definition: 'send-letter', step: 'stamp' },
      { actor: 'grace', reason: 'mine' },
    )
    const { status, json } = await postApi(app, '/holds', body)
    expect([status, json.code, json.holds[0].id]).toEqual([409, 'CHANGED', other])
    expect((await postApi(app, '/holds', { ...body, seen: [other] })).status).toBe(200)
    for (const { id, stand } of (await fetchApi(app, '/holds')).json.holds) {
      expect((await postApi(app, `/holds/${id}/release`, { reason: 'over', stand })).status).toBe(200)
    }
  })

  test.each([
    [{ ...body, definition: 'no-such' }, 404],
    [{ ...body, step: 'no-such' }, 404],
    [{ ...body, side: 'both' }, 400],
    [{ ...body, reason: '' }, 400],
  ])('of %j is %d', async (wrong, status) => {
    expect((await postApi(app, '/holds', wrong)).status).toBe(status)
  })
})

describe('maintenance', () => {
  test('is done when somebody asks for it, and stands in the log', async () => {
    const { json } = await postApi(app, '/maintenance/cleanup', { dryRun: true })
    expect(json).toMatchObject({
      duty: 'cleanup',
      entry: { by: 'ada', isDry: true, error: null, outcome: { sagas: 0 } },
    })
    const { json: log } = await fetchApi(app, '/maintenance?duty=cleanup&limit=1')
    expect(log.entries).toEqual([json.entry])
    expect((await postApi(app, '/maintenance/tidying', { dryRun: true })).status).toBe(404)
    expect((await postApi(app, '/maintenance/cleanup', {})).json.errors[0].path).toBe('dryRun')
    expect((await fetchApi(app, '/maintenance?duty=tidying')).status).toBe(400)
  })
})

describe('the system', () => {
  test('tells what needs somebody, with workers, queues and schedules', async () => {
    await deadLetters(engine, 1)
    const overview = (await fetchApi(app, '/overview')).json
    expect(overview.concerns[0]).toMatchObject({ about: 'Dead letters', tone: 'bad' })
    expect(overview.concerns[0].page).toMatch(/^\/sagas\?status=dead_lettered/)
    expect((await fetchApi(app, '/attention')).json.deadLetters).toMatchObject([{ count: 1 }])
    expect((await fetchApi(app, '/workers')).json.workers[0]).toMatchObject({ build: 'b-1', isAlive: true })
    expect((await fetchApi(app, '/queues')).json.queues.map(({ purpose }: { purpose: string }) => purpose)).toContain(
      'steps',
    )
    expect((await fetchApi(app, '/schedules')).json.schedules.map(({ name }: { name: string }) => name)).toContain(
      'cleanup',
    )
  })

  test('has figures of the past, by the hour', async () => {
    await database.pool.query(
      `insert into saga.saga_statistics (hour, definition, started, completed, compensated, resolved, dead_lettered, mean_ms, p50_ms, p95_ms, p99_ms)
       values ('2026-11-01T10:00Z', 'send-letter', 3, 2, 1, 0, 0, 12.5, 10, 20, 30)`,
    )
    const { json } = await fetchApi(app, '/statistics?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00%2B01:00')
    expect(json).toMatchObject({ from: '2026-11-01T00:00:00.000Z', to: '2026-11-01T23:00:00.000Z' })
    expect(json.hours).toMatchObject([{ hour: '2026-11-01T10:00:00.000Z', started: 3, meanMs: 12.5 }])
    expect((await fetchApi(app, '/statistics?definition=book-trip')).json.hours).toEqual([])
    expect((await fetchApi(app, '/statistics?from=yesterday')).status).toBe(400)
    expect((await fetchApi(app, '/statistics?from=2020-01-01T00:00:00Z')).json.code).toBe('FILTER_INVALID')
  })

  test('says who asks, and what they may', async () => {
    const { json } = await fetchApi(app, '/me', 'operator')
    expect(json.actor).toEqual({ id: 'otto', name: null, role: 'operator' })
    expect(json.rights).toMatchObject({ read: true, retry: true, maintain: false, compensate_past_pivot: false })
  })

  test('is 503 where the database is away, and says nothing of where it is', async () => {
    const client = createSagaClient({ connectionString: 'postgres://nobody:secret@127.0.0.1:1/nowhere' })
    const quiet = { debug() {}, info() {}, warn() {}, error() {} }
    const { status, text, headers } = await fetchApi(dashboardWithTokens(client, { logger: quiet }), '/sagas')
    expect([status, headers.get('retry-after')]).toEqual([503, '5'])
    expect(text).not.toMatch(/secret|127\.0\.0\.1/)
    await client.close()
  })
})
