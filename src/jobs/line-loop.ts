/**
 * Brings sagas to the front of their lines: the next one as soon as another has left in this process, and twice a second
 * the first of every line whose front is free, whoever has left it.
 *
 * It only proposes. A saga comes to the front in the transaction in which it begins, so that nothing is between the two.
 */
import type { Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { nextInLines, nextInLinesOf } from '../engine/store/line.ts'
import { Handing } from './handing.ts'

const AT_LEAST_EVERY_MS = 500
const AT_ONCE = 500
/** Looking at all lines may take a tenth of the time, however many there are. */
const PAUSE_FACTOR = 10

export type LineLoopOptions = {
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  readonly isActive: () => boolean
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class LineLoop {
  readonly #options: LineLoopOptions
  readonly #handing: Handing
  #timer: NodeJS.Timeout | undefined
  #looking = false
  /** While it was looking: what it sees may be older. */
  #kicked = false
  #notBefore = 0
  #left: string[] = []
  #following = false
  #closed = false

  constructor(options: LineLoopOptions) {
    this.#options = options
    this.#handing = new Handing(options.submit, options.logger)
  }

  open(): void {
    this.#lookIn(0)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  /** Somebody may stand in a line whose front is free. */
  kick(): void {
    if (!this.#looking) this.#lookIn(0)
    else this.#kicked = true
  }

  /** These sagas have left their lines: who comes next is known without looking at the others. */
  follow(sagaIds: readonly string[]): void {
    this.#left.push(...sagaIds)
    if (!this.#following) void this.#follow()
  }

  async #follow(): Promise<void> {
    this.#following = true
    const { db, schema } = this.#options
    while (this.#left.length > 0 && this.#isOpen) {
      const left = this.#left.splice(0)
      await this.#propose(() => nextInLinesOf(db, schema, left))
    }
    this.#following = false
  }

  #lookIn(ms: number): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), Math.max(ms, this.#notBefore - performance.now()))
  }

  async #look(): Promise<void> {
    const { db, schema } = this.#options
    this.#looking = true
    this.#kicked = false
    const began = performance.now()
    const count = this.#isOpen ? await this.#propose(() => nextInLines(db, schema, AT_ONCE)) : 0
    const now = performance.now()
    this.#notBefore = now + (now - began) * PAUSE_FACTOR
    this.#looking = false
    this.#lookIn(this.#kicked || count === AT_ONCE ? 0 : AT_LEAST_EVERY_MS)
  }

  get #isOpen(): boolean {
    return !this.#closed && this.#options.isActive()
  }

  /** @returns how many there were. */
  async #propose(next: () => Promise<readonly string[]>): Promise<number> {
    try {
      const ids = await next()
      for (const sagaId of ids) this.#handing.hand({ sagaId, input: { type: 'at_front' } })
      return ids.length
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'lines could not be read')
      return 0
    }
  }
}
