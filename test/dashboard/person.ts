/** A person at a browser: what they press and type, what the browser complains of, and what a page asks of others. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'

const MAX_TABS = 120

export type Hand = 'mouse' | 'keyboard'

/**
 * What goes wrong in a page, as it comes: errors, dialogs, requests to elsewhere.
 *
 * @param home where the dashboard is served.
 * @param isExpected of a text on the console.
 */
export function complaintsOf(page: Page, home: string, isExpected: (text: string) => boolean = () => false): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(home)) complaints.push(`asked for ${request.url()}`)
  })
  return complaints
}

export class Person {
  readonly page: Page
  /** What no page may do: errors on the console, dialogs, requests to elsewhere. */
  readonly complaints: readonly string[]
  /** A click, a text, a press of Enter, each with what led there. */
  actions = 0
  readonly #hand: Hand

  private constructor(page: Page, home: string, hand: Hand) {
    this.page = page
    this.#hand = hand
    // That a page is a 409 is said on the console, too; it is no complaint.
    this.complaints = complaintsOf(page, home.replace(/\/$/, ''), (text) => text.includes('409 (Conflict)'))
  }

  /** @param home where the dashboard is served. */
  static async at(
    browser: Browser | undefined,
    home: string,
    path: string,
    hand: Hand = 'mouse',
    options: BrowserContextOptions = {},
  ): Promise<Person> {
    const context = await browser?.newContext(options)
    if (context === undefined) throw new Error('There is no browser.')
    const person = new Person(await context.newPage(), home, hand)
    await person.page.goto(home + path)
    return person
  }

  async press(target: Locator): Promise<void> {
    this.actions += 1
    if (this.#hand === 'mouse') return target.click()
    await this.tabTo(target)
    await this.page.keyboard.press('Enter')
  }

  async type(target: Locator, text: string): Promise<void> {
    this.actions += 1
    if (this.#hand === 'mouse') await target.click()
    else await this.tabTo(target)
    await this.page.keyboard.type(text)
  }

  /** Goes there by the Tab key alone. */
  async tabTo(target: Locator): Promise<void> {
    for (let presses = 0; presses < MAX_TABS; presses += 1) {
      await this.page.keyboard.press('Tab')
      if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return
    }
    throw new Error('The Tab key does not get there.')
  }

  async leave(): Promise<void> {
    await this.page.context().close()
  }
}
