/**
 * What a statement runs on: our own connection, or the caller's transaction through one of pg-boss's adapters.
 * Statements use only `$n` parameters, with arrays cast, so that every adapter can carry them.
 */

export type Row = Record<string, unknown>

export type Db = {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: Row[] }>
  /** The same, of a connection that keeps how the server has understood the text. */
  readonly executePrepared?: (text: string, values: unknown[]) => Promise<{ rows: Row[] }>
  /** All statements go to one connection, whoever else asks something of it. */
  readonly isOneConnection?: true
  /** Sends all that `ask` asks at once, before the first answer comes. Only our own connections can. */
  readonly together?: <T>(ask: () => T) => T
}

/** A statement that is asked again and again, with this very text each time. */
export function askPrepared(db: Db, text: string, values: unknown[]): Promise<{ rows: Row[] }> {
  return db.executePrepared === undefined ? db.executeSql(text, values) : db.executePrepared(text, values)
}

/**
 * Runs statements in order: in one flight where the connection can, one after the other elsewhere.
 *
 * A prepared text may stand in a flight but once: behind a statement that fails, the second one would seem unprepared.
 */
export async function inOneFlight<T extends readonly (() => Promise<unknown>)[]>(
  db: Db,
  ...statements: T
): Promise<{ -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }> {
  const results: unknown[] = []
  if (db.together !== undefined) {
    // All are awaited before an error is passed on: a statement behind a failed one must not outlive its transaction.
    const settled = await Promise.allSettled(db.together(() => statements.map((statement) => statement())))
    const failed = settled.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    for (const result of settled) if (result.status === 'fulfilled') results.push(result.value)
  } else {
    for (const statement of statements) results.push(await statement())
  }
  return results as { -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }
}

/** An error, and what others have wrapped around. */
function* causesOf(error: unknown): Generator<{ readonly code?: unknown; readonly message?: unknown }> {
  for (let at = error, depth = 0; at !== null && typeof at === 'object' && depth < 5; depth += 1) {
    yield at
    at = (at as { readonly cause?: unknown }).cause
  }
}

/** The SQLSTATE of a database error, however deep an adapter has wrapped it; `undefined` for other errors. */
export function sqlState(error: unknown): string | undefined {
  for (const { code } of causesOf(error)) {
    // All classes of SQLSTATE begin with a digit, but for these four. EPIPE and its kin are the system's.
    if (typeof code === 'string' && /^([0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/.test(code)) return code
  }
  return undefined
}

/** Deadlock or serialization failure: the transaction is repeated, and that is no attempt (rule 3). */
export function isRepeatable(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40P01' || state === '40001'
}

/**
 * A connection that could not be opened, or is lost. Whoever owns it knows that, whatever the driver, the system or TLS
 * says of it: that is the cause.
 */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    const { message, code } = cause instanceof Error ? (cause as { message: string; code?: unknown }) : {}
    super(`The connection is lost or could not be opened: ${message || String(code ?? cause)}`, { cause })
  }
}

/** Nothing was done: the session did not have what had been prepared in it. Asked anew, it is not prepared. */
export class PreparedLost extends ConnectionError {}

/** Connection lost, login refused, database not there (yet), server starting or stopping, too many connections. */
const CONNECTION_STATES = /^(08...|28...|3D000|57P..|53300)$/

/** What Node, pg and its pool say of a connection. Of one that is not ours there is nothing else to go by. */
const CONNECTION_WORDS =
  /ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ENOTFOUND|connect ENOENT|EAI_|EMFILE|ENFILE|EADDRNOTAVAIL|ENOBUFS|Connection terminated|connection error|not queryable|timeout expired|Query read timeout|timeout exceeded when trying to connect|Client was closed|socket|SSL connection|SASL:|ERR_TLS|ERR_SSL|CERT_|_CERT|UNABLE_TO_VERIFY/i

/** The connection is gone, or the server is going or coming: nothing is known of what was under way. */
export function isConnectionError(error: unknown): boolean {
  const causes = [...causesOf(error)]
  if (causes.some((cause) => cause instanceof ConnectionError)) return true
  const state = sqlState(error)
  if (state !== undefined) return CONNECTION_STATES.test(state)
  return causes.some(({ code, message }) => {
    return CONNECTION_WORDS.test(`${typeof code === 'string' ? code : ''} ${String(message)}`)
  })
}
