/** Pages that update as sagas change, in a real browser: what stays, what is said to whom, and what runs under the policy. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/index.ts'
import { createSagaEngine, type SagaEngine } from '../../src/index.ts'
import { openBrowser } from '../../tools/browser.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { until } from '../support/waiting.ts'
import { fulfilOrder, hostile, order } from './orders.ts'

const browser = await openBrowser()

describe.skipIf(browser === undefined)('a page that updates as sagas change', () => {
  let database: TestDatabase
  let engine: SagaEngine
  let served: ServedDashboard
  let page: Page
  /** What the policy has stopped, and what went wrong in the page. */
  let complaints: string[]
  /** Paths of requests, in order. */
  let asked: string[]
  /** Of streams that have ended. */
  let ended: string[]

  beforeAll(async () => {
    vi.stubEnv('NODE_ENV', 'development')
    database = await testDatabase()
    engine = createSagaEngine({ connectionString: database.connectionString, definitions: [fulfilOrder], services: {} })
    await engine.start()
    served = await serveDashboard({ client: engine, basePath: '/admin' })
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

  async function open(path: string, before: (page: Page) => Promise<unknown> = async () => {}): Promise<void> {
    const context = await browser?.newContext()
    if (context === undefined) throw new Error('There is no browser.')
    page = await context.newPage()
    complaints = []
    asked = []
    ended = []
    await page.exposeFunction('complain', (text: string) => complaints.push(text))
    await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) => {
      window.complain(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
    })`)
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => asked.push(request.url().slice(served.url.length)))
    const over = (url: string) => ended.push(url.slice(served.url.length))
    page.on('requestfailed', (request) => over(request.url()))
    page.on('requestfinished', (request) => over(request.url()))
    await before(page)
    await page.goto(served.url + path)
  }

  const streams = () => asked.filter((path) => path.startsWith('events'))

  test('does so within seconds, and keeps focus, selection and what is open', async () => {
    const id = await order(engine, 'kept-open', ['away book-carrier'])
    await open(`sagas/${id}`)
    await page.getByText('Result of charge-card').click()
    const payload = page.getByRole('region', { name: 'Result of charge-card' })
    await payload.focus()
    await page.locator('#live dd code').filter({ hasText: 'kept-open' }).selectText()
    const selected = await page.evaluate('String(getSelection())')
    await until('the page listens', async () => streams().length === 1)
    const before = performance.now()
    await engine.operator.pause(id, { actor: 'grace', reason: 'wait' })
    await page.getByText('Paused before it goes on').first().waitFor()
    expect(performance.now() - before).toBeLessThan(4_500)
    expect(await payload.isVisible()).toBe(true)
    expect(await payload.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
    expect(await page.evaluate('String(getSelection())')).toBe(selected)
    expect(selected).toContain('kept-open')
    expect(streams()).toEqual([`events?saga=${id}`])
  })

  test('keeps what is ticked in a list, for an operation over it', async () => {
    const tags = ['ticked']
    for (const key of ['ticked-1', 'ticked-2', 'ticked-3']) await order(engine, key, ['away send-mail'], { tags })
    await open('sagas?tag=ticked')
    await page.getByRole('checkbox', { name: 'Choose ticked-1' }).check()
    await page.getByRole('checkbox', { name: 'Choose ticked-3' }).focus()
    await page.keyboard.press('Space')
    const { id } = (await engine.list({ key: 'ticked-2' })).sagas[0] ?? { id: '' }
    await engine.operator.resolve(id, { actor: 'grace', reason: 'by hand', as: 'compensated' })
    await page.locator(`#saga-${id}`).getByText('Resolved').waitFor()
    const isTicked = async (key: string) => page.getByRole('checkbox', { name: `Choose ${key}` }).isChecked()
    expect([await isTicked('ticked-1'), await isTicked('ticked-2'), await isTicked('ticked-3')]).toEqual([
      true,
      false,
      true,
    ])
    const focused = page.getByRole('checkbox', { name: 'Choose ticked-3' })
    expect(await focused.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true)
    // The row that the keyboard is in says its exact times, and no other row does.
    const saidIn = (key: string) =>
      page
        .locator('tr', { hasText: key })
        .locator('time')
        .first()
        .evaluate((time) => time.ownerDocument.defaultView?.getComputedStyle(time, '::after').content)
    expect(await saidIn('ticked-3')).toMatch(/\d\d:\d\d:\d\d/)
    expect(await saidIn('ticked-1')).toBe('none')
    await page.getByRole('button', { name: 'Act on those that are ticked' }).click()
    await page.getByText('chosen one by one').first().waitFor()
    expect(new URL(page.url()).searchParams.getAll('id')).toHaveLength(2)
  })

  test('hears nothing more when it is paused', async () => {
    await open('sagas?definition=fulfil-order')
    await until('the page listens', async () => streams().length === 1)
    expect(streams()).toEqual(['events?definition=fulfil-order'])
    await page.getByRole('link', { name: 'Pause updates' }).click()
    await page.getByText('Updates are paused.').waitFor()
    expect(ended).toContain('events?definition=fulfil-order')
    const sofar = asked.length
    await order(engine, 'while-paused', ['away send-mail'])
    expect(asked.slice(sofar)).toEqual([])
    await page.getByRole('link', { name: 'Update live' }).click()
    await until('the page listens again', async () => streams().length === 2)
  })

  test('asks every few seconds where signals do not come through, and no longer once they do', async () => {
    let holdsBack = true
    await open('sagas?tag=kept-back', (it) =>
      // As a proxy does that keeps an answer until it is whole.
      it.route('**/events*', (route) => (holdsBack ? undefined : route.continue())),
    )
    await order(engine, 'polled', ['away send-mail'], { tags: ['kept-back'] })
    await page.getByRole('link', { name: 'polled', exact: true }).waitFor()
    const polls = () => asked.filter((path) => path.startsWith('sagas?')).length
    expect(polls()).toBeGreaterThan(1)
    holdsBack = false
    await page.reload()
    await page.getByRole('link', { name: 'polled', exact: true }).waitFor()
    await until('it has heard and looked', async () => polls() > 0)
  })

  test('asks no more about a saga that has ended', async () => {
    const id = await order(engine, 'ends', ['away book-carrier'])
    await open(`sagas/${id}`)
    await until('the page listens', async () => streams().length === 1)
    await engine.operator.cancel(id, { actor: 'grace', reason: 'enough' })
    await engine.outcome(id)
    await page.getByText('Compensated', { exact: false }).first().waitFor()
    await until('it is the last answer', async () => (await page.locator('#live[hx-get]').count()) === 0)
    const sofar = asked.length
    await page.evaluate(`document.body.dispatchEvent(new Event('sagas:changed', { bubbles: true }))`)
    // Had it asked, that would have gone out before this.
    await page.evaluate(`fetch('${served.url}healthz').then((answer) => answer.text())`)
    expect(asked.slice(sofar)).toEqual(['healthz'])
  })

  test('runs under the policy, and lets no markup of others send or listen', async () => {
    const id = await order(engine, `live ${hostile}`, ['away book-carrier'], { tags: [hostile] })
    await open(`sagas/${id}`)
    await until('the page listens', async () => streams().length === 1)
    // Had the escaping failed: with trusted types only htmx makes markup, so it is put in as elements.
    await page.evaluate(`{
      const put = (attributes) => {
        const span = document.createElement('span')
        for (const [name, value] of Object.entries(attributes)) span.setAttribute(name, value)
        document.querySelector('#live section').append(span)
        htmx.process(span)
      }
      put({ 'hx-post': '/admin/stolen', 'hx-trigger': 'load' })
      put({ 'hx-get': '/admin/stolen', 'hx-trigger': 'load', 'hx-nonce': 'guessed' })
      put({ 'hx-sse:connect': '/admin/stolen' })
      put({ 'hx-sse:connect': '/admin/stolen', 'hx-trigger': 'load', 'hx-nonce': 'guessed' })
      put({ 'sse-connect': '/admin/stolen' })
    }`)
    await engine.operator.pause(id, { actor: hostile, reason: hostile })
    await page.getByText('Paused before it goes on').first().waitFor()
    expect(asked.filter((path) => path.includes('stolen'))).toEqual([])
    expect(
      await page.evaluate(
        `(() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } })()`,
      ),
    ).toBe('TypeError')
    await until('it is reported', async () => complaints.length > 0)
    // That attempt is the one that the policy has stopped.
    expect(complaints.map((text) => text.split(' ')[0])).toEqual(['require-trusted-types-for'])
    complaints = []
  })
})
