/**
 * Who wants to know that sagas have changed, and the one look at the database for all of them: each second, and only
 * while somebody listens.
 */
import type { Logger } from '../../engine/runtime/ports.ts'
import type { System } from '../../engine/system.ts'

const EVERY_MS = 1_000
/** Between two signals for lists: what changes all the time is looked at no more often than where no signals come. */
const LISTS_EVERY_MS = 5_000

type Look = Awaited<ReturnType<System['pulse']>>

export type Listening = {
  /** Only this one; `undefined` for all. */
  readonly saga: string | undefined
  /** The actor's id. */
  readonly who: string
}

type Listener = Listening & {
  readonly onChange: () => void
  /** What it was told of last, and when. */
  seen: string | undefined
  toldAt: number
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

  /** How many of them are one person's. */
  listenersOf(who: string): number {
    return [...this.#listeners].filter((listener) => listener.who === who).length
  }

  /** @returns what ends it. */
  listen({ saga, who }: Listening, onChange: () => void): () => void {
    const listener: Listener = { saga, who, onChange, seen: undefined, toldAt: -Infinity }
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
    const now = performance.now()
    for (const listener of this.#listeners) {
      const { saga } = listener
      const state = saga === undefined ? mark : String(revisions.get(saga))
      // The first look is news, too: whoever comes is told of what they may have missed, and of nothing before it again.
      if (listener.seen === state) continue
      // It is news still at a later look.
      if (saga === undefined && now - listener.toldAt < LISTS_EVERY_MS) continue
      // Whoever has just come is told of their own act as soon as of another's.
      if (listener.seen !== undefined) listener.toldAt = now
      listener.seen = state
      listener.onChange()
    }
  }
}
