/** The page of one saga in a real browser: with everything on it opened, by keyboard, with and without scripts. */
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { openBrowser } from '../../tools/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { hostile } from './orders.ts'
import { complaintsOf } from './person.ts'

const browser = await openBrowser()
const QUICK = { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' } as const

const letters = sagasFor<{ services: unknown; tx: unknown }>()('letters', {
  version: 1,
  input: z.object({ to: z.array(z.string()), about: z.object({ [hostile]: z.string() }) }),
})
  .step('print', { action: () => ({ pages: 2, deep: { [hostile]: [hostile] } }), compensation: () => {} })
  .map('send', {
    over: ({ input }) => input.to,
    whenItemFails: 'collect',
    action: ({ item }) => {
      if (item === 'b') throw new StepRejected(hostile)
      return { sent: item, note: hostile }
    },
    compensation: () => {},
  })
  .step('file', {
    action: () => {
      throw new StepNotApplied(`The archive is closed. ${hostile}`)
    },
    retry: QUICK,
    whenExhausted: 'dead_letter',
  })

describe.skipIf(browser === undefined)('in a browser, the page of a saga', () => {
  let database: TestDatabase
  let engine: SagaEngine
  let served: ServedDashboard
  let page: Page
  let id: string
  let complaints: string[]

  beforeAll(async () => {
    vi.stubEnv('NODE_ENV', 'development')
    database = await testDatabase()
    engine = createSagaEngine({ connectionString: database.connectionString, definitions: [letters], services: {} })
    await engine.start()
    id = (await engine.enqueue(letters, { to: ['a', 'b', 'c'], about: { [hostile]: hostile } }, { key: hostile })).id
    await engine.outcome(id)
    await engine.operator.retry(id, { actor: hostile, reason: hostile })
    await engine.outcome(id)
    // Two days lie between what came first and what came then.
    await database.pool.query(
      `update saga.saga_event set at = at - interval '2 days' where saga_id = $1 and sequence < 6`,
      [id],
    )
    const redact = (value: unknown) => (typeof value === 'object' && value !== null ? { ...value, secret: 1 } : value)
    const links = () => [{ label: hostile, href: 'https://traces.example/1' }]
    served = await serveDashboard({ client: engine, basePath: '/admin', redact, links })
  })
  afterEach(async () => {
    expect(complaints).toEqual([])
    await page.context().close()
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
    complaints = complaintsOf(page, served.url)
    await page.goto(served.url + path)
  }

  const looks = [
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 320],
  ] as const

  test.each(looks)(
    'axe finds nothing in %s at %i px with all of it open, and nothing overflows',
    async (colorScheme, width) => {
      const paths = [`sagas/${id}`, `sagas/${id}?idle=show&journal=6`, `sagas/${id}/items/send`, `sagas/${id}/data/1`]
      await open(paths[0] ?? '', { colorScheme, viewport: { width, height: 800 } })
      for (const path of paths) {
        await page.goto(served.url + path)
        // Each one that is opened can have others in it.
        await page.locator('details').evaluateAll((all) => all.forEach((one) => one.setAttribute('open', '')))
        const { violations } = await new AxeBuilder({ page }).analyze()
        expect(violations.map(({ id: rule, nodes }) => `${path}: ${rule} ${nodes[0]?.html}`)).toEqual([])
        const [wide, inner] = await page.locator('html').evaluate((html) => [html.scrollWidth, html.clientWidth])
        expect(wide, path).toBe(inner)
        expect(await page.locator('main img, main b[hx-post]').count()).toBe(0)
      }
    },
  )

  test.each([true, false])(
    'waits are unfolded by a link, and the address says so, with scripts: %s',
    async (javaScriptEnabled) => {
      await open(`sagas/${id}`, { javaScriptEnabled })
      expect(await page.locator('.fold').count()).toBe(1)
      await page.getByRole('link', { name: 'Show them at full length' }).click()
      await page.getByRole('link', { name: 'Fold those in which nothing ran' }).waitFor()
      expect(page.url()).toContain('idle=show')
      expect(await page.locator('.fold').count()).toBe(0)
    },
  )

  test('a step in the timeline leads to its attempts, which open', async () => {
    await open(`sagas/${id}`)
    await page.locator('.timeline a[href="#attempts-file"]').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('table', { name: 'Attempts of file' }).waitFor()
  })

  test('a text is copied by a button where scripts run, and can be selected where they do not', async () => {
    await open(`sagas/${id}`)
    await page.getByText('As commands').click()
    await page.getByRole('button', { name: 'Copy (Commands)' }).click()
    await page
      .getByRole('status')
      .filter({ hasText: /Copied|It is selected/ })
      .waitFor()
    await page.context().close()
    await open(`sagas/${id}`, { javaScriptEnabled: false })
    await page.getByText('As a test').click()
    expect(await page.getByRole('textbox', { name: 'Test' }).inputValue()).toContain('const recorded = [')
    expect(await page.getByRole('button', { name: 'Copy (Test)' }).count()).toBe(0)
  })

  test('keys go to the search, pause updates and explain themselves, and can be turned off for good', async () => {
    await open(`sagas/${id}`)
    await page.keyboard.press('/')
    const search = page.getByRole('searchbox')
    expect(await search.evaluate((field) => field === field.ownerDocument.activeElement)).toBe(true)
    await page.keyboard.type('/r?')
    expect(await search.inputValue()).toBe('/r?')
    await page.locator('#main').focus()
    await page.keyboard.press('r')
    await page.getByText('Updates are paused.').waitFor()
    expect(page.url()).toContain('live=off')
    await page.keyboard.press('?')
    const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
    await dialog.waitFor()
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id: rule }) => rule)).toEqual([])
    await dialog.getByRole('checkbox').uncheck()
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    expect(await dialog.isVisible()).toBe(false)
    await page.reload()
    await page.keyboard.press('r')
    expect(page.url()).toContain('live=off')
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click()
    expect(await dialog.getByRole('checkbox').isChecked()).toBe(false)
    await dialog.getByRole('checkbox').check()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await page.keyboard.press('?')
    expect(await dialog.isVisible()).toBe(true)
  })
})
