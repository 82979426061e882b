/**
 * Statements that a connection has the server parse and plan once. They are few, and asked with every batch: parsing and
 * planning them is a good part of what a small batch costs at all.
 *
 * A plan that is kept was made for the tables as they were. One made for an empty table can be a hundred times slower
 * when a burst has filled it, and nothing tells the server before the next ANALYZE; so the plans of a connection are
 * discarded every few seconds.
 */
import { createHash } from 'node:crypto'

const REPLAN_EVERY_MS = 5_000

/**
 * What the server says where the session is not the one in which it was prepared: it is not there, is there twice, has
 * other parameters, or its tables have changed.
 */
const NOT_OURS: readonly (string | undefined)[] = ['26000', '42P05', '08P01', '0A000']

export class Prepared {
  readonly #replanEveryMs: number
  readonly #plannedAt = new WeakMap<object, number>()
  #isAllowed = false
  #isRefused = false

  constructor(replanEveryMs = REPLAN_EVERY_MS) {
    this.#replanEveryMs = replanEveryMs
  }

  /** Not before it is known that connections keep their sessions: a pooler in transaction mode shares them out. */
  allow(): void {
    this.#isAllowed = true
  }

  /** The name to ask it by; `undefined` where it is to be asked as it is. */
  nameOf(text: string): string | undefined {
    return this.#isAllowed && !this.#isRefused ? nameOf(text) : undefined
  }

  /** How a transaction begins on this connection, so that no plan in it is too old. */
  beginning(connection: object, begin: string): string {
    if (!this.#isAllowed || this.#isRefused) return begin
    const now = performance.now()
    const plannedAt = this.#plannedAt.get(connection)
    if (plannedAt !== undefined && now - plannedAt < this.#replanEveryMs) return begin
    this.#plannedAt.set(connection, now)
    return plannedAt === undefined ? begin : `${begin}; discard plans`
  }

  /** @returns whether the error says that the session does not keep what is prepared: from now on nothing is. */
  isRefusedBy(state: string | undefined): boolean {
    if (!NOT_OURS.includes(state)) return false
    this.#isRefused = true
    return true
  }
}

/** By text: as many as there are statements that are asked so, a few dozen. */
const names = new Map<string, string>()
/** A text that differs each time, should one be asked so, must not fill the memory of the server. */
const MAX_NAMES = 200

/**
 * The same text has the same name in every process, so that no session can take one statement for another.
 *
 * @returns `undefined` when there are too many.
 */
export function nameOf(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size === MAX_NAMES) return known
  const name = `pg_saga_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
  names.set(text, name)
  return name
}
