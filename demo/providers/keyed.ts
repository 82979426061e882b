/**
 * What a provider remembers by idempotency key: a repeated request gets the first one's answer, and a key that was
 * cancelled takes no effect any more, even if its request arrives only afterwards.
 */
export class Keyed<Effect> {
  readonly #effects = new Map<string, Effect>()
  readonly #cancelled = new Set<string>()
  /** Requests that were answered from memory. */
  repeated = 0
  /** Requests that came after their cancellation. */
  refused = 0

  has(key: string): boolean {
    return this.#effects.has(key)
  }

  /** @returns `undefined` when the key was cancelled. */
  once(key: string, effect: () => Effect): Effect | undefined {
    const known = this.#effects.get(key)
    if (this.#cancelled.has(key)) {
      this.refused += 1
      return undefined
    }
    if (known !== undefined) {
      this.repeated += 1
      return known
    }
    const made = effect()
    this.#effects.set(key, made)
    return made
  }

  /** Undoes what has taken effect under this key, and keeps it from doing so later. Twice is once. */
  cancel(key: string): Effect | undefined {
    this.#cancelled.add(key)
    return this.#effects.get(key)
  }

  all(): readonly (Effect & { readonly cancelled: boolean })[] {
    return [...this.#effects].map(([key, effect]) => ({ ...effect, cancelled: this.#cancelled.has(key) }))
  }
}
