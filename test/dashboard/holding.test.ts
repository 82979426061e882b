/** Definitions and their holds: what is shown of them, and how a step is held and released. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Role } from '../../src/dashboard/index.ts'
import { createSagaClient, defineContract, type SagaEngine, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { office, sendLetter } from './letters.ts'
import { hostile } from './orders.ts'
import { type Dashboard, dashboardFor, get, hiddenFields, post } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard

const nothing = { action: () => 1 }
const undoable = { ...nothing, compensation: () => {} }

const bookTrip = sagasFor<{ services: unknown; tx: unknown }>()('book-trip', {
  version: 2,
  input: z.object({ way: z.enum(['train', 'plane']) }),
})
  .step('visa', nothing)
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
  engine = await startEngine(database.connectionString, [sendLetter, bookTrip])
  app = dashboardFor(engine)
  office.says = undefined
  for (const { id } of await engine.operator.holds())
    await engine.operator.release(id, { actor: 'test', reason: 'over' })
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const words = (page: string) => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

const POST = '/definitions/send-letter/hold?step=post&side=action'

async function hold(fields: Record<string, string> = {}, path = POST, by: Dashboard = app) {
  const shown = await get(by, path)
  expect(shown.status).toBe(200)
  const chosen = /name="side" value="(\w*)" required checked/.exec(shown.text)?.[1] ?? ''
  const to = `${path.split('/hold')[0]}/holds`
  return post(by, to, { ...hiddenFields(shown.text), side: chosen, reason: 'INC-9', ...fields })
}

async function release(id: string, fields: Record<string, string> = {}, by: Dashboard = app) {
  const shown = await get(by, `/holds/${id}/release`)
  expect(shown.status).toBe(200)
  return post(by, `/holds/${id}/release`, { ...hiddenFields(shown.text), rate: '', reason: 'it is back', ...fields })
}

/** A hold of grace's on a step, and so many sagas that wait for it. */
async function held(waiting = 0): Promise<string> {
  const scope = { definition: 'send-letter', step: 'post', side: 'action' } as const
  const id = await engine.operator.hold(scope, { actor: 'grace', reason: 'incident 7' })
  for (let at = 0; at < waiting; at += 1) await engine.enqueue(sendLetter, { to: 'ada' })
  await until('all of them wait', async () => (await engine.operator.holds())[0]?.waiting === waiting)
  return id
}

describe('the definitions', () => {
  test('are listed with versions, workers and what is under way', async () => {
    const page = (await get(app, '/definitions')).text
    expect(words(page)).toMatch(/book-trip v2 1 worker 0 0/)
    expect(words(page)).toMatch(/send-letter v3 1 worker/)
    expect(page).toContain('href="/definitions/book-trip"')
  })

  test('are shown as a graph with two lanes, and in order', async () => {
    const { status, text } = await get(app, '/definitions/book-trip')
    expect(status).toBe(200)
    for (const name of ['visa', 'hotel', 'car', 'way', 'book-train', 'invite', 'pay', 'confirm']) {
      expect(text).toContain(`<a href="#step-${name}"`)
      expect(text).toContain(`<li id="step-${name}">`)
    }
    expect(text).toContain('<title>Compensation of visa: nothing undoes it</title>')
    expect(text).not.toMatch(/\sstyle=/)
    const page = words(text)
    expect(page).toMatch(/visa External Hold visa… Nothing undoes it\./)
    expect(page).toMatch(/Side by side, in 2 lanes: Lane 1: hotel/)
    expect(page).toMatch(/If train: book-train/)
    expect(page).toMatch(/pay External Pivot Hold pay… Its compensation undoes it\. The pivot: .* Formerly charge\./)
  })

  test('say that no worker has a version of which sagas are under way', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    await client.enqueue(defineContract('send-fax', { version: 7, input: z.object({}) }), {})
    const list = words((await get(app, '/definitions')).text)
    expect(list).toMatch(/send-fax v7 No worker has it 1 0/)
    const page = words((await get(app, '/definitions/send-fax')).text)
    expect(page).toContain('No worker has version 7 , and 1 saga of it is under way.')
    expect(page).toContain('Nobody knows its steps')
  })

  test.each([
    '/definitions/nothing',
    '/definitions/send-letter?version=99',
    `/definitions/${encodeURIComponent(hostile)}`,
  ])('are not there at %s', async (path) => {
    const { status, text } = await get(app, path)
    expect(status).toBe(404)
    expect(text).not.toMatch(/<script>alert/)
  })
})

describe('a hold', () => {
  test('is placed on one side of a step, and shown wherever somebody looks for it', async () => {
    const answer = await hold({ reason: `the office is closed ${hostile}` })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/definitions/send-letter?done=held'])
    const [placed] = await engine.operator.holds()
    expect(placed).toMatchObject({ definition: 'send-letter', step: 'post', side: 'action', actor: 'ada@example.com' })
    const { text } = await get(app, '/definitions/send-letter?done=held')
    expect(words(text)).toContain('Held. What comes to it waits.')
    expect(words(text)).toMatch(
      /post of send-letter, going forward nothing waits for it ada@example\.com the office is closed/,
    )
    expect(text).toContain('aria-label="post Held"')
    expect(text).not.toMatch(/<script>alert|<img/)
    expect(words((await get(app, '/definitions')).text)).toMatch(/send-letter Held v3/)
  })

  test('is placed on all of a definition, or on both sides of a step', async () => {
    expect((await hold({ side: '' }, '/definitions/send-letter/hold')).status).toBe(303)
    expect((await hold({ side: '' }, '/definitions/book-trip/hold?step=invite')).status).toBe(303)
    const holds = await engine.operator.holds()
    expect(holds.map(({ definition, step, side }) => [definition, step, side])).toEqual([
      ['send-letter', null, null],
      ['book-trip', 'invite', null],
    ])
  })

  test('is one for one click, however often it comes', async () => {
    const shown = await get(app, POST)
    const fields = { ...hiddenFields(shown.text), side: 'action', reason: 'a double click' }
    const answers = await Promise.all([1, 2, 3].map(() => post(app, '/definitions/send-letter/holds', fields)))
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303])
    expect(await engine.operator.holds()).toHaveLength(1)
  })

  test('is not placed a second time by who did not see the first', async () => {
    const seen = hiddenFields((await get(app, POST)).text)
    await held()
    const fields = { ...seen, side: 'action', reason: 'mine' }
    const answer = await post(app, '/definitions/send-letter/holds', fields)
    expect(answer.status).toBe(409)
    expect(words(answer.text)).toMatch(
      /Nothing was done: somebody has held this since you looked.*by grace just now : incident 7/,
    )
    expect(await engine.operator.holds()).toHaveLength(1)
    const again = { ...hiddenFields(answer.text), side: 'action', reason: 'mine' }
    expect((await post(app, '/definitions/send-letter/holds', again)).status).toBe(303)
    expect(await engine.operator.holds()).toHaveLength(2)
  })

  test('needs a reason, and a step that there is', async () => {
    const answer = await hold({ reason: ' ' })
    expect(answer.status).toBe(422)
    expect(answer.text).toContain('aria-invalid="true"')
    expect((await get(app, '/definitions/send-letter/hold?step=nothing')).status).toBe(404)
    expect((await get(app, '/definitions/nothing/hold')).status).toBe(404)
    expect((await get(app, '/definitions/send-letter/hold?side=verify')).status).toBe(400)
    expect((await hold({ step: 'nothing' })).status).toBe(404)
    expect(await engine.operator.holds()).toEqual([])
  })
})

describe('releasing a hold', () => {
  test('sets going what has waited, all of it at once', async () => {
    const id = await held(2)
    expect(words((await get(app, `/holds/${id}/release`)).text)).toContain('2 sagas wait for it.')
    const answer = await release(id)
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/definitions/send-letter?done=released'])
    expect(await engine.operator.holds()).toEqual([])
    await until('all have gone on', async () => (await engine.count({ definition: 'send-letter' })).running === 0)
  })

  test('lets go at a rate, shows how far, and takes another rate', async () => {
    const id = await held(3)
    expect((await release(id, { rate: '0.001' })).status).toBe(303)
    await until('one has gone on', async () => (await engine.operator.holds())[0]?.release?.letGo === 1)
    const page = words((await get(app, '/definitions/send-letter')).text)
    expect(page).toMatch(
      /Letting go post of send-letter, going forward 2 sagas wait for it, 1 let go at 0\.001 a second/,
    )
    expect(words((await get(app, `/holds/${id}/release`)).text)).toContain('Change the release')
    expect((await release(id, { reason: 'now all' })).status).toBe(303)
    expect(await engine.operator.holds()).toEqual([])
  })

  test('is one for one click, and no change by somebody else', async () => {
    const id = await held(2)
    const shown = hiddenFields((await get(app, `/holds/${id}/release`)).text)
    const slowly = { ...shown, rate: '0.001', reason: 'slowly' }
    expect((await post(app, `/holds/${id}/release`, slowly)).status).toBe(303)
    expect((await post(app, `/holds/${id}/release`, slowly)).status).toBe(303)
    const atOnce = { ...hiddenFields((await get(app, `/holds/${id}/release`)).text), rate: '', reason: 'now all' }
    expect((await post(app, `/holds/${id}/release`, atOnce)).status).toBe(303)
    expect((await post(app, `/holds/${id}/release`, atOnce)).status).toBe(303)
  })

  test('is refused to who did not see what somebody else has done with it', async () => {
    const id = await held(2)
    const seen = { ...hiddenFields((await get(app, `/holds/${id}/release`)).text), rate: '', reason: 'mine' }
    await engine.operator.release(id, { actor: 'grace', reason: 'slowly', rate: 0.001 })
    const changed = await post(app, `/holds/${id}/release`, seen)
    expect(changed.status).toBe(409)
    expect(words(changed.text)).toMatch(/somebody has changed this since you looked.*by grace just now : slowly/)
    await engine.operator.release(id, { actor: 'grace', reason: 'all' })
    const gone = await post(app, `/holds/${id}/release`, seen)
    expect(gone.status).toBe(409)
    expect(gone.text).toContain('somebody has released it')
    expect((await get(app, `/holds/${id}/release`)).status).toBe(409)
  })

  test.each([
    ['no reason', { reason: '' }],
    ['a rate that is none', { rate: 'fast' }],
    ['a rate of nothing', { rate: '0' }],
  ])('comes back to its form with %s', async (_what, fields) => {
    const id = await held()
    const answer = await release(id, fields)
    expect(answer.status).toBe(422)
    expect(answer.text).toContain('aria-invalid="true"')
    expect(await engine.operator.holds()).toHaveLength(1)
  })
})

describe('the rights to hold and release', () => {
  const roles: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin']
  const as = (role: Role | undefined, options = {}) =>
    dashboardFor(engine, { id: 'eve', ...(role === undefined ? {} : { role }) }, options)

  test.each(roles)('of the role %s hold on each route', async (role) => {
    const id = await held()
    const own = as(role)
    const may = role === 'operator' || role === 'admin'
    for (const path of ['/definitions', '/definitions/send-letter', POST, `/holds/${id}/release`]) {
      const { status, text } = await get(own, path)
      expect(status, path).toBe(200)
      if (path === POST || path.startsWith('/holds')) expect(text.includes('method="post"'), path).toBe(may)
    }
    const placed = await post(own, '/definitions/send-letter/holds', { requestId: 'request-1' })
    const released = await post(own, `/holds/${id}/release`, { requestId: 'request-2', seen: 'in-force' })
    // Who may is told that a reason is lacking, or that there is a hold already.
    expect([409, 422].includes(placed.status)).toBe(may)
    expect([placed.status === 403, released.status]).toEqual([!may, may ? 422 : 403])
    if (!may) expect(placed.text).toContain('the right hold, which operators and admins have')
    if (!may) expect(released.text).toContain('the right release, which operators and admins have')
    expect(await engine.operator.holds()).toHaveLength(1)
  })

  test('are asked with the definition and the step', async () => {
    const id = await held()
    const asked: unknown[] = []
    const own = as('admin', {
      authorize: (_actor: unknown, action: string, target: object) => {
        asked.push([action, target])
        return false
      },
    })
    await post(own, '/definitions/send-letter/holds', { requestId: 'request-1', step: 'post' })
    await post(own, `/holds/${id}/release`, { requestId: 'request-2' })
    expect(asked).toEqual([
      ['hold', { definition: 'send-letter', step: 'post' }],
      ['release', { definition: 'send-letter', step: 'post' }],
    ])
  })

  test('are of no use from another site, or by GET', async () => {
    const id = await held()
    const elsewhere = { 'Sec-Fetch-Site': 'cross-site' }
    expect((await post(app, '/definitions/send-letter/holds', { requestId: 'request-1' }, elsewhere)).status).toBe(403)
    expect((await post(app, `/holds/${id}/release`, { requestId: 'request-1' }, elsewhere)).status).toBe(403)
    expect((await get(app, '/definitions/send-letter/holds')).status).toBe(404)
    expect((await post(app, '/holds/nonsense/release', { requestId: 'request-1' })).status).toBe(409)
  })
})

describe('a saga’s page', () => {
  test('has the graph of it, with links to its steps', async () => {
    const { id } = await engine.enqueue(bookTrip, { way: 'plane' })
    await engine.outcome(id)
    const { text } = await get(app, `/sagas/${id}`)
    expect(text).toMatch(/<a href="#step-hotel" aria-label="hotel Done [\d.]+ m?s">/)
    expect(text).toContain('id="step-hotel"')
    expect(text).toContain('aria-label="way Chosen plane"')
    expect(text).toContain('<title>book-train Not taken</title>')
    expect(text).toContain('aria-label="invite Done 2 items"')
    expect(text).toMatch(/aria-label="pay Done [\d.]+ m?s, the pivot"/)
    expect(text).not.toMatch(/\sstyle=/)
    expect((await get(app, '/sagas')).text.length).toBeGreaterThan(0)
  })
})
