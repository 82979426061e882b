/**
 * Connections: the pool for everything short, one connection a committer and one for fetching, all stating their own
 * timeouts and isolation, whatever the server's defaults are.
 */
import pg from 'pg'
import type { Logger } from '../engine/runtime/ports.ts'
import { type Db, inOneFlight } from '../engine/store/db.ts'

/** Generous: a batch takes milliseconds, and a server that is slower than this is down for our purposes. */
const STATEMENT_TIMEOUT_MS = 30_000
const LOCK_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000

/**
 * Stated in each transaction, so that neither the server's defaults nor a pooler's other clients decide. All our names
 * are qualified; an empty search path keeps it that way.
 *
 * The last line is about plans: every statement here looks up a batch of rows by index. Statistics that are out of date,
 * which is what a queue always has, must not talk the planner into reading whole tables instead.
 */
export const BEGIN = `begin isolation level read committed;
set local search_path = pg_catalog; set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local statement_timeout = ${STATEMENT_TIMEOUT_MS};
set local idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT_MS};
set local jit = off; set local enable_seqscan = off; set local enable_mergejoin = off`

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

export function poolDb(pool: pg.Pool): Db {
  return { executeSql: async (text, values) => ({ rows: (await pool.query(text, values)).rows }) }
}

/** A transaction on a `pg` client, for `enqueue(…, { db })`. */
export function fromPg(client: pg.ClientBase): Db {
  return { executeSql: async (text, values) => ({ rows: (await client.query(text, values)).rows }) }
}

/** Runs in a transaction of its own, on a connection of the pool. */
export async function inTransaction<T>(pool: pg.Pool, run: (db: Db, client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query(BEGIN)
    const result = await run(fromPg(client), client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure
    })
    throw error
  } finally {
    client.release(broken)
  }
}

/**
 * One connection of our own, opened again after it was lost. Statements are pipelined: sent without waiting for the
 * answers of those before them.
 */
export class Session {
  readonly #connectionString: string
  readonly #name: string
  readonly #onLost: ((error: Error) => void) | undefined
  #client: pg.Client | undefined
  #closed = false

  constructor(connectionString: string, name: string, onLost?: (error: Error) => void) {
    this.#connectionString = connectionString
    this.#name = name
    this.#onLost = onLost
  }

  get isOpen(): boolean {
    return this.#client !== undefined
  }

  /** The connection, opened if need be. */
  async client(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client
    const client = new pg.Client({
      ...clientConfig(this.#connectionString, this.#name),
      pipeline: true,
    } as pg.ClientConfig)
    client.on('error', (error) => this.#lose(client, error))
    client.on('end', () => this.#lose(client, new Error('The connection ended.')))
    await client.connect()
    if (this.#closed) {
      await client.end()
      throw new Error('The session is closed.')
    }
    this.#client = client
    return client
  }

  async db(): Promise<Db> {
    const client = await this.client()
    return { pipelined: true, executeSql: async (text, values) => ({ rows: (await client.query(text, values)).rows }) }
  }

  /** Gives the connection up, for one that answers again; the next use opens another. */
  drop(): void {
    const client = this.#client
    this.#client = undefined
    if (client !== undefined) client.end().catch(() => {})
  }

  async close(): Promise<void> {
    this.#closed = true
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }

  #lose(client: pg.Client, error: Error): void {
    if (this.#client !== client) return
    this.#client = undefined
    if (!this.#closed) this.#onLost?.(error)
  }
}

/** Begins, runs and commits on a session; rolls back on any error. The answer of COMMIT can be lost: see the caller. */
export async function inSessionTransaction<T>(session: Session, run: (db: Db) => Promise<T>): Promise<T> {
  const db = await session.db()
  try {
    const [, result] = await inOneFlight(
      db,
      () => db.executeSql(BEGIN),
      () => run(db),
    )
    await commit(db)
    return result
  } catch (error) {
    await db.executeSql('rollback').catch(() => session.drop())
    throw error
  }
}

/** @throws when the server answered COMMIT with a rollback, which it does after an error in between. */
export async function commit(db: Db): Promise<void> {
  await db.executeSql('commit')
}
