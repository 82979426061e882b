/** Everything that a fault can reach, and what is told of it. */
import { createSagaClient } from '../../src/index.ts'
import { type Message, WorkerProcess } from '../crash/processes.ts'
import { Crew } from './crew.ts'
import { LedgerClient } from './ledger-client.ts'
import { TOLD, TOTAL } from './load.ts'
import { Network } from './network.ts'
import { Line } from './proxy.ts'
import { TortureServer } from './server.ts'

const LEDGER_FAULT_PERCENT = 12

export type Figure = { readonly name: string; readonly ms: number }

export type SceneOptions = { readonly workers: number; readonly hasNetwork: boolean; readonly isLong: boolean }

export class Scene {
  readonly server: TortureServer
  readonly crew: Crew
  readonly ledger: LedgerClient
  /** Of the process that starts sagas, and of its operators. */
  readonly clientLine: Line
  readonly client: ReturnType<typeof createSagaClient>
  readonly network: Network | undefined
  /** Whether faults may take their time. */
  readonly isLong: boolean
  readonly figures: Figure[] = []
  /**
   * Until then another fault stands in the way of whoever takes a worker over: there is no room to write that, or someone
   * stands still and has a saga locked. A moment of `performance.now()`.
   */
  hinderedUntil = Number.NEGATIVE_INFINITY
  /** All the money, as it was found last. */
  cents = TOTAL
  readonly #ledgerProcess: WorkerProcess

  private constructor(
    server: TortureServer,
    clientLine: Line,
    ledgerProcess: WorkerProcess,
    ledgerPort: number,
    network: Network | undefined,
    isLong: boolean,
  ) {
    this.isLong = isLong
    this.server = server
    this.clientLine = clientLine
    this.network = network
    this.crew = new Crew(server, ledgerPort)
    this.ledger = new LedgerClient(`http://127.0.0.1:${ledgerPort}`)
    const connectionString = server.connectionString({ port: clientLine.port })
    this.client = createSagaClient({ connectionString, events: TOLD })
    this.#ledgerProcess = ledgerProcess
  }

  /** @param options `hasNetwork`: a second host is made, which takes root. */
  static async open({ workers, hasNetwork, isLong }: SceneOptions): Promise<Scene> {
    const network = hasNetwork ? Network.open() : undefined
    const hosts = network === undefined ? [] : [network.host]
    const server = await TortureServer.start(hosts)
    const clientLine = await Line.open(() => server.port)
    const host = network === undefined ? '127.0.0.1' : '0.0.0.0'
    const ledgerProcess = new WorkerProcess('../torture/ledger-process.ts', [host, `${LEDGER_FAULT_PERCENT}`], [])
    const ready: Message = await ledgerProcess.message('ready')
    const scene = new Scene(server, clientLine, ledgerProcess, Number(ready['port']), network, isLong)
    for (let number = 0; number < workers; number += 1) await scene.crew.start()
    return scene
  }

  /** A length of time that the report shows. */
  measured(name: string, ms: number): void {
    this.figures.push({ name, ms: Math.round(ms) })
  }

  get lines(): readonly Line[] {
    return [this.clientLine, ...this.crew.members.flatMap(({ line }) => line ?? [])]
  }

  async close(): Promise<void> {
    await Promise.all([...this.crew.members].map((member) => this.crew.stop(member)))
    await this.client.close()
    await this.clientLine.close()
    await this.#ledgerProcess.kill()
    await this.server.stop()
    this.network?.close()
  }
}
