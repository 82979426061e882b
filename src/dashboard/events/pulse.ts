/**
 * Who wants to know that sagas have changed, and the one look at the database for all of them: each second, and only
 * while somebody listens.
 */
import type { Logger } from '../../engine/runtime/ports.ts'
import type { System } from '../../engine/system.ts'

const EVERY_MS = 1_000

type Look = Awaited<ReturnType<System['pulse']>>

type Listener = {
  /** Only this one; `undefined` for all. */
  readonly saga: string | undefined
  readonly onChange: () => void
  /** What it was told of last. */
  seen: string | undefined
}

export class Pulse {
  readonly #look: (sagas: readonly string[]) => Promise<Look>
  readonly #logger: Logger
  readonly #listeners = new Set<Listener>()
  #timer: NodeJS.Timeout | undefined

  constructor(look: (sagas: readonly string[]) => Promise<Look>, logger: Logger) {
    this.#look = look
    this.#logger = logger
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** @returns what ends it. */
  listen(saga: string | undefined, onChange: () => void): () => void {
    const listener: Listener = { saga, onChange, seen: undefined }
    this.#listeners.add(listener)
    this.#again()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
  }

  #again(): void {
    if (this.#timer !== undefined || this.#listeners.size === 0) return
    this.#timer = setTimeout(() => void this.#beat(), EVERY_MS)
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    const timer = this.#timer
    try {
      const sagas = [...this.#listeners].flatMap(({ saga }) => saga ?? [])
      this.#tell(await this.#look([...new Set(sagas)]))
    } catch (error) {
      // Pages ask by themselves now and then, and say that the database does not answer.
      this.#logger.debug({ error: String(error) }, 'it is not known whether sagas have changed')
    }
    // All may have left meanwhile, and others have come: then there is another timer.
    if (this.#timer !== timer) return
    this.#timer = undefined
    this.#again()
  }

  #tell({ mark, revisions }: Look): void {
    for (const listener of this.#listeners) {
      const now = listener.saga === undefined ? mark : String(revisions.get(listener.saga))
      // The first look is news, too: whoever comes is told of what they may have missed, and of nothing before it again.
      const isNews = listener.seen !== now
      listener.seen = now
      if (isNews) listener.onChange()
    }
  }
}
