/** What machines ask: without signing in, they learn yes or no, and what is lacking. */
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DashboardOptions, sagaDashboard } from '../../src/dashboard/index.ts'
import { createSagaClient, type SagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { ADA, dashboardFor, get } from './requests.ts'

let database: TestDatabase
const clients: { close(): Promise<void> }[] = []

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await database.drop()
})

function clientOf(connectionString: string, schema = 'saga'): SagaClient {
  const client = createSagaClient({ connectionString, schema })
  clients.push(client)
  return client
}

describe('a probe', () => {
  test('is answered to whoever asks, where everything else is closed', async () => {
    const app = sagaDashboard({ client: clientOf(database.connectionString) })
    expect(await get(app, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
    expect(await get(app, '/readyz')).toMatchObject({ status: 200, text: 'ready\n' })
    expect((await get(app, '/sagas')).status).toBe(403)
    expect((await get(app, '/healthz')).headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
    expect((await app.request('/readyz', { method: 'POST' })).status).toBe(403)
  })

  test('says that the database does not answer', async () => {
    const app = sagaDashboard({ client: clientOf('postgres://somebody:secret@127.0.0.1:1/nowhere') })
    const { status, text } = await get(app, '/readyz')
    expect([status, text]).toEqual([503, 'not ready: the database does not answer\n'])
    expect((await get(app, '/healthz')).status).toBe(200)
  })

  test('says so within two seconds, of one that keeps still', async () => {
    const client = clientOf(database.connectionString)
    const app = sagaDashboard({ client })
    await client.list()
    const locker = await database.pool.connect()
    await locker.query('begin')
    await locker.query('lock table saga.saga_migration in access exclusive mode')
    const before = performance.now()
    const { status, text } = await get(app, '/readyz')
    expect([status, text]).toEqual([503, 'not ready: the database does not answer within 2 s\n'])
    expect(performance.now() - before).toBeLessThan(3_000)
    await locker.query('rollback')
    locker.release()
  })

  test('says that the schema is not there, and of another version', async () => {
    const none = await get(sagaDashboard({ client: clientOf(database.connectionString, 'elsewhere') }), '/readyz')
    expect([none.status, none.text]).toEqual([503, 'not ready: the schema is not there, or too old: migrate it\n'])
    const client = clientOf(database.connectionString)
    await client.list()
    await database.pool.query(`insert into saga.saga_migration (version, hash) values (999, 'later')`)
    const later = await get(sagaDashboard({ client }), '/readyz')
    expect([later.status, later.text]).toEqual([503, 'not ready: the schema is too new: upgrade this process\n'])
    await database.pool.query('delete from saga.saga_migration where version = 999')
  })

  test('is answered while those who look at pages wait for each other', async () => {
    const client = clientOf(database.connectionString)
    const app = dashboardFor(client)
    const locker = await database.pool.connect()
    await locker.query('begin')
    await locker.query('lock table saga.saga in access exclusive mode')
    const looking = Array.from({ length: 12 }, () => get(app, '/sagas'))
    await until('all places of those who look are taken', async () => {
      const { rows } = await database.pool.query(
        `select count(*)::int as count from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and application_name = 'pg-saga'`,
      )
      return rows[0].count === 4
    })
    expect(await get(app, '/readyz')).toMatchObject({ status: 200, text: 'ready\n' })
    await locker.query('rollback')
    locker.release()
    await Promise.all(looking)
  })

  test('costs one look, however many ask at once', async () => {
    let looks = 0
    const system = {
      check: () => {
        looks += 1
        return Promise.resolve()
      },
    }
    const client = { system } as unknown as SagaClient
    const app = sagaDashboard({ client })
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(app, '/readyz')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(looks).toBe(1)
  })
})

describe('the metrics', () => {
  const registry = new Registry()
  const asked = (options: Partial<DashboardOptions>, headers = {}) =>
    get(dashboardFor(clientOf(database.connectionString), ADA, options), '/metrics', headers)

  test('are not there unless they are given', async () => {
    expect((await asked({})).status).toBe(404)
  })

  test('are for those who come in and may read', async () => {
    const metrics = { from: () => 'sagas 1\n' }
    expect(await asked({ metrics })).toMatchObject({ status: 200, text: 'sagas 1\n' })
    expect((await asked({ metrics, authorize: () => false })).status).toBe(403)
    expect((await asked({ metrics, authenticate: () => null })).status).toBe(401)
  })

  test('are for those whom the hook of their own lets in, without signing in', async () => {
    const metrics = {
      from: registry,
      allow: (request: Request) => request.headers.get('authorization') === 'Bearer scraper',
    }
    const authenticate = () => null
    const { status, headers } = await asked({ metrics, authenticate }, { Authorization: 'Bearer scraper' })
    expect([status, headers.get('content-type')]).toEqual([200, registry.contentType])
    expect((await asked({ metrics, authenticate })).status).toBe(403)
    expect((await asked({ metrics })).status).toBe(403)
  })
})
