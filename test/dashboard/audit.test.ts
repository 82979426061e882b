/** The audit, who is signed in, and what people make of error groups. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { csv } from '../../src/dashboard/csv.ts'
import type { Role } from '../../src/dashboard/index.ts'
import type { SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { hostile } from './orders.ts'
import { type Dashboard, dashboardFor, get, hiddenFields, post } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
let app: Dashboard
let group: string
let ids: readonly string[]

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  await database.pool.query('delete from saga.saga; delete from saga.saga_event; delete from saga.saga_audit')
  await database.pool.query('delete from saga.saga_triage; delete from pgboss.job')
  engine = await startEngine(database.connectionString, [sendLetter])
  app = dashboardFor(engine)
  ;({ group, ids } = await deadLetters(engine, 2))
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const roles: readonly (Role | undefined)[] = [undefined, 'viewer', 'operator', 'admin']
const as = (role: Role | undefined, options = {}) =>
  dashboardFor(engine, { id: 'eve', ...(role === undefined ? {} : { role }) }, options)
const words = (page: string) =>
  page
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ')
const ofGroup = (more = '') => `/errors/${encodeURIComponent(group)}${more}`
const triaged = () => engine.triage(group)

/** Opens the form as a browser does, and sends it. */
async function say(state: string, fields: Record<string, string> = {}, by: Dashboard = app) {
  const shown = await get(by, ofGroup(`/triage?state=${state}`))
  expect(shown.status).toBe(200)
  return post(by, ofGroup('/triage'), { ...hiddenFields(shown.text), reason: 'incident 7', ...fields })
}

describe('the audit', () => {
  test('tells in words who did what and why, with links to it', async () => {
    const by = { actor: 'grace', reason: 'incident 7' }
    await engine.operator.resolve(ids[0] ?? '', { ...by, as: 'completed' })
    const hold = await engine.operator.hold({ definition: 'send-letter', step: 'post', side: 'action' }, by)
    await engine.operator.release(hold, { ...by, rate: 5 })
    await engine.operator.triage(group, { state: 'resolved', version: 4 }, by)
    await engine.operator.note(group, 'Closed on Sundays.', { actor: 'grace' })
    await engine.maintenance.analyze({ actor: 'grace' })
    const { status, text } = await get(app, '/audit')
    expect(status).toBe(200)
    const said = words(text)
    for (const sentence of [
      'Resolved as completed',
      'Held post of send-letter, going forward',
      'Released post of send-letter, going forward, 5 sagas a second',
      'Resolved an error group in version 4',
      'Wrote a note on an error group send-letter Error group Closed on Sundays.',
      'Analysis by hand',
      'incident 7',
    ]) {
      expect(said).toContain(sentence)
    }
    expect(text).toContain(`href="/sagas/${ids[0]}"`)
    expect(text).toContain(`href="${ofGroup()}"`)
    expect(text).toContain('href="/audit?actor=grace"')
  })

  test('has its filters in the address, and pages that go back', async () => {
    for (let index = 0; index < 60; index += 1) {
      await engine.operator.note(group, `note ${index}`, { actor: index % 2 === 0 ? 'ada' : 'grace' })
    }
    const newest = (await get(app, '/audit')).text
    expect(newest).toContain('note 59')
    expect(newest).not.toContain('note 9<')
    const older = /href="(\/audit\?cursor=[^"]+)"/.exec(newest)?.[1] ?? ''
    const back = (await get(app, older)).text
    expect(back).toContain('note 9<')
    expect(back).not.toContain('note 59')
    expect((await get(app, '/audit?actor=ada')).text).not.toContain('note 59')
    expect((await get(app, '/audit?action=hold')).text).toContain('Nothing for this filter')
    expect((await get(app, `/audit?group=${encodeURIComponent(group)}`)).text).toContain('note 59')
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16)
    expect((await get(app, `/audit?from=${tomorrow}`)).text).toContain('Nothing for this filter')
    expect((await get(app, `/audit?to=${tomorrow}&denied=`)).text).toContain('note 59')
    for (const wrong of ['action=x', 'saga=x', 'from=x', 'denied=maybe', 'cursor=x', 'format=xml', 'aktor=ada']) {
      expect((await get(app, `/audit?${wrong}`)).status, wrong).toBe(400)
    }
  })

  test('says in which zone its times are, and keeps what was asked for to the second', async () => {
    await engine.operator.note(group, 'mine', { actor: 'eve' })
    const at = (await engine.audit.list({})).entries[0]?.at ?? new Date(0)
    const minute = (moment: Date) => moment.toISOString().slice(0, 16).replace('T', ' ')
    expect((await get(app, '/audit')).text).toContain(`>${minute(at)} UTC</time>`)
    const tokyo = as('admin', { timeZone: 'Asia/Tokyo' })
    const there = `>${minute(new Date(at.getTime() + 9 * 3_600_000))} GMT+9</time>`
    const { text } = await get(tokyo, '/audit')
    expect(text).toContain(there)
    expect(text).toContain('From (UTC)')
    const mine = await get(tokyo, '/me')
    expect(mine.text).toContain(there)
    expect(words(mine.text)).toContain(
      'Times Asia/Tokyo but for charts and for what is typed into forms, which are in UTC',
    )
    expect(words((await get(as('admin'), '/me')).text)).toContain('Times UTC as everywhere here')
    const field = async (from: string) =>
      /name="from" type="datetime-local" (.*?)>/.exec((await get(app, `/audit?from=${from}`)).text)?.[1]?.trim()
    expect(await field('2026-11-20T09:00')).toBe('value="2026-11-20T09:00"')
    expect(await field('2026-11-20T09:00:30')).toBe('step="any" value="2026-11-20T09:00:30"')
    expect(await field('2026-11-20T09:00:00.120Z')).toBe('step="any" value="2026-11-20T09:00:00.120"')
    expect(await field('2026-11-20T09:00:00.120')).toBe('step="any" value="2026-11-20T09:00:00.120"')
  })

  test('says plainly when nobody has done anything', async () => {
    expect((await get(app, '/audit')).text).toContain('Nothing yet')
  })

  test('is saved as shown, with nothing that a spreadsheet would compute', async () => {
    await engine.operator.note(group, '=HYPERLINK("http://x")', { actor: '@evil' })
    const asCsv = await get(app, '/audit?format=csv&actor=%40evil')
    expect(asCsv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(asCsv.headers.get('content-disposition')).toBe('attachment; filename="audit.csv"')
    expect(asCsv.headers.get('content-security-policy')).not.toBeNull()
    const [head, row, end] = asCsv.text.split('\r\n')
    expect(head).toBe('at,actor,action,what,reason,definition,sagaId,errorGroup,refused')
    expect(row).toContain(`,'@evil,note,`)
    expect(row).toContain(`"'=HYPERLINK(""http://x"")"`)
    expect(end).toBe('')
    const asJson = JSON.parse((await get(app, '/audit?format=json')).text) as unknown[]
    expect(asJson).toMatchObject([{ actor: '@evil', action: 'note', reason: '=HYPERLINK("http://x")' }])
    expect(csv(['a', 'b'], [['1', null]])).toBe('a,b\r\n1,\r\n')
  })

  test('is told to the log where a refusal could not be written down, from a page and from the API', async () => {
    const warned: object[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (details: object) => void warned.push(details) }
    const lost = new Proxy<SagaEngine>(engine, {
      get: (target, name) => {
        if (name === 'audit') return { denied: () => Promise.reject(new Error('The disk is full.')) }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const vera = { id: 'vera', role: 'viewer' } as const
    const own = dashboardFor(lost, vera, { logger, authenticateToken: () => vera })
    const fields = { requestId: 'request-1', reason: 'let me', plan: 'x' }
    expect((await post(own, `/sagas/${ids[0]}/actions/retry`, fields)).status).toBe(403)
    const headers = { Authorization: 'Bearer x', 'Content-Type': 'application/json' }
    const init = { method: 'POST', headers, body: '{"reason":"let me"}' }
    expect((await own.request(`/api/v1/sagas/${ids[0]}/acts/pause`, init)).status).toBe(403)
    const of = { actor: 'vera', error: { message: 'The disk is full.' }, requestId: expect.any(String) }
    expect(warned).toMatchObject([
      { ...of, action: 'retry' },
      { ...of, action: 'pause' },
    ])
  })

  test('tells who was refused what from here, and by the engine itself', async () => {
    const fields = { requestId: 'request-1', reason: 'let me', plan: 'x' }
    const viewer = as('viewer')
    expect((await post(viewer, `/sagas/${ids[0]}/actions/retry`, fields)).status).toBe(403)
    expect((await post(viewer, `/sagas/${ids[0]}/actions/retry`, fields)).status).toBe(403)
    expect((await post(viewer, '/definitions/send-letter/holds', { ...fields, step: 'post' })).status).toBe(403)
    expect((await post(viewer, '/schedules/cleanup', { dry: 'yes' })).status).toBe(403)
    const form = { ...fields, scope: `tag=letters`, verb: 'retry', seen: '1', fitting: '1' }
    expect((await post(viewer, '/operations', form)).status).toBe(403)
    // Reading is no act, and a form from elsewhere is nobody's attempt.
    const nothing = as('viewer', { authorize: () => false })
    expect((await get(nothing, '/audit')).status).toBe(403)
    const elsewhere = { 'Sec-Fetch-Site': 'cross-site' }
    expect((await post(viewer, `/sagas/${ids[0]}/actions/retry`, fields, elsewhere)).status).toBe(403)
    const { entries } = await engine.audit.list({ deniedOnly: true })
    expect(entries.map(({ actor, action, deniedTimes }) => [actor, action, deniedTimes])).toEqual([
      ['eve', 'start_operation', 1],
      ['eve', 'maintain', 1],
      ['eve', 'hold', 1],
      ['eve', 'retry', 2],
    ])
    const page = words((await get(app, '/audit?denied=yes')).text)
    expect(page).toContain('Refused Retry, 2 times in a minute')
    expect(page).toContain('Refused Start an operation (retry)')
  })

  test('is for who may read, of all or of one definition', async () => {
    const some = as('viewer', {
      authorize: (_actor: unknown, action: string, target: { definition?: string }) =>
        action === 'read' && target.definition === 'send-letter',
    })
    expect((await get(some, '/audit')).status).toBe(403)
    expect((await get(some, `/audit?saga=${ids[0]}`)).status).toBe(403)
    expect((await get(some, '/audit?format=csv')).status).toBe(403)
    expect((await get(some, '/audit?definition=send-letter')).status).toBe(200)
    expect((await get(some, '/audit?definition=other')).status).toBe(403)
  })
})

describe('the page of who is signed in', () => {
  test.each(roles)('says of the role %s what it may do, and who may do the rest', async (role) => {
    const { status, text } = await get(as(role), '/me')
    expect(status).toBe(200)
    const page = words(text)
    expect(page).toContain(`Role ${role ?? 'viewer'}`)
    const may = (label: string) => new RegExp(`${label}.*? (You may(?: not)?) `).exec(page)?.[1]
    expect(may('Read see sagas')).toBe('You may')
    expect(may('Hold stop a definition')).toBe(role === 'operator' || role === 'admin' ? 'You may' : 'You may not')
    expect(may('Triage say how')).toBe(role === 'operator' || role === 'admin' ? 'You may' : 'You may not')
    expect(may('Maintenance have duties')).toBe(role === 'admin' ? 'You may' : 'You may not')
    expect(page).toContain('Only admins have it')
  })

  test('tells the rights by definition where the host decides, and one’s own last acts', async () => {
    await engine.operator.note(group, 'mine', { actor: 'eve' })
    await engine.operator.note(group, 'of another', { actor: 'grace' })
    const own = as('admin', {
      authorize: (_actor: unknown, action: string, { definition }: { definition?: string }) =>
        action === 'read' || (action === 'retry' && definition === 'send-letter'),
    })
    const { text } = await get(own, '/me')
    const page = words(text)
    expect(page).toContain('Retry send a saga on from where it stopped You may all Whoever set up authorize()')
    expect(page).toContain('Cancel stop a live saga and turn it back You may not none Whoever')
    expect(page).toContain('mine')
    expect(page).not.toContain('of another')
    expect((await get(app, '/sagas')).text).toContain('<a class="actor" href="/me">')
  })

  test('is seen by who may see nothing else, without anybody’s acts', async () => {
    await engine.operator.note(group, 'mine', { actor: 'eve' })
    const { status, text } = await get(as('admin', { authorize: () => false }), '/me')
    expect(status).toBe(200)
    expect(words(text)).toContain('You have no right to see the audit.')
    expect(text).not.toContain('mine')
    expect(text).not.toContain('send-letter')
    expect((await engine.audit.list({ deniedOnly: true })).entries).toEqual([])
  })
})

describe('an error group', () => {
  test('is resolved in a version, moves to its place, and says so when it comes back', async () => {
    const answer = await say('resolved', { version: '3' })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe(ofGroup('?done=triaged'))
    expect((await get(app, '/errors')).text).toContain('Nothing is open')
    expect(words((await get(app, '/errors?state=resolved')).text)).toContain(
      'Resolved in version 3 by ada@example.com.',
    )
    await deadLetters(engine, 1)
    expect((await get(app, '/errors?state=resolved')).text).not.toContain('id="group-1')
    const page = words((await get(app, '/errors')).text)
    expect(page).toMatch(/Open 1 Ignored 0 Resolved 0/)
    expect(page).toContain(
      'Open again: it was resolved in version 3 by ada@example.com, and 1 saga has died of it since.',
    )
    const shown = words((await get(app, ofGroup())).text)
    expect(shown).toContain('Open again: it was resolved in version 3')
    expect(shown).toContain('What was made of it')
  })

  test('is ignored until a moment or a number, and the overview says how many are', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16)
    expect((await say('ignored', { until, more: '5' })).status).toBe(303)
    expect(await triaged()).toMatchObject({
      state: 'ignored',
      until: new Date(`${until}Z`),
      untilMore: 5,
      by: 'ada@example.com',
    })
    const overview = words((await get(app, '/')).text)
    expect(overview).toContain('2 sagas are in error groups that are ignored.')
    expect(overview).not.toContain('need a person')
    expect(words((await get(app, '/errors?state=ignored')).text)).toContain('of which 0 did')
  })

  test('has a note, which stays when all of its sagas have gone on', async () => {
    const fields = hiddenFields((await get(app, ofGroup())).text)
    expect((await post(app, ofGroup('/note'), { ...fields, note: 'Closed on Sundays.' })).status).toBe(303)
    // The same click once more.
    expect((await post(app, ofGroup('/note'), { ...fields, note: 'Closed on Sundays.' })).status).toBe(303)
    expect((await engine.audit.list({ errorGroup: group })).entries).toHaveLength(1)
    await say('resolved')
    for (const id of ids) await engine.operator.resolve(id, { actor: 'ada', reason: 'x', as: 'completed' })
    const gone = await get(app, ofGroup())
    expect(gone.status).toBe(200)
    expect(words(gone.text)).toMatch(/Nothing left in this group .* Closed on Sundays\./)
    expect((await get(app, ofGroup(), { 'HX-Request-Type': 'partial' })).status).toBe(404)
    expect(words((await get(app, '/errors?state=resolved')).text)).toContain('No saga is in these any more')
    const empty = { ...hiddenFields(gone.text), note: '' }
    expect((await post(app, ofGroup('/note'), empty)).status).toBe(303)
    expect((await triaged())?.note).toBeNull()
  })

  test('is changed by one of two who looked at the same time; the other is shown what was said', async () => {
    const [ada, grace] = await Promise.all([get(app, ofGroup('/triage?state=resolved')), get(app, ofGroup())])
    const note = { ...hiddenFields(grace.text), note: 'Mine.' }
    await say('ignored', { until: '', more: '' }, dashboardFor(engine, { id: 'grace', role: 'operator' }))
    const late = await post(app, ofGroup('/triage'), { ...hiddenFields(ada.text), reason: 'mended' })
    expect(late.status).toBe(409)
    expect(words(late.text)).toContain('somebody has changed this since you looked')
    expect(words(late.text)).toContain('Ignored by grace for good.')
    expect(late.text).toContain('mended')
    const lateNote = await post(app, ofGroup('/note'), note)
    expect(lateNote.status).toBe(409)
    expect(lateNote.text).toContain('Mine.')
    expect(await triaged()).toMatchObject({ state: 'ignored', by: 'grace', note: null })
    // Looked at again, it is done.
    const again = await post(app, ofGroup('/triage'), { ...hiddenFields(late.text), reason: 'mended' })
    expect(again.status).toBe(303)
    expect((await post(app, ofGroup('/note'), { ...hiddenFields(lateNote.text), note: 'Mine.' })).status).toBe(409)
  })

  test('needs a reason, and fields that can be', async () => {
    for (const [state, fields, says] of [
      ['resolved', { reason: '' }, 'Give a reason'],
      ['resolved', { version: '0' }, 'The number of a version'],
      ['resolved', { version: '1.5' }, 'The number of a version'],
      ['ignored', { until: 'soon' }, 'A date and a time'],
      ['ignored', { more: '1001' }, 'A whole number from 1 to 1000'],
    ] as const) {
      const answer = await say(state, fields)
      expect(answer.status, says).toBe(422)
      expect(words(answer.text)).toContain(says)
    }
    const shown = hiddenFields((await get(app, ofGroup())).text)
    expect((await post(app, ofGroup('/note'), { ...shown, note: 'x'.repeat(1_001) })).status).toBe(422)
    expect((await post(app, ofGroup('/note'), { ...shown, note: 'x', seen: '-1' })).status).toBe(400)
    expect((await post(app, ofGroup('/triage'), { ...shown, state: 'closed', reason: 'x' })).status).toBe(400)
    expect((await get(app, ofGroup('/triage?state=closed'))).status).toBe(400)
    expect((await get(app, '/errors/1:ffff/triage?state=open')).status).toBe(404)
    expect((await get(app, '/errors?state=x')).status).toBe(400)
    expect(await triaged()).toBeUndefined()
  })

  test('takes no request id of the engine’s own', async () => {
    const fields = { requestId: 'pg-saga:operation:1:2' }
    expect((await say('resolved', fields)).status).toBe(400)
    const { requestId: _own, ...shown } = hiddenFields((await get(app, ofGroup())).text)
    expect((await post(app, ofGroup('/note'), { ...shown, ...fields, note: 'x' })).status).toBe(400)
    expect(await triaged()).toBeUndefined()
  })

  test('is not ignored until a moment that is over', async () => {
    const answer = await say('ignored', { until: new Date(Date.now() - 3_600_000).toISOString().slice(0, 16) })
    expect(answer.status).toBe(422)
    expect(words(answer.text)).toContain('A moment that is to come, or nothing.')
    expect(await triaged()).toBeUndefined()
  })

  test('takes over what somebody else has said meanwhile only where it shows that it has', async () => {
    const form = hiddenFields((await get(app, ofGroup('/triage?state=resolved'))).text)
    const noteForm = hiddenFields((await get(app, ofGroup())).text)
    await engine.operator.triage(group, { state: 'ignored' }, { actor: 'grace', reason: 'mine' })
    const unreasoned = await post(app, ofGroup('/triage'), form)
    expect(unreasoned.status).toBe(422)
    const filled = { ...hiddenFields(unreasoned.text), reason: 'mended' }
    expect((await post(app, ofGroup('/triage'), filled)).status).toBe(409)
    const long = await post(app, ofGroup('/note'), { ...noteForm, note: 'x'.repeat(1_001) })
    expect(long.status).toBe(422)
    expect((await post(app, ofGroup('/note'), { ...hiddenFields(long.text), note: 'x' })).status).toBe(409)
    expect(await triaged()).toMatchObject({ state: 'ignored', by: 'grace', note: null, revision: 1 })
  })

  test('offers to retry one, then ten, then all, as forms that are filled in', async () => {
    await deadLetters(engine, 10)
    const { text } = await get(app, ofGroup())
    const canaries = [...text.matchAll(/href="(\/operations\/new\?verb=retry[^"]*)"/g)].map(([, href = '']) => {
      return new URLSearchParams(href.replaceAll('&amp;', '&').split('?')[1]).get('canary')
    })
    expect(canaries).toEqual(['1', '10', '0'])
  })

  test.each(roles)('is changed by the role %s only if it may', async (role) => {
    const own = as(role)
    const may = role === 'operator' || role === 'admin'
    for (const path of ['/audit', '/me', '/errors?state=ignored', ofGroup(), ofGroup('/triage?state=resolved')]) {
      const { status, text } = await get(own, path)
      expect(status, path).toBe(200)
      if (path.startsWith(ofGroup())) expect(text.includes('method="post"'), path).toBe(may)
    }
    const fields = { requestId: 'request-1', seen: '0', state: 'resolved', reason: '', note: 'x'.repeat(1_001) }
    const said = await post(own, ofGroup('/triage'), fields)
    const noted = await post(own, ofGroup('/note'), fields)
    expect([said.status, noted.status]).toEqual(may ? [422, 422] : [403, 403])
    if (!may) expect(said.text).toContain('the right triage, which operators and admins have')
    expect((await engine.audit.list({ deniedOnly: true })).entries.map(({ deniedTimes }) => deniedTimes)).toEqual(
      may ? [] : [2],
    )
    const elsewhere = { 'Sec-Fetch-Site': 'cross-site' }
    expect((await post(app, ofGroup('/triage'), fields, elsewhere)).status).toBe(403)
    expect(await triaged()).toBeUndefined()
  })

  test('is asked with its definition, its step and its id', async () => {
    const asked: unknown[] = []
    const own = as('admin', {
      authorize: (_actor: unknown, action: string, target: object) => {
        asked.push([action, target])
        return false
      },
    })
    await post(own, ofGroup('/note'), { requestId: 'request-1', seen: '0', note: 'x' })
    expect(asked).toEqual([['triage', { definition: 'send-letter', errorGroup: group, step: 'post' }]])
  })
})

describe('hostile text', () => {
  test('stays text on the pages of audit and triage', async () => {
    const evil = `${hostile} javascript:alert(3)`
    await engine.operator.triage(group, { state: 'ignored' }, { actor: evil, reason: evil })
    await engine.operator.note(group, evil, { actor: evil })
    await engine.audit.denied({ actor: evil, action: evil as never, target: { definition: evil, step: evil } })
    const own = dashboardFor(engine, { id: evil, name: evil, role: 'admin' })
    const query = encodeURIComponent(evil.slice(0, 200))
    for (const path of [
      '/audit',
      `/audit?actor=${query}`,
      '/me',
      '/errors?state=ignored',
      ofGroup(),
      ofGroup('/triage?state=open'),
    ]) {
      const { status, text } = await get(own, path)
      expect(status, path).toBe(200)
      expect(text, path).toContain('&lt;script&gt;')
      expect(text, path).not.toMatch(/<script>alert|<img|<b hx-post|href="javascript/)
    }
  })
})
