/** A PgBouncer in transaction mode before a server, where the program is installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/waiting.ts'

export type Bouncer = { readonly connectionString: string; readonly close: () => Promise<void> }

export const hasBouncer: boolean = spawnSync('pgbouncer', ['--version']).status === 0

/** @param url of a database of the server. */
export async function startBouncer(url: string): Promise<Bouncer> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const folder = mkdtempSync(join(tmpdir(), 'pg-saga-bouncer-'))
  const own = await freePort()
  const name = decodeURIComponent(pathname.slice(1))
  const config = `[databases]
${name} = host=${hostname} port=${port || 5432} dbname=${name} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`
  writeFileSync(join(folder, 'pgbouncer.ini'), config)
  // It refuses to run as root, and gives that up for this user.
  const asRoot = process.getuid?.() === 0
  chmodSync(folder, 0o755)
  const child = spawn('pgbouncer', [...(asRoot ? ['-u', 'nobody'] : []), join(folder, 'pgbouncer.ini')], {
    stdio: 'ignore',
  })
  await untilListening(own, child)
  return {
    connectionString: `postgres://postgres:x@127.0.0.1:${own}/${name}`,
    close: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  await until('PgBouncer listens', async () => {
    if (child.exitCode !== null) throw new Error('PgBouncer does not start.')
    return new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.unref()
    })
  })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return address !== null && typeof address === 'object' ? address.port : 0
}
