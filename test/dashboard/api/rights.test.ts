/** Every route of the API and every role: who may is let through, who may not is told which right is lacking. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../../src/dashboard/api/route.ts'
import { ROUTES } from '../../../src/dashboard/api/table.ts'
import type { Actor } from '../../../src/dashboard/index.ts'
import { createSagaClient } from '../../../src/index.ts'
import { type TestDatabase, testDatabase } from '../../support/database.ts'
import { startEngine, stopEngine } from '../../support/engine.ts'
import { deadLetters, sendLetter } from '../letters.ts'
import { ask, dashboardWithTokens, type Sender } from './programs.ts'

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>
const ids: Record<string, string> = {}

beforeAll(async () => {
  database = await testDatabase()
  const engine = await startEngine(database.connectionString, [sendLetter])
  const { group, ids: sagas } = await deadLetters(engine, 1)
  await stopEngine(engine)
  client = createSagaClient({ connectionString: database.connectionString })
  const by = { actor: 'test', reason: 'a test' }
  const operation = await client.operations.start({ verb: 'retry', filter: { errorGroup: group }, ...by })
  await client.operations.pause(operation.id, by)
  const hold = await client.operator.hold({ definition: 'send-letter', step: 'stamp' }, by)
  Object.assign(ids, { saga: sagas[0], group, operation: operation.id, hold })
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

/** With ids that there are, so that nothing but the right is in the way. */
function pathOf({ path }: Route): string {
  const id = path.startsWith('/operations') ? ids['operation'] : path.startsWith('/holds') ? ids['hold'] : ids['saga']
  return path
    .replace(':id', id ?? '')
    .replace(':group', encodeURIComponent(ids['group'] ?? ''))
    .replace(':name', 'send-letter')
}

/** Bodies that are understood, and change nothing for whoever may: the plan is stale, say, or what was seen. */
const BODIES: Readonly<Record<string, object>> = {
  pause: { reason: 'x' },
  resolve: { as: 'completed' },
  complete: { step: 'no-such-step' },
  editInput: { input: 'no object' },
  startOperation: {
    verb: 'retry',
    filter: { tag: 'letters' },
    seen: { count: 9, fitting: 9, more: false, others: [] },
  },
  triageErrorGroup: { state: 'open', seen: 9 },
  noteErrorGroup: { note: 'x', seen: 9, reason: undefined },
  placeHold: { definition: 'send-letter', step: 'stamp' },
  releaseHold: { stand: 'otherwise' },
}

function bodyOf({ name, tag, path }: Route): string | undefined {
  if (tag === 'maintenance') return '{"dryRun":true}'
  const plan = path.startsWith('/sagas') && /retry|compensate|cancel|revert/.test(path) ? { plan: 'stale' } : {}
  return JSON.stringify({ reason: 'x', ...plan, ...BODIES[name] })
}

function queryOf({ name }: Route): string {
  return name === 'previewOperation' ? '?verb=retry&tag=letters' : ''
}

const send = (route: Route, actor: Actor | null, as: Sender = { Authorization: 'Bearer one' }, options = {}) => {
  const app = dashboardWithTokens(client, { authenticateToken: () => actor, ...options })
  const body = route.method === 'POST' ? bodyOf(route) : undefined
  return ask(app, route.method, `${pathOf(route)}${queryOf(route)}`, as, body)
}

const ONLY_ADMIN = ['maintain', 'compensate_past_pivot', 'revert', 'complete', 'edit_input', 'erase']

/** As the documentation has it. */
function mayDo(role: Actor['role'], { right }: Route): boolean {
  if (right === 'none' || right === 'read') return true
  if (ONLY_ADMIN.includes(right)) return role === 'admin'
  return role === 'admin' || role === 'operator'
}

describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_name, route) => {
  test('is 401 for nobody, and for a session that is none', async () => {
    expect((await send(route, null)).status).toBe(401)
    expect((await send(route, null, { 'Sec-Fetch-Site': 'same-origin' })).status).toBe(401)
  })

  test.each([undefined, 'viewer', 'operator', 'admin'] as const)('holds the rights of the role %s', async (role) => {
    // What can be done once is not done: an admin's resume, erase and so on are refused by the engine's own rules.
    if (mayDo(role, route) && route.method === 'POST' && CHANGES_AT_ONCE.includes(route.name)) return
    const { status, json } = await send(route, { id: 'eve', ...(role === undefined ? {} : { role }) })
    if (mayDo(role, route)) return expect([200, 400, 404, 409]).toContain(status)
    expect([status, json.code]).toEqual([403, 'NOT_AUTHORIZED'])
    expect(route.right).toContain(json.right)
    expect(json.detail).toContain(`takes the right ${json.right}`)
  })

  test('asks for the right that its documentation names, and stops at a no', async () => {
    const asked: string[] = []
    const authorize = (_actor: Actor, action: string) => {
      asked.push(action)
      return false
    }
    const { status, json } = await send(route, { id: 'eve', role: 'admin' }, undefined, { authorize })
    if (route.right === 'none') return expect(status).toBe(200)
    expect([status, json.right]).toEqual([403, asked[0]])
    expect(asked).toHaveLength(1)
    expect(route.right.startsWith(asked[0] ?? '-')).toBe(true)
  })
})

/** Those that would be done, for whoever may, whatever is sent: other tests are about them. */
const CHANGES_AT_ONCE = ['resolve', 'abortOperation', 'resumeOperation']

describe('the table of routes', () => {
  test('has no GET that takes a body, and no POST that needs no right', () => {
    for (const { method, body, right } of ROUTES) {
      expect(body === undefined).toBe(method === 'GET')
      if (method === 'POST') expect(right).not.toMatch(/^(?:read|none)$/)
    }
  })

  test('answers HEAD as GET, without a body, and changes nothing by either', async () => {
    const before = await fingerprint()
    const app = dashboardWithTokens(client)
    for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
      const path = `${pathOf(route)}${queryOf(route)}`
      const [get, head] = [await ask(app, 'GET', path, 'admin'), await ask(app, 'HEAD', path, 'admin')]
      expect([head.status, head.text], route.path).toEqual([get.status, ''])
    }
    expect(await fingerprint()).toBe(before)
  })
})

describe('a secret that redact hides', () => {
  test('is told by no route', async () => {
    const hidden = dashboardWithTokens(client, { redact: () => '***' })
    const told = dashboardWithTokens(client)
    const telling: string[] = []
    for (const route of ROUTES.filter(({ method }) => method === 'GET')) {
      const path = `${pathOf(route)}${queryOf(route)}`
      const [open, shut] = [await ask(told, 'GET', path, 'admin'), await ask(hidden, 'GET', path, 'admin')]
      expect([path, shut.status]).toEqual([path, open.status])
      expect(shut.text, path).not.toMatch(SECRETS)
      if (SECRETS.test(open.text)) telling.push(route.name)
    }
    // Else there was nothing to hide.
    expect(telling).toEqual(
      expect.arrayContaining(['listSagas', 'exportSagas', 'getSaga', 'getPayloads', 'getJournal']),
    )
    expect(telling).toEqual(expect.arrayContaining(['listErrorGroups', 'getErrorGroup']))
  })
})

/** Of the letter: an error, and a result. */
const SECRETS = /The office is closed|Dear/

/** Of all that people and programs can change. */
async function fingerprint(): Promise<string> {
  const tables = ['saga', 'saga_event', 'saga_hold', 'saga_operation', 'saga_operation_item', 'saga_maintenance']
  const parts: string[] = []
  for (const table of tables) {
    const { rows } = await database.pool.query(
      `select md5(string_agg(t::text, '' order by t::text)) as is from saga.${table} t`,
    )
    parts.push(rows[0].is)
  }
  return parts.join()
}
