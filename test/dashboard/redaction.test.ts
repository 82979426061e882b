/** What the host's hook holds back: a secret in payloads and errors, looked for on every page that there is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ROUTES } from '../../src/dashboard/api/table.ts'
import { sagaDashboard } from '../../src/dashboard/index.ts'
import { NOT_SHOWN, type Redact, Redacted, Redaction } from '../../src/dashboard/redaction.ts'
import { createSagaEngine, type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { readSources } from '../house/sources.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { ADA, dashboardFor, get, hiddenFields, post } from './requests.ts'

const SECRET = 'canary-4929-1111'

const QUICK = { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' } as const
/** Entries of the maintenance log. */
const CLEANUP = '01a1fce1-8814-7000-aad7-833589d72687'
const RECOVERY = '01a1fce1-8814-7000-aad7-833589d72688'
const NONE = { id: '01a1fce1-8814-7000-aad7-833589d72686' }

const leaky = sagasFor<{ services: unknown; tx: unknown }>()('leaky', {
  version: 1,
  input: z.object({ card: z.string(), more: z.object({ list: z.array(z.string()) }) }),
})
  .step('charge', {
    action: ({ input }) => ({ paidWith: input.card, deep: [{ card: input.card }] }),
    compensation: {
      run: () => {
        throw new StepRejected(`Cannot refund ${SECRET}.`)
      },
    },
  })
  .map('tell', {
    over: ({ input }) => input.more.list,
    whenItemFails: 'collect',
    action: ({ item }) => {
      if (item.startsWith('bad')) throw new StepRejected(`No such address: ${item}`)
      return `told ${item}`
    },
    compensation: () => {},
  })
  .step('ship', {
    action: () => {
      throw new StepNotApplied(`The carrier does not take ${SECRET}.`)
    },
    retry: QUICK,
    whenExhausted: 'dead_letter',
  })

const hide: Redact = (value) => JSON.parse(JSON.stringify(value).replaceAll(SECRET, '****')) as unknown

let database: TestDatabase
let engine: SagaEngine
let dead: string
let undone: string
let group: string
let operation: string

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [leaky], services: {} })
  await engine.start()
  const input = { card: SECRET, more: { list: [`bad ${SECRET}`, SECRET] } }
  const start = async () => {
    const { id } = await engine.enqueue(leaky, input)
    await engine.outcome(id)
    return id
  }
  dead = await start()
  undone = await start()
  const by = { actor: 'ada', reason: 'a trial' }
  await engine.operator.compensate(undone, by)
  await engine.outcome(undone)
  await engine.operator.editInput(dead, { ...by, input: { ...input, card: `${SECRET}-edited` } })
  await engine.outcome(dead)
  group = (await engine.get(dead))?.errorGroup ?? ''
  const plain = dashboardFor(engine)
  const page = await get(plain, `/operations/new?verb=retry&error-group=${encodeURIComponent(group)}`)
  const done = await post(plain, '/operations', { ...hiddenFields(page.text), canary: '0', rate: '100', reason: 'x' })
  operation = /operations\/([\w-]+)/.exec(done.headers.get('location') ?? '')?.[1] ?? ''
  const { createdAt } = await engine.operations.get(operation)
  expect(createdAt).toBeInstanceOf(Date)
  await engine.outcome(dead)
  // As an order that fails leaves it.
  await database.pool.query(
    `update saga.saga_operation_item set state = 'failed', outcome = null, code = 'ORDER_FAILED', message = $2,
       ended_at = coalesce(ended_at, now())
     where operation_id = $1::uuid`,
    [operation, `It said ${SECRET}.`],
  )
  // As duties leave it that have failed, the one at once and the other with one saga.
  const said = `It said ${SECRET}.`
  const outcome = {
    found: 1,
    outcomes: { failed: 1 },
    sagas: [{ sagaId: dead, definition: 'leaky', outcome: 'failed', why: said }],
  }
  await database.pool.query(
    `insert into saga.saga_maintenance (id, duty, by, is_dry, started_at, finished_at, outcome, error)
     values ($1, 'cleanup', 'ada', false, now(), now(), null, $3), ($2, 'recovery', 'ada', false, now(), now(), $4, null)`,
    [CLEANUP, RECOVERY, said, outcome],
  )
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

/** An address of each page, or several, by the route that answers it. */
const addresses = async (): Promise<Readonly<Record<string, readonly string[]>>> => {
  const payloads = (await engine.journal(dead)).filter(({ payload }) => payload !== undefined)
  const hold = await engine.operator.hold({ definition: 'leaky', step: 'ship' }, { actor: 'ada', reason: 'wait' })
  const events = payloads.map(({ sequence }) => sequence)
  return {
    '/': ['/', '/?range=1h'],
    '/sagas': ['/sagas', '/sagas?status=dead_lettered', `/sagas?error-group=${encodeURIComponent(group)}`],
    '/healthz': ['/healthz'],
    '/readyz': ['/readyz'],
    // It tells that there is something new, and never what: see events.test.ts.
    '/events': [],
    '/sagas/:id': [`/sagas/${dead}`, `/sagas/${undone}`, `/sagas/${dead}?journal=8`, `/sagas/${dead}?idle=show`],
    '/sagas/:id/plan': [`/sagas/${dead}/plan?action=retry`, `/sagas/${undone}/plan?action=pause`],
    '/sagas/:id/export': [`/sagas/${dead}/export`, `/sagas/${undone}/export`],
    '/sagas/:id/items/:map': [`/sagas/${dead}/items/tell`],
    '/sagas/:id/data/:sequence': events.map((sequence) => `/sagas/${dead}/data/${sequence}`),
    '/sagas/:id/data/:sequence/file': events.map((sequence) => `/sagas/${dead}/data/${sequence}/file`),
    '/sagas/export': ['/sagas/export', '/sagas/export?format=json'],
    '/api/v1/openapi.json': ['/api/v1/openapi.json'],
    ...Object.fromEntries(ROUTES.map(({ path }) => [`/api/v1${path}`, [apiAddress(path)]])),
    '/workers': ['/workers'],
    '/queues': ['/queues'],
    '/schedules': ['/schedules', `/schedules?entry=${CLEANUP}`, `/schedules?entry=${RECOVERY}`],
    '/errors': ['/errors'],
    '/errors/:group': [`/errors/${encodeURIComponent(group)}`],
    '/errors/:group/triage': [`/errors/${encodeURIComponent(group)}/triage?state=resolved`],
    '/audit': ['/audit', `/audit?saga=${dead}`],
    '/me': ['/me'],
    '/operations': ['/operations'],
    '/operations/new': ['retry', 'compensate', 'resolve', undefined].map(
      (verb) => `/operations/new?error-group=${encodeURIComponent(group)}${verb === undefined ? '' : `&verb=${verb}`}`,
    ),
    '/operations/:id': [`/operations/${operation}`],
    '/operations/:id/plan': [`/operations/${operation}/plan?action=abort`],
    '/definitions': ['/definitions'],
    '/definitions/:name': ['/definitions/leaky'],
    '/definitions/:name/hold': ['/definitions/leaky/hold'],
    '/holds/:id/release': [`/holds/${hold}/release`],
  }
}

function apiAddress(path: string): string {
  const id = path.startsWith('/operations') ? operation : dead
  const query = path === '/operations/preview' ? '?verb=retry&definition=leaky' : ''
  const filled = path.replace(':id', id).replace(':group', encodeURIComponent(group)).replace(':name', 'leaky')
  return `/api/v1${filled}${query}`
}

describe('a secret that redact hides', () => {
  test('is on no page that there is, and each route has been looked at', async () => {
    const app = sagaDashboard({ client: engine, authenticate: () => ADA, redact: hide })
    const known = await addresses()
    const routes = app.routes.filter(({ method, path }) => method === 'GET' && !path.startsWith('/assets'))
    expect(routes.map(({ path }) => path).filter((path) => known[path] === undefined)).toEqual([])
    const seen = dashboardFor(engine)
    let found = 0
    for (const path of Object.values(known).flat()) {
      const open = await get(seen, path)
      if (open.text.includes(SECRET)) found += 1
      const { status, text } = await get(app, path)
      expect([path, status]).toEqual([path, open.status])
      expect(text.includes(SECRET), path).toBe(false)
    }
    // Else the pages above would have hidden nothing.
    expect(found).toBeGreaterThan(16)
  })

  test('is said to be redacted, beside what is shown in its place', async () => {
    const app = dashboardFor(engine, ADA, { redact: hide })
    const { text } = await get(app, `/sagas/${dead}/data/1`)
    expect(text).toMatch(/<b>card<\/b> <span class="v s">“\*\*\*\*”<\/span> <span class="redacted">redacted<\/span>/)
    expect(text.match(/class="redacted"/g)).toHaveLength(3)
  })

  test('is held back as a whole where the hook throws, or answers later', async () => {
    const hooks: readonly Redact[] = [
      () => {
        throw new Error(SECRET)
      },
      async () => Promise.reject(new Error(SECRET)),
    ]
    for (const redact of hooks) {
      const app = dashboardFor(engine, ADA, { redact })
      for (const path of [`/sagas/${dead}`, `/sagas/${dead}/data/1`, `/sagas/${dead}/export`, '/errors', '/sagas']) {
        const { status, text } = await get(app, path)
        expect([path, status]).toEqual([path, 200])
        expect(text, path).not.toContain(SECRET)
        expect(text, path).toContain(NOT_SHOWN)
      }
    }
  })
})

describe('the hook', () => {
  test('is told what a value is of', async () => {
    const asked: unknown[] = []
    const app = dashboardFor(engine, ADA, {
      redact: (value, context) => {
        asked.push(context)
        return value
      },
    })
    await get(app, `/sagas/${dead}`)
    const of = { definition: 'leaky', sagaId: dead }
    expect(asked).toContainEqual({ ...of, kind: 'input' })
    expect(asked).toContainEqual({ ...of, kind: 'result', step: 'charge' })
    expect(asked).toContainEqual({ ...of, kind: 'error', step: 'ship' })
  })

  test.each<[string, Redact, string, unknown]>([
    ['changes a field', (value) => ({ ...(value as object), a: 1 }), '{"a": 0, "b": 2}', { a: new Redacted(1), b: 2 }],
    ['takes a field away', () => ({ b: 2 }), '{"a": 0, "b": 2}', { a: new Redacted(undefined), b: 2 }],
    ['adds a field', () => ({ a: 0, b: 2 }), '{"a": 0}', { a: 0, b: new Redacted(2) }],
    ['shortens a list', () => [1], '[1, 2]', [1, new Redacted(undefined)]],
    ['gives nothing', () => undefined, '{"a": 0}', new Redacted(undefined)],
    [
      'changes what it was given',
      (value) => Object.assign(value as object, { a: 1 }),
      '{"a": 0}',
      { a: new Redacted(1) },
    ],
    ['gives what has no end', () => endless(), '{"a": {"a": 0}}', { a: { a: new Redacted(NOT_SHOWN) } }],
  ])('that %s is followed, and what it has changed is marked', (_what, redact, json, shown) => {
    const about = { definition: 'leaky', sagaId: NONE.id, kind: 'input' } as const
    expect(new Redaction(redact).payload(json, about)).toEqual(shown)
  })
})

function endless(): object {
  const round: { a?: object } = {}
  round.a = round
  return round
}

describe('the dashboard', () => {
  test('reads messages of errors by way of the hook', () => {
    const own = ['src/dashboard/redaction.ts', 'src/dashboard/acts.ts', 'src/dashboard/answers.ts']
    const reading = readSources().filter(({ path, text }) => {
      if (!path.startsWith('src/dashboard/') || own.includes(path)) return false
      return /error\??\.message\b/.test(text.replaceAll(/redaction\.\w+\([^\n]*/g, ''))
    })
    expect(reading.map(({ path }) => path)).toEqual([])
  })
})
