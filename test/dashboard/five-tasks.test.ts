/**
 * What the person on call comes for, in a real browser: each in at most five actions from the overview, by mouse, by keyboard
 * alone, and without scripts.
 */
import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { openBrowser } from '../../tools/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { deadLetters, sendLetter } from './letters.ts'
import { fulfilOrder, order } from './orders.ts'
import { Person } from './person.ts'

const browser = await openBrowser()
const MAX_ACTIONS = 5

const WAYS = [
  ['by mouse', 'mouse', {}],
  ['by keyboard', 'keyboard', {}],
  ['without scripts', 'mouse', { javaScriptEnabled: false }],
  ['by keyboard without scripts', 'keyboard', { javaScriptEnabled: false }],
] as const

describe.skipIf(browser === undefined)('from the overview, in at most five actions', () => {
  let database: TestDatabase
  let engine: SagaEngine
  let served: ServedDashboard
  let person: Person

  beforeAll(async () => {
    vi.stubEnv('NODE_ENV', 'development')
    database = await testDatabase()
    engine = createSagaEngine({
      connectionString: database.connectionString,
      definitions: [fulfilOrder, sendLetter],
      services: {},
      build: 'bad-build',
    })
    await engine.start()
    served = await serveDashboard({ client: engine, environment: 'test', basePath: '/admin' })
  })
  afterEach(async () => {
    expect(person.complaints).toEqual([])
    expect(person.actions).toBeLessThanOrEqual(MAX_ACTIONS)
    await person.leave()
    for (const { id } of await engine.operator.holds()) {
      await engine.operator.release(id, { actor: 'test', reason: 'the test is over' })
    }
    for (const { id } of (await engine.list({ status: 'dead_lettered' }, { limit: 1_000 })).sagas) {
      await engine.operator.resolve(id, { as: 'completed', actor: 'test', reason: 'the test is over' })
    }
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await browser?.close()
    await served.close()
    await engine.stop()
    await database.drop()
  })

  test.each(WAYS)('%s it is found why a saga died', async (how, hand, options) => {
    await order(engine, `died ${how}`, ['away send-mail'])
    person = await Person.at(browser, served.url, '', hand, options)
    const { page } = person
    await person.press(page.getByRole('link', { name: 'Show it' }))
    await person.press(page.getByRole('link', { name: `died ${how}`, exact: true }))
    await page.getByRole('heading', { level: 1, name: `died ${how}` }).waitFor()
    const said = await page.locator('.said').innerText()
    expect(said).toMatch(/^Dead-lettered: send-mail .*pivot/)
    expect(await page.getByText('connect ECONNREFUSED 10.0.0.7:443 (send-mail)').first().isVisible()).toBe(true)
  })

  test.each(WAYS)(
    '%s its plan is read, it is compensated, and becomes so before their eyes',
    async (how, hand, options) => {
      const id = (await deadLetters(engine, 1, `The office is closed (${how}).`)).ids[0] ?? ''
      person = await Person.at(browser, served.url, '', hand, options)
      const { page } = person
      await person.press(page.getByRole('link', { name: 'Show it' }))
      await person.press(page.getByRole('rowheader').getByRole('link').first())
      await person.press(page.getByRole('link', { name: 'Compensate…', exact: true }))
      await page.getByRole('heading', { level: 1, name: 'Compensate' }).waitFor()
      expect(await page.getByRole('listitem').filter({ hasText: 'write' }).last().innerText()).toContain('compensation')
      await person.type(page.getByLabel('Reason'), 'the customer has left')
      await person.press(page.getByRole('button', { name: 'Compensate now' }))
      await page.getByRole('status').filter({ hasText: 'ordered' }).waitFor()
      expect((await engine.outcome(id)).status).toBe('compensated')
      // With scripts the page follows it; without them it is asked again.
      if ('javaScriptEnabled' in options) await page.reload()
      await page.locator('.verdict').filter({ hasText: 'Compensated' }).waitFor()
    },
  )

  test.each(WAYS)('%s one of fifty is retried as a canary, and then the rest at a rate', async (how, hand, options) => {
    await deadLetters(engine, 50, `The post is away (${how}).`)
    person = await Person.at(browser, served.url, '', hand, options)
    const { page } = person
    await person.press(page.getByRole('link', { name: 'Errors', exact: true }))
    await person.press(page.getByRole('link', { name: `The post is away (${how}).` }))
    await person.press(page.getByRole('link', { name: 'Retry one, then the others…' }))
    await page.getByRole('heading', { level: 1, name: 'Retry 50 sagas' }).waitFor()
    await person.type(page.getByLabel('Reason'), 'the post is back')
    await person.press(page.getByRole('button', { name: 'Retry them' }))
    await page.getByRole('status').filter({ hasText: 'Started.' }).waitFor()
    const [operation] = (await engine.operations.list({}, { limit: 1 })).operations
    expect(operation).toMatchObject({ verb: 'retry', canary: 1, rate: 10, counts: { total: 50 } })
    await until('all are retried', async () => (await engine.operations.get(operation?.id ?? '')).settledAt !== null)
    expect((await engine.operations.get(operation?.id ?? '')).counts.completed).toBe(50)
  })

  test.each(WAYS)('%s a step is held', async (_how, hand, options) => {
    person = await Person.at(browser, served.url, '', hand, options)
    const { page } = person
    await person.press(page.getByRole('link', { name: 'Definitions', exact: true }))
    await person.press(page.getByRole('link', { name: 'send-letter', exact: true }))
    await person.press(page.getByRole('link', { name: 'Hold post…' }))
    await person.type(page.getByLabel('Reason'), 'the office is closed')
    await person.press(page.getByRole('button', { name: 'Hold now' }))
    await page.getByRole('status').filter({ hasText: 'Held.' }).waitFor()
    expect(await engine.operator.holds()).toMatchObject([{ definition: 'send-letter', step: 'post' }])
  })

  test.each(WAYS)('%s the sagas that a build compensated are exported', async (how, hand, options) => {
    const key = `undone ${how}`
    await order(engine, key, ['refuse ship'])
    person = await Person.at(browser, served.url, '', hand, options)
    const { page } = person
    await person.press(page.getByRole('link', { name: 'fulfil-order', exact: true }))
    await person.press(page.getByRole('link', { name: 'Its sagas' }))
    await person.press(page.getByText('More filters and columns'))
    await person.type(page.getByLabel('Build that compensated it'), 'bad-build')
    // Enter in a field sends its form.
    await page.keyboard.press('Enter')
    await page.getByText('of which some step was compensated by build “bad-build”').waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      person.press(page.getByRole('link', { name: 'Export as CSV' })),
    ])
    const text = await readFile(await download.path(), 'utf8')
    expect(text).toContain(key)
    expect(text.trim().split('\n').length).toBeGreaterThanOrEqual(2)
  })
})
