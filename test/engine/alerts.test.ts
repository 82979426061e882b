/** Alerts on dead letters: one for each error group and interval, over all workers, told until it gets through. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaEngine, type DeadLetterAlert, type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const MINUTE_MS = 60_000
const by = { actor: 'ada', reason: 'a test' }
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** Past its pivot, so that a refusal is a dead letter. */
const order = sagasFor<{ services: unknown; tx: unknown }>()('order', {
  version: 1,
  input: z.object({ error: z.string() }),
})
  .step('decide', { action: () => 'yes' })
  .pivot()
  .step('ship', {
    action: ({ input: { error } }) => {
      if (error !== '' && !isMended) throw new StepRejected(error, { code: 'SHIP' })
    },
  })

let isMended = false
let database: TestDatabase
let engine: SagaEngine
let alerts: DeadLetterAlert[]

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  isMended = false
  alerts = []
  await database.pool.query('delete from saga.saga_alert; delete from saga.saga_alert_mark; delete from saga.saga')
  await database.pool.query('delete from saga.saga_event; delete from pgboss.job')
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock')
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(() => database.drop())

const open = async (options: object = {}) => {
  engine = await startEngine(database.connectionString, [order], {
    onDeadLetter: (alert: DeadLetterAlert) => void alerts.push(alert),
    ...options,
  })
}
async function dead(...errors: string[]): Promise<string[]> {
  const started = await engine.enqueueMany(
    order,
    errors.map((error) => ({ input: { error } })),
  )
  const ids = started.flatMap((one) => (one.ok ? [one.id] : []))
  for (const id of ids) expect((await engine.outcome(id)).status).toBe('dead_lettered')
  return ids
}
let offsetMs = 0
async function later(ms: number): Promise<void> {
  offsetMs += ms
  await database.pool.query('delete from saga.saga_clock')
  await database.pool.query('insert into saga.saga_clock values ($1)', [offsetMs])
}
const row = async () => (await database.pool.query('select * from saga.saga_alert')).rows[0]
/** All that has died has been counted by the channel. */
async function counted(channel = 'callback'): Promise<void> {
  await until('nothing is left to be counted', async () => {
    const { rows } = await database.pool.query(
      `select from saga.saga_event e, saga.saga_alert_mark m
       where m.channel = $1 and e.type = 'saga_dead_lettered' and not pg_visible_in_snapshot(e.xid, m.seen)`,
      [channel],
    )
    return rows.length === 0
  })
}
const sum = () => alerts.reduce((all, { count }) => all + count, 0)

describe('dead letters', () => {
  beforeEach(() => {
    offsetMs = 0
  })

  test('of one error are one alert, however many they are, and one for each interval from then on', async () => {
    await open()
    await dead(...Array.from({ length: 900 }, (_, nr) => `No parcel ${nr}`))
    await counted()
    await until('it was told', async () => alerts.length > 0)
    expect(alerts).toHaveLength(1)
    await later(14 * MINUTE_MS)
    await counted()
    expect(alerts).toHaveLength(1)
    await later(1 * MINUTE_MS)
    await until('all are told', async () => sum() === 900)
    await later(15 * MINUTE_MS)
    await dead('No parcel 900', 'No parcel 901')
    await until('these are told too', async () => sum() >= 901)
    await later(15 * MINUTE_MS)
    await until('and the rest of them', async () => sum() === 902)
    expect(alerts.length).toBeLessThanOrEqual(4)
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(alerts.length)
    expect(alerts.at(-1)?.total).toBe(902)
  })

  test('say what happened, to which sagas, and carry no payload', async () => {
    await open()
    const ids = await dead('No parcel 17')
    await until('it was told', async () => alerts.length > 0)
    const [group] = await engine.errorGroups()
    expect(alerts).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        errorGroup: group?.id,
        definition: 'order',
        step: 'ship',
        reason: 'past_pivot',
        code: 'SHIP',
        message: 'No parcel 17',
        count: 1,
        total: 1,
        sagas: ids,
        firstAt: group?.firstSeenAt,
        lastAt: group?.lastSeenAt,
        at: expect.any(Date),
      },
    ])
  })

  test('of two errors are two alerts; of two workers one tells each', async () => {
    await open()
    await startEngine(database.connectionString, [order], {
      onDeadLetter: (alert: DeadLetterAlert) => void alerts.push(alert),
    })
    await dead('No parcel 1', 'No stamps', 'No stamps')
    await until('both were told', async () => sum() === 3)
    await later(15 * MINUTE_MS)
    await counted()
    await until('nothing is due', async () => (await row()).due_at === null)
    expect(sum()).toBe(3)
    expect(new Set(alerts.map(({ errorGroup }) => errorGroup)).size).toBe(2)
  })

  test('that were there before anybody asked are not told, nor are those that are none any more', async () => {
    engine = await startEngine(database.connectionString, [order])
    await dead('No parcel 1')
    await stopEngine(engine)
    await open()
    const [second] = await dead('No stamps')
    await until('it was told', async () => alerts.length > 0)
    expect(alerts.map(({ message }) => message)).toEqual(['No stamps'])
    // The next one would be due in 15 minutes. By then both have been retried.
    const [third] = await dead('No stamps')
    await counted()
    const { told_at: toldAt, due_at: dueAt } = await row()
    expect(dueAt.getTime() - toldAt.getTime()).toBe(15 * MINUTE_MS)
    isMended = true
    for (const id of [second, third]) {
      await engine.operator.retry(id ?? '', by)
      expect((await engine.outcome(id ?? '')).status).toBe('completed')
    }
    await later(15 * MINUTE_MS)
    await until('there is nothing to tell any more', async () => (await row()).due_at === null)
    expect(alerts).toHaveLength(1)
  })

  test('are told again when the call fails: with the same id, later and later, by whoever is there', async () => {
    let isDown = true
    const calls: DeadLetterAlert[] = []
    const onDeadLetter = async (alert: DeadLetterAlert) => {
      calls.push(alert)
      if (isDown) throw new Error('Nobody listens.')
    }
    await open({ onDeadLetter })
    await dead('No parcel 1')
    await until('it failed', async () => (await row())?.last_error === 'Nobody listens.')
    await dead('No parcel 2')
    await counted()
    for (const [attempt, ms] of [5_000, 10_000, 20_000].entries()) {
      expect((await row()).due_at.getTime() - Date.now() - offsetMs).toBeLessThanOrEqual(ms)
      await later(ms)
      await until(
        'it failed again',
        // Not the lease, which is a minute.
        async () => {
          const { attempts, due_at: dueAt } = await row()
          const inMs = dueAt.getTime() - Date.now() - offsetMs
          return attempts === attempt + 2 && inMs > ms && inMs <= 2 * ms
        },
      )
    }
    await stopEngine(engine)
    isDown = false
    await later(40_000)
    await open({ onDeadLetter })
    await until('it got through', async () => (await row()).told_at !== null)
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1)
    expect(calls.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1])
    await later(15 * MINUTE_MS)
    await until('the second one is told as well', async () => calls.length === 6)
    expect(calls[5]).toMatchObject({ count: 1, total: 2, message: 'No parcel 2' })
    expect(calls[5]?.id).not.toBe(calls[0]?.id)
  })

  test('are told by somebody else when the worker that had begun to tell died', async () => {
    await open()
    await dead('No parcel 1')
    await until('it was told', async () => alerts.length === 1)
    // As it stands in the middle of a call whose worker is gone.
    await database.pool.query(
      `update saga.saga_alert set alert = $1::json, told_at = null, attempts = 1, due_at = saga.now() + interval '1 minute'`,
      [JSON.stringify(alerts[0])],
    )
    await later(MINUTE_MS)
    await until('it is told again', async () => alerts.length === 2)
    expect(alerts[1]).toEqual(alerts[0])
  })

  test('go on where the tables have come from another server, whose transactions were ahead of this one’s', async () => {
    await open()
    await stopEngine(engine)
    await database.pool.query(`update saga.saga_alert_mark set seen = '900000000000:900000000000:'`)
    await open()
    await dead('No parcel 1')
    await until('it is told', async () => alerts.length === 1)
  })

  test('are each counted once, in whichever order their transactions commit', async () => {
    await open()
    const [slow = ''] = await dead('No parcel 1')
    await until('it was told', async () => alerts.length === 1)
    // A transaction that began before others, and commits after them, with an older moment than theirs.
    const client = await database.pool.connect()
    await client.query('begin')
    await client.query(
      `insert into saga.saga_event (saga_id, sequence, type, at, format, data)
       select saga_id, 1000, type, at, format, data from saga.saga_event where saga_id = $1 and type = 'saga_dead_lettered'`,
      [slow],
    )
    await dead('No parcel 2')
    await counted()
    expect((await row()).count).toBe(1)
    await client.query('commit')
    client.release()
    await until('it is counted too', async () => (await row()).count === 2)
    await counted()
    expect((await row()).count).toBe(2)
    await database.pool.query('delete from saga.saga_event where sequence = 1000')
  })

  test('cost a worker that is to tell nobody nothing', async () => {
    engine = await startEngine(database.connectionString, [order])
    await dead('No parcel 1')
    const { rows } = await database.pool.query('select from saga.saga_alert_mark union all select from saga.saga_alert')
    expect(rows).toEqual([])
  })
})

describe('a webhook', () => {
  type Call = { readonly headers: NodeJS.Dict<string | string[]>; readonly body: string; readonly path: string }
  let server: Server
  let url: string
  let calls: Call[]
  let answers: { status: number; headers?: Record<string, string> }[]

  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((body) => {
        calls.push({ headers: request.headers, body, path: request.url ?? '' })
        const { status, headers } = answers.shift() ?? { status: 204 }
        response.writeHead(status, headers).end('x'.repeat(status === 204 ? 0 : 100_000))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    offsetMs = 0
    calls = []
    answers = []
  })
  afterAll(() => void server.close())

  const post = async (options: object = {}) => {
    engine = await startEngine(database.connectionString, [order], {
      webhook: { url: `${url}/hook`, secret: SECRET },
      ...options,
    })
  }

  test('carries the alert, signed, with its id and the moment of the call', async () => {
    const { createHmac } = await import('node:crypto')
    await post({ alertLink: ({ definition }: DeadLetterAlert) => `https://ops.example/sagas?definition=${definition}` })
    const ids = await dead('No parcel 17')
    await until('it was called', async () => calls.length === 1)
    const [{ headers, body, path }] = calls as [Call]
    const message = JSON.parse(body)
    expect(path).toBe('/hook')
    expect(message).toMatchObject({
      type: 'saga.dead_letters',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        definition: 'order',
        step: 'ship',
        reason: 'past_pivot',
        message: 'No parcel 17',
        count: 1,
        sagas: ids,
        link: 'https://ops.example/sagas?definition=order',
      },
    })
    const [id, at] = [String(headers['webhook-id']), Number(headers['webhook-timestamp'])]
    expect(Math.abs(at - Date.now() / 1_000)).toBeLessThan(60)
    const signed = createHmac('sha256', Buffer.alloc(32, 7)).update(`${id}.${at}.${body}`).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${signed}`)
    expect(headers['content-type']).toBe('application/json')
  })

  test('is called again after an answer that is no success, with the same id and body and a new time; redirects are none', async () => {
    answers = [{ status: 500 }, { status: 302, headers: { location: `${url}/elsewhere` } }]
    await post()
    await dead('No parcel 17')
    await until('it failed', async () => (await row())?.last_error === 'The webhook answered with status 500.')
    await later(5_000)
    await until('it failed again', async () => (await row()).last_error === 'The webhook answered with status 302.')
    await later(10_000)
    await until('it got through', async () => (await row()).told_at !== null)
    expect(calls.map(({ path }) => path)).toEqual(['/hook', '/hook', '/hook'])
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(new Set(calls.map(({ body }) => body)).size).toBe(1)
    expect(new Set(calls.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3)
    expect(new Set(calls.map(({ headers }) => headers['webhook-signature'])).size).toBe(3)
  })

  test('and a callback each have their own trouble', async () => {
    answers = [{ status: 500 }]
    await post({ onDeadLetter: (alert: DeadLetterAlert) => void alerts.push(alert) })
    await dead('No parcel 17')
    await until('the call failed', async () => calls.length === 1)
    await later(5_000)
    await until('it was repeated', async () => calls.length === 2)
    expect(alerts).toHaveLength(1)
  })

  test.each([
    ['no address', { url: 'nowhere', secret: SECRET }],
    ['another protocol', { url: 'ftp://example.org', secret: SECRET }],
    ['a user in its address', { url: 'https://ada:secret@example.org', secret: SECRET }],
    ['no secret', { url: 'https://example.org', secret: '' }],
    ['a secret that is too short', { url: 'https://example.org', secret: 'whsec_c2hvcnQ=' }],
    ['a secret that is not base64', { url: 'https://example.org', secret: `whsec_${'!'.repeat(40)}` }],
    ['no secrets', { url: 'https://example.org', secret: [] }],
  ])('with %s is refused when the engine is made', (_what, webhook) => {
    const options = { connectionString: database.connectionString, definitions: [order], webhook }
    expect(() => createSagaEngine(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
