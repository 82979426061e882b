/** What the commands of one call share: options, config, connections, printer. */
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { createSagaClient, type SagaClient, type SagaClientOptions, SagaError } from '../index.ts'
import { type Config, findConfig } from './config.ts'
import type { Io } from './io.ts'
import { type Printer, printerFor } from './print.ts'

export type Globals = {
  readonly url?: string
  readonly schema?: string
  readonly bossSchema?: string
  readonly config?: string
  readonly json?: boolean
}

export type AddTo = (program: Command, session: Session) => void

export class Session {
  readonly io: Io
  readonly #state: { exitCode: number }
  readonly #globals: () => Globals
  #config: Promise<Config | undefined> | undefined

  constructor(io: Io, state: { exitCode: number }, globals: () => Globals) {
    this.io = io
    this.#state = state
    this.#globals = globals
  }

  get printer(): Printer {
    return printerFor(this.io, this.#globals().json === true)
  }

  exitWith(code: number): void {
    this.#state.exitCode = code
  }

  /** Where the command line or the config file names one. */
  async schema(): Promise<string | undefined> {
    return this.#globals().schema ?? (await this.config())?.schema
  }

  /** @throws UsageError for a file that cannot be used. */
  config(): Promise<Config | undefined> {
    this.#config ??= findConfig(this.io.cwd, this.#globals().config)
    return this.#config
  }

  /** What the command line says, then the environment, then the config file. */
  async connectionString(): Promise<string | undefined> {
    const { env } = this.io
    return this.#globals().url ?? env['DATABASE_URL'] ?? (await this.config())?.connectionString ?? fromParts(env)
  }

  /** How to connect, and what else the config file says. */
  async clientOptions(given?: string): Promise<SagaClientOptions> {
    const { schema, bossSchema } = this.#globals()
    const { definitions: _d, services: _s, transaction: _t, dashboard: _b, ...config } = (await this.config()) ?? {}
    const connectionString = given ?? (await this.connectionString())
    if (connectionString === undefined) {
      throw new SagaError('OPTION_INVALID', 'Which database? Give --url, or set DATABASE_URL, or PGHOST and its like.')
    }
    return {
      ...config,
      connectionString,
      ...(schema === undefined ? {} : { schema }),
      ...(bossSchema === undefined ? {} : { bossSchema }),
    }
  }

  /** Opens a client for as long as the command takes. */
  async withClient<T>(use: (client: SagaClient) => Promise<T>): Promise<T> {
    const client = createSagaClient(await this.clientOptions())
    try {
      return await use(client)
    } finally {
      await client.close()
    }
  }

  /** Who does it, as the journal names them. */
  get actor(): string {
    const { env } = this.io
    return `cli:${env['PG_SAGA_USER'] ?? env['USER'] ?? env['LOGNAME'] ?? userInfo().username}`
  }
}

/** `pg` reads the rest from the environment by itself. */
function fromParts(env: Io['env']): string | undefined {
  const isThere = ['PGHOST', 'PGDATABASE', 'PGUSER', 'PGPORT'].some((name) => env[name] !== undefined)
  return isThere ? 'postgres://' : undefined
}
