/** Signals that sagas have changed: who hears them, how many looks they cost, and when they end. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Pulse } from '../../src/dashboard/events/pulse.ts'
import { streamOf } from '../../src/dashboard/events/stream.ts'
import { SILENT } from '../../src/engine/runtime/ports.ts'
import type { Db } from '../../src/engine/store/db.ts'
import { readPulse } from '../../src/engine/store/pulse.ts'
import type { SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { ADA, dashboardFor, get } from './requests.ts'

const decoder = new TextDecoder()

/** What a page that listens hears. */
function ear(stream: ReadableStream<Uint8Array> | null) {
  const reader = (stream as ReadableStream<Uint8Array>).getReader()
  return {
    /** The next signal; `undefined` when the stream has ended. */
    hears: async (): Promise<string | undefined> => {
      const { value } = await reader.read()
      return value === undefined ? undefined : /^event: (\S+)\ndata:\n\n$/.exec(decoder.decode(value))?.[1]
    },
    leave: () => reader.cancel(),
  }
}

describe('the look at the database', () => {
  let looks: (readonly string[])[]
  let mark: string
  let revisions: Map<string, number>
  let pulse: Pulse

  beforeEach(() => {
    vi.useFakeTimers()
    looks = []
    mark = 'a'
    revisions = new Map([['x', 1]])
    pulse = new Pulse(async (sagas) => {
      looks.push(sagas)
      return { mark, revisions }
    }, SILENT)
  })
  afterEach(() => vi.useRealTimers())

  const beat = () => vi.advanceTimersByTimeAsync(1_000)

  test('is one a second for all who listen, and none when nobody does', async () => {
    await vi.advanceTimersByTimeAsync(5_000)
    expect(looks).toEqual([])
    const leave = [undefined, 'x', 'x', 'y'].map((saga) => pulse.listen({ saga, who: 'ada' }, () => {}))
    await vi.advanceTimersByTimeAsync(3_500)
    expect(looks).toEqual([
      ['x', 'y'],
      ['x', 'y'],
      ['x', 'y'],
    ])
    for (const one of leave) one()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(looks).toHaveLength(3)
    pulse.listen({ saga: undefined, who: 'ada' }, () => {})
    await beat()
    expect(looks).toHaveLength(4)
  })

  test('tells each of what they listen to, first of all of what it was like', async () => {
    const all = vi.fn<() => void>()
    const one = vi.fn<() => void>()
    pulse.listen({ saga: undefined, who: 'ada' }, all)
    pulse.listen({ saga: 'x', who: 'ada' }, one)
    await beat()
    expect([all.mock.calls.length, one.mock.calls.length]).toEqual([1, 1])
    await vi.advanceTimersByTimeAsync(5_000)
    mark = 'b'
    await beat()
    expect([all.mock.calls.length, one.mock.calls.length]).toEqual([2, 1])
    revisions.set('x', 2)
    await beat()
    expect([all.mock.calls.length, one.mock.calls.length]).toEqual([2, 2])
    revisions.delete('x')
    await beat()
    expect(one).toHaveBeenCalledTimes(3)
  })

  test('tells lists of what changes all the time every five seconds, and a saga each second', async () => {
    const all = vi.fn<() => void>()
    const one = vi.fn<() => void>()
    pulse.listen({ saga: undefined, who: 'ada' }, all)
    pulse.listen({ saga: 'x', who: 'ada' }, one)
    for (let second = 1; second <= 11; second += 1) {
      mark = `${second}`
      revisions.set('x', second)
      await beat()
    }
    // With the first look, with the first change, and five and ten seconds after that: the last of them is still to come.
    expect([all.mock.calls.length, one.mock.calls.length]).toEqual([3, 11])
    // What came last is told, though nothing comes after it.
    mark = 'the last'
    await vi.advanceTimersByTimeAsync(30_000)
    expect([all.mock.calls.length, one.mock.calls.length]).toEqual([4, 11])
  })

  test('goes on after one that has failed, and does not begin another while one is under way', async () => {
    let asked = 0
    let answer = (_look: { mark: string; revisions: Map<string, number> }) => {}
    pulse = new Pulse(() => {
      asked += 1
      if (asked === 1) return Promise.reject(new Error('The database is away.'))
      return new Promise((resolve) => {
        answer = resolve
      })
    }, SILENT)
    const told = vi.fn<() => void>()
    pulse.listen({ saga: undefined, who: 'ada' }, told)
    await vi.advanceTimersByTimeAsync(10_000)
    expect([asked, told.mock.calls.length]).toEqual([2, 0])
    answer({ mark, revisions })
    await beat()
    expect([asked, told.mock.calls.length]).toEqual([3, 1])
  })

  const open = (mayLook: () => boolean, signal = new AbortController().signal) =>
    ear(streamOf({ pulse, saga: undefined, who: 'ada', mayLook: async () => mayLook(), signal }))

  test('is heard as signals, with a sign of life in between', async () => {
    const { hears } = open(() => true)
    await vi.advanceTimersByTimeAsync(11_500)
    mark = 'b'
    await beat()
    expect([await hears(), await hears(), await hears(), await hears()]).toEqual([
      'sagas:alive',
      'sagas:changed',
      'sagas:alive',
      'sagas:changed',
    ])
  })

  test('is over for whoever leaves, and for all when the server does', async () => {
    const closing = new AbortController()
    const first = open(() => true)
    const second = open(() => true, closing.signal)
    expect(pulse.listeners).toBe(2)
    await first.leave()
    expect(pulse.listeners).toBe(1)
    closing.abort()
    expect(pulse.listeners).toBe(0)
    expect([await second.hears(), await second.hears()]).toEqual(['sagas:alive', undefined])
    expect(vi.getTimerCount()).toBe(0)
    open(() => true, closing.signal)
    expect(pulse.listeners).toBe(0)
  })

  test('is over within a minute for whoever has lost the right, and they are told to look', async () => {
    let may = true
    const { hears } = open(() => may)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pulse.listeners).toBe(1)
    may = false
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pulse.listeners).toBe(0)
    let last: string | undefined
    for (let next = await hears(); next !== undefined; next = await hears()) last = next
    expect(last).toBe('sagas:changed')
  })

  test('is over for a page that takes nothing any more', async () => {
    open(() => true)
    await vi.advanceTimersByTimeAsync(9 * 60_000)
    expect(pulse.listeners).toBe(0)
  })

  test('is over after ten minutes, so that the next one is asked for with the cookies of then', async () => {
    const { hears } = open(() => true)
    const heard: (string | undefined)[] = []
    for (let seconds = 0; seconds < 10 * 60; seconds += 10) {
      expect(pulse.listeners).toBe(1)
      heard.push(await hears())
      await vi.advanceTimersByTimeAsync(10_000)
    }
    expect(heard).not.toContain(undefined)
    expect([pulse.listeners, vi.getTimerCount()]).toEqual([0, 0])
  })
})

describe('the signals', () => {
  let database: TestDatabase
  let engine: SagaEngine

  beforeAll(async () => {
    database = await testDatabase()
  })
  beforeEach(async () => {
    engine = await startEngine(database.connectionString, [sendLetter])
  })
  afterAll(() => database.drop())

  test('say that a saga has changed, and nothing to those who look at another one', async () => {
    const app = dashboardFor(engine)
    const { ids } = await deadLetters(engine, 2)
    const [one = '', other = ''] = ids
    const listen = async (query: string) => ear((await app.request(`/events${query}`)).body)
    const ears = [await listen(''), await listen(`?saga=${one}`), await listen(`?saga=${other}`)]
    for (const { hears } of ears) expect([await hears(), await hears()]).toEqual(['sagas:alive', 'sagas:changed'])
    const quiet = ears[2]?.hears()
    await engine.operator.retry(one, { actor: 'ada', reason: 'now' })
    await engine.outcome(one)
    expect(await ears[1]?.hears()).toBe('sagas:changed')
    expect(await ears[0]?.hears()).toBe('sagas:changed')
    await engine.operator.resolve(other, { actor: 'ada', reason: 'by hand', as: 'compensated' })
    // The sign of life comes no sooner than ten seconds after the last: this is the change.
    expect(await quiet).toBe('sagas:changed')
    for (const { leave } of ears) await leave()
  })

  test('go out as no proxy may keep or zip them, with our headers', async () => {
    const response = await dashboardFor(engine).request('/events')
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('no-store, no-transform')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
    await response.body?.cancel()
    const head = await dashboardFor(engine).request('/events', { method: 'HEAD' })
    expect([head.status, head.body]).toEqual([200, null])
  })

  test('take the right to read what they are about', async () => {
    const { ids } = await deadLetters(engine, 1)
    const asked: unknown[] = []
    const app = dashboardFor(engine, ADA, {
      authorize: (_actor, action, target) => {
        asked.push([action, target])
        return false
      },
    })
    for (const query of ['', `?saga=${ids[0]}`, '?definition=send-letter']) {
      expect((await get(app, `/events${query}`)).status).toBe(403)
    }
    const ofOne = { sagaId: ids[0], definition: 'send-letter' }
    expect(asked).toEqual([
      ['read', {}],
      ['read', ofOne],
      ['read', { definition: 'send-letter' }],
    ])
    expect((await get(dashboardFor(engine, null), '/events')).status).toBe(401)
    expect((await get(dashboardFor(engine), '/events?saga=01a1fce1-8814-7000-aad7-833589d72686')).status).toBe(404)
  })

  test('are refused beyond so many, until one has left', async () => {
    const maxListeners = 3
    const app = dashboardFor(engine, ADA, { limits: { maxListeners } })
    const streams: (ReadableStream<Uint8Array> | null)[] = []
    for (let at = 0; at < maxListeners; at += 1) streams.push((await app.request('/events')).body)
    const refused = await get(app, '/events')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('30')
    await streams[0]?.cancel()
    const taken = await app.request('/events')
    expect(taken.status).toBe(200)
    streams[0] = taken.body
    for (const stream of streams) await stream?.cancel()
  })

  test('are refused to one person beyond so many, and to nobody else', async () => {
    const authenticate = (request: Request) => ({ id: request.headers.get('x-who') ?? '', role: 'viewer' as const })
    const app = dashboardFor(engine, ADA, { limits: { maxListenersPerActor: 2 }, authenticate })
    const listen = (who: string) => app.request('/events', { headers: { 'x-who': who } })
    const taken = [await listen('ada'), await listen('ada'), await listen('eve')]
    expect(taken.map(({ status }) => status)).toEqual([200, 200, 200])
    const refused = await listen('ada')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30'])
    await taken[0]?.body?.cancel()
    const again = await listen('ada')
    expect(again.status).toBe(200)
    for (const { body } of [...taken.slice(1), again]) await body?.cancel()
  })

  test('take an index, however many sagas there are', async () => {
    const { pool } = database
    await pool.query(
      `insert into saga.saga (id, definition, version, input_hash, status, revision, format, state, created_at, updated_at, finished_at)
       select ('00000000-0000-7000-8000-' || lpad(g::text, 12, '0'))::uuid, 'send-letter', 3, 'x', 'completed', 2, 1,
         '{"status":"completed"}', now(), now(), now()
       from generate_series(1, 20000) g`,
    )
    await pool.query('analyze saga.saga')
    const before = await engine.system.pulse()
    const { id } = await engine.enqueue(sendLetter, { to: 'ada' })
    const { revisions, mark } = await engine.system.pulse([id, '01a1fce1-8814-7000-aad7-833589d72686'])
    expect(mark).not.toBe(before.mark)
    expect([...revisions.keys()]).toEqual([id])
    const plans: string[] = []
    const explaining: Db = {
      executeSql: async (text, values) => {
        const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values)
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
        return { rows: [{ mark: '', revisions: null }] }
      },
    }
    await readPulse(explaining, 'saga', [id])
    expect(plans[0]).toContain('Index Scan Backward using saga_pkey')
    expect(plans[0]).not.toContain('Seq Scan')
    await pool.query(`delete from saga.saga where id < '01000000-0000-7000-8000-000000000000'`)
  })
})
