/**
 * Operating many sagas in a real browser: by mouse, by keyboard, and without scripts, each in at most five actions from
 * its page; in both themes, on narrow screens, and with hostile text.
 */
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { openBrowser } from '../../tools/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { deadLetters, office, sendLetter } from './letters.ts'
import { hostile } from './orders.ts'
import { complaintsOf } from './person.ts'

const browser = await openBrowser()

const MAX_ACTIONS = 5

describe.skipIf(browser === undefined)('in a browser', () => {
  let database: TestDatabase
  let engine: SagaEngine
  let served: ServedDashboard
  let page: Page
  let complaints: string[]
  /** What a person has done since the page was opened: a click, a text, a press of Enter. */
  let actions: number

  beforeAll(async () => {
    vi.stubEnv('NODE_ENV', 'development')
    database = await testDatabase()
    engine = createSagaEngine({ connectionString: database.connectionString, definitions: [sendLetter], services: {} })
    await engine.start()
    served = await serveDashboard({ client: engine, environment: 'test', basePath: '/admin' })
  })
  afterEach(async () => {
    expect(complaints).toEqual([])
    await page.context().close()
    for (const { id } of await engine.operator.holds()) {
      await engine.operator.release(id, { actor: 'test', reason: 'the test is over' })
    }
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await browser?.close()
    await served.close()
    await engine.stop()
    await database.drop()
  })

  async function open(path: string, options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser?.newContext(options)
    if (context === undefined) throw new Error('There is no browser.')
    page = await context.newPage()
    actions = 0
    complaints = complaintsOf(page, served.url)
    await page.goto(served.url + path)
  }

  type Hand = {
    readonly press: (target: Locator) => Promise<void>
    readonly type: (target: Locator, text: string) => Promise<void>
  }

  const mouse: Hand = {
    async press(target) {
      actions += 1
      await target.click()
    },
    async type(target, text) {
      actions += 1
      await target.click()
      await page.keyboard.type(text)
    },
  }

  async function tabTo(target: Locator): Promise<void> {
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press('Tab')
      if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return
    }
    throw new Error('The Tab key does not get there.')
  }

  const keyboard: Hand = {
    async press(target) {
      actions += 1
      await tabTo(target)
      await page.keyboard.press('Enter')
    },
    async type(target, text) {
      actions += 1
      await tabTo(target)
      await page.keyboard.type(text)
    },
  }

  const hands = [
    ['by mouse', mouse, {}],
    ['by keyboard', keyboard, {}],
    ['without scripts', mouse, { javaScriptEnabled: false }],
    ['by keyboard without scripts', keyboard, { javaScriptEnabled: false }],
  ] as const

  test.each(hands)(
    '%s one of fifty is retried as a canary, and then the rest at a rate',
    async (how, hand, options) => {
      const { group } = await deadLetters(engine, 50, `The office is closed (${how}).`)
      await open(`errors/${encodeURIComponent(group)}`, options)
      await hand.press(page.getByRole('link', { name: 'Retry one, then the others…' }))
      await page.getByRole('heading', { level: 1, name: 'Retry 50 sagas' }).waitFor()
      expect(await page.getByText('All 50 would take it.').isVisible()).toBe(true)
      expect(await page.getByLabel('Canary').inputValue()).toBe('1')
      expect(await page.getByLabel('Rate').inputValue()).toBe('10')
      await hand.type(page.getByLabel('Reason'), 'the office is open again')
      await hand.press(page.getByRole('button', { name: 'Retry them' }))
      await page.getByRole('heading', { level: 1, name: 'Retry 50 sagas' }).waitFor()
      expect(await page.getByRole('status').innerText()).toContain('Started.')
      expect(actions).toBeLessThanOrEqual(MAX_ACTIONS)
      const [operation] = (await engine.operations.list({}, { limit: 1 })).operations
      expect(operation).toMatchObject({ verb: 'retry', canary: 1, rate: 10, counts: { total: 50 } })
      await until('all are retried', async () => {
        const { settledAt } = await engine.operations.get(operation?.id ?? '')
        return settledAt !== null
      })
      expect((await engine.operations.get(operation?.id ?? '')).counts.completed).toBe(50)
      // With scripts the page has followed it; without them it is asked again.
      if ('javaScriptEnabled' in options) await page.reload()
      await page.getByText('50 of 50').first().waitFor()
    },
  )

  test.each(hands)('%s a step is held, and let go', async (_how, hand, options) => {
    await open('definitions/send-letter', options)
    await hand.press(page.getByRole('link', { name: 'Hold post…' }))
    await page.getByRole('heading', { level: 1, name: 'Hold post' }).waitFor()
    await hand.type(page.getByLabel('Reason'), 'the office is closed')
    await hand.press(page.getByRole('button', { name: 'Hold now' }))
    await page.getByRole('heading', { level: 1, name: 'send-letter' }).waitFor()
    expect(await page.getByRole('status').innerText()).toContain('Held.')
    expect(actions).toBeLessThanOrEqual(MAX_ACTIONS)
    expect(await engine.operator.holds()).toMatchObject([{ step: 'post', side: null, reason: 'the office is closed' }])
    actions = 0
    await hand.press(page.getByRole('link', { name: 'Release…' }))
    await hand.type(page.getByLabel('Reason'), 'it is open')
    await hand.press(page.getByRole('button', { name: 'Release now' }))
    await page.getByRole('status').filter({ hasText: 'Released.' }).waitFor()
    expect(actions).toBeLessThanOrEqual(MAX_ACTIONS)
    expect(await engine.operator.holds()).toEqual([])
  })

  test.each(hands)('%s an error group is resolved, and a note is kept', async (how, hand, options) => {
    const { group } = await deadLetters(engine, 2, `The office has moved (${how}).`)
    await open(`errors/${encodeURIComponent(group)}`, options)
    await hand.press(page.getByRole('link', { name: 'Resolve…' }))
    await hand.type(page.getByLabel('In version'), '4')
    await hand.type(page.getByLabel('Reason'), 'the new address is deployed')
    await hand.press(page.getByRole('button', { name: 'Resolve it' }))
    await page.getByText('Resolved in version 4 by local developer.').first().waitFor()
    expect(await page.getByRole('status').innerText()).toBe('That is how it stands from now on.')
    expect(actions).toBeLessThanOrEqual(MAX_ACTIONS)
    await hand.type(page.getByLabel('What is known of it'), 'They moved in May.')
    await hand.press(page.getByRole('button', { name: 'Keep the note' }))
    await page.getByText('The note is kept.').waitFor()
    expect(await engine.triage(group)).toMatchObject({ state: 'resolved', version: 4, note: 'They moved in May.' })
  })

  test('a note that somebody types stays while the page updates itself', async () => {
    const { group } = await deadLetters(engine, 1, 'The stamp is gone.')
    await open(`errors/${encodeURIComponent(group)}`)
    await page.getByLabel('What is known of it').fill('half a sen')
    await deadLetters(engine, 1, 'The stamp is gone.')
    await page.getByText('2 sagas of send-letter have stopped').first().waitFor()
    expect(await page.getByLabel('What is known of it').inputValue()).toBe('half a sen')
  })

  test('a node of the graph leads to its step by keyboard, and the graph can be scrolled on its own', async () => {
    const { ids } = await deadLetters(engine, 1)
    await open(`sagas/${ids[0]}`, { viewport: { width: 320, height: 800 } })
    const graph = page.getByRole('region', { name: 'Graph of the steps' })
    const [wide, inner] = await graph.evaluate((box) => [box.scrollWidth, box.clientWidth])
    expect(wide ?? 0).toBeGreaterThan(inner ?? 0)
    await tabTo(graph)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(new URL(page.url()).hash).toBe('#step-write')
  })

  test('hostile text does nothing on any of the pages', async () => {
    const evil = `${hostile}"><img src=x onerror=alert(4)><a href="javascript:alert(5)">x</a>`
    const { group, ids } = await deadLetters(engine, 2, evil)
    const by = { actor: evil, reason: evil }
    const { id } = await engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, rate: 0.001, ...by })
    await engine.operations.pause(id, by)
    const hold = await engine.operator.hold({ definition: 'send-letter', step: 'write' }, by)
    await engine.operator.triage(group, { state: 'ignored', untilMore: 1 }, by)
    await engine.operator.note(group, evil, by)
    await engine.audit.denied({ actor: evil, action: 'hold', target: { definition: evil, step: evil } })
    const paths = [
      'audit',
      `audit?actor=${encodeURIComponent(evil)}`,
      'me',
      'errors?state=ignored',
      `errors/${encodeURIComponent(group)}/triage?state=resolved`,
      'errors',
      `errors/${encodeURIComponent(group)}`,
      `operations/new?verb=retry&error-group=${encodeURIComponent(group)}&tag=${encodeURIComponent(evil)}`,
      'operations',
      `operations/${id}`,
      `operations/${id}/plan?action=abort`,
      'definitions',
      'definitions/send-letter',
      'definitions/send-letter/hold?step=write',
      `holds/${hold}/release`,
      `sagas/${ids[1]}`,
    ]
    await open('sagas')
    for (const path of paths) {
      await page.goto(served.url + path)
      for (const summary of await page.locator('summary').all()) await summary.click()
      expect(
        await page.locator('main img, main b[hx-post], main a[href^="javascript:"], main script').count(),
        path,
      ).toBe(0)
      expect(complaints, path).toEqual([])
    }
    await engine.operations.abort(id, { actor: 'test', reason: 'over' })
    office.says = undefined
  })

  const looks = [
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 320],
  ] as const

  test.each(looks)(
    'axe finds nothing in %s at %i px, and nothing overflows',
    { timeout: 180_000 },
    async (colorScheme, width) => {
      const { group } = await deadLetters(engine, 3, `Nobody is there (${colorScheme}).`)
      const by = { actor: 'grace@example.com', reason: `An incident with a very long name: ${'INC-4711-'.repeat(12)}` }
      const { id } = await engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, rate: 0.001, ...by })
      await until('one is done', async () => (await engine.operations.get(id)).counts.completed === 1)
      await engine.operations.pause(id, by)
      const hold = await engine.operator.hold({ definition: 'send-letter', step: 'post', side: 'action' }, by)
      await engine.operator.triage(group, { state: 'ignored', until: new Date(Date.now() + 9_999_999) }, by)
      await engine.operator.note(group, 'The office is closed on Sundays, and nobody told the engine.', by)
      await engine.audit.denied({ actor: 'eve', action: 'erase', target: { definition: 'send-letter' } })
      const paths = [
        'audit',
        'audit?action=note&actor=nobody',
        'me',
        'errors',
        'errors?state=ignored',
        `errors/${encodeURIComponent(group)}/triage?state=ignored`,
        `errors/${encodeURIComponent(group)}/triage?state=resolved`,
        'errors?definition=none',
        `errors/${encodeURIComponent(group)}`,
        `operations/new?error-group=${encodeURIComponent(group)}`,
        `operations/new?verb=retry&error-group=${encodeURIComponent(group)}`,
        'operations/new?verb=resolve&definition=send-letter',
        'operations',
        'operations?state=aborted',
        `operations/${id}`,
        `operations/${id}/plan?action=resume`,
        'definitions',
        'definitions/send-letter',
        'definitions/send-letter/hold?step=post',
        `holds/${hold}/release`,
      ]
      await open(paths[0] ?? '', { colorScheme, viewport: { width, height: 800 } })
      for (const path of paths) {
        await page.goto(served.url + path)
        for (const summary of await page.locator('summary').all()) {
          if (await summary.evaluate((element) => element.closest('details:not([open])') !== null))
            await summary.click()
        }
        const { violations } = await new AxeBuilder({ page }).analyze()
        expect(violations.map(({ id: rule, nodes }) => `${path}: ${rule} ${nodes[0]?.html}`)).toEqual([])
        const [wide, inner] = await page.locator('html').evaluate((html) => [html.scrollWidth, html.clientWidth])
        expect(wide, path).toBe(inner)
      }
      await engine.operations.abort(id, { actor: 'test', reason: 'over' })
    },
  )
})
