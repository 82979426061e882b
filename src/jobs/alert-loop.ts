/**
 * Tells of dead letters: looks what has become one, and calls whoever is to hear of it, once for each error group and
 * interval. What does not get through is told again, more and more rarely, until it does or nobody needs it any more.
 */
import { newId } from '../engine/runtime/ids.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { errorInfo } from '../engine/runtime/verdict.ts'
import type { AlertChannel } from '../engine/store/alert-tables.ts'
import {
  beginChannel,
  countDeadLetters,
  type DeadLetterAlert,
  type DueAlert,
  lookForAlerts,
  recordTold,
  recordUntold,
  takeDueAlerts,
} from '../engine/store/alerts.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { withTimeout } from './patience.ts'
import { Rounds } from './rounds.ts'

/** Whom alerts are told to. */
export type Channel = {
  readonly name: AlertChannel
  /** @param now the database's moment, in ms. @throws when it has not got through. */
  readonly tell: (alert: DeadLetterAlert, now: number) => Promise<void>
}

export type AlertLoopOptions = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly channels: readonly Channel[]
  /** The shortest time between two alerts of an error group. */
  readonly everyMs: number
  readonly logger: Logger
  readonly isActive: () => boolean
}

const LOOK_MS = 1_000
/** One call is waited for no longer. */
export const TELL_WITHIN_MS = 10_000
/** Longer than a call can take: only then somebody else takes it for lost. */
const LEASE_MS = 60_000
const AT_ONCE = 20
const FIRST_DELAY_MS = 5_000
/** Whoever was away hears of it soon after they are back. */
const LONGEST_DELAY_MS = 15 * 60 * 1_000
const MAX_DOUBLINGS = 20
const MAX_ERROR = 300

/** Until the next time, after so many that came to nothing: 5 s, 10 s, 20 s, … at most a quarter of an hour. */
export function alertDelay(attempt: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(MAX_DOUBLINGS, attempt - 1))
}

export class AlertLoop {
  readonly #options: AlertLoopOptions
  readonly #rounds = new Rounds(LOOK_MS, () => this.#look())

  constructor(options: AlertLoopOptions) {
    this.#options = options
  }

  open(): void {
    if (this.#options.channels.length > 0) this.#rounds.open()
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { channels, isActive, logger } = this.#options
    if (!isActive()) return LOOK_MS
    // Side by side: one that hangs keeps no other waiting for its calls.
    const due = await Promise.all(
      channels.map((channel) =>
        this.#tellDue(channel).catch((error: unknown) => {
          const level = isConnectionError(error) ? 'debug' : 'warn'
          logger[level]({ channel: channel.name, error: String(error) }, 'alerts could not be looked after; they wait')
          return 0
        }),
      ),
    )
    return due.includes(AT_ONCE) ? 0 : LOOK_MS
  }

  /** @returns how many were due. */
  async #tellDue(channel: Channel): Promise<number> {
    const { db, schema, transaction, everyMs } = this.#options
    const found = await lookForAlerts(db, schema, channel.name)
    if (found === undefined) await beginChannel(db, schema, channel.name)
    if (found?.hasNew === true) await transaction((tx) => countDeadLetters(tx, schema, channel.name, everyMs))
    else if (found?.hasDue !== true) return 0
    const lease = { limit: AT_ONCE, leaseMs: LEASE_MS, newId }
    const due = await transaction((tx) => takeDueAlerts(tx, schema, channel.name, lease))
    // Side by side: one that is not answered must not keep the others waiting.
    await Promise.all(due.map((one) => this.#tell(channel, one)))
    return due.length
  }

  async #tell(channel: Channel, { alert, attempt, now }: DueAlert): Promise<void> {
    const { db, schema, everyMs, logger } = this.#options
    const failure = await failureOf(() => channel.tell(alert, now))
    if (failure === undefined) return recordTold(db, schema, channel.name, alert, everyMs)
    const againInMs = alertDelay(attempt)
    const about = { channel: channel.name, alert: alert.id, errorGroup: alert.errorGroup, attempt, againInMs }
    logger.warn({ ...about, error: failure }, 'an alert did not get through; it is told again')
    return recordUntold(db, schema, channel.name, alert, { error: failure, againInMs })
  }
}

async function failureOf(tell: () => Promise<void>): Promise<string | undefined> {
  try {
    const isDone = await withTimeout(tell(), TELL_WITHIN_MS)
    return isDone ? undefined : `No end of it within ${TELL_WITHIN_MS / 1_000} s.`
  } catch (error) {
    return errorInfo(error).message.slice(0, MAX_ERROR)
  }
}
