/** Many sagas at once: the groups, what an operation would do, starting it, and what people change of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Role } from '../../src/dashboard/index.ts'
import type { Operation, SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { deadLetters, office, sendLetter } from './letters.ts'
import { hostile } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get, hiddenFields, post } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  engine = await startEngine(database.connectionString, [sendLetter])
  app = dashboardFor(engine)
  for (const { id } of (await engine.list({ status: 'dead_lettered' }, { limit: 1_000 })).sagas) {
    await engine.operator.resolve(id, { actor: 'test', reason: 'of the test before', as: 'compensated' })
  }
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const words = (page: string) =>
  page
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ')

const forGroup = (group: string, verb = 'retry', more = '') =>
  `/operations/new?verb=${verb}&error-group=${encodeURIComponent(group)}&definition=send-letter${more}`

/** Opens the preview as a browser does, and confirms it. */
async function confirm(path: string, fields: Record<string, string> = {}, by: Dashboard = app) {
  const shown = await get(by, path)
  expect(shown.status).toBe(200)
  return post(by, '/operations', {
    ...hiddenFields(shown.text),
    canary: '0',
    rate: '1000',
    reason: 'a test',
    ...fields,
  })
}

async function settled(id: string): Promise<Operation> {
  await until(`operation ${id} has settled`, async () => (await engine.operations.get(id)).settledAt !== null)
  return engine.operations.get(id)
}

const idIn = (location: string | null) => /\/operations\/([0-9a-f-]{36})/.exec(location ?? '')?.[1] ?? ''

/** An operation that has ordered one saga, and waits for somebody to resume it. */
async function pausedOperation(): Promise<Operation> {
  const { group } = await deadLetters(engine, 3)
  const by = { actor: 'grace', reason: 'incident 7' }
  const { id } = await engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, rate: 0.001, ...by })
  await until('it has ordered one', async () => (await engine.operations.get(id)).counts.completed === 1)
  return engine.operations.pause(id, { actor: 'grace', reason: 'one is enough for now' })
}

describe('the errors', () => {
  test('are all clear where nobody waits for a person, and say so', async () => {
    const { status, text } = await get(app, '/errors')
    expect(status).toBe(200)
    expect(text).toContain('All clear')
  })

  test('are groups, with how many sagas, since when, and where', async () => {
    const { group } = await deadLetters(engine, 4)
    const page = (await get(app, '/errors')).text
    expect(words(page)).toMatch(
      /4 The office is closed\. OFFICE_CLOSED post send-letter, forward attempts used up 4 just now/,
    )
    expect(page).toContain(`href="/errors/${encodeURIComponent(group)}"`)
    expect((await get(app, '/errors?definition=another')).text).toContain('No saga of another waits')
  })

  test('show a group in a sentence, with its sagas and what can be done', async () => {
    const { group, ids } = await deadLetters(engine, 3)
    const { text } = await get(app, `/errors/${encodeURIComponent(group)}`)
    expect(words(text)).toContain('3 sagas of send-letter have stopped at post, going forward')
    for (const id of ids) expect(text).toContain(`href="/sagas/${id}"`)
    expect(text).toContain('href="/operations/new?verb=retry&amp;error-group=1%3A')
    expect(text).toContain('href="/definitions/send-letter/hold?step=post&amp;side=action"')
    expect((await get(app, '/errors/1:ffff')).text).toContain('Nothing left in this group')
    expect((await get(app, '/errors/%00')).status).toBe(404)
  })

  test('lead to the list of one group, which leads back and on to an operation', async () => {
    const { group, ids } = await deadLetters(engine, 2)
    const { text } = await get(app, `/sagas?error-group=${encodeURIComponent(group)}`)
    const listed = [...text.matchAll(/id="saga-([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(listed)).toEqual(new Set(ids))
    expect(text).toContain(`href="/operations/new?error-group=1%3A`)
    expect((await get(app, '/sagas')).text).not.toContain('Act on all that match')
  })
})

describe('sagas that are ticked in the list', () => {
  /** As the browser sends the form of a list in which these are ticked. */
  function ticked(page: string, ids: readonly string[]): string {
    const form = /<form id="choice"[^>]+action="([^"]+)">(.*?)<\/form>/s.exec(page)
    const boxes = [...page.matchAll(/<input type="checkbox" name="id" value="([^"]+)" form="choice">/g)].map(
      ([, id]) => id,
    )
    expect(boxes).toEqual(expect.arrayContaining([...ids]))
    const fields: [string, string][] = Object.entries(hiddenFields(form?.[2] ?? ''))
    const query = new URLSearchParams([...fields, ...ids.map((id): [string, string] => ['id', id])])
    return `${form?.[1]}?${query.toString()}`
  }

  test('are those that an operation is for, and no others', async () => {
    const { ids } = await deadLetters(engine, 4)
    const chosen = ids.slice(0, 2)
    const list = (await get(app, '/sagas?status=dead_lettered&definition=send-letter')).text
    const path = ticked(list, chosen)
    expect(path).toMatch(/^\/operations\/new\?definition=send-letter&id=/)
    const verbs = (await get(app, path)).text
    expect(words(verbs)).toContain('chosen one by one of send-letter')
    const retry = /href="(\/operations\/new\?verb=retry[^"]+)"/.exec(verbs)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const done = await confirm(retry)
    const operation = await settled(idIn(done.headers.get('location')))
    expect(operation.counts).toMatchObject({ total: 2 })
    const { results } = await engine.operations.results(operation.id)
    expect(new Set(results.map(({ sagaId }) => sagaId))).toEqual(new Set(chosen))
    const shown = await get(app, `/operations/${operation.id}`)
    expect(words(shown.text)).toContain('chosen one by one')
  })

  test('may be a whole page of them, and are asked for where none is', async () => {
    await deadLetters(engine, 50)
    const list = (await get(app, '/sagas?status=dead_lettered&definition=send-letter')).text
    const all = [...list.matchAll(/id="saga-([^"]+)"/g)].map(([, id]) => id ?? '')
    expect(all).toHaveLength(50)
    expect((await get(app, ticked(list, all))).status).toBe(200)
    const none = await get(app, ticked(list, []).replace(/definition=[^&]+/, ''))
    expect(none.status).toBe(400)
    expect(words(none.text)).toContain('Choose some, or set one.')
    expect((await get(app, '/operations/new?id=1')).status).toBe(400)
  })

  test('are a list by themselves, that knows them by the next filter too', async () => {
    const { ids } = await deadLetters(engine, 3)
    const { text } = await get(app, `/sagas?id=${ids[0]},${ids[2]}`)
    expect(new Set([...text.matchAll(/id="saga-([^"]+)"/g)].map(([, id]) => id))).toEqual(new Set([ids[0], ids[2]]))
    expect(hiddenFields(text)).toMatchObject({ id: `${ids[0]},${ids[2]}` })
  })
})

describe('what an operation would do', () => {
  test('is shown before: how many fit, why others refuse, and the plan of some', async () => {
    const { ids } = await deadLetters(engine, 3)
    await engine.operator.resolve(ids[0] ?? '', { actor: 'grace', reason: 'by hand', as: 'completed' })
    const page = words((await get(app, '/operations/new?verb=retry&tag=letters&definition=send-letter')).text)
    expect(page).toMatch(/Of \d+, 2 would take it\./)
    expect(page).toMatch(/Resolved \d+ the verb is not for this state/)
    expect(page).toMatch(/Run post its action runs/)
    expect((await engine.operations.list()).operations.filter(({ state }) => state === 'running')).toEqual([])
  })

  test('is asked by verb, from a filter of the list', async () => {
    await deadLetters(engine, 1)
    const { text } = await get(app, '/operations/new?status=dead_lettered')
    expect(words(text)).toContain('With all sagas that are dead letters.')
    for (const verb of ['retry', 'compensate', 'cancel', 'pause', 'resume', 'resolve', 'rerun']) {
      expect(text).toContain(`href="/operations/new?verb=${verb}&amp;status=dead_lettered"`)
    }
  })

  test.each([
    ['no filter', '/operations/new?verb=retry'],
    ['an empty filter', '/operations/new?verb=retry&status=&definition='],
    [
      'a filter that there is not, which would make the scope larger',
      '/operations/new?verb=retry&status=running&tagg=x',
    ],
    ['a verb that there is not', '/operations/new?verb=enqueue&status=running'],
  ])('is refused for %s', async (_what, path) => {
    expect((await get(app, path)).status).toBe(400)
  })

  test('is nothing where there is no such saga', async () => {
    const { status, text } = await get(app, '/operations/new?verb=retry&tag=none')
    expect(status).toBe(200)
    expect(text).toContain('There is no such saga now.')
    expect(text).not.toContain('method="post"')
  })
})

describe('an operation', () => {
  test('retries a canary and then the others, and shows what became of each', async () => {
    const { group } = await deadLetters(engine, 5)
    const { status, headers } = await confirm(forGroup(group), { canary: '1', reason: 'the office is open' })
    expect(status).toBe(303)
    const id = idIn(headers.get('location'))
    const operation = await settled(id)
    expect(operation).toMatchObject({ canary: 1, rate: 1_000, actor: ADA.id, reason: 'the office is open' })
    expect(operation.filter).toEqual({ errorGroup: group, definition: 'send-letter' })
    expect(operation.counts).toMatchObject({ total: 5, completed: 5 })
    const page = words((await get(app, `/operations/${id}?done=started`)).text)
    expect(page).toContain('Started. Workers go on with it')
    // The group is empty by now: what had been the matter is read from a saga of it.
    expect(page).toContain('the 5 sagas that were dead letters for “The office is closed.” at post of send-letter at')
    expect(page).toMatch(/5 of 5 5 completed/)
    expect(page).toMatch(/Started ada@example\.com the office is open/)
    expect(page).toMatch(/Done: all are ordered pg-saga/)
    expect((await get(app, `/operations/${id}`)).text).not.toContain('hx-get')
  })

  test('that comes twice by the same click is one', async () => {
    const { group } = await deadLetters(engine, 2)
    const shown = await get(app, forGroup(group))
    const fields = { ...hiddenFields(shown.text), canary: '1', rate: '10', reason: 'a double click' }
    const before = (await engine.operations.list()).operations.length
    const [first, second] = await Promise.all([post(app, '/operations', fields), post(app, '/operations', fields)])
    const third = await post(app, '/operations', fields)
    expect([first.status, second.status, third.status]).toEqual([303, 303, 303])
    expect(idIn(second.headers.get('location'))).toBe(idIn(first.headers.get('location')))
    expect(third.headers.get('location')).toContain('again=yes')
    expect((await engine.operations.list()).operations).toHaveLength(before + 1)
    await settled(idIn(first.headers.get('location')))
  })

  test('is not started by who comes second: who was first, and what is left, is said', async () => {
    const { group } = await deadLetters(engine, 4)
    const seen = hiddenFields((await get(app, forGroup(group))).text)
    const grace = dashboardFor(engine, { id: 'grace', role: 'operator' })
    const first = await confirm(forGroup(group), { rate: '0.001', reason: 'grace was quicker' }, grace)
    expect(first.status).toBe(303)
    const id = idIn(first.headers.get('location'))
    await until('one is done', async () => (await engine.operations.get(id)).counts.completed === 1)
    const answer = await post(app, '/operations', { ...seen, canary: '0', rate: '10', reason: `too late ${hostile}` })
    expect(answer.status).toBe(409)
    const page = words(answer.text)
    expect(page).toContain('Nothing was started: something has changed since you looked.')
    expect(page).toContain('grace has started to retry these sagas: grace was quicker')
    expect(page).toContain('4 of them would have taken this when you looked, and 3 would now.')
    expect(answer.text).toContain('too late &lt;/pre&gt;')
    // With what is shown now, it is started.
    const again = { ...hiddenFields(answer.text), canary: '0', rate: '1000', reason: 'the rest' }
    const second = await post(app, '/operations', again)
    expect(second.status).toBe(303)
    await engine.operations.abort(id, { actor: 'grace', reason: 'ada has it' })
    expect((await settled(idIn(second.headers.get('location')))).counts.total).toBe(3)
  })

  test('is never for more sagas than were shown', async () => {
    const { group } = await deadLetters(engine, 2)
    const seen = hiddenFields((await get(app, forGroup(group))).text)
    await deadLetters(engine, 3)
    const answer = await post(app, '/operations', { ...seen, canary: '0', rate: '1000', reason: 'those two' })
    const operation = await settled(idIn(answer.headers.get('location')))
    expect(operation).toMatchObject({ more: true, counts: { total: 2, completed: 2 } })
    expect(words((await get(app, `/operations/${operation.id}`)).text)).toContain('There were more')
  })

  test.each([
    ['no reason', { reason: ' \n' }, 'Give a reason'],
    ['a reason that cannot be stored', { reason: 'nul \u0000' }, 'Give a reason'],
    ['a rate of nothing', { rate: '0' }, 'A number from 0.001 to 1000.'],
    ['a rate that is none', { rate: 'fast' }, 'A number from 0.001 to 1000.'],
    ['half a canary', { canary: '0.5' }, 'A whole number from 0 to 1000.'],
    ['no canary', { canary: '' }, 'A whole number from 0 to 1000.'],
  ])('comes back to its form with %s', async (_what, fields, said) => {
    const { group } = await deadLetters(engine, 1)
    const answer = await confirm(forGroup(group), fields)
    expect(answer.status).toBe(422)
    expect(answer.text).toContain(said)
    expect(answer.text).toContain('aria-invalid="true"')
  })

  test('resolves all as what is said, and asks for it', async () => {
    const { group, ids } = await deadLetters(engine, 2)
    const unsaid = await confirm(forGroup(group, 'resolve'))
    expect(unsaid.status).toBe(422)
    expect(unsaid.text).toContain('Choose one of the two.')
    const answer = await confirm(forGroup(group, 'resolve'), { as: 'compensated' })
    await settled(idIn(answer.headers.get('location')))
    for (const id of ids) expect((await engine.get(id))?.state.resolvedAs).toBe('compensated')
  })

  test('compensates all', async () => {
    const { group, ids } = await deadLetters(engine, 2)
    const answer = await confirm(forGroup(group, 'compensate'))
    expect((await settled(idIn(answer.headers.get('location')))).counts.compensated).toBe(2)
    expect((await engine.get(ids[0] ?? ''))?.status).toBe('compensated')
  })

  test('is refused without a form, from elsewhere, and for what was tampered with', async () => {
    const { group } = await deadLetters(engine, 1)
    const fields = { ...hiddenFields((await get(app, forGroup(group))).text), canary: '0', rate: '1', reason: 'x' }
    const headers = { 'Sec-Fetch-Site': 'cross-site' }
    expect((await post(app, '/operations', fields, headers)).status).toBe(403)
    expect((await post(app, '/operations', { ...fields, scope: '' })).status).toBe(400)
    expect((await post(app, '/operations', { ...fields, scope: 'everything=yes' })).status).toBe(400)
    // Leaving out what is not known would make the scope larger.
    expect((await post(app, '/operations', { ...fields, scope: 'status=dead_lettered&tagg=x' })).status).toBe(400)
    expect((await post(app, '/operations', { ...fields, verb: 'enqueue' })).status).toBe(400)
    const json = {
      method: 'POST',
      body: '{}',
      headers: { 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'text/plain' },
    }
    expect((await app.request('/operations', json)).status).toBe(415)
  })
})

describe('the pages of operations', () => {
  test('list them with state, progress, who and why', async () => {
    const { id } = await pausedOperation()
    const page = (await get(app, '/operations')).text
    expect(words(page.split(`operation-${id}`)[1]?.split('</tr>')[0] ?? '')).toMatch(
      /Paused Retry 3 sagas .* 1 of 3 1 completed, 2 not ordered yet grace incident 7/,
    )
    expect(page).toMatch(/<progress max="3" value="1"/)
    expect((await get(app, '/operations?state=aborted')).text).not.toContain(id)
    expect((await get(app, '/operations?state=nonsense')).status).toBe(400)
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
  })

  test('filter and page the results', async () => {
    const { id } = await pausedOperation()
    const rows = async (query: string) =>
      [...(await get(app, `/operations/${id}?${query}`)).text.matchAll(/id="result-(\d+)"/g)].map(([, at]) => at)
    expect(await rows('')).toEqual(['1', '2', '3'])
    expect(await rows('result=completed')).toEqual(['1'])
    expect(await rows('result=waiting')).toEqual(['2', '3'])
    expect(await rows('result=waiting&cursor=2')).toEqual(['3'])
    expect((await get(app, `/operations/${id}?result=done`)).status).toBe(400)
    expect((await get(app, `/operations/${id}?cursor=x`)).status).toBe(400)
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
  })

  test('keep themselves up to date in part, and say 304 when nothing is new', async () => {
    const { id } = await pausedOperation()
    const partial = { 'HX-Request-Type': 'partial' }
    const first = await get(app, `/operations/${id}`, partial)
    expect(first.text).toMatch(/^<div id="live"/)
    const tag = first.headers.get('hx-ptag') ?? ''
    expect((await get(app, `/operations/${id}`, { ...partial, 'HX-PTag': tag })).status).toBe(304)
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
    await settled(id)
    const last = await get(app, `/operations/${id}`, { ...partial, 'HX-PTag': tag })
    expect(last.status).toBe(200)
    expect(last.text).not.toContain('hx-get')
  })

  test('resume, pause and abort with a reason, once for one click', async () => {
    const { id } = await pausedOperation()
    const change = async (action: string, reason: string) => {
      const shown = await get(app, `/operations/${id}/plan?action=${action}`)
      expect(shown.status).toBe(200)
      return {
        fields: hiddenFields(shown.text),
        answer: await post(app, `/operations/${id}/actions/${action}`, { ...hiddenFields(shown.text), reason }),
      }
    }
    expect((await change('resume', '')).answer.status).toBe(422)
    const resumed = await change('resume', 'go on')
    expect([resumed.answer.status, resumed.answer.headers.get('location')]).toEqual([
      303,
      `/operations/${id}?done=resume`,
    ])
    const repeated = await post(app, `/operations/${id}/actions/resume`, { ...resumed.fields, reason: 'go on' })
    expect(repeated.headers.get('location')).toContain('again=yes')
    expect((await change('pause', 'wait')).answer.status).toBe(303)
    expect((await change('abort', 'enough')).answer.status).toBe(303)
    expect((await engine.operations.get(id)).log.map(({ change: what }) => what)).toEqual([
      'started',
      'paused',
      'resumed',
      'paused',
      'aborted',
    ])
    expect((await post(app, `/operations/${id}/actions/explode`, { requestId: 'request-1' })).status).toBe(404)
  })

  test('tell who comes second what the first one has done', async () => {
    const { id } = await pausedOperation()
    const seen = hiddenFields((await get(app, `/operations/${id}/plan?action=resume`)).text)
    await engine.operations.abort(id, { actor: `grace ${hostile}`, reason: `it is over ${hostile}` })
    const answer = await post(app, `/operations/${id}/actions/resume`, { ...seen, reason: 'go on' })
    expect(answer.status).toBe(409)
    expect(words(answer.text)).toContain('Resume does not fit')
    expect(words(answer.text)).toContain('Aborted by grace')
    expect(answer.text).not.toContain('<script>alert')
    expect((await get(app, `/operations/${id}/plan?action=pause`)).status).toBe(409)
  })

  test('are not there for what is no operation', async () => {
    expect((await get(app, '/operations/nonsense')).status).toBe(404)
    expect((await get(app, '/operations/01a1fce1-8814-7000-aad7-833589d72686')).status).toBe(404)
  })
})

describe('the rights to operate', () => {
  const roles: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin']
  const as = (role: Role | undefined, options = {}) =>
    dashboardFor(engine, { id: 'eve', ...(role === undefined ? {} : { role }) }, options)

  test.each(roles)('of the role %s hold on each route', async (role) => {
    const { id, filter } = await pausedOperation()
    const own = as(role)
    const may = role === 'operator' || role === 'admin'
    const group = encodeURIComponent(filter.errorGroup ?? '')
    const pages = [
      '/errors',
      `/errors/${group}`,
      '/operations',
      `/operations/${id}`,
      `/operations/${id}/plan?action=resume`,
      '/operations/new?tag=letters',
      '/operations/new?verb=retry&tag=letters',
    ]
    for (const path of pages) expect((await get(own, path)).status, path).toBe(200)
    const form = { requestId: 'request-1', scope: 'tag=letters', seen: '1', fitting: '0', canary: 'x', rate: 'x' }
    for (const verb of ['retry', 'compensate', 'cancel', 'pause', 'resume', 'resolve', 'rerun']) {
      // Nothing is filled in: who may is told so, and nothing happens.
      const answer = await post(own, '/operations', { ...form, verb })
      expect(answer.status, verb).toBe(may ? 422 : 403)
      if (!may) expect(answer.text).toContain('start_operation, which operators and admins have; the role is viewer')
    }
    const past = await post(own, '/operations', { ...form, verb: 'compensate', past: 'yes' })
    expect(past.status).toBe(role === 'admin' ? 422 : 403)
    if (role === 'operator')
      expect(past.text).toContain('start_operation, which only admins have; the role is operator')
    for (const change of ['pause', 'resume', 'abort']) {
      const answer = await post(own, `/operations/${id}/actions/${change}`, { requestId: 'request-1' })
      expect(answer.status, change).toBe(may ? 422 : 403)
      if (!may) expect(answer.text).toContain(`${change}_operation`)
    }
    expect((await engine.operations.get(id)).state).toBe('paused')
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
  })

  test('of a viewer show what would be done, and no form', async () => {
    const { group } = await deadLetters(engine, 1)
    const { text } = await get(as('viewer'), forGroup(group))
    expect(text).toContain('its action runs')
    expect(text).not.toContain('method="post"')
    expect((await get(as('viewer'), `/errors/${encodeURIComponent(group)}`)).text).not.toContain('/operations/new')
  })

  test('are asked with verb and definition, and the verb itself is asked too', async () => {
    const { group } = await deadLetters(engine, 1)
    const asked: unknown[] = []
    const own = as('admin', {
      authorize: (_actor: unknown, action: string, target: object) => {
        asked.push([action, target])
        return action !== 'retry'
      },
    })
    const fields = { ...hiddenFields((await get(app, forGroup(group))).text), canary: '0', rate: '1', reason: 'x' }
    const answer = await post(own, '/operations', fields)
    expect(answer.status).toBe(403)
    expect(asked).toEqual([
      ['start_operation', { verb: 'retry', definition: 'send-letter' }],
      ['retry', { definition: 'send-letter' }],
    ])
    expect(words(answer.text)).toContain('That takes the right retry (definition send-letter).')
  })

  test('to go on undoing past the pivot are an admin’s, as those to begin it', async () => {
    await deadLetters(engine, 2)
    const filter = { definition: 'send-letter', status: 'dead_lettered' } as const
    const by = { actor: 'ada', reason: 'all of it' }
    const { id } = await engine.operations.start({ verb: 'compensate', pastPivot: true, filter, rate: 0.001, ...by })
    await engine.operations.pause(id, by)
    const resume = (role: Role) => post(as(role), `/operations/${id}/actions/resume`, { requestId: 'request-1' })
    expect((await resume('operator')).status).toBe(403)
    expect((await resume('admin')).status).toBe(422)
    expect(
      (await post(as('operator'), `/operations/${id}/actions/abort`, { requestId: 'request-2', reason: 'no' })).status,
    ).toBe(303)
  })
})

describe('hostile text', () => {
  test('stays text on every page of operations and errors', async () => {
    const evil = `${hostile} javascript:alert(3) "><img src=x onerror=alert(4)>`
    const { group } = await deadLetters(engine, 2, evil)
    const by = { actor: evil, reason: evil }
    const { id } = await engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, rate: 0.001, ...by })
    await engine.operations.pause(id, by)
    const paths = [
      '/errors',
      `/errors/${encodeURIComponent(group)}`,
      `/errors?definition=${encodeURIComponent(evil)}`,
      forGroup(group),
      forGroup(group, 'compensate', `&tag=${encodeURIComponent(evil)}`),
      `/operations/new?tag=${encodeURIComponent(evil)}&key-prefix=${encodeURIComponent(evil)}`,
      '/operations',
      `/operations/${id}`,
      `/operations/${id}/plan?action=resume`,
      `/sagas?error-group=${encodeURIComponent(evil.slice(0, 100))}`,
    ]
    for (const path of paths) {
      const { status, text } = await get(app, path)
      expect(status, path).toBe(200)
      expect(text, path).not.toMatch(/<script>alert|<img|<b hx-post|href="javascript:/)
    }
    office.says = undefined
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
  })
})
