/** The pages over a real database: what they show, and that nothing in it becomes markup. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { inWords } from '../../src/dashboard/words/events.ts'
import { createSagaEngine, type SagaEngine, type SagaEvent, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { faults, fulfilOrder, hostile, order } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard
const ids: Record<string, string> = {}

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [fulfilOrder], services: {} })
  await engine.start()
  app = dashboardFor(engine)
})

afterAll(async () => {
  await engine.stop()
  await database.drop()
})

describe('before there are sagas', () => {
  test('the list says how to start one', async () => {
    const { status, text } = await get(app, '/sagas')
    expect(status).toBe(200)
    expect(text).toContain('No sagas yet')
    expect(text).toContain('sagas.enqueue(')
  })
})

describe('an event of a later release', () => {
  test('is shown by its type', () => {
    expect(inWords({ type: 'saga_moved_on' } as unknown as SagaEvent)).toBe('Saga moved on')
  })
})

describe('a saga with a map and a fallback', () => {
  test('shows how its items stand, what ran in whose place, and one line for them all in a plan', async () => {
    const input = z.object({ names: z.array(z.string()) })
    const letters = sagasFor<{ services: unknown; tx: unknown }>()('letters', {
      version: 1,
      input,
      revertWithin: '1 day',
    })
      .step('print', {
        action: () => {
          throw new StepRejected('No printer.', { code: 'NO_PRINTER' })
        },
      })
      .fallback('copy', { for: ['NO_PRINTER'], action: () => 1, compensation: () => {} })
      .map('send', {
        over: ({ input: { names } }) => names,
        whenItemFails: 'collect',
        action: ({ item }) => {
          if (item === 'b') throw new StepRejected('Moved.')
        },
        compensation: () => {},
      })
      .step('last', {
        action: () => {
          throw new StepRejected('No.')
        },
        whenExhausted: 'dead_letter',
        compensation: () => {},
      })
    const other = await testDatabase()
    const worker = createSagaEngine({ connectionString: other.connectionString, definitions: [letters], services: {} })
    await worker.start()
    const { id } = await worker.enqueue(letters, { names: ['a', 'b', 'c'] })
    await worker.outcome(id)
    const { text } = await get(dashboardFor(worker), `/sagas/${id}`)
    expect(text).toContain('3 items: 2 compensated, 1 failed')
    expect(text).toMatch(/Fell back on <span class="name">copy<\/span>/)
    expect(text).toContain('Undoing 2 items of send, then copy')
    await worker.stop()
    await other.drop()
  })
})

describe('a list of sagas that took different ways', () => {
  test('numbers the steps of each as its own way has them', async () => {
    const quick = { retry: { maxAttempts: 1 } }
    const fails = {
      action: () => {
        throw new StepRejected('No.')
      },
      ...quick,
    }
    const way = sagasFor<{ services: unknown; tx: unknown }>()('two-ways', {
      version: 1,
      input: z.object({ way: z.enum(['long', 'short']) }),
    })
      .branch('way', ({ input }) => input.way, {
        long: (steps) => steps.step('one', { action: () => 1 }).step('two', { action: () => 2 }),
        short: (steps) => steps.step('only', { action: () => 1 }),
      })
      .step('last', fails)
    const other = await testDatabase()
    try {
      await using walking = createSagaEngine({ connectionString: other.connectionString, definitions: [way] })
      await walking.start()
      const [long, short] = await Promise.all(
        (['long', 'short'] as const).map(async (taken) => {
          const { id } = await walking.enqueue(way, { way: taken })
          await walking.outcome(id)
          return id
        }),
      )
      const { text } = await get(dashboardFor(walking), '/sagas')
      const place = (id: string | undefined) =>
        /(\d\/\d)<\/span> last/.exec(text.split(`id="saga-${id}"`)[1] ?? '')?.[1]
      expect([place(long), place(short)]).toEqual(['4/4', '3/3'])
    } finally {
      await other.drop()
    }
  })
})

describe('the pages', () => {
  beforeAll(async () => {
    ids.done = await order(engine, 'order-1')
    ids.undone = await order(engine, 'order-2', ['refuse charge-card'])
    ids.dead = await order(engine, 'order-3', ['away send-mail'], { tags: ['express'] })
    ids.stuck = await order(engine, 'order-4', ['refuse print-label', 'undo charge-card'])
    ids.waiting = await order(engine, 'order-5', ['away book-carrier'])
    ids.doubt = await order(engine, 'order-6', ['doubt check-fraud'])
    ids.pending = await order(engine, 'order-7', [], { startAt: new Date(Date.now() + 3_600_000) })
    ids.hostile = await order(engine, `order-8 ${hostile}`, ['away send-mail'], { tags: [hostile] })
    await engine.operator.pause(ids.waiting, { actor: hostile, reason: hostile })
  })

  /** A row of the list as text: what is between the tags. */
  const row = (page: string, id: string | undefined) => {
    const markup = page.split(`id="saga-${id}"`)[1]?.split('</tr>')[0] ?? ''
    return markup.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
  }

  test('show in a row the state in words, the step with its place, attempts and the error', async () => {
    const { text } = await get(app, '/sagas')
    expect(row(text, ids.done)).toMatch(/Completed order-1 fulfil-order v2 7\/7 send-mail 1 just now/)
    expect(row(text, ids.undone)).toMatch(
      /Compensated order-2 .* 3\/7 charge-card 1 .*The provider of charge-card refused/,
    )
    expect(row(text, ids.dead)).toMatch(/Dead letter order-3 .* 7\/7 send-mail 3 .*ECONNREFUSED/)
    expect(row(text, ids.waiting)).toMatch(/Running paused order-5 .* 4\/7 book-carrier 1/)
    expect(row(text, ids.pending)).toMatch(/Pending order-7/)
  })

  test('filter by state, definition, beginning of the key, and tag', async () => {
    const shown = async (query: string) => {
      const { text } = await get(app, `/sagas?${query}`)
      return [...text.matchAll(/id="saga-([^"]+)"/g)].map(([, id]) => id)
    }
    expect(await shown('status=dead_lettered')).toEqual([ids.hostile, ids.stuck, ids.dead])
    expect(await shown('definition=fulfil-order&status=pending')).toEqual([ids.pending])
    expect(await shown('key-prefix=order-4')).toEqual([ids.stuck])
    expect(await shown('tag=express')).toEqual([ids.dead])
    expect(await shown(`tag=${encodeURIComponent(hostile)}`)).toEqual([ids.hostile])
    expect(await shown('status=&definition=&key-prefix=&tag=')).toHaveLength(8)
    expect(await shown('definition=another')).toEqual([])
  })

  test('count each state, as links that keep the other filters', async () => {
    const counted = /<a href="\/sagas\?status=dead_lettered"[^>]*>(?:(?!<\/a>).)*<span class="count">3<\/span>/s
    expect((await get(app, '/sagas')).text).toMatch(counted)
    expect((await get(app, '/sagas?status=pending')).text).toMatch(counted)
    // With another filter they are not counted: no index could.
    const { text } = await get(app, '/sagas?key-prefix=order')
    expect(text).toContain('<a href="/sagas?key-prefix=order&amp;status=dead_lettered"')
    expect(text).not.toContain('class="count"')
  })

  test('go on updating what was started before a moment, and announce only what can come', async () => {
    const from = async (query: string) =>
      /hx-get="([^"]+)"/.exec((await get(app, `/sagas?${query}`)).text)?.[1]?.replaceAll('&amp;', '&')
    const past = new Date().toISOString()
    const over = await from(`started-before=${past}`)
    expect(over).toContain('started-before=')
    expect(over).not.toContain('top=')
    const partial = { 'HX-Request': 'true', 'HX-Request-Type': 'partial' }
    const rows = (await get(app, over ?? '', partial)).text
    expect(rows).toContain(`id="saga-${ids.done}"`)
    expect(await from('started-before=10ms')).toContain('top=')
    expect(await from('started-before=2099-01-01')).toContain('top=')
    expect(await from(`started-before=${past}&live=off`)).toBeUndefined()
  })

  test('keep what was looked for when they are filtered', async () => {
    const { text } = await get(app, '/sagas?q=order-99')
    const form = text.split('<form class="filters"')[1]?.split('</form>')[0]
    expect(form).toContain('<input type="hidden" name="q" value="order-99">')
    expect((await get(app, '/sagas?q=order-99&status=pending')).text).toContain('Nothing for this filter')
  })

  test('tell nothing for this filter from nothing of this key', async () => {
    expect((await get(app, '/sagas?definition=another')).text).toContain('Nothing for this filter')
    expect((await get(app, '/sagas?q=order-99')).text).toContain('No saga has this id or key')
    expect((await get(app, `/sagas?cursor=${ids.done}`)).text).toContain('No more sagas')
  })

  test('find a saga by its id, in any spelling, and by its key', async () => {
    for (const q of [ids.dead ?? '', ` ${ids.dead?.toUpperCase()} `, 'order-3']) {
      const { status, headers } = await get(app, `/sagas?q=${encodeURIComponent(q)}`)
      expect([status, headers.get('location')]).toEqual([302, `/sagas/${ids.dead}`])
    }
  })

  test.each(['status=nonsense', 'cursor=1', 'live=maybe', `key-prefix=${'x'.repeat(501)}`, 'tag=%00'])(
    'answer 400 to a parameter that cannot be: %.20s',
    async (query) => {
      const { status, text } = await get(app, `/sagas?${query}`)
      expect(status).toBe(400)
      expect(text).toContain('Not understood')
    },
  )

  test.each([
    '/sagas/nonsense',
    '/sagas/01a1fce1-8814-7000-aad7-833589d72686',
    '/sagas/01a1fce1-8814-7000-aad7-833589d72686/plan?action=retry',
  ])('answer 404 at %s', async (path) => {
    expect((await get(app, path)).status).toBe(404)
  })

  test.each([
    ['done', 'Completed: all 7 steps are done.'],
    [
      'undone',
      'Compensated: charge-card was refused after 1 attempt; 1 step is done and not undone (check-fraud), 1 step is undone (reserve-stock).',
    ],
    [
      'dead',
      'Dead-lettered: send-mail could not be done after 3 attempts, past the pivot, so that nothing is undone by itself; 6 steps are done and not undone.',
    ],
    [
      'stuck',
      'Dead-lettered: print-label was refused after 1 attempt, and then the compensation of charge-card was refused after 1 attempt; 2 steps are done and not undone (check-fraud, charge-card), 2 steps are undone (reserve-stock, book-carrier).',
    ],
    [
      'waiting',
      'Paused before it goes on from book-carrier, step 4 of 7: nothing new of it starts until somebody resumes it.',
    ],
    [
      'doubt',
      'Compensated: check-fraud failed with its effect unknown after 3 attempts; 1 step is in doubt (check-fraud), 1 step is undone (reserve-stock).',
    ],
  ])('say of a saga that is %s, in one sentence, what that means', async (name, sentence) => {
    const { text } = await get(app, `/sagas/${ids[name]}`)
    expect(/<p class="said">([^<]*)<\/p>/.exec(text)?.[1]).toBe(sentence)
  })

  test('show the steps in order, in two lanes, with errors and results', async () => {
    const { text } = await get(app, `/sagas/${ids.stuck}`)
    const order = [...text.matchAll(/<tr role="row" id="step-([\w-]+)"/g)].map(([, name]) => name)
    expect(order).toEqual([
      'reserve-stock',
      'check-fraud',
      'charge-card',
      'book-carrier',
      'print-label',
      'ship',
      'send-mail',
    ])
    const step = (name: string) =>
      text
        .split(`id="step-${name}"`)[1]
        ?.split('</tr>')[0]
        ?.replace(/<[^>]+>/g, ' ') ?? ''
    expect(step('reserve-stock')).toMatch(/Done\s.*Undone\s/s)
    expect(step('charge-card')).toMatch(/Done\s.*Not undone\s.*can be undone for 30 days only.*Result of charge-card/s)
    expect(step('ship')).toMatch(/Not reached/)
  })

  test('show what fits now, and why the rest does not', async () => {
    const { text } = await get(app, `/sagas/${ids.dead}`)
    expect(text).toContain(`href="/sagas/${ids.dead}/plan?action=retry"`)
    expect(text).not.toContain(`plan?action=cancel"`)
    expect(text).toContain('It has stopped. Compensate turns it back.')
  })

  test('show who did what, and why', async () => {
    const { text } = await get(app, `/sagas/${ids.waiting}`)
    const acts = text.split('Acts of people</h2>')[1]?.split('</section>')[0] ?? ''
    expect(acts).toContain('Paused')
    expect(acts).toContain('alert(1)')
  })

  test('let nothing from the database become markup', async () => {
    const all = ['/sagas', `/sagas/${ids.hostile}`, `/sagas/${ids.waiting}`, `/sagas/${ids.hostile}/plan?action=retry`]
    const asked = encodeURIComponent(hostile)
    for (const path of [
      ...all,
      `/sagas?q=${asked}`,
      `/sagas?key-prefix=${asked}`,
      `/sagas?tag=${asked}&definition=${asked}`,
    ]) {
      const { text } = await get(app, path)
      expect(text, path).toContain('alert(1)')
      expect(text, path).not.toMatch(/<script>|<img|<b hx-post/)
      expect(text.match(/<script\b/g), path).toHaveLength(1)
    }
  })

  test('hold no inline style or script, and a nonce on whatever htmx reads', async () => {
    for (const path of ['/sagas', `/sagas/${ids.waiting}`, `/sagas/${ids.dead}/plan?action=retry`]) {
      const { text, headers } = await get(app, path)
      const nonce = /'nonce-([^']+)'/.exec(headers.get('content-security-policy') ?? '')?.[1]
      const names = [...text.matchAll(/<[a-z][^>]*>/g)].map(([tag]) => tag.replace(/"[^"]*"/g, '')).join('')
      expect(names).not.toMatch(/<style|\sstyle=|\son\w+=|hx-on/)
      expect(text.match(/<script[^>]*>/g)).toEqual([expect.stringContaining(`nonce="${nonce}"`)])
      for (const [tag] of text.matchAll(/<[^>]*\shx-(?:get|post)=[^>]*>/g)) expect(tag).toContain(`hx-nonce="${nonce}"`)
    }
  })

  test('bound what a payload may take of a page', async () => {
    faults.clear()
    const { id } = await engine.enqueue(fulfilOrder, { order: 'x'.repeat(300_000), cents: 1 })
    await engine.outcome(id)
    const { text } = await get(app, `/sagas/${id}`)
    expect(text.length).toBeLessThan(150_000)
    expect(text).toContain('The first 64 KB')
    await database.pool.query('delete from saga.saga where id = $1', [id])
  })

  test('are refused to who may not read, one definition or all', async () => {
    const authorize: Parameters<typeof dashboardFor>[2] = {
      authorize: (_actor, _action, target) => target.definition === 'another',
    }
    const guarded = dashboardFor(engine, ADA, authorize)
    expect((await get(guarded, '/sagas')).status).toBe(403)
    expect((await get(guarded, '/sagas?definition=fulfil-order')).status).toBe(403)
    expect((await get(guarded, '/sagas?definition=another')).status).toBe(200)
    expect((await get(guarded, `/sagas/${ids.done}`)).status).toBe(403)
    expect((await get(guarded, `/sagas/${ids.done}/plan?action=retry`)).status).toBe(403)
  })
})

describe('a page that updates itself', () => {
  const PARTIAL = { 'HX-Request': 'true', 'HX-Request-Type': 'partial' }
  /** Where htmx asks, as the page says. */
  const source = (page: string) => /hx-get="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''

  test('asks for a part, and gets 304 when there is nothing new', async () => {
    for (const path of ['/sagas', `/sagas/${ids.dead}`]) {
      const from = source((await get(app, path)).text)
      const first = await get(app, from, PARTIAL)
      expect(first.text).toMatch(/^<div id="live"/)
      const tag = first.headers.get('hx-ptag') ?? ''
      const second = await get(app, from, { ...PARTIAL, 'HX-PTag': tag })
      expect([second.status, second.text]).toEqual([304, ''])
      expect(second.headers.get('content-security-policy')).toContain('script-src')
    }
  })

  test('announces sagas that are newer, and does not push them in', async () => {
    const from = source((await get(app, '/sagas?status=completed')).text)
    const newest = await order(engine, 'order-100')
    const { text } = await get(app, from, PARTIAL)
    expect(text).not.toContain(`saga-${newest}`)
    expect(text).toContain(`saga-${ids.done}`)
    expect(text).toMatch(/<a class="button" href="\/sagas\?status=completed">Show 1 newer saga<\/a>/)
    expect(text).toContain('data-announce="1 newer saga since')
  })

  test('stops when nothing changes any more, or when it is told to', async () => {
    expect(source((await get(app, `/sagas/${ids.done}`)).text)).toBe('')
    expect(source((await get(app, '/sagas?live=off')).text)).toBe('')
  })
})

describe('a long list', () => {
  test('is read in pages by key, each saga once', async () => {
    await engine.enqueueMany(
      fulfilOrder,
      Array.from({ length: 120 }, (_, index) => ({
        input: { order: `long-${index}`, cents: 1 },
        key: `long-${index}`,
        startAt: new Date(Date.now() + 3_600_000),
      })),
    )
    const seen: string[] = []
    let path: string | undefined = '/sagas?key-prefix=long-'
    for (let pages = 0; path !== undefined && pages < 10; pages += 1) {
      const { text }: { text: string } = await get(app, path)
      seen.push(...[...text.matchAll(/id="saga-([^"]+)"/g)].map(([, id = '']) => id))
      path = /<a class="button" href="([^"]+)">Older/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(seen).toHaveLength(120)
    expect(new Set(seen).size).toBe(120)
  })
})
