/** The Postgres that is restarted, killed and followed by its standby: an embedded one of this run's own. */
import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { isConnectionError } from '../../src/engine/store/db.ts'
import { migrate } from '../../src/index.ts'
import { createDatabase } from '../../tools/postgres/database.ts'
import { type EmbeddedPostgres, startPostgres } from '../../tools/postgres/embedded.ts'
import { ownFolder } from './abandoned.ts'
import { createAccounts } from './load.ts'

export const DATABASE = 'torture'
const PATIENCE_MS = 60_000
const AGAIN_MS = 50

/** What crashes here are processes, never the machine: syncing to disk would prove nothing. */
const SETTINGS = { fsync: 'off', max_connections: '300', max_wal_size: '128MB' }

export type RestartOptions = {
  readonly whileAway?: () => Promise<void>
  /** From now on. */
  readonly settings?: Readonly<Record<string, string>>
}

export class TortureServer {
  /** Holds the data folders, and nothing else. */
  readonly folder: string
  readonly #hosts: readonly string[]
  #dataDir: string
  #running: EmbeddedPostgres
  #pool: pg.Pool
  #settings: Readonly<Record<string, string>> = {}

  private constructor(folder: string, hosts: readonly string[], dataDir: string, running: EmbeddedPostgres) {
    this.folder = folder
    this.#hosts = hosts
    this.#dataDir = dataDir
    this.#running = running
    this.#pool = this.#newPool()
  }

  /** @param hosts addresses to listen on beside 127.0.0.1; their neighbours may log in. */
  static async start(hosts: readonly string[]): Promise<TortureServer> {
    const folder = ownFolder()
    const dataDir = join(folder, 'first')
    const running = await startPostgres({ dataDir, settings: settingsFor(hosts) })
    for (const host of hosts) appendFileSync(join(dataDir, 'pg_hba.conf'), `host all all ${host}/24 scram-sha-256\n`)
    await createDatabase(running.connectionString(), DATABASE)
    await migrate({ connectionString: running.connectionString(DATABASE) })
    const server = new TortureServer(folder, hosts, dataDir, running)
    await server.query('select pg_reload_conf()')
    await createAccounts(server.#pool)
    return server
  }

  get port(): number {
    return this.#running.port
  }

  get dataDir(): string {
    return this.#dataDir
  }

  /** @param address where a line to it, or it itself, can be reached. */
  connectionString({ host = '127.0.0.1', port = this.port } = {}): string {
    const url = new URL(this.#running.connectionString(DATABASE))
    url.host = `${host}:${port}`
    return url.href
  }

  /** Not through any line. Gone after the next restart. */
  get pool(): pg.Pool {
    return this.#pool
  }

  /** Asked again while the server is away: for what may be done twice. */
  async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const giveUpAt = performance.now() + PATIENCE_MS
    for (;;) {
      const pool = this.#pool
      try {
        return (await pool.query<Row>(text, [...values])).rows
      } catch (error) {
        const mayPass = isConnectionError(error) || pool.ending
        if (!mayPass || performance.now() > giveUpAt) throw error
        await delay(AGAIN_MS)
      }
    }
  }

  /** @param mode `fast` ends all sessions and writes a checkpoint; `immediate` is a crash. */
  async restart(
    mode: 'fast' | 'immediate',
    { whileAway = async () => {}, settings = this.#settings }: RestartOptions = {},
  ): Promise<void> {
    this.#settings = settings
    void this.#pool.end()
    await this.#running.stop(mode)
    await whileAway()
    this.#running = await startPostgres({
      dataDir: this.#dataDir,
      settings: { ...settingsFor(this.#hosts), ...settings },
    })
    this.#pool = this.#newPool()
  }

  /** The standby in that folder is the server from now on; this one is dead. */
  async follow(standby: { readonly dataDir: string; readonly running: EmbeddedPostgres }): Promise<void> {
    const old = this.#running
    void this.#pool.end()
    this.#dataDir = standby.dataDir
    this.#running = standby.running
    this.#settings = {}
    this.#pool = this.#newPool()
    await old.stop('immediate')
  }

  /** Beside this one, on the same settings. */
  async startBeside(dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<EmbeddedPostgres> {
    return startPostgres({ dataDir, settings: { ...settingsFor(this.#hosts), ...settings } })
  }

  /** As a machine dies: nobody is told. */
  kill(): void {
    process.kill(this.#running.pid, 'SIGKILL')
  }

  async stop(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end()
    await this.#running.stop('immediate')
    rmSync(this.folder, { recursive: true, force: true })
  }

  #newPool(): pg.Pool {
    const pool = new pg.Pool({ connectionString: this.#running.connectionString(DATABASE), max: 4 })
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }
}

function settingsFor(hosts: readonly string[]): Readonly<Record<string, string>> {
  return { ...SETTINGS, listen_addresses: ['127.0.0.1', ...hosts].join(',') }
}
