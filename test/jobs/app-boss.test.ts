/** A `PgBoss` of the app's own, handed to engine and client: used, checked, and left alone. */
import type pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AppBoss, createSagaClient, createSagaEngine, migrate, SagaError, sagasFor } from '../../src/index.ts'
import { KNOWN_BOSS_VERSION } from '../../src/jobs/app-boss.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const order = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('order', {
  version: 1,
  input: z.object({ fails: z.boolean().default(false) }),
})
  .step('one', { action: () => 1, compensation: () => {} })
  .transactionalStep('two', { action: () => 2, compensation: () => {} })
  .step('three', {
    action: ({ input }) => {
      if (input.fails) throw new Error('no')
    },
    retry: { maxAttempts: 1 },
  })

let database: TestDatabase
const bosses: PgBoss[] = []

beforeAll(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await Promise.all(bosses.splice(0).map((boss) => boss.stop({ graceful: false })))
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

function appBoss(options: Partial<ConstructorParameters<typeof PgBoss>[0] & object> = {}): PgBoss {
  const boss = new PgBoss({ connectionString: database.connectionString, schema: 'pgboss', ...options })
  boss.on('error', () => {})
  bosses.push(boss)
  return boss
}

/** What it is refused with, and everything is closed again. */
async function refusal(boss: unknown, options: object = {}): Promise<SagaError> {
  const { connectionString } = database
  try {
    await using engine = createSagaEngine({ connectionString, definitions: [order], boss: boss as AppBoss, ...options })
    await engine.start()
  } catch (error) {
    if (error instanceof SagaError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

describe('a PgBoss of the app', () => {
  test('carries the jobs of the engine, and goes on with those of the app before, beside and after it', async () => {
    const boss = appBoss()
    await boss.start()
    await boss.createQueue('mails')
    const sent: string[] = []
    await boss.work<{ to: string }>('mails', { pollingIntervalSeconds: 0.5 }, async (jobs) => {
      sent.push(...jobs.map((job) => job.data.to))
    })
    const send = async (to: string) => {
      await boss.send('mails', { to })
      await until(`the mail to ${to} is sent`, async () => sent.includes(to))
    }
    await send('before')
    const engine = await startEngine(database.connectionString, [order], { boss })
    await using client = createSagaClient({ connectionString: database.connectionString, boss })
    const [done, undone] = await Promise.all([engine.enqueue(order, {}), client.enqueue(order, { fails: true })])
    expect((await client.outcome(done.id)).status).toBe('completed')
    expect((await client.outcome(undone.id)).status).toBe('compensated')
    await send('beside')
    await stopEngine(engine)
    await client.close()
    await send('after')
    const { rows } = await database.pool.query(`select from pgboss.job where name like 'saga%'`)
    expect(rows).toEqual([])
  })

  test('is started where it is not, with its own options, and on a schema of its own', async () => {
    const boss = appBoss({ schema: 'jobs' })
    const options = { boss, bossSchema: 'jobs', schema: 'shop' }
    const engine = await startEngine(database.connectionString, [order], options)
    const { id } = await engine.enqueue(order, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    const { rows } = await database.pool.query(`select name from jobs.queue where name like 'saga%' order by 1`)
    expect(rows.map(({ name }) => name)).toEqual([
      'saga_dead_letter',
      'saga_lost',
      'saga_maintenance',
      'saga_schedule',
      'saga_step',
    ])
    await stopEngine(engine)
    expect(await boss.getQueue('saga_step')).toMatchObject({ name: 'saga_step' })
  })

  test('gets the options of the queues brought up to date', async () => {
    await migrate({ connectionString: database.connectionString })
    await database.pool.query(`update pgboss.queue set retry_limit = 5, expire_seconds = 900 where name = 'saga_step'`)
    const boss = appBoss()
    const { connectionString } = database
    await boss.start()
    await using client = createSagaClient({ connectionString, boss })
    await expect(client.enqueue(order, {})).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('retryLimit is 5 and has to be 0'),
    })
    await startEngine(connectionString, [order], { boss })
    await client.enqueue(order, {})
    expect(await boss.getQueue('saga_step')).toMatchObject({ retryLimit: 0, expireInSeconds: 3_600 })
  })

  test('is not made ready by a client: that is for an engine, or migrate()', async () => {
    const options = { connectionString: database.connectionString, schema: 'other', bossSchema: 'other_jobs' }
    await using before = createSagaClient({ ...options, boss: appBoss({ schema: 'other_jobs' }) })
    await expect(before.enqueue(order, {})).rejects.toMatchObject({ code: 'SCHEMA_TOO_OLD' })
    await migrate({ ...options, boss: appBoss({ schema: 'other_jobs' }) })
    expect((await before.enqueue(order, {})).created).toBe(true)
  })
})

describe('what is handed in as a PgBoss is refused when', () => {
  test('it is none', async () => {
    const error = await refusal({ start() {}, fetch() {} })
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain('boss is a PgBoss, and what was given has no schemaVersion, no getDb')
    expect((await refusal(null)).code).toBe('OPTION_INVALID')
  })

  test('it only looks like one', async () => {
    const nothing = () => {}
    const fake = Object.fromEntries(
      [
        'start',
        'schemaVersion',
        'getDb',
        'createQueue',
        'updateQueue',
        'getQueue',
        'insert',
        'fetch',
        'deleteJob',
        'schedule',
        'unschedule',
        'getSchedules',
        'previewSchedule',
      ].map((name) => [name, nothing]),
    )
    const error = await refusal(fake)
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain(`version undefined, and this version of pg-saga knows ${KNOWN_BOSS_VERSION}`)
  })

  test('it works on another schema, which the error names', async () => {
    const error = await refusal(appBoss({ schema: 'elsewhere' }))
    expect(error).toMatchObject({ code: 'OPTION_INVALID', details: { option: 'boss' } })
    expect(error.message).toContain(`its schema is "elsewhere", and bossSchema is "pgboss"`)
    const { rows } = await database.pool.query(`select from elsewhere.job where name like 'saga%'`)
    expect(rows).toEqual([])
  })

  test('its connections lead to another database', async () => {
    const other = await testDatabase()
    try {
      const boss = appBoss({ connectionString: other.connectionString })
      expect((await refusal(boss)).message).toContain('another database than connectionString')
      await boss.stop({ graceful: false })
    } finally {
      await other.drop()
    }
  })

  test('its tables are of another version', async () => {
    const boss = appBoss()
    await boss.start()
    await database.pool.query('update pgboss.version set version = version + 1')
    try {
      const error = await refusal(boss)
      expect(error.message).toContain(`at version ${KNOWN_BOSS_VERSION + 1}`)
    } finally {
      await database.pool.query('update pgboss.version set version = version - 1')
    }
  })

  test('it does not start', async () => {
    const error = await refusal(appBoss({ schema: 'nowhere', migrate: false }), { bossSchema: 'nowhere' })
    expect(error).toMatchObject({ code: 'OPTION_INVALID', cause: expect.any(Error) })
    expect(error.message).toContain('it does not start')
  })

  test('one of its queues cannot be made what it has to be', async () => {
    const boss = appBoss({ schema: 'strict' })
    await boss.start()
    await boss.createQueue('saga_lost', { policy: 'short' })
    const error = await refusal(boss, { bossSchema: 'strict' })
    expect(error.message).toContain('of its queue saga_lost, policy is "short" and has to be "standard"')
  })

  test('it does not use the transaction that it is given', async () => {
    const boss = appBoss()
    await boss.start()
    const deaf = new Proxy(boss, {
      get(target, key) {
        if (key === 'insert') return (name: string, jobs: never) => target.insert(name, jobs)
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    expect((await refusal(deaf)).message).toContain('does not use the transaction')
    await boss.deleteAllJobs('saga_dead_letter')
  })
})
