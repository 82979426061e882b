/** How long to leave a database alone that did not answer: longer each time, up to a bound, and never in step. */

const FIRST_MS = 50
const LONGEST_MS = 2_000

export class Backoff {
  #failures = 0
  #timer: NodeJS.Timeout | undefined

  get isWaiting(): boolean {
    return this.#timer !== undefined
  }

  /** Calls back after the next delay; while one is under way, nothing more is scheduled. @returns the delay in ms. */
  wait(then: () => void): number {
    if (this.#timer !== undefined) return 0
    const delay = this.next()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      then()
    }, delay)
    return delay
  }

  /** The next delay, in ms. */
  next(): number {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#failures, 16))
    this.#failures += 1
    return ceiling / 2 + (ceiling / 2) * Math.random()
  }

  reset(): void {
    this.#failures = 0
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
