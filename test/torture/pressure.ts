/** The load of a round: sagas are started and operators meddle until they are told to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import { DEFINITIONS, type Planned, planned } from './load.ts'
import { insist, Operators } from './operators.ts'
import type { Scene } from './scene.ts'

const EVERY_MS = 200
/** `first`: to begin with, so that there is a lot under way when something breaks; `next`: from then on, at most. */
const LONG = { first: 80, next: 10 }
const SHORT = { first: 60, next: 6 }
/** Sagas that are under way at the same time at most: behind an outage more would only wait. */
const MOST_LIVE = 400

export class Pressure {
  readonly keys: string[] = []
  readonly operators: Operators
  readonly #scene: Scene
  readonly #dice: Dice
  readonly #round: string
  readonly #done: Promise<void>
  #stops = false

  constructor(scene: Scene, round: string, dice: Dice) {
    this.#scene = scene
    this.#round = round
    this.#dice = dice
    this.operators = new Operators(scene.client, dice.others('operators'))
    this.#done = Promise.all([this.#start(), this.#meddle()]).then(() => {})
    // Whoever stops it is told.
    this.#done.catch(() => {})
  }

  /** Resolves when everything that was begun is started, and everybody has left. */
  async stop(): Promise<void> {
    this.#stops = true
    await this.#done
  }

  async #start(): Promise<void> {
    const { first, next } = this.#scene.isLong ? LONG : SHORT
    for (let tick = 0; !this.#stops; tick += 1) {
      const paced = delay(EVERY_MS)
      const count = tick === 0 ? first : this.#dice.whole(1, next)
      const items = Array.from({ length: count }, (_, index) => planned(this.#dice, `${this.#round}-${tick}-${index}`))
      await this.#enqueue(items)
      await paced
      // Its answer tells how much there is; the database may be away.
      while (!this.#stops && (await this.#live()) > MOST_LIVE) await delay(EVERY_MS)
    }
  }

  /** The same starts again, until they are heard of: a key finds the saga that has it. */
  async #enqueue(items: readonly Planned[]): Promise<void> {
    for (const definition of DEFINITIONS) {
      const own = items.filter((item) => item.definition === definition)
      if (own.length === 0) continue
      const results = await insist(() => this.#scene.client.enqueueMany(definition, own))
      const refused = results?.find((result) => !result.ok)
      if (refused?.ok === false) throw refused.error
      this.keys.push(...own.map(({ key }) => key))
    }
  }

  async #live(): Promise<number> {
    const counts = await insist(() => this.#scene.client.count({ status: ['pending', 'running', 'compensating'] }))
    return (counts?.pending ?? 0) + (counts?.running ?? 0) + (counts?.compensating ?? 0)
  }

  async #meddle(): Promise<void> {
    while (!this.#stops) {
      await this.operators.meddle()
      await delay(EVERY_MS)
    }
  }
}
