/** What is done from the dashboard: the plan first, then the act, for real, and only by who may. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Role } from '../../src/dashboard/index.ts'
import { createSagaClient, type SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled } from '../support/waiting.ts'
import { fulfilOrder, hostile, order } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get, hiddenFields, post } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard
let orders = 0

const GRACE = { actor: 'grace', reason: 'meanwhile' }

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [fulfilOrder])
  app = dashboardFor(engine)
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const newOrder = (...wrong: string[]) => order(engine, `order-${++orders}`, wrong)

/** Opens the plan as a browser does, and confirms it. */
async function confirm(id: string, action: string, fields: Record<string, string> = {}, by: Dashboard = app) {
  const shown = await get(by, `/sagas/${id}/plan?action=${action}`)
  expect(shown.status).toBe(200)
  return post(by, `/sagas/${id}/actions/${action}`, { ...hiddenFields(shown.text), reason: 'a test', ...fields })
}

const words = (page: string) => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

describe('the dashboard', () => {
  test('retries a dead letter as the plan said, and journals who and why', async () => {
    const id = await newOrder('away send-mail')
    const plan = await get(app, `/sagas/${id}/plan?action=retry`)
    expect(words(plan.text)).toMatch(/What will happen, in this order Run send-mail its action runs/)
    const { status, headers } = await confirm(id, 'retry', { reason: 'the mailer is back\r\nsince noon' })
    expect([status, headers.get('location')]).toEqual([303, `/sagas/${id}?done=retry`])
    expect((await engine.outcome(id)).status).toBe('completed')
    const page = words((await get(app, `/sagas/${id}?done=retry`)).text)
    expect(page).toContain('Retry ordered.')
    expect(page).toMatch(/What people did.*ada@example.com Retried, going forward the mailer is back since noon/)
  })

  test('compensates a saga that waits, in reverse order', async () => {
    const id = await newOrder('away book-carrier')
    const plan = await get(app, `/sagas/${id}/plan?action=compensate`)
    expect(words(plan.text)).toMatch(/Undo charge-card .* Stays done check-fraud .* Undo reserve-stock/)
    expect((await confirm(id, 'compensate')).status).toBe(303)
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['reserve-stock', 'charge-card'] })
  })

  test('compensates past the pivot only as that', async () => {
    const id = await newOrder('away send-mail')
    const refused = await get(app, `/sagas/${id}/plan?action=compensate`)
    expect(refused.status).toBe(409)
    expect(refused.text).toContain('plan?action=compensate_past_pivot')
    expect((await confirm(id, 'compensate_past_pivot')).status).toBe(303)
    expect((await engine.outcome(id)).status).toBe('compensated')
  })

  test('cancels, pauses and resumes', async () => {
    const id = await newOrder('away book-carrier')
    expect((await confirm(id, 'pause')).status).toBe(303)
    expect(await engine.get(id)).toMatchObject({ paused: true })
    expect((await confirm(id, 'resume')).status).toBe(303)
    expect((await confirm(id, 'cancel')).status).toBe(303)
    expect((await engine.outcome(id)).status).toBe('compensated')
  })

  test('resolves as what was chosen, and asks again when nothing was', async () => {
    const id = await newOrder('away send-mail')
    const unclear = await confirm(id, 'resolve', { reason: 'mailed by hand' })
    expect(unclear.status).toBe(422)
    expect(unclear.text).toContain('mailed by hand</textarea>')
    expect((await confirm(id, 'resolve', { as: 'completed' })).status).toBe(303)
    expect(await engine.outcome(id)).toMatchObject({ status: 'resolved', resolvedAs: 'completed' })
  })

  test('reruns what was undone, and shows the new saga', async () => {
    const id = await newOrder('refuse charge-card')
    const { headers } = await confirm(id, 'rerun')
    const [, newId = ''] = /^\/sagas\/([0-9a-f-]{36})\?done=rerun$/.exec(headers.get('location') ?? '') ?? []
    expect((await engine.outcome(newId)).status).toBe('completed')
    expect((await get(app, `/sagas/${newId}`)).text).toContain(`href="/sagas/${id}"`)
  })

  test('acts once, however often the same form comes', async () => {
    const id = await newOrder('away send-mail')
    const fields = { ...hiddenFields((await get(app, `/sagas/${id}/plan?action=retry`)).text), reason: 'twice' }
    const answers = await Promise.all([1, 2, 3].map(() => post(app, `/sagas/${id}/actions/retry`, fields)))
    expect(answers.map(({ status }) => status)).toEqual([303, 303, 303])
    expect(answers.filter(({ headers }) => headers.get('location')?.endsWith('again=yes'))).toHaveLength(2)
    await engine.outcome(id)
    expect((await engine.journal(id)).filter(({ event }) => event.type === 'saga_retried')).toHaveLength(1)
  })
})

describe('a plan that has changed', () => {
  test('is refused with 409, and the new one is shown with what is different', async () => {
    const id = await newOrder('away book-carrier')
    const old = hiddenFields((await get(app, `/sagas/${id}/plan?action=cancel`)).text)
    // Meanwhile it gets one step further, and that one would be undone as well.
    const hold = await engine.operator.hold({ definition: 'fulfil-order', step: 'print-label' }, GRACE)
    await engine.operator.retry(id, GRACE)
    await journalled(engine, id, 'step_withheld')
    const answer = await post(app, `/sagas/${id}/actions/cancel`, { ...old, reason: 'stop' })
    await engine.operator.release(hold, GRACE)
    expect(answer.status).toBe(409)
    expect(words(answer.text)).toMatch(
      /the plan has changed.* Undo book-carrier its compensation runs changed Undo charge-card its compensation runs /,
    )
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('is refused with what fits, when the act itself does not fit any more', async () => {
    const id = await newOrder('away book-carrier')
    const old = hiddenFields((await get(app, `/sagas/${id}/plan?action=cancel`)).text)
    await engine.operator.retry(id, GRACE)
    expect((await engine.outcome(id)).status).toBe('completed')
    const answer = await post(app, `/sagas/${id}/actions/cancel`, { ...old, reason: 'stop' })
    expect(answer.status).toBe(409)
    expect(answer.text).toContain('Cancel does not fit')
  })

  test('keeps the reason, and its new form does it', async () => {
    const id = await newOrder('away send-mail')
    const fields = hiddenFields((await get(app, `/sagas/${id}/plan?action=retry`)).text)
    const stale = { ...fields, plan: 'anotherhash', shown: 'ship:run', reason: `because ${hostile}` }
    const answer = await post(app, `/sagas/${id}/actions/retry`, stale)
    expect(answer.status).toBe(409)
    expect(words(answer.text)).toMatch(
      /Nothing was done: the plan has changed\..*send-mail its action runs changed.*No longer part of it: ship \(run\)\./,
    )
    expect(answer.text).toContain('because &lt;/pre&gt;')
    expect((await engine.get(id))?.status).toBe('dead_lettered')
    const again = { ...hiddenFields(answer.text), reason: 'now with the new plan' }
    expect((await post(app, `/sagas/${id}/actions/retry`, again)).status).toBe(303)
    expect((await engine.outcome(id)).status).toBe('completed')
  })
})

describe('an act is refused', () => {
  test('when it does not fit, with those that do', async () => {
    const id = await newOrder('away send-mail')
    for (const action of ['cancel', 'pause', 'resume', 'rerun']) {
      const { status, text } = await get(app, `/sagas/${id}/plan?action=${action}`)
      expect(status).toBe(409)
      expect(text).toContain('plan?action=retry')
    }
    const request = { reason: 'x', requestId: 'request-1', plan: 'hash' }
    expect((await post(app, `/sagas/${id}/actions/cancel`, request)).status).toBe(409)
    expect((await post(app, `/sagas/${id}/actions/pause`, request)).status).toBe(409)
  })

  test('without a reason, and what was filled in stays', async () => {
    const id = await newOrder('away send-mail')
    for (const reason of ['', ' \n ', 'x'.repeat(1_001), 'nul \u0000']) {
      const { status, text } = await confirm(id, 'retry', { reason })
      expect(status).toBe(422)
      expect(text).toContain('aria-invalid="true"')
    }
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('without the plan that was shown', async () => {
    const id = await newOrder('away send-mail')
    const answer = await post(app, `/sagas/${id}/actions/retry`, { reason: 'x', requestId: 'request-1' })
    expect(answer.status).toBe(400)
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('from another site, by GET, and for what is no act', async () => {
    const id = await newOrder('away send-mail')
    const fields = { ...hiddenFields((await get(app, `/sagas/${id}/plan?action=retry`)).text), reason: 'x' }
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }, {}]) {
      expect((await post(app, `/sagas/${id}/actions/retry`, fields, headers as Record<string, string>)).status).toBe(
        403,
      )
    }
    expect((await get(app, `/sagas/${id}/actions/retry`)).status).toBe(404)
    expect((await post(app, `/sagas/${id}/actions/enqueue`, fields)).status).toBe(404)
    expect((await post(app, `/sagas/${id}/actions/constructor`, fields)).status).toBe(404)
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('when the engine itself does not let this actor', async () => {
    const id = await newOrder('away send-mail')
    await using guarded = createSagaClient({
      connectionString: database.connectionString,
      authorize: (actor) => actor !== ADA.id,
    })
    const answer = await confirm(id, 'retry', {}, dashboardFor(guarded))
    expect(answer.status).toBe(403)
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })
})

describe('the rights', () => {
  const actions = ['retry', 'compensate', 'compensate_past_pivot', 'cancel', 'pause', 'resume', 'resolve', 'rerun']
  const roles: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin']
  const as = (role: Role | undefined, options = {}) =>
    dashboardFor(engine, { id: 'eve', ...(role === undefined ? {} : { role }) }, options)
  // A plan that nobody was shown, and nothing chosen: whoever may is told so, and nothing happens.
  const form = { reason: 'x', requestId: 'request-1', plan: 'nobody-saw-it' }

  test.each(roles)('of the role %s hold on each route', async (role) => {
    const id = await newOrder('away send-mail')
    const own = as(role)
    const pages = ['/sagas', `/sagas/${id}`, ...actions.map((action) => `/sagas/${id}/plan?action=${action}`)]
    for (const path of pages) expect((await get(own, path)).status, path).not.toBe(403)
    for (const action of actions) {
      const may = role === 'admin' || (role === 'operator' && action !== 'compensate_past_pivot')
      const { status } = await post(own, `/sagas/${id}/actions/${action}`, form)
      if (may) expect([409, 422], action).toContain(status)
      else expect(status, action).toBe(403)
    }
    expect((await engine.get(id))?.status).toBe('dead_lettered')
  })

  test('of a viewer show the plan without a form, and the saga without buttons', async () => {
    const id = await newOrder('away send-mail')
    const plan = await get(as('viewer'), `/sagas/${id}/plan?action=retry`)
    expect(plan.text).toContain('its action runs')
    expect(plan.text).not.toContain('method="post"')
    const { text } = await get(as('viewer'), `/sagas/${id}`)
    expect(text).not.toContain('plan?action=')
    expect(text).toContain('eve has no right to this.')
  })

  test('are asked of authorize where there is one, with the saga and its definition', async () => {
    const id = await newOrder('away send-mail')
    const asked: unknown[] = []
    const own = as('admin', {
      authorize: (actor: { id: string }, action: string, target: object) => {
        asked.push([actor.id, action, target])
        return action !== 'retry'
      },
    })
    expect((await post(own, `/sagas/${id}/actions/retry`, form)).status).toBe(403)
    expect(asked).toEqual([['eve', 'retry', { sagaId: id, definition: 'fulfil-order' }]])
  })

  test('are refused when authorize throws', async () => {
    const id = await newOrder('away send-mail')
    const own = as('admin', { authorize: () => Promise.reject(new Error('the directory is down')) })
    expect((await get(own, '/sagas')).status).toBe(403)
    expect((await post(own, `/sagas/${id}/actions/retry`, form)).status).toBe(403)
  })
})
