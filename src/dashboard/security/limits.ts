/**
 * How often one person may ask: far more than anybody does by hand, with many pages open, and less than a script that has
 * gone astray. Counted in each process by itself.
 */
import type { Limits } from '../options.ts'
import { Refusal } from './refusal.ts'

const READS_PER_MINUTE = 1_200
const ACTS_PER_MINUTE = 60
/** People who are remembered. */
const MAX_KNOWN = 10_000
const MINUTE_MS = 60_000

type Bucket = { left: number; at: number }

/** So many at once, and again so many in each minute. */
class Allowance {
  readonly #perMinute: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** @returns 0, or after how many seconds there is one again. */
  take(who: string, now: number): number {
    const bucket = this.#buckets.get(who) ?? { left: this.#perMinute, at: now }
    const earned = ((now - bucket.at) / MINUTE_MS) * this.#perMinute
    const left = Math.min(this.#perMinute, bucket.left + earned)
    const isThere = left >= 1
    // Whoever has asked last is at the end: those at the beginning have all of theirs again.
    this.#buckets.delete(who)
    this.#buckets.set(who, { left: isThere ? left - 1 : left, at: now })
    if (this.#buckets.size > MAX_KNOWN) this.#buckets.delete(this.#buckets.keys().next().value ?? '')
    return isThere ? 0 : Math.ceil((((1 - left) / this.#perMinute) * MINUTE_MS) / 1_000)
  }
}

export class Allowances {
  readonly #reads: Allowance
  readonly #acts: Allowance

  constructor({ readsPerMinute = READS_PER_MINUTE, actsPerMinute = ACTS_PER_MINUTE }: Limits = {}) {
    this.#reads = new Allowance(readsPerMinute)
    this.#acts = new Allowance(actsPerMinute)
  }

  /** @returns 0, or after how many seconds this person may ask again. */
  take(actor: string, isAct: boolean, now = performance.now()): number {
    return (isAct ? this.#acts : this.#reads).take(actor, now)
  }
}

/** Longer than any address of ours, and more parameters than anything takes: a page of chosen sagas, with its filter. */
const MAX_ADDRESS_CHARACTERS = 8_192
const MAX_PARAMETERS = 100

/** Of pages and API alike: what is not looked at. */
export function tooMuchOf(address: string): Refusal | undefined {
  if (address.length > MAX_ADDRESS_CHARACTERS) {
    return new Refusal(414, 'The address is too long', 'Shorten a filter, and try again.')
  }
  if ([...new URL(address).searchParams].length <= MAX_PARAMETERS) return undefined
  return new Refusal(400, 'Not understood', 'The address has more parameters than anything here takes.')
}
