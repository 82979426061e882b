/** Chance that can be repeated: the same seed throws the same numbers. */
import { createHash } from 'node:crypto'

export class Dice {
  readonly #seed: string
  #throws = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  /** From 0 to 1, without 1. */
  fraction(): number {
    this.#throws += 1
    return fractionOf(`${this.#seed} ${this.#throws}`)
  }

  /** From and to, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1))
  }

  one<T>(of: readonly T[]): T {
    const found = of[this.whole(0, of.length - 1)]
    if (found === undefined) throw new Error('There is nothing to choose from.')
    return found
  }

  shuffled<T>(of: readonly T[]): T[] {
    const left = [...of]
    const order: T[] = []
    while (left.length > 0) order.push(...left.splice(this.whole(0, left.length - 1), 1))
    return order
  }

  /** Others, of a seed of their own: how often they are thrown changes nothing here. */
  others(name: string): Dice {
    return new Dice(`${this.#seed}/${name}`)
  }
}

/** What chance says of a name: always the same. From 0 to 1, without 1. */
export function fractionOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32
}
