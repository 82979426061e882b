/** Pools: for everything short, and for the transactions of steps. */
import pg from 'pg'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
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
import { nameOf, type Prepared } from './prepared.ts'

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
  readonly begin: (begin: string) => Promise<unknown>
  readonly db: Db
  /** Given back; with an error, it is closed instead. */
  readonly release: (broken?: Error) => void
}

export type LendOptions = {
  /** See `SessionOptions`. Holds for `query`, `begin` and `db`, not for what the borrower asks the client itself. */
  readonly answerWithinMs?: number | undefined
  readonly prepared?: Prepared | undefined
}

/**
 * @throws ConnectionError whatever keeps the connection from being there. A connection string that is none is told as is.
 */
export async function lend(
  pool: pg.Pool,
  { answerWithinMs = ANSWER_WITHIN_MS, prepared }: LendOptions = {},
): Promise<Lent> {
  // That the pool was closed says nothing of the database.
  const client = await (pool.ending ? pool.connect() : reached(pool.connect()))
  const connection: Connection = { client, watch: new AnswerWatch(answerWithinMs, () => cut(client)), prepared }
  const onError = (error: Error) => {
    connection.lostBy ??= error
  }
  client.on('error', onError)
  return {
    client,
    query: (text, values) => ask(connection, text, values),
    begin: (begin) => ask(connection, prepared?.beginning(client, begin) ?? begin),
    db: {
      isOneConnection: true,
      executeSql: async (text, values) => rowsOf(await ask(connection, text, values)),
      executePrepared: async (text, values) => rowsOf(await askNamed(connection, text, values)),
    },
    release(broken) {
      client.off('error', onError)
      client.release(broken)
    },
  }
}

/** @param answerWithinMs see `SessionOptions`. */
export function poolDb(pool: pg.Pool, answerWithinMs = ANSWER_WITHIN_MS): Db {
  return {
    async executeSql(text, values) {
      const lent = await lend(pool, { answerWithinMs })
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

/**
 * A transaction on a `pg` client, for `enqueue(…, { db })`.
 *
 * @param options `prepared`: the server parses and plans our statements once for each of your connections, which takes
 * more than half of its work off a start. Not behind a pooler that shares sessions out, unless it knows prepared
 * statements, and not where connections are reset (`DISCARD ALL`) when they go back to your pool.
 */
export function fromPg(client: pg.ClientBase, { prepared = false }: { readonly prepared?: boolean } = {}): Db {
  const executeSql: Db['executeSql'] = async (text, values) => rowsOf(await client.query(text, values))
  if (!prepared) return { isOneConnection: true, executeSql }
  return {
    isOneConnection: true,
    executeSql,
    async executePrepared(text, values) {
      const name = nameOf(text)
      return name === undefined ? executeSql(text, values) : rowsOf(await client.query({ name, text, values }))
    },
  }
}

/** Runs in a transaction of its own, on a connection of the pool. */
export async function inTransaction<T>(
  pool: pg.Pool,
  run: (db: Db) => Promise<T>,
  { begin: beginning = BEGIN, ...options }: LendOptions & { readonly begin?: string } = {},
): Promise<T> {
  const { query, begin, db, release } = await lend(pool, options)
  let broken: Error | undefined
  try {
    await begin(beginning)
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
