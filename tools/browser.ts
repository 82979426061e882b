/** A real browser, where there is one: `CHROME_PATH`, or the Chromium that npm installed. */
import sparticuz from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

/** Not those of @sparticuz/chromium: they switch the web's security off, and that is what is tested here. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * @returns `undefined` where no browser comes up, so that its tests are reported as skipped.
 * @throws in CI: there they must run.
 */
export async function openBrowser(): Promise<Browser | undefined> {
  try {
    const executablePath = process.env['CHROME_PATH'] ?? (await sparticuz.executablePath())
    return await chromium.launch({ executablePath, args: ARGUMENTS })
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    console.log(`No browser, so its tests are skipped: ${String(error).split('\n')[0]}`)
    return undefined
  }
}
