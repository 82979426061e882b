/**
 * Connections: the pool for everything short, one connection a committer and one for fetching, all stating their own
 * timeouts and isolation, whatever the server's defaults are.
 */
import pg from 'pg'
import type { Logger } from '../engine/runtime/ports.ts'
import { ConnectionError, type Db, inOneFlight, sqlState } from '../engine/store/db.ts'

/** Generous: a batch takes milliseconds, and a server that is slower than this is down for our purposes. */
const STATEMENT_TIMEOUT_MS = 30_000
const LOCK_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000
/**
 * A server that lives answers sooner, with an error if need be: statements have their own limit there. Without an answer
 * for this long the other end is gone, though nobody has told this one.
 */
const ANSWER_WITHIN_MS = STATEMENT_TIMEOUT_MS + 5_000
/** How long a connection that is given up may take to say goodbye. */
const GOODBYE_MS = 1_000

/**
 * Stated in each transaction, so that neither the server's defaults nor a pooler's other clients decide. All our names
 * are qualified; an empty search path keeps it that way.
 *
 * The last line is about plans: every statement here looks up a batch of rows by index. Statistics that are out of date,
 * which is what a queue always has, must not talk the planner into reading whole tables instead.
 */
function beginning(lockTimeoutMs: number): string {
  return `begin isolation level read committed;
set local search_path = pg_catalog; set local lock_timeout = ${lockTimeoutMs}; set local statement_timeout = ${STATEMENT_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT_MS};
set local jit = off; set local enable_seqscan = off; set local enable_mergejoin = off`
}

const BEGIN = beginning(LOCK_TIMEOUT_MS)
/** For a batch: as long as it waits for one job, it keeps the rows of all its other sagas locked. */
export const BEGIN_BATCH = beginning(1_000)
/** For what has been in somebody's way before. It is tried often, and is not worth a wait. */
export const BEGIN_APART = beginning(100)

/** For a step's own statements, which may use the app's names and plans; its limits come with the step. */
export const BEGIN_STEP = 'begin isolation level read committed'

type PipelineConfig = pg.ClientConfig & { readonly pipeline?: boolean }

function clientConfig(connectionString: string, name: string): PipelineConfig {
  return {
    connectionString,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  }
}

export type Pool = pg.Pool
/** What a transaction of the default kind is handed over as: a `pg` client. */
export type PgClient = pg.ClientBase

/** A pool whose idle connections may be cut without ending the process. */
export function openPool(connectionString: string, max: number, name: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({ ...clientConfig(connectionString, name), max })
  pool.on('error', (error) => logger.warn({ error: error.message }, 'an idle connection was cut'))
  // One that is cut while somebody holds it fails their next statement; without a listener it would end the process.
  pool.on('connect', (client) =>
    client.on('error', (error) => logger.debug({ error: error.message }, 'a connection was cut')),
  )
  return pool
}

/** A connection of a pool for as long as it is needed. */
export type Lent = {
  readonly client: pg.PoolClient
  readonly query: (text: string, values?: unknown[]) => Promise<pg.QueryResult>
  readonly db: Db
  /** Given back; with an error, it is closed instead. */
  readonly release: (broken?: Error) => void
}

/**
 * @param answerWithinMs see `SessionOptions`. Holds for `query` and `db`, not for what the borrower asks the client itself.
 * @throws ConnectionError whatever keeps the connection from being there. A connection string that is none is told as is.
 */
export async function lend(pool: pg.Pool, answerWithinMs = ANSWER_WITHIN_MS): Promise<Lent> {
  // That the pool was closed says nothing of the database.
  const client = await (pool.ending ? pool.connect() : reached(pool.connect()))
  const connection: Connection = { client, watch: new AnswerWatch(answerWithinMs, () => cut(client)) }
  const onError = (error: Error) => {
    connection.lostBy ??= error
  }
  client.on('error', onError)
  return {
    client,
    query: (text, values) => ask(connection, text, values),
    db: { executeSql: async (text, values) => ({ rows: (await ask(connection, text, values)).rows }) },
    release(broken) {
      client.off('error', onError)
      client.release(broken)
    },
  }
}

/** A connection that we ask something of. */
type Connection = {
  readonly client: pg.ClientBase
  readonly watch: AnswerWatch
  /** Nothing more comes from it. */
  lostBy?: Error
}

/** @throws ConnectionError when the connection is lost: but what the server itself said of the statement stands. */
async function ask(connection: Connection, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  try {
    return await connection.watch.over(connection.client.query(text, values))
  } catch (error) {
    if (connection.lostBy === undefined || sqlState(error) !== undefined) throw error
    throw new ConnectionError(connection.lostBy)
  }
}

/** Nothing has been asked of it yet, so whatever is said of it is said of the connection. */
async function reached<T>(connecting: Promise<T>): Promise<T> {
  try {
    return await connecting
  } catch (error) {
    throw new ConnectionError(error)
  }
}

/** @param answerWithinMs see `lend`. */
export function poolDb(pool: pg.Pool, answerWithinMs = ANSWER_WITHIN_MS): Db {
  return {
    async executeSql(text, values) {
      const lent = await lend(pool, answerWithinMs)
      let broken: Error | undefined
      try {
        return await lent.db.executeSql(text, values)
      } catch (error) {
        broken = error as Error
        throw error
      } finally {
        lent.release(broken)
      }
    },
  }
}

/** A transaction on a `pg` client, for `enqueue(…, { db })`. */
export function fromPg(client: pg.ClientBase): Db {
  return { executeSql: async (text, values) => ({ rows: (await client.query(text, values)).rows }) }
}

/** Runs in a transaction of its own, on a connection of the pool. */
export async function inTransaction<T>(pool: pg.Pool, run: (db: Db) => Promise<T>): Promise<T> {
  const { query, db, release } = await lend(pool)
  let broken: Error | undefined
  try {
    await query(BEGIN)
    const result = await run(db)
    requireCommit(await query('commit'))
    return result
  } catch (error) {
    await query('rollback').catch((failure: Error) => {
      broken = failure
    })
    throw error
  } finally {
    release(broken)
  }
}

export type SessionOptions = {
  /** Called once for each connection that is lost, not for those that are given up. */
  readonly onLost?: (error: Error) => void
  /** How long an answer may take before the connection counts as lost. */
  readonly answerWithinMs?: number
  /** Has the server notice within seconds that this end is gone, so that what it holds there is free. */
  readonly noticedSoon?: boolean
}

type OwnConnection = Connection & { readonly client: pg.Client }

/**
 * One connection of our own, opened again after it was lost. Statements are pipelined: sent without waiting for the
 * answers of those before them.
 *
 * What keeps it from being opened, and what its statements fail with once it is lost, is a `ConnectionError`.
 */
export class Session {
  readonly #connectionString: string
  readonly #name: string
  readonly #options: SessionOptions
  #connection: OwnConnection | undefined
  #connecting: Promise<OwnConnection> | undefined
  #closed = false

  constructor(connectionString: string, name: string, options: SessionOptions = {}) {
    this.#connectionString = connectionString
    this.#name = name
    this.#options = options
  }

  /** The connection, opened if need be. */
  async client(): Promise<pg.Client> {
    return (await this.#connected()).client
  }

  async db(): Promise<Db> {
    return (await this.opened()).db
  }

  /** For a transaction: all of it on this connection, its end included, also when the session has another by then. */
  async opened(): Promise<{ readonly db: Db; readonly commit: () => Promise<void> }> {
    const connection = await this.#connected()
    return {
      db: {
        pipelined: true,
        executeSql: async (text, values) => ({ rows: (await ask(connection, text, values)).rows }),
      },
      commit: async () => requireCommit(await ask(connection, 'commit')),
    }
  }

  /** Gives the connection up, for one that answers again; the next use opens another. */
  drop(): void {
    void this.#giveUp()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#giveUp()
  }

  /** However many ask for it at once, one is opened. */
  #connected(): Promise<OwnConnection> {
    if (this.#connection !== undefined) return Promise.resolve(this.#connection)
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(): Promise<OwnConnection> {
    if (this.#closed) throw closed()
    const client = new pg.Client({
      ...clientConfig(this.#connectionString, this.#name),
      pipeline: true,
    } as pg.ClientConfig)
    const watch = new AnswerWatch(this.#options.answerWithinMs ?? ANSWER_WITHIN_MS, () => cut(client))
    const connection: OwnConnection = { client, watch }
    client.on('error', (error) => this.#lose(connection, error))
    client.on('end', () => this.#lose(connection, new Error('The connection ended.')))
    await reached(client.connect())
    if (this.#closed) {
      void leave(client)
      throw closed()
    }
    if (connection.lostBy !== undefined) throw new ConnectionError(connection.lostBy)
    this.#connection = connection
    if (this.#options.noticedSoon === true) await watch.over(client.query(SHORT_KEEPALIVES)).catch(() => {})
    return connection
  }

  async #giveUp(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    if (connection === undefined) return
    connection.lostBy ??= new Error('The connection was given up.')
    await leave(connection.client)
  }

  #lose(connection: OwnConnection, error: Error): void {
    connection.lostBy ??= error
    if (this.#connection !== connection) return
    this.#connection = undefined
    if (!this.#closed) this.#options.onLost?.(error)
  }
}

function closed(): ConnectionError {
  return new ConnectionError(new Error('The session is closed.'))
}

/** Whatever the machine's defaults are, which are hours. A server that knows no such settings goes without. */
const SHORT_KEEPALIVES = `select set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10000', false)`

/** Ends a connection that owes an answer for too long. One timer, which each answer puts back. */
class AnswerWatch {
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
function cut(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(error?: Error): void } } }
  connection.stream.destroy(new Error('Connection terminated: the server owed an answer for too long.'))
}

/** Says goodbye, but not for long. */
async function leave(client: pg.Client): Promise<void> {
  const impatience = setTimeout(() => cut(client), GOODBYE_MS)
  await client.end().catch(() => {})
  clearTimeout(impatience)
}

/** Begins, runs and commits on a session; rolls back on any error. The answer of COMMIT can be lost: see the caller. */
export async function inSessionTransaction<T>(
  session: Session,
  run: (db: Db) => Promise<T>,
  begin = BEGIN,
): Promise<T> {
  const { db, commit } = await session.opened()
  try {
    const [, result] = await inOneFlight(
      db,
      () => db.executeSql(begin),
      () => run(db),
    )
    await commit()
    return result
  } catch (error) {
    await db.executeSql('rollback').catch(() => session.drop())
    throw error
  }
}

/** @throws when the server answered COMMIT with a rollback, which it does when a statement before it has failed. */
export function requireCommit(answer: { readonly command: string }): void {
  if (answer.command !== 'COMMIT') throw new Error('The server rolled back instead of committing.')
}
