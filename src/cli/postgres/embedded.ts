/**
 * Starts a real Postgres from the binaries that npm installed, for development, tests and the demo.
 *
 * 1. The server listens on 127.0.0.1 only, on a free port, with a password, and without a Unix socket.
 * 2. One server per data folder: a second starter, in this or another process, attaches to it.
 * 3. The last user to leave stops it; a killed process counts as having left (see lease.ts).
 * 4. What was committed survives `kill -9` of the server and of its users, unless `settings` say otherwise.
 * 5. Nothing here touches the exit code of the process.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, locateBinaries } from './binaries.ts'
import { ensureDataFolder, isPostgresOf, readPassword, readServer, removeStalePid, type Server } from './data-folder.ts'
import { hasUsers, type Lease, type StopMode, takeLease } from './lease.ts'
import { findPlainUser, type PlainUser } from './plain-user.ts'

const pollMs = 20
const startLimitMs = 60_000
const stopLimitMs = 60_000
const maxStarts = 10

export type StartOptions = {
  /** Made when missing; its log is the sibling `<dataDir>.log`. */
  readonly dataDir: string
  /** Server settings, e.g. `{ fsync: 'off' }`. Ignored when attaching to a server that already runs. */
  readonly settings?: Readonly<Record<string, string>>
  /** Major version, `18` by default. */
  readonly version?: string
}

export type EmbeddedPostgres = {
  /** For the superuser `postgres`; the database is `postgres` unless named. */
  connectionString(database?: string): string
  readonly port: number
  readonly pid: number
  /** Whether another starter's server was found. */
  readonly attached: boolean
  /** Leaves the server. The last user's call stops it and resolves when its process is gone. */
  stop(mode?: StopMode): Promise<void>
}

/** @throws Error with the end of the server's log when it does not come up. */
export async function startPostgres(options: StartOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir)
  const binaries = locateBinaries(options.version)
  mkdirSync(dirname(dataDir), { recursive: true })
  const giveUpAt = Date.now() + startLimitMs
  for (;;) {
    const running = readServer(dataDir)
    const user = running === undefined ? findPlainUser(binaries.postgres, dirname(dataDir)) : undefined
    if (user !== undefined) ensureDataFolder(dataDir, binaries, user)
    const lease = await takeLease(dataDir, user !== undefined)
    if (lease !== undefined) {
      try {
        const started = user && (await start(dataDir, binaries, user, options.settings ?? {}))
        const server = started ?? (await untilReady(dataDir, giveUpAt))
        if (server !== undefined) return handle(dataDir, server, lease, started === undefined)
      } catch (error) {
        await lease.leave('immediate')
        throw error
      }
      await lease.leave('fast')
    }
    if (Date.now() > giveUpAt) throw new Error(`Postgres in ${dataDir} did not come up.${endOfLog(dataDir)}`)
    await sleep(pollMs)
  }
}

/** Starts a server; `undefined` when another starter's server took the folder first. */
async function start(
  dataDir: string,
  binaries: Binaries,
  user: PlainUser,
  settings: Readonly<Record<string, string>>,
): Promise<Server | undefined> {
  for (let startCount = 1; ; startCount++) {
    const child = await spawnServer(dataDir, binaries, user, settings)
    while (child.exitCode === null && child.signalCode === null) {
      const server = readServer(dataDir)
      if (server?.ready && server.pid === child.pid && (await accepts(server.port))) return server
      await sleep(pollMs)
    }
    if (readServer(dataDir) !== undefined) return undefined
    // A killed server's children hold its shared memory a moment longer, and a free port can be taken meanwhile.
    if (startCount === maxStarts) throw new Error(`Postgres in ${dataDir} does not start.${endOfLog(dataDir)}`)
    await sleep(10 * pollMs)
  }
}

async function spawnServer(
  dataDir: string,
  binaries: Binaries,
  user: PlainUser,
  settings: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  removeStalePid(dataDir)
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    ...settings,
    port: String(await freePort()),
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [command = binaries.postgres, ...args] = [...user.prefix, binaries.postgres, '-D', dataDir, ...flags]
  const log = openSync(`${dataDir}.log`, 'a')
  try {
    // In a group of its own: Ctrl-C in a terminal is for Node, which then lets the server stop in order.
    const child = spawn(command, args, {
      ...user.spawnOptions,
      cwd: dataDir,
      detached: true,
      stdio: ['ignore', log, log],
    })
    await new Promise<void>((done, fail) => child.once('spawn', done).once('error', fail))
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** Waits for somebody else's server; `undefined` when it went away instead. */
async function untilReady(dataDir: string, giveUpAt: number): Promise<Server | undefined> {
  while (Date.now() < giveUpAt) {
    const server = readServer(dataDir)
    if (server === undefined) return undefined
    if (server.ready && (await accepts(server.port))) return server
    await sleep(pollMs)
  }
  return undefined
}

function handle(dataDir: string, server: Server, lease: Lease, attached: boolean): EmbeddedPostgres {
  const password = readPassword(dataDir)
  return {
    connectionString: (database = 'postgres') =>
      `postgres://postgres:${password}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`,
    port: server.port,
    pid: server.pid,
    attached,
    async stop(mode = 'fast') {
      await lease.leave(mode)
      // Found without its folder of users, the server is on its way out.
      const giveUpAt = Date.now() + stopLimitMs
      while (isPostgresOf(server.pid, dataDir) && !hasUsers(dataDir) && Date.now() < giveUpAt) await sleep(pollMs)
    },
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const answer = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket.once('connect', () => answer(true)).once('error', () => answer(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('The system gave no free port.'))
      })
    })
  })
}

function endOfLog(dataDir: string): string {
  try {
    return ` Its log ends with:\n${readFileSync(`${dataDir}.log`, 'utf8').trimEnd().split('\n').slice(-10).join('\n')}`
  } catch {
    return ' It wrote no log.'
  }
}
