/** Something that is done again and again, one time after the other: soon if there is more to do, else now and then. */
import { withTimeout } from './patience.ts'

const SHORTEST_MS = 5
const LEAVE_WITHIN_MS = 5_000

export class Rounds {
  readonly #atLeastEveryMs: number
  readonly #look: () => Promise<number>
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  /** @param look resolves with when to look again, in ms; never rejects. */
  constructor(atLeastEveryMs: number, look: () => Promise<number>) {
    this.#atLeastEveryMs = atLeastEveryMs
    this.#look = look
  }

  open(): void {
    this.#again(this.#atLeastEveryMs)
  }

  /** Resolves when what is under way is done, or takes too long. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await withTimeout(this.#looking, LEAVE_WITHIN_MS)
  }

  #again(inMs: number): void {
    if (this.#closed) return
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look().then((next) => this.#again(next))
      },
      Math.max(SHORTEST_MS, Math.min(inMs, this.#atLeastEveryMs)),
    )
  }
}
