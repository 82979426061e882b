/** What Prometheus is told: by the events of a worker, and by the database. */
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type SagaMetrics, sagaMetrics } from '../../src/prometheus/index.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/prometheus/metrics.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const by = { actor: 'ada', reason: 'a test' }
const tries = { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' } as const
const input = z.object({ fails: z.enum(['no', 'once', 'undone', 'dead']).default('no') })
const once = new Set<string>()

const order = sagasFor<{ services: unknown; tx: unknown }>()('order', { version: 1, input })
  .transactionalStep('book', { action: () => {}, compensation: () => {} })
  .map('pack', {
    over: () => [1, 2, 3],
    action: ({ item }) => item,
    compensation: ({ input: { fails } }) => {
      if (fails === 'dead') throw new StepRejected('It stays packed.')
    },
  })
  .step('pay', {
    retry: tries,
    action: ({ input: { fails }, sagaId }) => {
      if (fails === 'once' && !once.has(sagaId)) {
        once.add(sagaId)
        throw new StepNotApplied('Not now.')
      }
      if (fails === 'undone' || fails === 'dead') throw new StepRejected('No money.')
    },
  })

let database: TestDatabase
let engine: SagaEngine
let metrics: SagaMetrics
let client: ReturnType<typeof createSagaClient>

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  await database.pool.query('delete from saga.saga')
  await database.pool.query('delete from saga.saga_event')
  await database.pool.query('delete from pgboss.job')
  client = createSagaClient({ connectionString: database.connectionString })
  metrics = sagaMetrics({ registry: new Registry(), client, refreshMs: 0 })
})
afterEach(async () => {
  await client.close()
  await database.pool.query('delete from saga.saga_clock')
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(() => database.drop())

const start = async () => {
  engine = await startEngine(database.connectionString, [order], { onEvent: metrics.onEvent })
}
/** Samples as Prometheus reads them: `name{label="value"}` by value. */
async function samples(): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
async function ended(fails: 'no' | 'once' | 'undone' | 'dead'): Promise<string> {
  const { id } = await engine.enqueue(order, { fails })
  await engine.outcome(id)
  return id
}

describe('the counters of a worker', () => {
  test('say how sagas ended, how long they took, and what their attempts came to', async () => {
    await start()
    await ended('no')
    await ended('once')
    await ended('undone')
    const told = await samples()
    expect(told).toMatchObject({
      'saga_executions_total{definition="order",status="completed"}': 2,
      'saga_executions_total{definition="order",status="compensated"}': 1,
      'saga_duration_seconds_count{definition="order",status="completed"}': 2,
      'saga_duration_seconds_bucket{le="+Inf",definition="order",status="compensated"}': 1,
      'saga_turns_total{definition="order",cause="failure"}': 1,
      'saga_attempts_total{definition="order",step="book",side="action",outcome="succeeded"}': 3,
      'saga_attempts_total{definition="order",step="book",side="compensation",outcome="succeeded"}': 1,
      'saga_attempts_total{definition="order",step="pay",side="action",outcome="succeeded"}': 2,
      'saga_attempts_total{definition="order",step="pay",side="action",outcome="not_applied"}': 1,
      'saga_attempts_total{definition="order",step="pay",side="action",outcome="rejected"}': 1,
      'saga_retries_total{definition="order",step="pay",side="action"}': 1,
      'saga_compensations_total{definition="order",step="book"}': 1,
      // Items under the name of their map: their number is no label.
      'saga_compensations_total{definition="order",step="pack"}': 3,
    })
    const seconds = told['saga_duration_seconds_sum{definition="order",status="completed"}'] ?? 0
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(60)
    expect(told['saga_commit_batch_size_count']).toBeGreaterThan(0)
    expect(told['saga_commit_batch_size_count']).toBe(told['saga_commit_seconds_count'])
    expect(told['saga_fetched_jobs_total']).toBeGreaterThanOrEqual(3 * 6)
  })

  test('count takeovers and what a worker loses', () => {
    metrics.onEvent({ type: 'taken_over', worker: 'w', jobs: 3 })
    metrics.onEvent({ type: 'session_lost' })
    return expect(samples()).resolves.toMatchObject({
      saga_takeovers_total: 1,
      saga_taken_over_jobs_total: 3,
      saga_sessions_lost_total: 1,
    })
  })
})

describe('the gauges', () => {
  test('say what waits, for how long, and what is dead, by error group', async () => {
    await start()
    await ended('dead')
    await ended('dead')
    const [group] = await client.errorGroups()
    const labels = `definition="order",reason="compensation_exhausted",group="${group?.id}"`
    const told = await samples()
    expect(told).toMatchObject({
      [`saga_dead_letters{${labels}}`]: 2,
      'saga_live{status="running"}': 0,
      saga_queue_depth: 0,
      saga_queue_oldest_seconds: 0,
      saga_workers: 1,
    })
    await engine.stop()
    for (let nr = 0; nr < 3; nr += 1) await client.enqueue(order, { fails: 'no' }, { priority: nr })
    await database.pool.query(`update pgboss.job set created_on = now() - interval '90 s', start_after = now() - interval '90 s' where name = 'saga_step' and priority = 
      (select min(priority) from pgboss.job where name = 'saga_step')`)
    await client.enqueue(order, { fails: 'no' }, { startAt: new Date(Date.now() + 60_000) })
    await database.pool.query('insert into saga.saga_clock values (3600000)')
    const later = await samples()
    expect(later).toMatchObject({
      'saga_live{status="pending"}': 1,
      'saga_live{status="running"}': 3,
      saga_queue_depth: 3,
      saga_timers_due: 1,
      saga_workers: 0,
    })
    expect(later['saga_queue_oldest_seconds']).toBeGreaterThanOrEqual(90)
    expect(later['saga_queue_oldest_seconds']).toBeLessThan(200)
    expect(later['saga_timer_overdue_seconds']).toBeGreaterThan(3_500)
  })

  test('are read once for all of a scrape, and not again for a while', async () => {
    let looks = 0
    const counted = { gauges: () => ((looks += 1), client.gauges()) }
    const { registry } = sagaMetrics({ registry: new Registry(), client: counted, refreshMs: 60_000 })
    await registry.metrics()
    await Promise.all([registry.metrics(), registry.metrics()])
    expect(looks).toBe(1)
  })

  test('are absent while the database does not answer, and the counters stay', async () => {
    let isDown = false
    const failing = { gauges: () => (isDown ? Promise.reject(new Error('down')) : client.gauges()) }
    const { registry } = sagaMetrics({ registry: new Registry(), client: failing, refreshMs: 0 })
    expect(await registry.metrics()).toContain('\nsaga_queue_depth 0')
    isDown = true
    const text = await registry.metrics()
    for (const { name } of Object.values(GAUGES)) expect(text).not.toMatch(new RegExp(`^${name}[ {]`, 'm'))
    expect(await registry.metrics()).toMatch(/^saga_refresh_failures_total [12]$/m)
    isDown = false
    expect(await registry.metrics()).toContain('\nsaga_queue_depth 0')
  })

  test('have an end for error groups: what is beyond the largest is counted together', async () => {
    const one = (nr: number) => ({ id: `1:${nr}`, definition: 'order', reason: 'past_pivot', count: 2 })
    const gauges = async () => ({
      ...(await client.gauges()),
      deadLetters: 55,
      groups: Array.from({ length: 20 }, (_, nr) => one(nr)) as never,
    })
    metrics = sagaMetrics({ registry: new Registry(), client: { gauges }, refreshMs: 0 })
    const told = Object.entries(await samples()).filter(([name]) => name.startsWith('saga_dead_letters'))
    expect(told).toHaveLength(21)
    expect(Object.fromEntries(told)).toMatchObject({
      'saga_dead_letters{definition="other",reason="other",group="other"}': 15,
    })
  })
})

describe('the metrics', () => {
  test('are all in the registry, with help texts, and units last', async () => {
    const all = [...Object.values(COUNTERS), ...Object.values(HISTOGRAMS), ...Object.values(GAUGES)]
    const registered = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name)
    expect(registered.sort()).toEqual(all.map(({ name }) => name).sort())
    for (const { name, help } of Object.values(COUNTERS))
      expect([name, help]).toEqual([expect.stringMatching(/^saga_[a-z_]+_total$/), expect.stringMatching(/\.$/)])
    for (const { name } of all) expect(name).not.toMatch(/_ms(_|$)/)
  })

  test('cost nothing in the database for a process that has given no client', async () => {
    const { registry } = sagaMetrics({ registry: new Registry() })
    const names = (await registry.getMetricsAsJSON()).map(({ name }) => name)
    expect(names).not.toContain('saga_queue_depth')
    expect(names).toContain('saga_takeovers_total')
  })

  test('are registered once a registry', () => {
    const registry = new Registry()
    sagaMetrics({ registry })
    expect(() => sagaMetrics({ registry })).toThrow(/already been registered/)
  })

  test('count a saga that stands still while nobody works on it only when it ends', async () => {
    await start()
    const { id } = await engine.enqueue(order, { fails: 'no' }, { startAt: new Date(Date.now() + 60_000) })
    expect(Object.keys(await samples()).filter((name) => name.startsWith('saga_executions'))).toEqual([])
    await engine.operator.cancel(id, by)
    await until('it is at rest', async () => (await client.get(id))?.status === 'compensated')
  })
})
