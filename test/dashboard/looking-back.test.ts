/** A filter that no index serves: so many sagas are looked at for one page, which says so, and leads further back. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { dashboardWithTokens, fetchApi } from './api/programs.ts'
import { type Dashboard, get } from './requests.ts'

/** More than one look takes, and fewer than two. */
const NEWER = 1_050

const define = (version: number) =>
  sagasFor<{ services: unknown; tx: unknown }>()('note', { version, input: z.object({}) }).step('write', {
    action: () => {},
  })

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>
let app: Dashboard
let oldest: string

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
  oldest = (await client.enqueue(define(2), {})).id
  await client.enqueueMany(
    define(1),
    Array.from({ length: NEWER }, () => ({ input: {} })),
  )
  app = dashboardWithTokens(client, { authenticate: () => ({ id: 'ada', role: 'admin' }) })
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

test('the list says that none was found so far, and the link further back finds it', async () => {
  const first = (await get(app, '/sagas?definition-version=2')).text
  expect(first).toContain('None so far')
  expect(first).toContain('Looked through 1000 sagas for this page.')
  expect(first).not.toContain(`id="saga-${oldest}"`)
  const further = /<a href="([^"]+)">Look further back/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const second = (await get(app, further)).text
  expect(second).toContain(`id="saga-${oldest}"`)
  expect(second).not.toContain('Look further back')
})

test('the API says that its look ended early, and its cursor leads on', async () => {
  const { json: first } = await fetchApi(app, '/sagas?definition-version=2')
  expect(first).toEqual({ sagas: [], cursor: expect.any(String), endedEarly: true })
  const { json: second } = await fetchApi(app, `/sagas?definition-version=2&cursor=${first.cursor}`)
  expect(second).toEqual({ sagas: [expect.objectContaining({ id: oldest })] })
})
