/** The page of one saga and what belongs to it: payloads, items, the journal in pages, the file; small and large ones. */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaEngine, type SagaEngine, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { fulfilOrder, hostile, order } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get } from './requests.ts'

const letters = sagasFor<{ services: unknown; tx: unknown }>()('letters', {
  version: 1,
  input: z.object({ count: z.number() }),
})
  .step('print', { action: () => ({ pages: 2 }), compensation: () => {} })
  .map('send', {
    over: ({ input }) => Array.from({ length: input.count }, (_, at) => at),
    concurrency: 250,
    whenItemFails: 'collect',
    action: ({ item }) => {
      if (item === 3) throw new StepRejected(`Number 3 has moved. ${hostile}`)
      return { sent: item, note: hostile }
    },
    compensation: () => {},
  })
  .step('file', { action: () => 'filed' })

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard
let id: string

beforeAll(async () => {
  database = await testDatabase()
  const definitions = [fulfilOrder, letters]
  engine = createSagaEngine({ connectionString: database.connectionString, definitions, services: {}, build: 'b-7' })
  await engine.start()
  app = dashboardFor(engine)
  id = await order(engine, 'order-1', ['away send-mail'])
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

/** The part of a page under one heading. */
const section = (page: string, name: string) => page.split(`<h2 id="h-${name}">`)[1]?.split('</section>')[0] ?? ''
const words = (markup: string) => markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
const started = async (count: number) => {
  const { id: made } = await engine.enqueue(letters, { count })
  await engine.outcome(made)
  return made
}

describe('the page of an ordinary saga', () => {
  test('leads to each of its parts, and is small', async () => {
    const { text } = await get(app, `/sagas/${id}`)
    const links = [...text.matchAll(/<li><a href="#(h-\w+)">/g)].map(([, target]) => target)
    expect(links).toEqual([
      'h-graph',
      'h-timeline',
      'h-steps',
      'h-attempts',
      'h-facts',
      'h-acts',
      'h-journal',
      'h-copy',
    ])
    for (const target of links) expect(text).toContain(`<h2 id="${target}">`)
    expect(gzipSync(text).length).toBeLessThan(12 * 1024)
  })

  test('has each id once, and every link within it leads somewhere', async () => {
    const { text } = await get(app, `/sagas/${id}`)
    const ids = [...text.matchAll(/\sid="([^"]+)"/g)].map(([, one]) => one)
    expect(ids.filter((one, at) => ids.indexOf(one) !== at)).toEqual([])
    const targets = [...text.matchAll(/href="#([^"]+)"/g)].map(([, one]) => one)
    expect(targets.length).toBeGreaterThan(20)
    expect(targets.filter((one) => !ids.includes(one))).toEqual([])
  })

  test('has a row in the timeline for each step, and its attempts with worker, build and error', async () => {
    const { text } = await get(app, `/sagas/${id}`)
    const rows = [...section(text, 'timeline').matchAll(/<g><title>([\w-]+)<\/title>/g)].map(([, name]) => name)
    expect(rows).toEqual(fulfilOrder.blueprint.nodes.map((node) => ('name' in node ? node.name : '')))
    const mail = section(text, 'attempts').split('id="attempts-send-mail"')[1]?.split('</details>')[0] ?? ''
    expect(mail.match(/<tr role="row">/g)).toHaveLength(4)
    expect(words(mail)).toMatch(
      /1 2\d{3}-.* Could not be done StepNotApplied .*connect ECONNREFUSED.* Next at 2\d{3}-.*b-7/,
    )
  })

  test('keeps what it was asked for when it updates itself', async () => {
    const { text } = await get(app, `/sagas/${id}?idle=show&journal=5`)
    expect(text).toContain(`hx-get="/sagas/${id}?journal=5&amp;idle=show"`)
  })

  test.each(['journal=0', 'journal=all', 'idle=maybe', 'rows=-1', 'rows=1e9'])('answers 400 to %s', async (query) => {
    expect((await get(app, `/sagas/${id}?${query}`)).status).toBe(400)
  })

  test('has its journal in pages, each event once', async () => {
    const all = (await engine.journal(id)).length
    const { text } = await get(app, `/sagas/${id}?journal=8`)
    const numbers = [...section(text, 'journal').matchAll(/at-no" data-label="No."><div class="cell">(\d+)</g)].map(
      ([, n]) => Number(n),
    )
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(text).toContain(`Events 1 to 7 of ${all}`)
    expect(text).toContain('Newest events')
    expect((await get(app, `/sagas/${id}`)).text).toContain('Every event, in order')
  })
})

describe('links to elsewhere', () => {
  test('stand among the facts, as text, and tell nobody where one came from', async () => {
    const links = () => [
      { label: hostile, href: 'https://traces.example/1' },
      { label: 'Bad', href: 'javascript:alert(1)' },
    ]
    const { text } = await get(dashboardFor(engine, ADA, { links }), `/sagas/${id}`)
    expect(text).toContain('<a href="https://traces.example/1" rel="noreferrer">')
    expect(text).not.toContain('javascript:')
    expect(text).not.toMatch(/<img|<script>/)
  })
})

describe('a payload', () => {
  test('keeps its numbers, on the page, on its own and as a file', async () => {
    const exact = '{"order": 12345678901234567890, "share": 0.30000000000000004}'
    const own = await order(engine, 'exact')
    await database.pool.query(`update saga.saga_event set payload = $2 where saga_id = $1 and sequence = 1`, [
      own,
      exact,
    ])
    for (const path of ['', '/data/1', '/data/1/file', '/export']) {
      const { status, text } = await get(app, `/sagas/${own}${path}`)
      expect(status).toBe(200)
      expect(text, path).toContain('12345678901234567890')
      expect(text, path).toContain('0.30000000000000004')
    }
    await database.pool.query('delete from saga.saga where id = $1', [own])
  })

  test('that is long is loaded by a link, up to 5 MB; what is longer, as a file', async () => {
    const own = await order(engine, 'long')
    const fill = (characters: number) =>
      database.pool.query(
        `update saga.saga_event set payload = jsonb_build_object('first', 'here', 'last', repeat('x', $2::int)) where saga_id = $1 and sequence = 1`,
        [own, characters],
      )
    await fill(200_000)
    const page = (await get(app, `/sagas/${own}`)).text
    expect(page.length).toBeLessThan(200_000)
    expect(page).toContain(`<a href="/sagas/${own}/data/1">Load all 195 KB`)
    expect((await get(app, `/sagas/${own}/data/1`)).text).toContain('“here”')
    await fill(6_000_000)
    const large = (await get(app, `/sagas/${own}/data/1`)).text
    expect(large).toContain('It is longer than the 5.0 MB that a page loads')
    expect(large.length).toBeLessThan(10_000)
    const file = await get(app, `/sagas/${own}/data/1/file`)
    expect(file.text.length).toBeGreaterThan(6_000_000)
    expect(file.headers.get('content-disposition')).toBe(`attachment; filename="saga-${own}-event-1.json"`)
    await database.pool.query('delete from saga.saga where id = $1', [own])
  })

  const stored = (saga: string, sequence: number, payload: string) =>
    database.pool.query('update saga.saga_event set payload = $3 where saga_id = $1 and sequence = $2', [
      saga,
      sequence,
      payload,
    ])
  /** So many characters as Postgres counts them, and nearly twice as many as JavaScript does. */
  const faces = (characters: number) => `{"face": "${'😀'.repeat(characters - 12)}"}`
  const KB = 1024

  test.each([
    ['the copy as a test', 8 * KB, '', 'cannot be copied'],
    ['the page of its saga', 64 * KB, '', 'as they are stored'],
    ['the file of its saga', 1024 * KB, '/export', '"notExported"'],
    ['its own page', 5 * 1024 * KB, '/data/1', 'It is longer than the 5.0 MB'],
  ])(
    'with characters beyond the first plane is whole or cut in %s, and never fails',
    async (_where, most, path, says) => {
      const own = await order(engine, 'faces')
      for (const characters of [most / 2, most - 1, most, most + 1, most + 1_000]) {
        await stored(own, 1, faces(characters))
        const { status, text } = await get(app, `/sagas/${own}${path}`)
        expect([characters, status, text.includes(says)]).toEqual([characters, 200, characters > most])
      }
      await database.pool.query('delete from saga.saga where id = $1', [own])
    },
  )

  test('of a step is whole or cut by the same characters, and its file has all of them', async () => {
    const own = await order(engine, 'faces')
    const [at = 0] = (await engine.excerpts.results(own, ['check-fraud'])).values()
    for (const [characters, isCut] of [
      [16 * KB, false],
      [16 * KB + 1, true],
      [30 * KB, true],
    ] as const) {
      await stored(own, at, faces(characters))
      const { status, text } = await get(app, `/sagas/${own}`)
      expect([characters, status, text.includes('The first 16 KB, as they are stored')]).toEqual([
        characters,
        200,
        isCut,
      ])
      const file = await get(app, `/sagas/${own}/data/${at}/file`)
      expect(JSON.parse(file.text)).toEqual(JSON.parse(faces(characters)))
    }
    await database.pool.query('delete from saga.saga where id = $1', [own])
  })

  test('that cannot be parsed is shown as text, and not at all where something may be held back', async () => {
    const own = await order(engine, 'deep')
    await stored(own, 1, '['.repeat(4_000) + ']'.repeat(4_000))
    const guarded = dashboardFor(engine, ADA, { redact: (value) => value })
    for (const path of ['', '/data/1', '/data/1/file', '/export']) {
      const plain = await get(app, `/sagas/${own}${path}`)
      expect([path, plain.status]).toEqual([path, 200])
      expect(plain.text).toContain('[[[[[[[[[[')
      const held = await get(guarded, `/sagas/${own}${path}`)
      expect([path, held.status]).toEqual([path, 200])
      expect(held.text).not.toContain('[[[')
      expect(held.text).toContain('[not shown: it cannot be parsed for redact]')
    }
    const page = (await get(app, `/sagas/${own}`)).text
    expect(page).toContain('It cannot be parsed. As it is stored:')
    expect(page).toContain('undefined // cannot be copied')
    await database.pool.query('delete from saga.saga where id = $1', [own])
  })

  test('is ignored by htmx wherever its text stands', async () => {
    for (const path of [`/sagas/${id}`, `/sagas/${id}/data/3`]) {
      const { text } = await get(app, path)
      const boxes = [...text.matchAll(/<(?:div|pre)[^>]*json-box[^>]*>/g)].map(([tag]) => tag)
      expect(boxes.length, path).toBeGreaterThan(0)
      for (const tag of boxes) expect(tag).toContain(' hx-ignore')
    }
  })

  test.each(['0', '2', '999999', 'x', '1e3'])('that is not there is 404: %s', async (sequence) => {
    expect((await get(app, `/sagas/${id}/data/${sequence}`)).status).toBe(404)
    expect((await get(app, `/sagas/${id}/data/${sequence}/file`)).status).toBe(404)
  })
})

describe('the file of a saga', () => {
  test('has the saga, its steps and its whole journal with payloads, and a safe name', async () => {
    const { headers, text } = await get(app, `/sagas/${id}/export`)
    expect(headers.get('content-disposition')).toBe(`attachment; filename="saga-fulfil-order-${id}.json"`)
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    const file = JSON.parse(text) as {
      saga: { id: string }
      steps: object[]
      journal: { event: object; payload?: unknown }[]
    }
    const journal = await engine.journal(id)
    expect(file).toMatchObject({ isWhole: true, saga: { id, status: 'dead_lettered', key: 'order-1' } })
    expect(file.steps).toHaveLength(7)
    expect(file.journal.map(({ event }) => event)).toEqual(journal.map(({ event }) => event))
    expect(file.journal.map(({ payload }) => payload)).toEqual(journal.map(({ payload }) => payload))
  })
})

describe('what belongs to a saga', () => {
  test('is shown to those who may read it', async () => {
    const made = await started(2)
    const paths = ['', '/data/1', '/data/1/file', '/export', '/items/send'].map((path) => `/sagas/${made}${path}`)
    const none = dashboardFor(engine, ADA, { authorize: () => false })
    const asked: unknown[] = []
    const authorize = (_actor: object, action: string, target: object) => {
      asked.push([action, target])
      return true
    }
    const all = dashboardFor(engine, ADA, { authorize })
    for (const path of paths) {
      expect((await get(none, path)).status, path).toBe(403)
      asked.length = 0
      expect((await get(all, path)).status, path).toBe(200)
      expect(asked).toContainEqual(['read', { sagaId: made, definition: 'letters' }])
    }
  })

  test('is nothing where there is no saga', async () => {
    for (const path of ['', '/data/1', '/data/1/file', '/export', '/items/send']) {
      expect((await get(app, `/sagas/${letters.name}${path}`)).status).toBe(404)
      expect((await get(app, `/sagas/01a1fce1-8814-7000-aad7-833589d72686${path}`)).status).toBe(404)
    }
  })
})

describe('a saga with five thousand items', () => {
  let large: string
  beforeAll(async () => {
    large = await started(5_000)
  })

  test('has a page that is as small as that of others, and asks for parts only', async () => {
    const { text } = await get(app, `/sagas/${large}`)
    expect(text.length).toBeLessThan(100_000)
    expect(words(section(text, 'steps'))).toContain('5000 items: 4999 completed, 1 failed')
    const timeline = section(text, 'timeline')
    expect(timeline).toMatch(/Its items: 500\d events/)
    expect(timeline).not.toContain('send[')
    expect(section(text, 'journal').match(/<tr role="row">/g)).toHaveLength(101)
    expect(text).toContain(`href="/sagas/${large}/items/send"`)
  })

  test('is read without its items and payloads', async () => {
    const outline = await engine.excerpts.outline(large)
    expect(outline?.lines.length).toBeLessThan(20)
    expect(JSON.stringify(outline?.lines).length).toBeLessThan(60_000)
  })

  test('shows its items in parts, with errors and results', async () => {
    const { text } = await get(app, `/sagas/${large}/items/send`)
    expect(text.match(/id="item-\d+"/g)).toHaveLength(200)
    expect(words(text)).toContain('Number 3 has moved.')
    expect(text).not.toMatch(/<script>|<img/)
    const result = /href="(\/sagas\/[\w-]+\/data\/\d+)">Result/.exec(text)?.[1] ?? ''
    expect((await get(app, result)).text).toContain('<b>sent</b> <span class="v">0</span>')
    const last = (await get(app, `/sagas/${large}/items/send?from=4900`)).text
    expect(last.match(/id="item-\d+"/g)).toHaveLength(100)
    expect(last).not.toContain('Those behind')
    expect((await get(app, `/sagas/${large}/items/send?from=99999`)).text).toContain('There is no such item')
    expect((await get(app, `/sagas/${large}/items/print`)).status).toBe(404)
  })

  test('reads its outline by the key of the journal', async () => {
    const { rows } = await database.pool.query(
      `explain (format text) select 1 from saga.saga_event e where e.saga_id = $1 and (e.step is null or right(e.step, 1) <> ']') order by e.sequence desc limit 1000`,
      [large],
    )
    expect(rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n')).toContain(
      'saga_event_saga_id_sequence_pk',
    )
  })
})

describe('times', () => {
  test('are in UTC, or in the zone of the option, on all of a page', async () => {
    const start = (await engine.get(id))?.createdAt ?? new Date(0)
    const zoned = dashboardFor(engine, ADA, { timeZone: 'Asia/Tokyo' })
    const tokyo = new Date(start.getTime() + 9 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')
    const utc = start.toISOString().slice(0, 19).replace('T', ' ')
    const [there, here] = await Promise.all([get(zoned, `/sagas/${id}`), get(app, `/sagas/${id}`)])
    expect(there.text).toContain(`${tokyo} GMT+9`)
    expect(there.text).toContain('Every event, in order (times in Asia/Tokyo)')
    expect(words(there.text)).not.toContain(utc)
    expect(here.text).toContain(`${utc} UTC`)
    expect(here.text).toContain('(times in UTC)')
  })

  test('in a zone that is none are refused when the dashboard is made', () => {
    expect(() => dashboardFor(engine, ADA, { timeZone: 'Europe/Nowhere' })).toThrow(RangeError)
  })
})

describe('a saga that was erased', () => {
  test('says so in the place of its data', async () => {
    const made = await order(engine, 'erased')
    await engine.operator.erase(made, { actor: 'ada', reason: 'as was asked' })
    const { text } = await get(app, `/sagas/${made}`)
    expect(section(text, 'facts')).toContain('It was erased.')
    expect((await get(app, `/sagas/${made}/data/1`)).text).toContain('It was erased.')
    expect((await get(app, `/sagas/${made}/data/1/file`)).status).toBe(409)
    expect((await get(app, `/sagas/${made}/export`)).status).toBe(200)
  })
})
