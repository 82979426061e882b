/** A provider's HTTP server on a port of its own, which can refuse connections for a while. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'

/** Below the ports that systems hand out to outgoing connections, so that it is still free after an outage. */
const FIRST_PORT = 20_000
const PORTS = 10_000
const MAX_TRIES = 50

export class ProviderServer {
  readonly #app: Hono
  #server: Server | undefined
  #port = 0

  private constructor(app: Hono) {
    this.#app = app
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(app: Hono): Promise<ProviderServer> {
    const server = new ProviderServer(app)
    for (let tries = 1; ; tries += 1) {
      server.#port = FIRST_PORT + Math.floor(Math.random() * PORTS)
      try {
        await server.accept()
        return server
      } catch (error) {
        if (tries === MAX_TRIES) throw error
      }
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Takes connections, at first and after an outage. */
  async accept(): Promise<void> {
    const server = createAdaptorServer({ fetch: this.#app.fetch }) as Server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
  }

  /** Goes away: requests under way are cut, new connections refused. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
}
