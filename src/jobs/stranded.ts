/**
 * Goes on with releases that were not finished: whoever releases a hold sets its sagas going batch by batch, and may
 * die in between.
 */
import type { Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { strandedByHolds } from '../engine/store/waiting-sagas.ts'
import { Handing } from './handing.ts'

const EVERY_MS = 2_000
const AT_ONCE = 200
const REST_TIMES = 20

export type StrandedOptions = {
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  readonly isActive: () => boolean
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class Stranded {
  readonly #options: StrandedOptions
  readonly #handing: Handing
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: StrandedOptions) {
    this.#options = options
    this.#handing = new Handing(options.submit, options.logger)
  }

  open(): void {
    this.#timer = setTimeout(() => void this.#run(), EVERY_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    const startedAt = performance.now()
    const { db, schema, logger, isActive } = this.#options
    try {
      const ids = isActive() ? await strandedByHolds(db, schema, AT_ONCE) : []
      for (const sagaId of ids) this.#handing.hand({ sagaId, input: { type: 'hold_released' } })
    } catch (error) {
      logger.debug({ error: String(error) }, 'stranded sagas could not be read')
    }
    // Where very many wait for other holds, looking takes long, and is done more rarely.
    const wait = Math.max(EVERY_MS, REST_TIMES * (performance.now() - startedAt))
    if (!this.#closed) this.#timer = setTimeout(() => void this.#run(), wait)
  }
}
