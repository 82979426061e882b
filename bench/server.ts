/**
 * The server that everything is measured on: one Postgres with durable commits, for us, the floor and the rivals alike.
 *
 * Autovacuum is off: what it does, and when, would be in some rounds and not in others.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { createDatabase, dropDatabase } from '../tools/postgres/database.ts'
import { type EmbeddedPostgres, startPostgres } from '../tools/postgres/embedded.ts'

/** The rivals connect with these. */
const PASSWORD = 'postgres'

const SETTINGS = {
  max_connections: '200',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'top',
  autovacuum: 'off',
}

export type BenchServer = {
  readonly port: number
  /** Of the postmaster. */
  readonly pid: number
  url(database: string): string
  /** An empty database of that name, whatever there was. */
  fresh(database: string): Promise<string>
  drop(database: string): Promise<void>
  stop(): Promise<void>
}

/** @param settings in place of, or beside, the usual ones. */
export async function startBenchServer(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const server = await startPostgres({ dataDir: resolve(dataDir), settings: { ...SETTINGS, ...settings } })
  const url = (database: string) => `postgres://postgres:${PASSWORD}@127.0.0.1:${server.port}/${database}`
  await setPassword(server, url('postgres'))
  return {
    port: server.port,
    pid: server.pid,
    url,
    async fresh(database) {
      await dropDatabase(url('postgres'), database)
      await createDatabase(url('postgres'), database)
      const client = new pg.Client({ connectionString: url(database) })
      await client.connect()
      await client.query('create extension pg_stat_statements')
      await client.end()
      return url(database)
    },
    drop: (database) => dropDatabase(url('postgres'), database),
    stop: () => server.stop(),
  }
}

async function setPassword(server: EmbeddedPostgres, wanted: string): Promise<void> {
  for (const connectionString of [wanted, server.connectionString()]) {
    const client = new pg.Client({ connectionString })
    try {
      await client.connect()
      await client.query(`alter role postgres password '${PASSWORD}'`)
      return
    } catch (error) {
      // The folder is new, and has the password that it was made with.
      if (connectionString !== wanted || (error as { code?: string }).code !== '28P01') throw error
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/** The rivals read the postmaster's file for CPU figures. */
export function linkDataFolder(dataDir: string, folder: string): void {
  mkdirSync(folder, { recursive: true })
  rmSync(join(folder, 'pgdata'), { recursive: true, force: true })
  symlinkSync(resolve(dataDir), join(folder, 'pgdata'))
}
