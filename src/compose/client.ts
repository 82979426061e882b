/** Processes that start, read and operate sagas, without step code. */
import { NO_FAULTS } from '../engine/runtime/ports.ts'
import { SagaClient } from '../engine/saga-client.ts'
import { checkSchema } from '../engine/store/migrate.ts'
import type { SagaClientOptions } from './options.ts'
import { readyBoss } from './ready-boss.ts'
import { once, unwire, type Wiring, wire } from './wiring.ts'

/** A client that opens its connections with the first call. */
class ConnectedClient extends SagaClient implements AsyncDisposable {
  readonly #wiring: Wiring
  #closed: Promise<void> | undefined

  constructor(wiring: Wiring) {
    super({ ...wiring.parts, ready: once(() => openClient(wiring)) })
    this.#wiring = wiring
  }

  /** Ends the connections. A second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#leave()
    return this.#closed
  }

  async #leave(): Promise<void> {
    this.closeReading()
    this.#wiring.wakeUp.close()
    await unwire(this.#wiring)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Opens the connections, and checks what they lead to. */
export async function openClient(wiring: Wiring): Promise<void> {
  await checkSchema(wiring.db, wiring.schema)
  await readyBoss(wiring, { migrate: false, queues: false })
  await wiring.probe()
}

/**
 * A process that starts, reads and operates sagas, without step code.
 *
 * @throws SagaError `NAME_INVALID` for a schema name that would need quoting, `OPTION_INVALID`.
 */
export function createSagaClient(options: SagaClientOptions): ConnectedClient {
  return new ConnectedClient(wire(options, [], false, NO_FAULTS))
}

export type { ConnectedClient }
