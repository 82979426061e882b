/** Sessions: one connection a committer, one for fetching, and the worker's own. */
import type { Writable } from 'node:stream'
import pg from 'pg'
import { ConnectionError, type Db, inOneFlight } from '../engine/store/db.ts'
import {
  ANSWER_WITHIN_MS,
  AnswerWatch,
  ask,
  askNamed,
  BEGIN,
  type Connection,
  clientConfig,
  cut,
  reached,
  requireCommit,
  rowsOf,
} from './connection.ts'
import type { Prepared } from './prepared.ts'

/** How long a connection that is given up may take to say goodbye. */
const GOODBYE_MS = 1_000

export type SessionOptions = {
  /** Called once for each connection that is lost, not for those that are given up. */
  readonly onLost?: (error: Error) => void
  /** How long an answer may take before the connection counts as lost. */
  readonly answerWithinMs?: number
  /** Has the server notice within seconds that this end is gone, so that what it holds there is free. */
  readonly noticedSoon?: boolean
  /** For those that ask the same statements in each transaction. */
  readonly prepared?: Prepared | undefined
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
  async opened(): Promise<{
    readonly db: Db
    readonly begin: (begin: string) => Promise<unknown>
    readonly commit: () => Promise<void>
  }> {
    const connection = await this.#connected()
    return {
      db: {
        together: (send) => inOneWrite(connection.client, send),
        isOneConnection: true,
        executeSql: async (text, values) => rowsOf(await ask(connection, text, values)),
        executePrepared: async (text, values) => rowsOf(await askNamed(connection, text, values)),
      },
      begin: (begin) => ask(connection, connection.prepared?.beginning(connection, begin) ?? begin),
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
    const connection: OwnConnection = { client, watch, prepared: this.#options.prepared }
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

/** Each write wakes the server; one for several statements does it once. */
function inOneWrite<T>(client: pg.Client, send: () => T): T {
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection
  stream.cork()
  try {
    return send()
  } finally {
    stream.uncork()
  }
}

function closed(): ConnectionError {
  return new ConnectionError(new Error('The session is closed.'))
}

/** Whatever the machine's defaults are, which are hours. A server that knows no such settings goes without. */
const SHORT_KEEPALIVES = `select set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10000', false)`

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
  const { db, begin: beginWith, commit } = await session.opened()
  try {
    const [, result] = await inOneFlight(
      db,
      () => beginWith(begin),
      () => run(db),
    )
    await commit()
    return result
  } catch (error) {
    await db.executeSql('rollback').catch(() => session.drop())
    throw error
  }
}
