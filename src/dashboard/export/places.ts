/** How many exports go out at the same time: each of them reads on for as long as somebody takes what it sends. */
import type { Context } from 'hono'
import { Refusal } from '../security/refusal.ts'

const MAX_OF_ONE = 2
const MAX_OF_ALL = 8
const COME_BACK_S = 10

/** Of one process. */
export class ExportPlaces {
  readonly #taken = new Map<string, number>()
  #all = 0

  /**
   * @param c Gets `Retry-After`, where there is no place.
   * @returns what gives it back, once.
   * @throws Refusal 429.
   */
  take(c: Pick<Context, 'header'>, actor: string): () => void {
    const own = this.#taken.get(actor) ?? 0
    if (own >= MAX_OF_ONE || this.#all >= MAX_OF_ALL) {
      c.header('Retry-After', String(COME_BACK_S))
      const whose = own >= MAX_OF_ONE ? `${actor} has ${MAX_OF_ONE}` : `There are ${MAX_OF_ALL}`
      const says = `${whose} exports under way, and there can be no more. Come back when one has ended.`
      throw new Refusal(429, 'Too many exports', says)
    }
    this.#taken.set(actor, own + 1)
    this.#all += 1
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      this.#all -= 1
      const left = (this.#taken.get(actor) ?? 1) - 1
      if (left === 0) this.#taken.delete(actor)
      else this.#taken.set(actor, left)
    }
  }
}
