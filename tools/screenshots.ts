/**
 * `npm run screenshots`: every page of the dashboard with the demo's data, at the width of a desk and of a phone, light and
 * dark, into `.screenshots`. With `--docs` the two that the README shows are renewed, too.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from './browser.ts'

const { values: options } = parseArgs({ options: { docs: { type: 'boolean', default: false } } })
const ROOT = join(import.meta.dirname, '..')
const FOLDER = join(ROOT, '.screenshots')
const DEMO_LIMIT_MS = 300_000

const LOOKS = [
  { name: 'desk-light', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'desk-dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone-light', width: 390, height: 844, colorScheme: 'light' },
  { name: 'phone-dark', width: 390, height: 844, colorScheme: 'dark' },
] as const

const browser = await openBrowser()
if (browser === undefined) {
  console.error('There is no browser: set CHROME_PATH.')
  process.exit(1)
}
const demo = await openDemo()
try {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const pages = await pagesOf(browser, demo.url)
  for (const look of LOOKS) {
    const { width, height, colorScheme } = look
    const context = await browser.newContext({ viewport: { width, height }, colorScheme })
    const page = await context.newPage()
    for (const [name, path] of pages) {
      await page.goto(new URL(path, demo.url).href)
      await page.screenshot({ path: join(FOLDER, `${name}-${look.name}.png`), fullPage: true })
    }
    await context.close()
    console.log(`${look.name}: ${pages.length} pages`)
  }
  if (options.docs) await drawForReadme(browser, demo.url, pages)
} finally {
  await browser.close()
  demo.stop()
}

/** The demo with its incidents, once all of its sagas are at rest. */
async function openDemo(): Promise<{ readonly url: string; stop(): void }> {
  const child = spawn(process.execPath, [join(ROOT, 'demo', 'main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const timeout = setTimeout(() => child.kill('SIGINT'), DEMO_LIMIT_MS)
  let url: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    url ??= /dashboard at (\S+)/.exec(line)?.[1]
    if (url !== undefined && line.includes('Ctrl-C')) {
      clearTimeout(timeout)
      return { url, stop: () => void child.kill('SIGINT') }
    }
  }
  throw new Error('The demo ended before its dashboard could be looked at.')
}

/** Names and addresses; those of one saga, group and definition are taken from what is there. */
async function pagesOf(browser: Browser, url: string): Promise<readonly (readonly [string, string])[]> {
  const page = await browser.newPage()
  const first = async (path: string, selector: string) => {
    await page.goto(new URL(path, url).href)
    const to = await page.locator(selector).first().getAttribute('href', { timeout: 5_000 })
    if (to === null) throw new Error(`${path} has no ${selector}.`)
    return to
  }
  const row = 'table.sagas a.name'
  const dead = await first('sagas?status=dead_lettered', row)
  const undone = await first('sagas?status=compensated&step=charge-card', row)
  const done = await first('sagas?status=completed', row)
  const group = await first('errors', 'main table a.name')
  const definition = await first('definitions', 'main table a.name')
  await page.close()
  return [
    ['overview', '/'],
    ['sagas', '/sagas'],
    ['sagas-dead', '/sagas?status=dead_lettered'],
    ['saga-dead', dead],
    ['saga-undone', undone],
    ['saga-done', done],
    ['plan-retry', `${dead}/plan?action=retry`],
    ['plan-compensate', `${dead}/plan?action=compensate`],
    ['errors', '/errors'],
    ['error-group', group],
    ['operation-new', `/operations/new?status=dead_lettered&verb=retry`],
    ['operations', '/operations'],
    ['definitions', '/definitions'],
    ['definition', definition],
    ['hold', `${definition}/hold`],
    ['queues', '/queues'],
    ['workers', '/workers'],
    ['schedules', '/schedules'],
    ['audit', '/audit'],
    ['me', '/me'],
    ['triage', `${group}/triage?state=ignored`],
    ['not-found', '/nothing-here'],
  ]
}

async function drawForReadme(
  browser: Browser,
  url: string,
  pages: readonly (readonly [string, string])[],
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
  const page: Page = await context.newPage()
  for (const name of ['overview', 'saga-undone']) {
    const path = pages.find(([one]) => one === name)?.[1] ?? '/'
    await page.goto(new URL(path, url).href)
    await page.screenshot({ path: join(ROOT, 'docs', 'images', `${name}.png`) })
  }
  await context.close()
}
