/**
 * Hands items to the committer without waiting for them: whoever has one of their sagas locked keeps no others. None is
 * handed over a second time before the first is written.
 */
import type { Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'

export class Handing {
  readonly #submit: (item: Item) => Promise<void>
  readonly #logger: Logger
  readonly #underWay = new Set<string>()

  /** @param submit resolves when the item is committed. */
  constructor(submit: (item: Item) => Promise<void>, logger: Logger) {
    this.#submit = submit
    this.#logger = logger
  }

  hand(item: Item): void {
    const { sagaId, input } = item
    const key = `${sagaId} ${input.type}`
    if (this.#underWay.has(key)) return
    this.#underWay.add(key)
    this.#submit(item)
      .catch((error: unknown) => {
        this.#logger.debug({ saga: sagaId, input: input.type, error: String(error) }, 'an input cannot be written')
      })
      .finally(() => this.#underWay.delete(key))
  }
}
