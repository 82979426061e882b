/** Overview, workers, queues and schedules over a real database: what they show, who may have what done, and that nothing becomes markup. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../src/dashboard/index.ts'
import { readRecent } from '../../src/engine/store/recent.ts'
import { createSagaClient, createSagaEngine, defineSchedule, type SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { fulfilOrder, hostile, order } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get, post } from './requests.ts'

const HOUR_MS = 60 * 60 * 1_000
const PAGES = ['/', '/workers', '/queues', '/schedules']

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

const words = (page: string) =>
  page
    .replace(/<title>.*?<\/title>/gs, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
const main = (page: string) => words(page.split('<main')[1] ?? '').replace(/^[^>]*>/, '')

describe('before there is anything', () => {
  test('the overview says how to start, and that no worker lives', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    engine = createSagaEngine({ connectionString: database.connectionString, definitions: [fulfilOrder], services: {} })
    await engine.start()
    await engine.stop()
    const { status, text } = await get(dashboardFor(client), '/')
    expect(status).toBe(200)
    expect(main(text)).toMatch(/Workers No worker lives\. Start an engine with your definitions\./)
    expect(text).toContain('sagas.enqueue(')
    expect(text).not.toContain('<svg class="drawing"')
    expect(main((await get(dashboardFor(client), '/workers')).text)).toContain('pg-saga worker')
  })

  test('a worker that is gone is told from one that lives', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await database.pool.query(
      `insert into saga.saga_worker (id, epoch, host, pid, build, holds_lock, definitions, started_at, heartbeat_at)
       values (gen_random_uuid(), 1, $1, 7, $1, true, array[$1], now() - interval '1 day', now() - interval '1 hour'),
         (gen_random_uuid(), 1, 'h', 8, null, false, array['one@3'], now(), now())`,
      [hostile],
    )
    const { text } = await get(dashboardFor(client), '/workers')
    await database.pool.query('delete from saga.saga_worker')
    expect(main(text)).toMatch(/1 worker lives, .* Alive h pid 8 – one v3 0 just now just now Gone .* pid 7 /)
    expect(main(text)).toContain('through a pooler')
    expect(text).toContain('alert(1)')
    expect(text).not.toMatch(/<script>|<img|<b hx-post/)
  })

  test('and then all is clear, with a worker', async () => {
    const nightly = defineSchedule(fulfilOrder, {
      name: 'nightly',
      cron: '0 3 * * *',
      tz: 'Europe/Berlin',
      input: () => ({ order: 'x', cents: 1 }),
    })
    engine = createSagaEngine({
      connectionString: database.connectionString,
      definitions: [fulfilOrder],
      services: {},
      build: `b ${hostile}`,
      schedules: [nightly],
    })
    await engine.start()
    app = dashboardFor(engine)
    expect(main((await get(app, '/')).text)).toContain('All clear Nothing needs anybody.')
  })
})

describe('the overview', () => {
  beforeAll(async () => {
    await order(engine, 'done-1')
    await order(engine, 'dead-1', ['away send-mail'])
    await order(engine, 'dead-2', ['refuse print-label', 'undo charge-card'])
    await order(engine, 'waits', ['away book-carrier'])
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
    const counted = [
      [1, 'fulfil-order', 12, 9, 2, 1],
      [3, 'fulfil-order', 4, 4, 0, 0],
      [200, 'return-goods', 7, 7, 0, 0],
    ] as const
    for (const [back, definition, started, completed, compensated, dead] of counted) {
      await database.pool.query(
        `insert into saga.saga_statistics (hour, definition, started, completed, compensated, resolved, dead_lettered, mean_ms, p50_ms, p95_ms, p99_ms)
         values ($1, $2, $3, $4, $5, 0, $6, 500, 400, 2500, 9000)`,
        [new Date(hour - back * HOUR_MS), definition, started, completed, compensated, dead],
      )
    }
  })

  test('says first what needs attention, each with a link to what is behind it', async () => {
    const { text } = await get(app, '/')
    expect(main(text)).toMatch(
      /Needs attention .*1 saga needs a person: a step behind the pivot has failed\..*What became of sagas/,
    )
    expect(main(text)).toContain('Failed compensations 1 saga needs a person: a compensation has given up.')
    const links = [...text.matchAll(/href="(\/sagas\?status=dead_lettered&amp;dead-reason=\w+)"/g)].map(
      ([, to = '']) => to,
    )
    expect(links).toHaveLength(2)
    for (const link of links) {
      const list = await get(app, link.replaceAll('&amp;', '&'))
      expect(list.text.match(/id="saga-/g), link).toHaveLength(1)
      expect(list.text).toContain('that are dead letters because ')
    }
  })

  test('counts the last hour from the sagas themselves, up to now', async () => {
    const { text } = await get(app, '/')
    // One is under way.
    expect(main(text)).toMatch(/From .* to now\. Started 4 Completed 1 Success 33 % Undone 0 % Dead letters 2 p95 /)
    expect(text.match(/<svg class="drawing"/g)).toHaveLength(3)
    expect(main((await get(app, '/?definition=return-goods')).text)).toContain('Nothing was started or ended')
    const bars = [...text.matchAll(/<a href="([^"]*started-after[^"]*)" tabindex="-1">/g)].map(([, to = '']) => to)
    const lists = await Promise.all([...new Set(bars)].map((to) => get(app, to.replaceAll('&amp;', '&'))))
    expect(lists.flatMap((list) => list.text.match(/id="saga-/g) ?? [])).toHaveLength(4)
  })

  test('falls back on the last full hour where more has happened than is counted while somebody waits', async () => {
    const from = (await engine.system.recent()).rows[0]?.at ?? new Date()
    const db = { executeSql: (text: string, values?: unknown[]) => database.pool.query(text, values) }
    const all = await readRecent(db, 'saga', { from, eachMs: HOUR_MS, cap: 5 })
    const cut = await readRecent(db, 'saga', { from, eachMs: HOUR_MS, cap: 4 })
    expect([all.isCut, cut.isCut]).toEqual([false, true])
    // A dead letter of this hour may be older than those that were looked at, so that these say nothing of it.
    const later = { from: new Date(Date.now() + HOUR_MS), eachMs: HOUR_MS }
    const seen = await readRecent(db, 'saga', { ...later, cap: 3 })
    const unseen = await readRecent(db, 'saga', { ...later, cap: 2 })
    expect([seen, unseen]).toEqual([
      { rows: [], isCut: false },
      { rows: [], isCut: true },
    ])
  })

  test('draws what became of sagas, with the same as text and as a table', async () => {
    const { text } = await get(app, '/?range=24h')
    expect(main(text)).toMatch(/Started 16 Completed 13 Success 81 % Undone 13 % Dead letters 1 p95 3 s/)
    expect(main(text)).toContain('13 completed, 2 compensated, 1 dead-lettered.')
    expect(text.match(/<svg class="drawing"/g)).toHaveLength(3)
    expect(text.match(/<table[^>]*class="cards figures"/g)).toHaveLength(3)
    expect(main(text)).toMatch(/fulfil-order its sagas 1 16 16 81 % 13 % 1 3 s/)
    expect(text).not.toContain('return-goods')
  })

  test('reaches back as far as it is asked to, and is of one definition if asked', async () => {
    expect(main((await get(app, '/?range=30d')).text)).toMatch(/return-goods its sagas 0 7 7 100 % 0 % 0 3 s/)
    const { text } = await get(app, '/?range=30d&definition=return-goods')
    expect(main(text)).toMatch(/Of return-goods only: all definitions.*Started 7 Completed 7/)
    expect(text).not.toContain('id="definition-fulfil-order"')
    expect((await get(app, '/?range=99d')).status).toBe(400)
  })

  test('leads from a bar to the sagas that were started in its time', async () => {
    const { text } = await get(app, '/?range=24h')
    const [, to = ''] = /<a href="([^"]+)" tabindex="-1">/.exec(text) ?? []
    const past = await get(app, to.replaceAll('&amp;', '&'))
    expect(past.status).toBe(200)
    expect(main(past.text)).toMatch(/Sagas started from .* to .*Act on all.*Nothing for this filter/)
    const now = Date.now()
    const span = (from: number, until: number) =>
      `/sagas?started-after=${new Date(now + from).toISOString()}&started-before=${new Date(now + until).toISOString()}`
    expect((await get(app, span(-HOUR_MS, HOUR_MS))).text.match(/id="saga-/g)).toHaveLength(4)
    expect((await get(app, span(HOUR_MS, 2 * HOUR_MS))).text).not.toContain('id="saga-')
    expect((await get(app, span(-2 * HOUR_MS, -HOUR_MS))).text).not.toContain('id="saga-')
    expect((await get(app, '/sagas?started-after=yesterday&started-before=now')).status).toBe(400)
  })

  test('says what is held, and by whom', async () => {
    const by = { actor: `ada ${hostile}`, reason: hostile }
    const hold = await engine.operator.hold({ definition: 'fulfil-order', step: 'charge-card' }, by)
    const { text } = await get(app, '/')
    await engine.operator.release(hold, by)
    expect(main(text)).toMatch(
      /Hold ada .* has held charge-card of fulfil-order for less than a minute: .* Nothing waits for it\./,
    )
    expect(text).not.toMatch(/<script>|<img|<b hx-post/)
  })
})

describe('the last hour', () => {
  type Client = SagaEngine | ReturnType<typeof createSagaClient>
  type RecentOf = Awaited<ReturnType<SagaEngine['system']['recent']>>

  /** What the client reads, but for the last hour. */
  const withRecent = (client: Client, changed: Partial<RecentOf>): Client =>
    new Proxy(client, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (key === 'forReading') {
          return (...given: Parameters<Client['forReading']>) => {
            return withRecent(target.forReading(...given) as Client, changed)
          }
        }
        if (key === 'system') {
          return new Proxy(target.system, {
            get: (system, name) => {
              if (name === 'recent') return async () => ({ ...(await system.recent()), ...changed })
              const part: unknown = Reflect.get(system, name, system)
              return typeof part === 'function' ? part.bind(system) : part
            },
          })
        }
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

  test('is of the time that it was counted for', async () => {
    const from = new Date('2026-01-31T10:00Z')
    const changed = { rows: [], from, to: new Date('2026-01-31T11:00Z'), eachMs: 600_000 }
    const page = main((await get(dashboardFor(withRecent(engine, changed)), '/')).text)
    expect(page).toContain('From 31 Jan 10:00 UTC to now.')
  })

  test('is the last one that was counted where too much has happened, and never zeros that nobody has counted', async () => {
    // Without workers, which count by themselves.
    const own = await testDatabase()
    try {
      await using client = createSagaClient({ connectionString: own.connectionString })
      await client.enqueue(fulfilOrder, { order: 'x', cents: 1 })
      const busy = dashboardFor(withRecent(client, { isCut: true }))
      const shown = async (query = '') => main((await get(busy, `/${query}`)).text)
      for (const query of ['', '?range=24h']) {
        expect(await shown(query)).toContain('No hour has been counted yet.')
        expect(await shown(query)).not.toMatch(/Started 0|Nothing was started/)
      }
      const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
      const back = (hours: number) => new Date(hour - hours * HOUR_MS)
      const label = (at: Date) => at.toISOString().slice(11, 16)
      await own.pool.query(
        `insert into saga.saga_statistics (hour, definition, started, completed, compensated, resolved, dead_lettered)
         values ($1, 'fulfil-order', 4, 4, 0, 0, 0)`,
        [back(2)],
      )
      await own.pool.query('insert into saga.saga_statistics_mark (hour) values ($1)', [back(2)])
      expect(await client.system.countedTo()).toEqual(back(1))
      for (const query of ['', '?range=24h', '?range=7d']) {
        const page = await shown(query)
        expect(page).toMatch(new RegExp(`to \\d+ \\w+ ${label(back(1))} UTC, counted soon after each full hour`))
        expect(page).toMatch(new RegExp(`What came after \\d+ \\w+ ${label(back(1))} UTC has not been counted yet\\.`))
        expect(page).toContain('Started 4 Completed 4')
      }
      await own.pool.query('update saga.saga_statistics_mark set hour = $1', [back(1)])
      const nothing = await shown()
      expect(nothing).toContain('Started 0 Completed 0')
      expect(nothing).toContain('Nothing was started or ended in this time.')
      expect(nothing).not.toContain('has not been counted yet')
    } finally {
      await own.drop()
    }
  })
})

describe('the workers', () => {
  test('are shown with host, process, build, code and what they have in hand', async () => {
    const { text } = await get(app, '/workers')
    expect(main(text)).toMatch(/1 worker lives, with \d+ jobs? in hand/)
    expect(main(text)).toContain(`pid ${process.pid}`)
    expect(text).toContain('href="/sagas?definition=fulfil-order">fulfil-order v2</a>')
  })
})

describe('the queues', () => {
  test('are shown with what they are for, how many wait and for how long', async () => {
    await database.pool.query(
      `insert into pgboss.job (name, created_on, start_after, keep_until)
       values ('saga_dead_letter', now() - interval '3 hours', now() - interval '3 hours', now() + interval '1 day')`,
    )
    const { text } = await get(app, '/queues')
    await database.pool.query(`delete from pgboss.job where created_on < now() - interval '2 hours'`)
    expect(main(text)).toMatch(/saga_step Every action.* saga_dead_letter A job beside each dead letter.* 3 0 3 h/)
  })
})

describe('the schedules', () => {
  test('are shown, those of maintenance and those of sagas', async () => {
    const { text } = await get(app, '/schedules')
    expect(main(text)).toMatch(/Clean-up Deletes sagas .* Next in (?:\d+ min|a moment) 17 \* \* \* \* UTC/)
    expect(main(text)).toMatch(/nightly Next in (?:\d+ (?:h|min)|a moment) 0 3 \* \* \* Europe\/Berlin Show them/)
    expect(text).toContain('href="/sagas?key-prefix=nightly%40"')
  })

  test('say what a duty would do, which changes nothing, and then do it', async () => {
    await database.pool.query(
      `update saga.saga set finished_at = now() - interval '90 days', created_at = now() - interval '90 days' where key = 'done-1'`,
    )
    const there = async () => (await engine.list({ key: 'done-1' })).sagas.length
    const looked = await post(app, '/schedules/cleanup', { dry: 'yes' })
    expect(looked.status).toBe(303)
    expect(looked.headers.get('location')).toMatch(/^\/schedules\?duty=cleanup&entry=[0-9a-f-]{36}$/)
    const shown = await get(app, looked.headers.get('location') ?? '')
    expect(main(shown.text)).toMatch(
      /Looked at Clean-up, only looked at 1 saga would be deleted\. By ada@example\.com.*fulfil-order, completed: 1/,
    )
    expect(shown.text).toContain('<p id="status" role="status">Clean-up, only looked at: 1 saga would be deleted.</p>')
    expect(await there()).toBe(1)
    const did = await post(app, '/schedules/cleanup', { dry: 'no' })
    expect(main((await get(app, did.headers.get('location') ?? '')).text)).toContain('1 saga was deleted.')
    expect(await there()).toBe(0)
    const [newest] = await engine.maintenance.log({ duty: 'cleanup', limit: 1 })
    expect(newest).toMatchObject({ by: ADA.id, isDry: false })
  })

  test.each(['recovery', 'statistics', 'analysis'])('have %s done, too', async (duty) => {
    for (const dry of ['yes', 'no']) {
      const { status, headers } = await post(app, `/schedules/${duty}`, { dry })
      expect(status).toBe(303)
      expect((await get(app, headers.get('location') ?? '')).text).toContain('<section class="verdict')
    }
  })

  test('answer before the end of what takes long, say that it is under way, and do not begin it twice', async () => {
    let end = () => {}
    const slow = new Proxy(engine, {
      get(target, key) {
        if (key !== 'maintenance') return Reflect.get(target, key, target)
        const never = () => new Promise((resolve) => (end = () => resolve({})))
        return { cleanup: never, log: (options: object) => engine.maintenance.log(options) }
      },
    })
    const own = dashboardFor(slow)
    expect((await post(own, '/schedules/cleanup', { dry: 'no' })).status).toBe(303)
    const again = await post(own, '/schedules/cleanup', { dry: 'yes' })
    expect(again.status).toBe(409)
    expect(again.text).toContain('being done already')
    end()
    await until('it is over', async () => (await post(own, '/schedules/cleanup', { dry: 'no' })).status === 303)
    end()
  })

  test('show what failed as failed, and what the log does not have any more as gone', async () => {
    const id = '00000000-0000-7000-8000-00000000000a'
    await database.pool.query(
      `insert into saga.saga_maintenance (id, duty, by, is_dry, started_at, finished_at, outcome, error)
       values ($1, 'cleanup', $2, false, now(), now(), null, $2)`,
      [id, hostile],
    )
    const { text } = await get(app, `/schedules?duty=cleanup&entry=${id}`)
    await database.pool.query('delete from saga.saga_maintenance where id = $1', [id])
    expect(main(text)).toContain('Failed Clean-up It failed: &lt;/pre&gt;')
    expect(text).not.toMatch(/<script>|<img|<b hx-post/)
    expect(main((await get(app, `/schedules?entry=${id}`)).text)).toContain('does not have this time any more')
  })

  test('refuse what is no duty, no form, or says not what is wanted', async () => {
    expect((await post(app, '/schedules/vacuum', { dry: 'no' })).status).toBe(404)
    expect((await post(app, '/schedules/watchdog', { dry: 'no' })).status).toBe(404)
    expect((await post(app, '/schedules/constructor', { dry: 'no' })).status).toBe(404)
    expect((await post(app, '/schedules/cleanup', {})).status).toBe(400)
    expect((await post(app, '/schedules/cleanup', { dry: 'maybe' })).status).toBe(400)
    expect((await get(app, '/schedules/cleanup')).status).toBe(404)
    const headers = { 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/json' }
    const json = await app.request('/schedules/cleanup', { method: 'POST', body: '{"dry":"no"}', headers })
    expect(json.status).toBe(415)
    expect((await post(app, '/schedules/cleanup', { dry: 'no' }, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403)
  })
})

describe('the rights', () => {
  const roles: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin']

  test.each(roles)('of the role %s hold on each route', async (role) => {
    const own = dashboardFor(engine, { id: 'eve', ...(role === undefined ? {} : { role }) })
    for (const path of PAGES) expect((await get(own, path)).status, path).toBe(200)
    const before = (await engine.maintenance.log({ limit: 1_000 })).length
    for (const duty of ['cleanup', 'recovery', 'statistics', 'analysis']) {
      for (const dry of ['yes', 'no']) {
        const { status } = await post(own, `/schedules/${duty}`, { dry })
        expect(status, `${duty} ${dry}`).toBe(role === 'admin' ? 303 : 403)
      }
    }
    const after = (await engine.maintenance.log({ limit: 1_000 })).length
    if (role !== 'admin') expect(after).toBe(before)
    const { text } = await get(own, '/schedules')
    if (role === 'admin') expect(text).toContain('Do it now')
    else expect(main(text)).toContain('eve has no right to have them done now.')
    expect(text.includes('method="post"')).toBe(role === 'admin')
  })

  test('are asked of authorize where there is one, and of the engine', async () => {
    const asked: unknown[] = []
    const authorize = (actor: { id: string }, action: string, target: object) => {
      asked.push([actor.id, action, target])
      return action === 'read'
    }
    const own = dashboardFor(engine, { id: 'eve', role: 'admin' }, { authorize })
    expect((await post(own, '/schedules/cleanup', { dry: 'no' })).status).toBe(403)
    expect(asked).toEqual([['eve', 'maintain', {}]])
    await using guarded = createSagaClient({
      connectionString: database.connectionString,
      authorize: (actor) => actor !== ADA.id,
    })
    expect((await post(dashboardFor(guarded), '/schedules/cleanup', { dry: 'no' })).status).toBe(403)
  })

  test('to read are asked for each page', async () => {
    const own = dashboardFor(engine, ADA, { authorize: (_actor, _action, target) => target.definition === 'one' })
    for (const path of PAGES) expect((await get(own, path)).status, path).toBe(403)
  })
})

describe('the new pages', () => {
  test('mark where one is, and lead to the others', async () => {
    for (const [path, label] of [
      ['/', 'Overview'],
      ['/workers', 'Workers'],
      ['/queues', 'Queues'],
      ['/schedules', 'Schedules'],
      ['/sagas', 'Sagas'],
    ]) {
      const { text } = await get(app, path ?? '')
      const nav = text.split('<nav class="nav"')[1]?.split('</nav>')[0] ?? ''
      expect(nav.match(/aria-current="page">(\w+)</)?.[1]).toBe(label)
      expect(nav.match(/aria-current/g)).toHaveLength(1)
    }
    const [saga] = (await engine.list({}, { limit: 1 })).sagas
    expect((await get(app, `/sagas/${saga?.id}`)).text).toContain('aria-current="true">Sagas<')
  })

  test('hold no inline style or script, and a nonce on whatever htmx reads', async () => {
    for (const path of PAGES) {
      const { text, headers } = await get(app, path)
      const nonce = /'nonce-([^']+)'/.exec(headers.get('content-security-policy') ?? '')?.[1]
      const names = [...text.matchAll(/<[a-z][^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '')).join('')
      expect(names, path).not.toMatch(/<style|\sstyle=|\son\w+=|hx-on/)
      expect(text.match(/<script[^>]*>/g)).toEqual([expect.stringContaining(`nonce="${nonce}"`)])
      for (const [tag] of text.matchAll(/<[^>]*\shx-(?:get|post)=[^>]*>/g)) expect(tag).toContain(`hx-nonce="${nonce}"`)
    }
  })

  test('update themselves by parts, with 304 when there is nothing new, unless they are told not to', async () => {
    const partial = { 'HX-Request': 'true', 'HX-Request-Type': 'partial' }
    for (const path of PAGES) {
      const from = /hx-get="([^"]+)"/.exec((await get(app, path)).text)?.[1]?.replaceAll('&amp;', '&') ?? ''
      // Something may be new just then: a minute that is over.
      await until(`nothing is new at ${path}`, async () => {
        const first = await get(app, from, partial)
        expect(first.text).toMatch(/^<div id="live"/)
        return (await get(app, from, { ...partial, 'HX-PTag': first.headers.get('hx-ptag') ?? '' })).status === 304
      })
      expect((await get(app, `${path}?live=off`)).text).not.toContain('hx-get')
    }
  })

  test('let nothing from the database become markup', async () => {
    for (const path of PAGES) {
      const { text } = await get(app, path)
      expect(text, path).not.toMatch(/<script>|<img|<b hx-post/)
      expect(text.match(/<script\b/g), path).toHaveLength(1)
    }
    expect((await get(app, '/workers')).text).toContain('alert(1)')
    expect((await get(app, `/?definition=${encodeURIComponent(hostile)}`)).text).toContain('&lt;script&gt;')
  })
})
