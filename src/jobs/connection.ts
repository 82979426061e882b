/**
 * What all our connections have in common: their own timeouts and isolation, stated in each transaction, whatever the
 * server's defaults are, and a limit for answers.
 */
import type pg from 'pg'
import { ConnectionError, PreparedLost, sqlState } from '../engine/store/db.ts'
import { ONLY_IN_ORDER } from '../engine/store/in-order.ts'
import type { Prepared } from './prepared.ts'

/** Generous: a batch takes milliseconds, and a server that is slower than this is down for our purposes. */
const STATEMENT_TIMEOUT_MS = 30_000
const LOCK_TIMEOUT_MS = 10_000
/**
 * Of a worker that stands still in the middle of a fetch or a batch: what it has locked is free well before its lease is
 * over. Nobody else's code runs in these; in other transactions a codec may take its time.
 */
const STANDS_STILL_MS = 15_000
const CONNECT_TIMEOUT_MS = 10_000
/**
 * A server that lives answers sooner, with an error if need be: statements have their own limit there. Without an answer
 * for this long the other end is gone, though nobody has told this one.
 */
export const ANSWER_WITHIN_MS = STATEMENT_TIMEOUT_MS + 5_000
/**
 * Stated in each transaction, so that neither the server's defaults nor a pooler's other clients decide. All our names
 * are qualified; an empty search path keeps it that way.
 *
 * The last line is about plans: every statement here looks up a batch of rows by index. Statistics that are out of date,
 * which is what a queue always has, must not talk the planner into reading whole tables instead.
 */
function beginning(lockTimeoutMs: number, idleTimeoutMs = STATEMENT_TIMEOUT_MS): string {
  return `begin isolation level read committed;
set local search_path = pg_catalog; set local lock_timeout = ${lockTimeoutMs}; set local statement_timeout = ${STATEMENT_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${idleTimeoutMs};
set local jit = off; set local enable_seqscan = off; set local enable_mergejoin = off`
}

export const BEGIN = beginning(LOCK_TIMEOUT_MS)
/** For a batch: as long as it waits for one job, it keeps the rows of all its other sagas locked. */
export const BEGIN_BATCH = beginning(1_000, STANDS_STILL_MS)
/** For what has been in somebody's way before. It is tried often, and is not worth a wait. */
export const BEGIN_APART = beginning(100, STANDS_STILL_MS)

/**
 * For a fetch. pg-boss has an index in the order in which it takes jobs; by statistics that are older than the queue is
 * long, the planner reads all that is queued instead, and sorts it: each fetch then costs more the more there is to fetch.
 */
export const BEGIN_FETCH = `${beginning(LOCK_TIMEOUT_MS, STANDS_STILL_MS)}; ${ONLY_IN_ORDER}`

/** For a step's own statements, which may use the app's names and plans; its limits come with the step. */
export const BEGIN_STEP = 'begin isolation level read committed'

type PipelineConfig = pg.ClientConfig & { readonly pipeline?: boolean }

export function clientConfig(connectionString: string, name: string): PipelineConfig {
  return {
    connectionString,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  }
}

/** A connection that we ask something of. */
export type Connection = {
  readonly client: pg.ClientBase
  readonly watch: AnswerWatch
  /** Where statements may be prepared. */
  readonly prepared?: Prepared | undefined
  /** Nothing more comes from it. */
  lostBy?: Error
}

/** @throws ConnectionError when the connection is lost: but what the server itself said of the statement stands. */
export async function ask(connection: Connection, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  return answered(connection, connection.client.query(text, values))
}

/** The same, prepared where that is possible. @throws PreparedLost. */
export async function askNamed(connection: Connection, text: string, values: unknown[]): Promise<pg.QueryResult> {
  const name = connection.prepared?.nameOf(text)
  if (name === undefined) return ask(connection, text, values)
  try {
    return await answered(connection, connection.client.query({ name, text, values }))
  } catch (error) {
    if (connection.prepared?.isRefusedBy(sqlState(error)) !== true) throw error
    // Whatever is prepared there is another's. The next connection goes without.
    connection.lostBy ??= error as Error
    cut(connection.client, 'its session does not have what was prepared in it')
    throw new PreparedLost(error)
  }
}

async function answered(connection: Connection, answer: Promise<pg.QueryResult>): Promise<pg.QueryResult> {
  try {
    return await connection.watch.over(answer)
  } catch (error) {
    if (connection.lostBy === undefined || sqlState(error) !== undefined) throw error
    throw new ConnectionError(connection.lostBy)
  }
}

/** Of several statements in one text, which pg-boss's maintenance has, `pg` gives a list of answers. */
export function rowsOf(answer: pg.QueryResult | readonly pg.QueryResult[]): { rows: pg.QueryResult['rows'] } {
  return { rows: Array.isArray(answer) ? answer.flatMap(({ rows }) => rows) : (answer as pg.QueryResult).rows }
}

/** Nothing has been asked of it yet, so whatever is said of it is said of the connection. */
export async function reached<T>(connecting: Promise<T>): Promise<T> {
  try {
    return await connecting
  } catch (error) {
    throw new ConnectionError(error)
  }
}

/** Ends a connection that owes an answer for too long. One timer, which each answer puts back. */
export class AnswerWatch {
  readonly #withinMs: number
  readonly #giveUp: () => void
  #owed = 0
  #timer: NodeJS.Timeout | undefined

  constructor(withinMs: number, giveUp: () => void) {
    this.#withinMs = withinMs
    this.#giveUp = giveUp
  }

  async over<T>(answer: Promise<T>): Promise<T> {
    this.#owed += 1
    if (this.#withinMs < Number.POSITIVE_INFINITY) this.#timer ??= setTimeout(this.#giveUp, this.#withinMs)
    try {
      return await answer
    } finally {
      this.#owed -= 1
      if (this.#owed > 0) this.#timer?.refresh()
      else {
        clearTimeout(this.#timer)
        this.#timer = undefined
      }
    }
  }
}

/** Without a goodbye, which would wait for the answers that are missing. All of them fail. */
export function cut(client: pg.ClientBase, why = 'the server owed an answer for too long'): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(error?: Error): void } } }
  connection.stream.destroy(new Error(`Connection terminated: ${why}.`))
}

/** @throws when the server answered COMMIT with a rollback, which it does when a statement before it has failed. */
export function requireCommit(answer: { readonly command: string }): void {
  if (answer.command !== 'COMMIT') throw new Error('The server rolled back instead of committing.')
}
