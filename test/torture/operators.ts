/** People at work, through the public API: they cancel, undo, pause, hold and let go, and work off what needs them. */
import { setTimeout as delay } from 'node:timers/promises'
import { type SagaClient, SagaError } from '../../src/index.ts'
import type { Dice } from './dice.ts'

const AGAIN_MS = 100
const PATIENCE_MS = 60_000
/** What an order may be refused for: the saga has moved on. */
const REFUSALS: readonly string[] = ['ORDER_REFUSED', 'PLAN_CHANGED', 'HOLD_NOT_FOUND', 'SAGA_NOT_FOUND']
const STEPS = [
  ['deposit', 'deposit'],
  ['withdraw', 'mail'],
  ['withdraw', 'credit'],
] as const

/** Does it, however often it takes while the database is away: the same request, so that it acts once. */
export async function insist<T>(act: () => Promise<T>): Promise<T | undefined> {
  const giveUpAt = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (error instanceof SagaError && REFUSALS.includes(error.code)) return undefined
      // Anything that is no mistake of ours may be the database's trouble.
      const isFinal = error instanceof SagaError && error.code !== 'DATABASE_UNREACHABLE'
      if (isFinal || performance.now() > giveUpAt) throw error
      await delay(AGAIN_MS)
    }
  }
}

export class Operators {
  readonly #client: SagaClient
  readonly #dice: Dice
  #requests = 0
  /** What they have done, by verb. */
  readonly done: Record<string, number> = {}

  constructor(client: SagaClient, dice: Dice) {
    this.#client = client
    this.#dice = dice
  }

  /** One act, whatever comes to somebody's mind. */
  async meddle(): Promise<void> {
    const dice = this.#dice
    if (dice.fraction() < 0.1) return this.#holdForAWhile()
    const page = await insist(() => this.#client.list({ status: ['running', 'compensating'] }, { limit: 20 }))
    const sagas = page?.sagas ?? []
    if (sagas.length === 0) return
    const { id } = dice.one(sagas)
    const { operator } = this.#client
    const verb = dice.one(['cancel', 'compensate', 'retry', 'pause', 'pause'] as const)
    const by = this.#by(verb)
    await insist(() => operator[verb](id, by))
    if (verb !== 'pause') return
    const resumed = this.#by('resume')
    await insist(() => operator.resume(id, resumed))
  }

  /** What waits for a person is sent on. @returns how many dead letters there were. */
  async workOff(pausedIds: readonly string[]): Promise<number> {
    const { operator } = this.#client
    for (const hold of (await insist(() => operator.holds())) ?? []) {
      const by = this.#by('release')
      await insist(() => operator.release(hold.id, by))
    }
    for (const id of pausedIds) {
      const by = this.#by('resume')
      await insist(() => operator.resume(id, by))
    }
    const letters = await insist(() => this.#client.list({ status: 'dead_lettered' }, { limit: 100 }))
    for (const { id } of letters?.sagas ?? []) {
      const by = this.#by('retry')
      await insist(() => operator.retry(id, by))
    }
    return letters?.sagas.length ?? 0
  }

  async #holdForAWhile(): Promise<void> {
    const [definition, step] = this.#dice.one(STEPS)
    const { operator } = this.#client
    const by = this.#by('hold')
    const id = await insist(() => operator.hold({ definition, step, side: 'action' }, by))
    if (id === undefined) return
    await delay(this.#dice.whole(100, 600))
    const released = this.#by('release')
    const rate = this.#dice.fraction() < 0.5 ? { rate: 200 } : {}
    await insist(() => operator.release(id, { ...released, ...rate }))
  }

  #by(verb: string) {
    this.#requests += 1
    this.done[verb] = (this.done[verb] ?? 0) + 1
    return { actor: 'ada', reason: `the suite's ${verb}`, requestId: `${verb} ${process.pid} ${this.#requests}` }
  }
}
