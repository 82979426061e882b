/**
 * The one place outside the rooms that sees engine and jobs, and joins them through the ports: `createSagaEngine` for
 * processes that run steps, `createSagaClient` for those that only start, read and operate.
 */
import type { PgBoss } from 'pg-boss'
import { CODE_MAY } from './engine/access.ts'
import type { Side } from './engine/core/machine.ts'
import { type AnyDefinition, checkDefinition, type Definition } from './engine/definition.ts'
import { toMs } from './engine/duration.ts'
import { SagaError } from './engine/errors.ts'
import type { Applier } from './engine/runtime/apply.ts'
import { BlueprintShelf } from './engine/runtime/blueprint-shelf.ts'
import { DatabaseClock } from './engine/runtime/clock.ts'
import { CodeShelf, DEFAULT_SETTLE_AFTER_MS, sideCode } from './engine/runtime/limits.ts'
import { type FaultPoints, type Logger, NO_FAULTS, SILENT } from './engine/runtime/ports.ts'
import { SagaClient, type SagaClientParts } from './engine/saga-client.ts'
import { type Db, isConnectionError, isRepeatable, sqlState } from './engine/store/db.ts'
import { applyMigrations, checkSchema } from './engine/store/migrate.ts'
import { schemaName } from './engine/store/names.ts'
import { unreachable } from './engine/unreachable.ts'
import { checkOptions, type EngineSettings, type SagaClientOptions, type SagaEngineOptions } from './engine-options.ts'
import { defaultTransaction } from './jobs/default-transaction.ts'
import { createDispatcher } from './jobs/dispatcher.ts'
import { withTimeout } from './jobs/patience.ts'
import { createQueues, openBoss } from './jobs/queues.ts'
import { inTransaction, openPool, type Pool, poolDb } from './jobs/sessions.ts'
import type { OpenTransaction } from './jobs/transactional.ts'
import { WakeUp } from './jobs/wake-up.ts'
import { Worker, type WorkerEvent } from './jobs/worker.ts'

const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024
/**
 * pg-boss's own expiry is only the net below the worker's timeout: it must not fire first, also not for a job that has
 * to wait in its worker. That a worker is dead shows within seconds, by other means.
 */
const EXPIRY_MARGIN_SECONDS = 15 * 60
/** Longer than any step may take: this process cannot know how long this one does. */
const WITHOUT_CODE_EXPIRY_SECONDS = 23.5 * 60 * 60

/** How long an engine that stops waits for its connections. */
const LEAVE_WITHIN_MS = 5_000

/** How often a transaction of our own is tried that others keep getting in the way of. */
const MAX_REPEATS = 10

/** What client and engine share. */
type Common = {
  readonly schema: string
  readonly bossSchema: string
  readonly pool: Pool
  readonly db: Db
  readonly boss: PgBoss
  readonly applier: Applier
  readonly logger: Logger
  readonly wakeUp: WakeUp
  readonly parts: Omit<SagaClientParts, 'ready'>
}

function common(
  options: SagaClientOptions,
  definitions: readonly Definition[],
  supervise: boolean,
  faults: FaultPoints,
): Common {
  checkOptions(options)
  const schema = schemaName(options.schema ?? 'saga')
  const bossSchema = schemaName(
    options.bossSchema ?? (schema === 'saga' ? 'pgboss' : `${schema}_pgboss`),
    'pg-boss schema',
  )
  const logger = options.logger ?? SILENT
  const pool = openPool(options.connectionString, options.poolSize ?? 10, 'pg-saga', logger)
  const db = poolDb(pool)
  const boss = openBoss(db, bossSchema, { supervise, migrate: supervise }, logger)
  const shelf = new BlueprintShelf(
    schema,
    definitions.map((definition) => [definition.blueprintHash, definition.blueprint]),
  )
  const code = new CodeShelf(definitions)
  const applier: Applier = {
    schema,
    dispatcher: createDispatcher(boss, bossSchema),
    shelf,
    faults,
    expiry: (definition, version, step, side) => expiryOf(code.get(definition, version), step, side),
  }
  const wakeUp = new WakeUp(schema, db, logger, options.notify ?? true)
  const authorize = options.authorize ?? CODE_MAY
  const transaction = <T>(run: (tx: Db) => Promise<T>) => repeating(() => inTransaction(pool, run))
  const starter = {
    ...applier,
    clock: new DatabaseClock(schema),
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    own: db,
  }
  const operator = { applier, starter, authorize, transaction, db, onJobs: () => wakeUp.soon(true) }
  const parts = {
    schema,
    starter,
    shelf,
    authorize,
    operator,
    transaction,
    db,
    onEnqueued: (committed: boolean) => wakeUp.soon(committed),
  }
  return { schema, bossSchema, pool, db, boss, applier, logger, wakeUp, parts }
}

/** For pg-boss, in seconds. */
function expiryOf(definition: Definition | undefined, step: string, side: Side): number {
  const known = sideCode(definition, step, side)
  if (known === undefined) return WITHOUT_CODE_EXPIRY_SECONDS
  const settleMs = definition?.steps.get(step)?.settleAfterMs ?? DEFAULT_SETTLE_AFTER_MS
  return Math.ceil((known.timeoutMs + settleMs) / 1000) + EXPIRY_MARGIN_SECONDS
}

/** A client that opens its connections with the first call. */
class ConnectedClient extends SagaClient implements AsyncDisposable {
  readonly #common: Common

  constructor(shared: Common) {
    super({ ...shared.parts, ready: once(() => openClient(shared)) })
    this.#common = shared
  }

  async close(): Promise<void> {
    this.closeReading()
    this.#common.wakeUp.close()
    await this.#common.boss.stop({ graceful: false }).catch(() => {})
    await this.#common.pool.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function openClient(shared: Common): Promise<void> {
  await checkSchema(shared.db, shared.schema)
  await startBoss(shared.boss, shared.bossSchema)
}

/** A client neither creates nor migrates pg-boss's schema, and says so when it finds none that fits. */
async function startBoss(boss: PgBoss, schema: string): Promise<void> {
  try {
    await boss.start()
  } catch (error) {
    if (isConnectionError(error) || sqlState(error) !== undefined) throw error
    throw new SagaError(
      'SCHEMA_TOO_OLD',
      `pg-boss is not ready in its schema "${schema}". Start an engine with migrate: true, or call migrate() in a deploy step.`,
      { cause: error },
    )
  }
}

/** Deadlocks and serialization failures repeat a transaction of our own (rule 3). */
async function repeating<T>(run: () => Promise<T>): Promise<T> {
  for (let repeat = 1; ; repeat += 1) {
    try {
      return await run()
    } catch (error) {
      if (!isRepeatable(error) || repeat === MAX_REPEATS) throw error
    }
  }
}

/** Runs once; after a failure, again. */
function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
}

/**
 * A process that starts, reads and operates sagas, without step code.
 *
 * @throws SagaError `NAME_INVALID` for a schema name that would need quoting, `OPTION_INVALID`.
 */
export function createSagaClient(options: SagaClientOptions): ConnectedClient {
  return new ConnectedClient(common(options, [], false, NO_FAULTS))
}

export type { ConnectedClient }

/** Runs the steps of its definitions, beside everything that a client does. */
export class SagaEngine extends SagaClient implements AsyncDisposable {
  readonly #common: Common
  readonly #worker: Worker
  readonly #txPool: Pool
  readonly #start: () => Promise<void>
  readonly #definitions: readonly Definition[]
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(shared: Common, options: EngineSettings, definitions: readonly Definition[]) {
    const start = once(() => this.#open(options, definitions))
    super({ ...shared.parts, ready: once(() => openClient(shared)) })
    this.#common = shared
    this.#start = start
    this.#definitions = definitions
    const { connectionString, transactionPoolSize = 10 } = options
    this.#txPool = openPool(connectionString, transactionPoolSize, 'pg-saga transactions', shared.logger)
    const openTransaction =
      (options.transaction as OpenTransaction | undefined) ?? defaultTransaction(this.#txPool, transactionPoolSize)
    this.#worker = new Worker({
      connectionString,
      directConnectionString: options.directConnectionString ?? connectionString,
      schema: shared.schema,
      boss: shared.boss,
      db: shared.db,
      applier: shared.applier,
      code: new CodeShelf(definitions),
      services: options.services,
      openTransaction,
      logger: shared.logger,
      build: options.build ?? null,
      concurrency: options.concurrency ?? 100,
      committers: options.committers ?? 2,
      maxBatch: options.maxBatch ?? 250,
      maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
      drainGraceMs: toMs(options.drainGrace ?? '30s', 'drainGrace'),
      maxStragglers: options.maxStragglers ?? 20,
      onEvent: (event) => this.#tell(event, options.onEvent),
      wakeOthers: () => shared.wakeUp.others(),
    })
    shared.wakeUp.attach(() => this.#worker.kick())
  }

  /**
   * A definition of this engine by name: for programs that start sagas by what they are called. The newest version,
   * unless one is asked for.
   *
   * @throws SagaError `DEFINITION_UNKNOWN`, naming those that there are.
   */
  definition(name: string, version?: number): Definition {
    const named = this.#definitions.filter((definition) => definition.name === name)
    const found =
      version === undefined
        ? named.reduce<Definition | undefined>(
            (newest, one) => (newest !== undefined && newest.version > one.version ? newest : one),
            undefined,
          )
        : named.find((definition) => definition.version === version)
    if (found !== undefined) return found
    const known = this.#definitions.map((definition) => `${definition.name}@${definition.version}`).join(', ')
    const asked = version === undefined ? `"${name}"` : `"${name}" with version ${version}`
    throw new SagaError('DEFINITION_UNKNOWN', `This engine has no definition ${asked}. It has: ${known || 'none'}.`, {
      details: { definition: name },
    })
  }

  /** The worker's id, as the journal names it. */
  get workerId(): string {
    return this.#worker.id
  }

  /**
   * Migrates (unless told not to), registers the definitions, and begins to run steps.
   *
   * @throws SagaError `DEFINITION_CHANGED`, `SCHEMA_TOO_OLD`, `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`.
   */
  async start(): Promise<void> {
    this.#starting = this.#start()
    await this.#starting.catch((error: unknown) => {
      throw unreachable(error)
    })
  }

  /** Lets what runs end, records it, and leaves. Nothing new starts. */
  stop(): Promise<void> {
    this.#stopped ??= this.#leave()
    return this.#stopped
  }

  async #leave(): Promise<void> {
    // What is being opened can be closed when it is open, or has failed to.
    await this.#starting?.catch(() => {})
    await this.#worker.stop()
    this.closeReading()
    this.#common.wakeUp.close()
    await this.#common.boss.stop({ graceful: false }).catch(() => {})
    // Connections that somebody still holds, as a function that ignores its signal can, are not waited for.
    await withTimeout(Promise.all([this.#common.pool.end(), this.#txPool.end()]), LEAVE_WITHIN_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #open(options: EngineSettings, definitions: readonly Definition[]): Promise<void> {
    const { pool, schema, bossSchema, db, boss } = this.#common
    if (options.migrate ?? true) await inTransaction(pool, (tx) => applyMigrations(tx, schema, bossSchema))
    else await checkSchema(db, schema)
    await boss.start()
    await createQueues(boss)
    for (const definition of definitions) await this.register(definition)
    // Told to stop meanwhile: nothing is to run any more.
    if (this.#stopped === undefined) await this.#worker.start()
  }

  #tell(event: WorkerEvent, listener: ((event: WorkerEvent) => void) | undefined): void {
    if (event.type === 'committed') {
      const settled = event.batch.applied.filter(
        ({ state }) => !['pending', 'running', 'compensating'].includes(state.status),
      )
      if (settled.length > 0) this.waiters.tell(settled.map((one) => one.item.sagaId))
    }
    try {
      listener?.(event)
    } catch (error) {
      // What is told has happened already, and a listener must not undo it.
      this.#common.logger.error({ error: String(error), event: event.type }, 'onEvent threw')
    }
  }
}

/**
 * A process that runs the steps of the definitions it is given.
 *
 * @throws SagaError `DEFINITION_INVALID` when two definitions have one name and version, `NAME_INVALID`, `OPTION_INVALID`.
 */
export function createSagaEngine<const Definitions extends readonly AnyDefinition[]>(
  options: SagaEngineOptions<Definitions>,
): SagaEngine {
  return composeEngine(options as unknown as EngineSettings & { definitions: Definitions }, NO_FAULTS)
}

/** For the crash tests, which end the process at named points. Not exported from the package. */
export function composeEngine(
  options: EngineSettings & { readonly definitions: readonly AnyDefinition[] },
  faults: FaultPoints,
): SagaEngine {
  const definitions = options.definitions as unknown as readonly Definition[]
  const seen = new Set<string>()
  for (const definition of definitions) {
    checkDefinition(definition)
    const { name, version } = definition
    if (seen.has(`${name}@${version}`)) {
      throw new SagaError(
        'DEFINITION_INVALID',
        `Two definitions are called ${name} with version ${version}. Give one of them another version.`,
      )
    }
    seen.add(`${name}@${version}`)
  }
  return new SagaEngine(common(options, definitions, true, faults), options, definitions)
}

/**
 * Brings a database up to date in a deploy step: our schema, and pg-boss's with its queues.
 *
 * @throws SagaError `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`, `NAME_INVALID`.
 */
export async function migrate(options: SagaClientOptions): Promise<void> {
  const { pool, schema, bossSchema, boss } = common(options, [], true, NO_FAULTS)
  try {
    await inTransaction(pool, (tx) => applyMigrations(tx, schema, bossSchema))
    await boss.start()
    await createQueues(boss)
  } catch (error) {
    throw unreachable(error)
  } finally {
    await boss.stop({ graceful: false }).catch(() => {})
    await pool.end()
  }
}
