/**
 * Looks for what SQL users have asked for, twice a second, and has it done. Starts whose code no live worker has had for
 * long are refused, as sagas without code become dead letters.
 *
 * How long nobody has had it is what this worker has seen: one that has just started begins to count.
 */
import type { AcceptedDuty, Inbox } from '../engine/inbox.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { awaitedByCommands, hasCommands } from '../engine/store/commands.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { knownCode } from '../engine/store/missing-code.ts'
import { withTimeout } from './patience.ts'
import { Rounds } from './rounds.ts'

const AT_LEAST_EVERY_MS = 500
const LOOK_FOR_MISSING_MS = 10_000
/** As old as a heartbeat may be before its worker is thought dead. */
const FRESH_MS = 30_000
const LEAVE_WITHIN_MS = 5_000

export type InboxLoopOptions = {
  readonly schema: string
  readonly db: Db
  readonly logger: Logger
  readonly inbox: Inbox
  /** What this worker has, as `name@version`. */
  readonly own: readonly string[]
  /** How long nobody may have the code of a start before it is refused, in ms. */
  readonly missingAfterMs: number
  readonly isActive: () => boolean
}

export class InboxLoop {
  readonly #options: InboxLoopOptions
  readonly #rounds = new Rounds(AT_LEAST_EVERY_MS, () => this.#look())
  readonly #missingSince = new Map<string, number>()
  readonly #missingEveryMs: number
  #missingLookAt = 0
  #isClosing = false
  /** A duty that this worker is at; it takes no second one meanwhile. */
  #duty: Promise<void> | undefined

  constructor(options: InboxLoopOptions) {
    this.#options = options
    this.#missingEveryMs = Math.min(LOOK_FOR_MISSING_MS, Math.max(20, options.missingAfterMs / 2))
  }

  open(): void {
    this.#rounds.open()
  }

  /** What is under way is finished; a duty ends where it is. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#rounds.close()
    await withTimeout(this.#duty ?? Promise.resolve(), LEAVE_WITHIN_MS)
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { db, schema, logger, own, isActive } = this.#options
    try {
      if (!isActive()) {
        this.#missingSince.clear()
        return AT_LEAST_EVERY_MS
      }
      await this.#giveUp()
      const hasMore = (await hasCommands(db, schema, own)) && (await this.#round())
      return hasMore ? 0 : AT_LEAST_EVERY_MS
    } catch (error) {
      // What was under way is rolled back, and taken again.
      const level = isConnectionError(error) ? 'debug' : 'warn'
      logger[level]({ error: String(error) }, 'what SQL has asked for could not be looked at; it is tried again')
      return AT_LEAST_EVERY_MS
    }
  }

  async #round(): Promise<boolean> {
    const { inbox } = this.#options
    const starts = await inbox.starts()
    if (this.#isClosing) return false
    const order = await inbox.order(this.#duty === undefined)
    if (typeof order === 'object') this.#begin(order)
    return starts > 0 || order !== false
  }

  #begin(duty: AcceptedDuty): void {
    const { logger } = this.#options
    this.#duty = duty
      .goOn(() => !this.#isClosing && this.#options.isActive())
      .catch((error: unknown) => {
        logger.warn({ command: duty.id, error: String(error) }, 'what came of maintenance could not be stored')
      })
      .finally(() => {
        this.#duty = undefined
      })
  }

  async #giveUp(): Promise<void> {
    const { db, schema, inbox, missingAfterMs, logger } = this.#options
    if (performance.now() < this.#missingLookAt) return
    this.#missingLookAt = performance.now() + this.#missingEveryMs
    const awaited = await awaitedByCommands(db, schema)
    if (awaited.length === 0) return this.#missingSince.clear()
    const known = await knownCode(db, schema, FRESH_MS)
    const now = performance.now()
    for (const name of this.#missingSince.keys())
      if (known.has(name) || !awaited.includes(name)) this.#missingSince.delete(name)
    for (const name of awaited) if (!known.has(name) && !this.#missingSince.has(name)) this.#missingSince.set(name, now)
    const overdue = [...this.#missingSince].filter(([, since]) => now - since >= missingAfterMs).map(([name]) => name)
    if (overdue.length === 0) return
    const refused = await inbox.giveUp(overdue, missingAfterMs)
    if (refused > 0)
      logger.error({ definitions: overdue, commands: refused }, 'no live worker has the code of these starts')
  }
}
