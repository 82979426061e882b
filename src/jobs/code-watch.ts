/**
 * Sagas whose code this or that worker lacks. While some live worker has it, their jobs are left to that one. When none
 * has had it for a while, they become dead letters; when one comes that has it, they go on by themselves (rule 11).
 *
 * How long nobody has had it is what this worker has seen: one that has just started begins to count.
 */
import type { Item } from '../engine/runtime/apply.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import {
  awaitedCode,
  knownCode,
  sagasDeadWithoutCode,
  sagasWaitingForCode,
  sagasWithHooksWaitingForCode,
} from '../engine/store/missing-code.ts'
import { Handing } from './handing.ts'

const LOOK_MS = 10_000
const AT_ONCE = 200
/** As old as a heartbeat may be before its worker is thought dead. */
const FRESH_MS = 30_000

export type CodeWatchOptions = {
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  /** What this worker has, as `name@version`. */
  readonly own: readonly string[]
  /** How long nobody may have the code of a saga before it is a dead letter, in ms. */
  readonly missingAfterMs: number
  readonly isActive: () => boolean
  /** Resolves when the item is committed. */
  readonly submit: (item: Item) => Promise<void>
}

export class CodeWatch {
  readonly #options: CodeWatchOptions
  readonly #lookMs: number
  readonly #handing: Handing
  /** Since when nobody has had it, as far as this worker has seen. */
  readonly #missingSince = new Map<string, number>()
  #known: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #isFirst = true

  constructor(options: CodeWatchOptions) {
    this.#options = options
    this.#handing = new Handing(options.submit, options.logger)
    this.#lookMs = Math.min(LOOK_MS, Math.max(20, options.missingAfterMs / 2))
  }

  open(): void {
    void this.#look()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  /** Whether another live worker has it: then it is only a matter of moments until that one gets the job. */
  isElsewhere(name: string): boolean {
    return this.#known.has(name)
  }

  async #look(): Promise<void> {
    try {
      if (this.#options.isActive()) {
        await this.#goOn()
        await this.#giveUp()
      } else this.#missingSince.clear()
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'sagas without code could not be read')
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), this.#lookMs)
  }

  /** What this worker has the code of. Those that only wait are looked for once: later they come by their timers. */
  async #goOn(): Promise<void> {
    const { db, schema, own } = this.#options
    const dead = await sagasDeadWithoutCode(db, schema, own, AT_ONCE)
    const waiting = this.#isFirst ? await sagasWaitingForCode(db, schema, own, AT_ONCE) : []
    this.#isFirst = waiting.length === AT_ONCE
    const hooked = await sagasWithHooksWaitingForCode(db, schema, own, AT_ONCE)
    const ids = [...dead, ...waiting.map((saga) => saga.id), ...hooked]
    for (const sagaId of ids) this.#handing.hand({ sagaId, input: { type: 'code_found' } })
  }

  async #giveUp(): Promise<void> {
    const { db, schema, missingAfterMs, logger } = this.#options
    this.#known = await knownCode(db, schema, FRESH_MS)
    const now = performance.now()
    const missing = new Set((await awaitedCode(db, schema)).filter((name) => !this.#known.has(name)))
    for (const name of this.#missingSince.keys()) if (this.#known.has(name)) this.#missingSince.delete(name)
    for (const name of missing) if (!this.#missingSince.has(name)) this.#missingSince.set(name, now)
    const overdue = [...missing].filter((name) => now - (this.#missingSince.get(name) ?? now) >= missingAfterMs)
    const sagas = await sagasWaitingForCode(db, schema, overdue, AT_ONCE)
    if (sagas.length > 0)
      logger.error({ definitions: overdue, sagas: sagas.length }, 'no live worker has the code of these sagas')
    for (const { id, state } of sagas) {
      const step = Object.keys(state.steps).find((name) => {
        const { action, compensation, verify } = state.steps[name] ?? {}
        return [action, compensation, verify].some((side) => side?.withheld === 'code')
      })
      if (step !== undefined) this.#handing.hand({ sagaId: id, input: { type: 'code_missing', step } })
    }
  }
}
