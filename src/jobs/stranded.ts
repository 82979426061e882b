/**
 * Goes on with releases that were not finished: whoever releases a hold sets its sagas going batch by batch, and may
 * die in between.
 */
import type { Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { strandedByHolds } from '../engine/store/sagas.ts'

const EVERY_MS = 2_000
const AT_ONCE = 200

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
  /** Handed to the committer and not written yet: whoever has them locked keeps no others. */
  readonly #underWay = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: StrandedOptions) {
    this.#options = options
  }

  open(): void {
    this.#timer = setTimeout(() => void this.#run(), EVERY_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    const { db, schema, logger, isActive } = this.#options
    try {
      if (isActive()) for (const sagaId of await strandedByHolds(db, schema, AT_ONCE)) this.#release(sagaId)
    } catch (error) {
      logger.debug({ error: String(error) }, 'stranded sagas could not be read')
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#run(), EVERY_MS)
  }

  #release(sagaId: string): void {
    if (this.#underWay.has(sagaId)) return
    this.#underWay.add(sagaId)
    const { logger, submit } = this.#options
    submit({ sagaId, input: { type: 'hold_released' } })
      .catch((error: unknown) => logger.debug({ saga: sagaId, error: String(error) }, 'a release cannot be written'))
      .finally(() => this.#underWay.delete(sagaId))
  }
}
