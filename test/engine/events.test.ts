/** Events for others: a job for each, in a queue of the app's, by the transaction in which it happens (rule 1). */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  type EventMessage,
  fromPg,
  type SagaEngine,
  SagaError,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { wronglyTold } from '../support/told.ts'
import { until } from '../support/waiting.ts'

const by = { actor: 'ada', reason: 'a test' }
let refuse: string | undefined

const order = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('order', {
  version: 3,
  input: z.object({ secret: z.string().default('secret input') }),
})
  .step('pack', { action: () => 'secret parcel', compensation: () => {} })
  .transactionalStep('book', { action: () => 'secret booking', compensation: () => {} })
  .step('pay', {
    retry: { maxAttempts: 1 },
    whenExhausted: 'dead_letter',
    action: () => {
      if (refuse === 'pay') throw new StepRejected('No money.', { code: 'NO_MONEY' })
      if (refuse === 'bank') throw new StepNotApplied('The bank is away.')
      return 'secret receipt'
    },
  })

let database: TestDatabase
let queue: string
let queues = 0
const bosses: PgBoss[] = []

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(() => {
  refuse = undefined
  queue = `events-${(queues += 1)}`
})
afterEach(async () => {
  await Promise.all(bosses.splice(0).map((boss) => boss.stop({ graceful: false })))
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const start = (options: object = {}): Promise<SagaEngine> =>
  startEngine(database.connectionString, [order], { events: { queue }, ...options })

async function told(): Promise<readonly EventMessage[]> {
  const { rows } = await database.pool.query(
    `select data from pgboss.job where name = $1 order by data ->> 'saga', (data ->> 'sequence')::int`,
    [queue],
  )
  return rows.map(({ data }) => data)
}

async function appBoss(): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: database.connectionString, schema: 'pgboss' })
  boss.on('error', () => {})
  bosses.push(boss)
  await boss.start()
  return boss
}

describe('events', () => {
  test('tell each change of a saga’s status, in order, without payloads', async () => {
    const engine = await start()
    const { id } = await engine.enqueue(order, {}, { key: 'order-7' })
    await engine.outcome(id)
    const of = { saga: id, definition: 'order', version: 3, key: 'order-7' }
    const journal = await engine.journal(id)
    expect(await told()).toEqual([
      {
        ...of,
        type: 'saga_started',
        blueprint: order.blueprintHash,
        sequence: 1,
        status: 'running',
        at: expect.any(String),
      },
      { ...of, type: 'saga_completed', sequence: journal.length, status: 'completed', at: expect.any(String) },
    ])
    const between = (await told()).map(({ at }, index) => {
      return Math.abs(new Date(at).getTime() - (index === 0 ? journal[0] : journal.at(-1))!.at.getTime())
    })
    expect(Math.max(...between)).toBeLessThan(10_000)
  })

  test('tell of failures, dead letters and verbs: each change once, and what stayed as it was not at all', async () => {
    const engine = await start()
    refuse = 'bank'
    const { id } = await engine.enqueue(order, {}, { startAt: new Date(Date.now() + 300) })
    await engine.outcome(id)
    refuse = 'pay'
    await engine.operator.retry(id, by)
    await engine.outcome(id)
    const messages = await told()
    expect(messages.map(({ type, status }) => `${type}: ${status}`)).toEqual([
      'saga_started: pending',
      'saga_begun: running',
      'saga_dead_lettered: dead_lettered',
      'saga_retried: running',
      'saga_turned: compensating',
      'saga_compensated: compensated',
    ])
    expect(messages.find(({ type }) => type === 'saga_dead_lettered')).toMatchObject({
      reason: 'forward_exhausted',
      step: 'pay',
    })
    expect(messages.find(({ type }) => type === 'saga_retried')).toMatchObject({ act: by })
  })

  test('of all types are those of the journal, each once, for many sagas that are committed together', async () => {
    const engine = await start({ events: { queue, types: 'all' } })
    const results = await engine.enqueueMany(
      order,
      Array.from({ length: 300 }, () => ({ input: {} })),
    )
    for (const result of results) if (result.ok) await engine.outcome(result.id)
    const ours = results.flatMap((result) => (result.ok ? [result.id] : []))
    const wrong = await wronglyTold(database.pool, queue)
    expect(wrong.filter((line) => ours.includes(line.split(' ')[0] ?? ''))).toEqual([])
    const messages = await told()
    expect(messages.length).toBeGreaterThanOrEqual(ours.length * 8)
    expect(JSON.stringify(messages)).not.toContain('secret')
    expect(messages.filter(({ saga }) => saga === ours[0]).map(({ type, status }) => [type, status])).toContainEqual([
      'step_completed',
      'running',
    ])
  })

  test('of some types are those', async () => {
    const engine = await start({ events: { queue, types: ['step_completed', 'attempt_failed'] } })
    refuse = 'pay'
    const { id } = await engine.enqueue(order, {})
    await engine.outcome(id)
    expect(await told()).toMatchObject([
      { type: 'step_completed', step: 'pack', side: 'action', attempt: 1, status: 'running' },
      { type: 'step_completed', step: 'book', status: 'running' },
      { type: 'attempt_failed', step: 'pay', error: { code: 'NO_MONEY' }, status: 'running' },
    ])
  })

  test('of a start in the caller’s transaction commit with it, and leave nothing behind when it is rolled back', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString, events: { queue } })
    await client.count()
    const caller = new pg.Client({ connectionString: database.connectionString })
    await caller.connect()
    try {
      await caller.query('begin')
      await client.enqueue(order, {}, { db: fromPg(caller) })
      await caller.query('rollback')
      expect(await told()).toEqual([])
      await caller.query('begin')
      const { id } = await client.enqueue(order, {}, { db: fromPg(caller), key: 'once' })
      await client.enqueue(order, {}, { db: fromPg(caller), key: 'once' })
      expect(await told()).toEqual([])
      await caller.query('commit')
      expect(await told()).toMatchObject([{ saga: id, type: 'saga_started' }])
      await client.operator.cancel(id, by)
      expect((await told()).map(({ type }) => type)).toEqual(['saga_started', 'saga_turned'])
    } finally {
      await caller.end()
    }
  })

  test('are taken by whoever works on the queue, with a PgBoss of the app’s', async () => {
    const boss = await appBoss()
    const engine = await start({ boss })
    const taken: EventMessage[] = []
    await boss.work<EventMessage>(queue, { pollingIntervalSeconds: 0.5 }, async ([job]) => {
      if (job !== undefined) taken.push(job.data)
    })
    const { id } = await engine.enqueue(order, {})
    // Others may still be on their way.
    const ours = (): readonly EventMessage[] => taken.filter(({ saga }) => saga === id)
    await until('both were taken', () => Promise.resolve(ours().length === 2))
    expect(ours()).toMatchObject([
      { saga: id, type: 'saga_started' },
      { saga: id, type: 'saga_completed' },
    ])
  })

  test('are lost neither by a consumer that fails nor by one that comes late: the queue keeps them', async () => {
    await start()
    const made = await (await appBoss()).getQueue(queue)
    expect(made).toMatchObject({ policy: 'standard', retryLimit: 1_000_000_000, retentionSeconds: 60 * 365 * 86_400 })
  })

  test('go into a queue that is there as it is, if it takes every job', async () => {
    const boss = await appBoss()
    await boss.createQueue(queue, { retryLimit: 7 })
    const engine = await start()
    const { id } = await engine.enqueue(order, {})
    await engine.outcome(id)
    expect(await told()).toHaveLength(2)
    expect(await boss.getQueue(queue)).toMatchObject({ retryLimit: 7 })
    await boss.createQueue(`${queue}-short`, { policy: 'short' })
    const refused = start({ events: { queue: `${queue}-short` } })
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('short') })
  })

  test('are refused a queue or a type that cannot be', () => {
    const refused = (events: object): unknown => {
      try {
        return createSagaClient({ connectionString: database.connectionString, events: events as never })
      } catch (error) {
        return error
      }
    }
    for (const events of [
      {},
      { queue: '' },
      { queue: 'a b' },
      { queue: 'saga_step' },
      { queue: 'x', types: ['typo'] },
      { queue: 'x', types: [] },
    ])
      expect(refused(events), JSON.stringify(events)).toBeInstanceOf(SagaError)
  })
})
