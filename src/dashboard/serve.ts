/** The dashboard by itself, on a port of this machine. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cleanBase } from './doors/door.ts'
import { nodeDashboard } from './doors/node.ts'
import type { DashboardOptions } from './options.ts'

export type ServeOptions = DashboardOptions & {
  /** A free one by default. */
  readonly port?: number
  /** The address to listen on: 127.0.0.1 by default, so that nobody else reaches it. */
  readonly host?: string
}

export type ServedDashboard = {
  readonly url: string
  /** Answers what is under way, and stops. */
  close(): Promise<void>
}

/** @throws Error when the port is taken. */
export async function serveDashboard(options: ServeOptions): Promise<ServedDashboard> {
  const { port = 0, host = '127.0.0.1', ...rest } = options
  const leaving = new AbortController()
  const closing = options.closing === undefined ? leaving.signal : AbortSignal.any([leaving.signal, options.closing])
  const server = createServer(nodeDashboard({ ...rest, closing }))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port: actual } = server.address() as AddressInfo
  const isAny = host === '0.0.0.0' || host === '::'
  const name = isAny ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${name}:${actual}${cleanBase(options.basePath ?? '')}/`,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        leaving.abort()
        // Browsers that look every few seconds would keep it open for ever.
        server.closeIdleConnections()
      }),
  }
}
