/** Moves what is due: each timer becomes an input of its saga, and is removed in the transaction that takes it. */
import { DEADLINE_TIMER, START_TIMER, timerTarget } from '../engine/core/command.ts'
import type { Input } from '../engine/core/input.ts'
import type { Item } from '../engine/runtime/apply.ts'
import type { FaultPoints, Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { dueTimers, type Timer, untilNextTimer } from '../engine/store/timers.ts'

const AT_LEAST_EVERY_MS = 500
const SHORTEST_MS = 5
const AT_ONCE = 500
const AFTER_FAILURE_MS = 30_000

export type TimerLoopOptions = {
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  readonly faults: FaultPoints
  readonly isActive: () => boolean
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class TimerLoop {
  readonly #options: TimerLoopOptions
  /** Handed to the committer and not written yet. */
  readonly #underWay = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: TimerLoopOptions) {
    this.#options = options
  }

  open(): void {
    void this.#run()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  /** A timer was set that may be due before the next round. */
  kick(inMs: number): void {
    if (this.#closed || inMs >= AT_LEAST_EVERY_MS) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), Math.max(SHORTEST_MS, inMs))
  }

  async #run(): Promise<void> {
    let delay = AT_LEAST_EVERY_MS
    try {
      if (this.#options.isActive()) delay = await this.#round()
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'due timers could not be read')
    }
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), Math.max(SHORTEST_MS, Math.min(delay, AT_LEAST_EVERY_MS)))
  }

  /** @returns when to look again, in ms. */
  async #round(): Promise<number> {
    const { db, schema, faults } = this.#options
    const due = await dueTimers(db, schema, AT_ONCE)
    faults('timers-read')
    const fresh = due.filter((timer) => !this.#underWay.has(keyOf(timer)))
    for (const timer of fresh) this.#take(timer)
    if (fresh.length === AT_ONCE) return 0
    // What is under way stays in the table until it is committed; it is no reason to look again at once.
    if (due.length > 0) return 50
    return (await untilNextTimer(db, schema)) ?? AT_LEAST_EVERY_MS
  }

  #take(timer: Timer): void {
    const key = keyOf(timer)
    this.#underWay.add(key)
    const item: Item = { sagaId: timer.sagaId, input: inputOf(timer), timer }
    this.#options.submit(item).then(
      () => this.#underWay.delete(key),
      (error: unknown) => {
        this.#options.logger.error({ saga: timer.sagaId, error: String(error) }, 'a due timer cannot be written')
        // It stays in the table, and is tried again; not at once, for nothing has changed.
        setTimeout(() => this.#underWay.delete(key), AFTER_FAILURE_MS).unref()
      },
    )
  }
}

function keyOf(timer: Timer): string {
  return `${timer.sagaId} ${timer.timer} ${timer.dueAt}`
}

function inputOf(timer: Timer): Input {
  if (timer.timer === START_TIMER) return { type: 'start_due' }
  const target = timerTarget(timer.timer)
  return timer.timer === DEADLINE_TIMER || target === undefined
    ? { type: 'deadline_due' }
    : { type: 'retry_due', ...target }
}
