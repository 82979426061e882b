/** Whoever may read one definition learns nothing of another, whatever an address puts together. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuthorizeActor } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { fulfilOrder, order } from './orders.ts'
import { ADA, type Dashboard, dashboardFor, get } from './requests.ts'

let database: TestDatabase
let engine: SagaEngine
/** Reads letters, and nothing else. */
let letters: Dashboard
/** Reads what is not an order, the list of all among it. */
let others: Dashboard
let all: Dashboard
let saga: string
let group: string

const KEY = 'the only order of that key'
const SAYS = 'ECONNREFUSED'

beforeAll(async () => {
  database = await testDatabase()
  const { connectionString } = database
  engine = createSagaEngine({ connectionString, definitions: [sendLetter, fulfilOrder], services: {} })
  await engine.start()
  await deadLetters(engine, 1)
  saga = await order(engine, KEY, ['away send-mail'])
  group = (await engine.get(saga))?.errorGroup ?? ''
  const grace = { id: 'grace' }
  const with_ = (authorize: AuthorizeActor) => dashboardFor(engine, grace, { authorize })
  letters = with_((_actor, action, { definition }) => action === 'read' && definition === 'send-letter')
  others = with_((_actor, action, { definition }) => action === 'read' && definition !== 'fulfil-order')
  all = dashboardFor(engine, ADA)
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

const errorGroup = () => `error-group=${encodeURIComponent(group)}`

describe('an error group of another definition', () => {
  test.each(['', '&verb=retry'])(
    'is not shown before an operation over a definition that one may read: %o',
    async (verb) => {
      expect((await get(all, `/operations/new?${errorGroup()}${verb}`)).text).toContain(SAYS)
      const { status, text } = await get(letters, `/operations/new?definition=send-letter&${errorGroup()}${verb}`)
      expect(status).toBe(200)
      expect(text).not.toContain(SAYS)
      expect(text).not.toContain('fulfil-order')
      const ofAll = await get(others, `/operations/new?${errorGroup()}${verb}`)
      expect(ofAll.status).toBe(200)
      expect(ofAll.text).not.toContain(SAYS)
    },
  )

  test.each([{ definition: 'send-letter' }, {}])(
    'is not shown with an operation that names it beside %j',
    async (of) => {
      const by = { actor: 'ada', reason: 'a test' }
      // Slow, so that it does nothing while it is looked at.
      const filter = { ...of, errorGroup: group }
      const { id } = await engine.operations.start({ verb: 'pause', filter, rate: 0.001, ...by })
      const reader = 'definition' in of ? letters : others
      const { status, text } = await get(reader, `/operations/${id}`)
      expect(status).toBe(200)
      expect(text).not.toContain(SAYS)
      if (!('definition' in of)) expect((await get(all, `/operations/${id}`)).text).toContain(SAYS)
    },
  )
})

describe('a saga of another definition', () => {
  const search = (q: string, definition?: string) =>
    `/sagas?q=${encodeURIComponent(q)}${definition === undefined ? '' : `&definition=${definition}`}`

  test('is not led to by its key or id from the list of a definition', async () => {
    for (const q of [KEY, saga]) {
      const { status, headers, text } = await get(letters, search(q, 'send-letter'))
      expect([status, headers.get('location')]).toEqual([200, null])
      expect(text).not.toContain(`/sagas/${saga}`)
    }
  })

  test('is not led to from the list of all by whoever may not read it', async () => {
    for (const q of [KEY, saga]) {
      const { status, headers } = await get(others, search(q))
      expect([status, headers.get('location')]).toEqual([200, null])
    }
  })

  test('is led to by whoever may, and by its key only where it is asked for', async () => {
    for (const path of [search(KEY), search(saga), search(KEY, 'fulfil-order')]) {
      const { status, headers } = await get(all, path)
      expect([path, status, headers.get('location')]).toEqual([path, 302, `/sagas/${saga}`])
    }
    expect((await get(all, search(KEY, 'send-letter'))).status).toBe(200)
  })
})
