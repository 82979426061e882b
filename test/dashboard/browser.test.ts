/** The pages in a real browser: by keyboard, with and without scripts, in both themes, under the policy. */
import { AxeBuilder } from '@axe-core/playwright'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { openBrowser } from '../../tools/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { fulfilOrder, hostile, order } from './orders.ts'
import { complaintsOf } from './person.ts'

const browser = await openBrowser()

describe.skipIf(browser === undefined)('in a browser', () => {
  let database: TestDatabase
  let engine: SagaEngine
  let served: ServedDashboard
  let page: Page
  /** What the browser complained of, and what a page asked of others. */
  let complaints: string[]

  beforeAll(async () => {
    vi.stubEnv('NODE_ENV', 'development')
    database = await testDatabase()
    engine = createSagaEngine({ connectionString: database.connectionString, definitions: [fulfilOrder], services: {} })
    await engine.start()
    served = await serveDashboard({ client: engine, environment: 'test', basePath: '/admin' })
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
    // That a page is a 409 is said on the console, too; it is no complaint.
    complaints = complaintsOf(page, served.url, (text) => text.includes('409 (Conflict)'))
    await page.goto(served.url + path)
  }

  /** Goes there by the Tab key alone. */
  async function tabTo(target: Locator): Promise<void> {
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press('Tab')
      if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return
    }
    throw new Error('The Tab key does not get there.')
  }

  async function retryByKeyboard(key: string): Promise<void> {
    await tabTo(page.getByRole('link', { name: key, exact: true }))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: key }).waitFor()
    await tabTo(page.getByRole('link', { name: 'Retry…' }))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Retry' }).waitFor()
    expect(await page.getByRole('listitem').filter({ hasText: 'send-mail' }).innerText()).toContain('its action runs')
    await tabTo(page.getByLabel('Reason'))
    await page.keyboard.type('the mailer is back')
    await tabTo(page.getByRole('button', { name: 'Retry now' }))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: key }).waitFor()
    expect(await page.getByRole('status').innerText()).toBe('Retry ordered.')
  }

  test('a dead letter is retried by keyboard, and the page follows what happens', async () => {
    const id = await order(engine, 'by-keyboard', ['away send-mail'])
    await open('sagas')
    await retryByKeyboard('by-keyboard')
    expect((await engine.outcome(id)).status).toBe('completed')
    await page.getByText('Completed: all 7 steps are done.', { exact: true }).first().waitFor()
  })

  test('the same works without scripts', async () => {
    const id = await order(engine, 'without-scripts', ['away send-mail'])
    await open('sagas', { javaScriptEnabled: false })
    expect(await page.getByText('Updates as').isVisible()).toBe(false)
    await retryByKeyboard('without-scripts')
    expect((await engine.outcome(id)).status).toBe('completed')
    await page.reload()
    expect(await page.locator('.said').innerText()).toBe('Completed: all 7 steps are done.')
    await page.getByLabel('Find a saga').fill('without-scripts')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'without-scripts' }).waitFor()
  })

  test('an update keeps focus and what is open, announces new sagas, and says so aloud', async () => {
    await order(engine, 'kept', ['away send-mail'], { tags: ['update'] })
    await open('sagas?tag=update')
    const link = page.getByRole('link', { name: 'kept', exact: true })
    await link.focus()
    await order(engine, 'newer', ['away send-mail'], { tags: ['update'] })
    await page.getByRole('link', { name: 'Show 1 newer saga' }).waitFor()
    expect(await link.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
    expect(await page.getByRole('rowheader').allInnerTexts()).toEqual(['kept'])
    await page.getByRole('status').filter({ hasText: '1 newer saga since' }).waitFor()
    await page.getByRole('link', { name: 'Show 1 newer saga' }).click()
    await page.getByRole('link', { name: 'newer', exact: true }).waitFor()
  })

  test('an open payload stays open when its saga goes on', async () => {
    const id = await order(engine, 'open-payload', ['away book-carrier'])
    await open(`sagas/${id}`)
    await page.getByText('Result of charge-card').click()
    const payload = page.getByRole('region', { name: 'Result of charge-card' })
    await payload.focus()
    await engine.operator.pause(id, { actor: 'grace', reason: 'wait' })
    await page.getByText('Paused before it goes on').first().waitFor()
    expect(await payload.isVisible()).toBe(true)
    expect(await payload.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
  })

  test('hostile text stays text, and injected markup does nothing', async () => {
    const id = await order(engine, `hostile ${hostile}`, ['away send-mail'], { tags: [hostile] })
    await engine.operator.retry(id, { actor: hostile, reason: hostile })
    await engine.outcome(id)
    for (const path of [
      'sagas',
      `sagas/${id}`,
      `sagas/${id}/data/3`,
      `sagas?key-prefix=${encodeURIComponent(hostile)}`,
    ]) {
      await open(path)
      expect(await page.locator('main img, main b[hx-post]').count()).toBe(0)
      // Had the escaping failed: markup alone must not send anything either.
      await page.locator('h1').evaluate((heading) => {
        const b = heading.ownerDocument.createElement('b')
        b.setAttribute('hx-post', '/x')
        b.setAttribute('hx-trigger', 'load')
        heading.append(b)
        const { htmx } = heading.ownerDocument.defaultView as unknown as { htmx: { process(element: unknown): void } }
        htmx.process(b)
      })
      expect(await page.locator('h1 b').getAttribute('hx-post')).toBeNull()
      expect(complaints.filter((text) => !text.includes('[hx-csp] blocked'))).toEqual([])
      complaints = []
      await page.context().close()
    }
    await open('sagas')
  })

  const looks = [
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 320],
  ] as const

  test.each(looks)('axe finds nothing in %s at %i px, and nothing overflows', async (colorScheme, width) => {
    const dead = await order(engine, `look-${colorScheme}-${width}`, ['refuse print-label', 'undo charge-card'], {
      tags: ['a'],
    })
    const done = await order(engine, `done-${colorScheme}-${width}`, ['refuse charge-card'])
    const waiting = await order(engine, `waiting-${colorScheme}-${width}`, ['away book-carrier'])
    await engine.operator.pause(waiting, { actor: 'grace', reason: hostile })
    const paths = [
      'sagas',
      'sagas?status=dead_lettered&dead-reason=compensation_exhausted',
      'sagas?started-after=2026-01-01T00:00:00.000Z&started-before=2026-01-02T00:00:00.000Z',
      'sagas?tag=none-like-it',
      'sagas?q=none-like-it',
      `sagas/${dead}`,
      `sagas/${waiting}`,
      `sagas/${dead}/data/1`,
      `sagas/${dead}/plan?action=retry`,
      `sagas/${dead}/plan?action=resolve`,
      `sagas/${done}/plan?action=retry`,
    ]
    await open(paths[0] ?? '', { colorScheme, viewport: { width, height: 800 } })
    for (const path of paths) await looksRight(path)
  })

  test.each(looks)('the same of what is beside sagas: in %s at %i px', async (colorScheme, width) => {
    const scope = { definition: 'fulfil-order', step: 'ship' }
    const hold = await engine.operator.hold(scope, { actor: hostile, reason: hostile })
    await engine.maintenance.cleanup({ actor: hostile })
    const [entry] = await engine.maintenance.log({ duty: 'cleanup', limit: 1 })
    await figures(database)
    await open('', { colorScheme, viewport: { width, height: 800 } })
    // Of the last hour the tables are short: axe looks at each cell.
    for (const path of ['?range=1h', 'workers', 'queues', `schedules?duty=cleanup&entry=${entry?.id}`]) {
      await looksRight(path)
    }
    for (const range of ['24h', '7d', '30d']) {
      await page.goto(`${served.url}?range=${range}`)
      await nothingOverflows(range)
      for (const summary of await page.locator('summary').all()) await summary.click()
      await nothingOverflows(`${range}, with tables`)
    }
    await engine.operator.release(hold, { actor: 'grace', reason: 'seen' })
  })

  async function looksRight(path: string): Promise<void> {
    await page.goto(served.url + path)
    for (const summary of await page.locator('summary').all()) await summary.click()
    const { violations } = await new AxeBuilder({ page }).analyze()
    expect(violations.map(({ id, nodes }) => `${path}: ${id} ${nodes[0]?.html}`)).toEqual([])
    await nothingOverflows(path)
  }

  async function nothingOverflows(what: string): Promise<void> {
    const [wide, inner] = await page.locator('html').evaluate((html) => [html.scrollWidth, html.clientWidth])
    expect(wide, what).toBe(inner)
  }

  test.each([true, false])(
    'maintenance is looked at and done by keyboard, with scripts: %s',
    async (javaScriptEnabled) => {
      await open('', { javaScriptEnabled })
      await tabTo(page.getByRole('link', { name: 'Schedules', exact: true }))
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Schedules' }).waitFor()
      await tabTo(page.getByRole('button', { name: 'Show what it would do (Clean-up)' }))
      await page.keyboard.press('Enter')
      await page.getByRole('region', { name: 'Clean-up, only looked at' }).waitFor()
      expect(await page.getByRole('status').innerText()).toBe('Clean-up, only looked at: No saga would be deleted.')
      await tabTo(page.getByRole('button', { name: 'Do it now (Clean-up)' }))
      await page.keyboard.press('Enter')
      await page.getByRole('region', { name: 'Clean-up', exact: true }).waitFor()
      expect(await page.locator('.verdict .said').innerText()).toBe('No saga was deleted.')
    },
  )

  test('a bar leads to the sagas behind it, by pointer and, in its table, by keyboard', async () => {
    await figures(database)
    await open('')
    const chart = page.getByRole('group', { name: 'Ended' })
    await chart.locator('.drawing a').last().click()
    await page.getByText('Sagas started from').waitFor()
    await page.goBack()
    await tabTo(page.getByText('Ended as a table'))
    await page.keyboard.press('Enter')
    await tabTo(chart.getByRole('link').first())
    await page.keyboard.press('Enter')
    await page.getByText('Sagas started from').waitFor()
  })
})

/** Some hours that are over, so that there are charts. */
async function figures({ pool }: TestDatabase): Promise<void> {
  await pool.query(
    `insert into saga.saga_statistics (hour, definition, started, completed, compensated, resolved, dead_lettered, mean_ms, p50_ms, p95_ms, p99_ms)
     select date_trunc('hour', now(), 'UTC') - h * interval '1 hour', 'fulfil-order', 9 + h % 7, 5 + h % 7, 2, 1, 1, 900, 800, 2000, 9000
     from generate_series(1, 700) h where h % 5 <> 0 or h = 1
     on conflict do nothing`,
  )
}
