/** What is counted on the server and on the machine between two moments. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** Totals of a database. */
export type Counted = {
  readonly commits: number
  /**
   * Sent by clients; BEGIN, SET and COMMIT count too, and the server's own checks of foreign keys do not. `undefined` where
   * pg_stat_statements is not there.
   */
  readonly statements: number | undefined
  readonly walBytes: number
  /** Each update and each delete makes one, whenever it is removed. */
  readonly deadTuples: number
}

/** The name of a session that is there on purpose while something is measured. */
export const BYSTANDER = 'bench bystander'

/** Looks at one database. Nobody else may use its server meanwhile. */
export class Observer {
  readonly #client: pg.Client
  #hasStatements = false

  constructor(connectionString: string) {
    this.#client = new pg.Client({ connectionString, application_name: 'bench observer' })
  }

  async open(): Promise<void> {
    await this.#client.connect()
    const { rowCount } = await this.#client.query(`select from pg_extension where extname = 'pg_stat_statements'`)
    this.#hasStatements = rowCount === 1
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  /** What every measurement begins with: no page has been written in full since, so that all rounds write as many. */
  async settle(): Promise<void> {
    await this.whenAlone()
    await this.checkpoint()
  }

  async checkpoint(): Promise<void> {
    await this.#client.query('checkpoint')
  }

  /** Sessions tell what they have done when they end, at the latest. */
  async whenAlone(): Promise<void> {
    for (let round = 0; round < 500; round += 1) {
      const { rowCount } = await this.#client.query(
        `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
           and application_name <> '${BYSTANDER}'`,
      )
      if (rowCount === 0) return
      await sleep(20)
    }
    throw new Error('Somebody else stays connected to the database that is measured.')
  }

  async count(): Promise<Counted> {
    const { rows } = await this.#client.query(
      `select (select xact_commit from pg_stat_database where datname = current_database())::float8 as commits,
         (pg_current_wal_insert_lsn() - '0/0')::float8 as "walBytes",
         (select coalesce(sum(n_tup_upd + n_tup_del), 0) from pg_stat_user_tables)::float8 as "deadTuples"`,
    )
    const statements = this.#hasStatements
      ? await this.#client.query(
          `select coalesce(sum(calls), 0)::float8 as calls from pg_stat_statements
           where dbid = (select oid from pg_database where datname = current_database()) and query not like 'SELECT % FROM ONLY %'`,
        )
      : undefined
    return { ...rows[0], statements: statements?.rows[0].calls }
  }

  /** Where the time went: the statements that took most, since the extension was made. */
  async topStatements(): Promise<readonly Statement[]> {
    if (!this.#hasStatements) return []
    const { rows } = await this.#client.query(
      `select calls::float8, total_exec_time as ms, rows::float8, wal_bytes::float8 as "walBytes",
         regexp_replace(query, '\\s+', ' ', 'g') as query
       from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
       order by total_exec_time desc limit 12`,
    )
    return rows
  }

  async forgetStatements(): Promise<void> {
    if (this.#hasStatements) await this.#client.query('select pg_stat_statements_reset()')
  }

  async run(text: string, values: unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    return (await this.#client.query(text, values)).rows
  }
}

export type Statement = {
  readonly calls: number
  readonly ms: number
  readonly rows: number
  readonly walBytes: number
  readonly query: string
}

/** CPU of a server with all its children, those that have ended included; `undefined` where there is no /proc. */
export function serverCpuMs(postmaster: number | undefined): number | undefined {
  if (postmaster === undefined || process.platform !== 'linux') return undefined
  const MS_PER_TICK = 10
  let ticks = 0
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const fields = statOf(entry)
    if (fields === undefined) continue
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number)
    if (Number(entry) === postmaster) ticks += user + system + childUser + childSystem
    else if (Number(fields[1]) === postmaster) ticks += user + system
  }
  return ticks * MS_PER_TICK
}

/** The fields behind the name, which may hold anything. */
function statOf(pid: string): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** @param share from 0 to 1. @returns `undefined` of nothing. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [below = Number.NaN, above = Number.NaN] = [sorted[middle - 1], sorted[middle]]
  return sorted.length % 2 === 1 ? above : (below + above) / 2
}
