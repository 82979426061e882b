/** Processes that run steps. */
import { type AnyDefinition, checkDefinition, type Definition } from '../engine/definition.ts'
import { toMs } from '../engine/duration.ts'
import { DUTIES, type Duty } from '../engine/duties.ts'
import { SagaError } from '../engine/errors.ts'
import { Inbox } from '../engine/inbox.ts'
import { operationRounds } from '../engine/operation-rounds.ts'
import { Operator } from '../engine/operator.ts'
import { CodeShelf } from '../engine/runtime/limits.ts'
import { type FaultPoints, NO_FAULTS } from '../engine/runtime/ports.ts'
import { outsideOfTraces } from '../engine/runtime/tracing.ts'
import { SagaClient } from '../engine/saga-client.ts'
import { checkSchedules } from '../engine/schedule.ts'
import { beginChannel } from '../engine/store/alerts.ts'
import { applyMigrations, checkSchema } from '../engine/store/migrate.ts'
import { unreachable } from '../engine/unreachable.ts'
import type { Channel } from '../jobs/alert-loop.ts'
import { defaultTransaction } from '../jobs/default-transaction.ts'
import { type Schedules, schedule, USUAL_SCHEDULES } from '../jobs/maintenance-loop.ts'
import { openPool, type Pool } from '../jobs/pools.ts'
import { scheduleStarts } from '../jobs/schedule-loop.ts'
import type { OpenTransaction } from '../jobs/transactional.ts'
import { callbackChannel, webhookChannel } from '../jobs/webhook.ts'
import { Worker, type WorkerEvent } from '../jobs/worker.ts'
import { openClient } from './client.ts'
import type { EngineSettings, SagaEngineOptions } from './options.ts'
import { readyBoss } from './ready-boss.ts'
import { once, unwire, type Wiring, wire } from './wiring.ts'

/** Runs the steps of its definitions, beside everything that a client does. */
export class SagaEngine extends SagaClient implements AsyncDisposable {
  readonly #wiring: Wiring
  readonly #worker: Worker
  readonly #txPool: Pool
  readonly #start: () => Promise<void>
  readonly #definitions: readonly Definition[]
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  constructor(wiring: Wiring, options: EngineSettings, definitions: readonly Definition[]) {
    const start = once(() => this.#open(options, definitions))
    super({ ...wiring.parts, ready: once(() => openClient(wiring)) })
    this.#wiring = wiring
    this.#start = start
    this.#definitions = definitions
    const { connectionString, transactionPoolSize = 10 } = options
    this.#txPool = openPool(connectionString, transactionPoolSize, 'pg-saga transactions', wiring.logger)
    const openTransaction =
      options.transaction === undefined
        ? defaultTransaction(this.#txPool, transactionPoolSize, { prepared: wiring.prepared })
        : askedPlainly(options.transaction as OpenTransaction)
    const code = new CodeShelf(definitions)
    this.#worker = new Worker({
      connectionString,
      directConnectionString: options.directConnectionString ?? connectionString,
      prepared: wiring.prepared,
      schema: wiring.schema,
      bossSchema: wiring.bossSchema,
      boss: wiring.boss,
      db: wiring.db,
      applier: wiring.applier,
      transaction: wiring.parts.transaction,
      code,
      services: options.services,
      openTransaction,
      rounds: operationRounds(wiring.schema, new Operator({ ...wiring.parts.operator, isEngine: true })),
      inbox: inboxOf(wiring, code),
      logger: wiring.logger,
      build: options.build ?? null,
      concurrency: options.concurrency ?? 100,
      committers: options.committers ?? 2,
      maxBatch: options.maxBatch ?? 250,
      maxPayloadBytes: wiring.parts.starter.maxPayloadBytes,
      encoding: wiring.parts.starter.encoding,
      drainGraceMs: toMs(options.drainGrace ?? '30s', 'drainGrace'),
      codeMissingAfterMs: toMs(options.codeMissingAfter ?? '15m', 'codeMissingAfter'),
      seeTo: wiring.seeTo,
      schedules: options.schedules ?? [],
      startScheduled: async ({ name, definition }, input, key, db) => {
        await this.enqueue(definition, input as never, { key, db, actor: `schedule:${name}` })
      },
      alerts: { channels: channelsOf(options), everyMs: toMs(options.alertEvery ?? '15m', 'alertEvery') },
      watchdogEveryMs: toMs(options.watchdogEvery ?? '1m', 'watchdogEvery'),
      maxStragglers: options.maxStragglers ?? 20,
      onEvent: (event) => this.#tell(event, options.onEvent),
      wakeOthers: () => wiring.wakeUp.others(),
      isNotified: options.notify ?? true,
    })
    wiring.wakeUp.attach((why) => this.#worker.wake(why))
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
   * @throws SagaError `DEFINITION_CHANGED`, `SCHEMA_TOO_OLD`, `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`, and
   * `OPTION_INVALID` for a `boss` that cannot be used.
   */
  async start(): Promise<void> {
    this.#starting = outsideOfTraces(this.#start)
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
    this.#wiring.wakeUp.close()
    await unwire(this.#wiring, this.#txPool)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #open(options: EngineSettings, definitions: readonly Definition[]): Promise<void> {
    const { parts, schema, bossSchema, db } = this.#wiring
    const { migrate = true } = options
    // What runs meanwhile may be in its way, and it in theirs: then it is repeated.
    if (migrate) await parts.transaction((tx) => applyMigrations(tx, schema, bossSchema))
    else await checkSchema(db, schema)
    await readyBoss(this.#wiring, { migrate, queues: true })
    await schedule(this.#wiring.boss, schedulesOf(options))
    await scheduleStarts(this.#wiring.boss, options.schedules ?? [])
    await this.#wiring.probe()
    for (const definition of definitions) await this.register(definition)
    // Before anything can die that is to be told.
    for (const { name } of channelsOf(options)) await beginChannel(db, schema, name)
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
      this.#wiring.logger.error({ error: String(error), event: event.type }, 'onEvent threw')
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
  checkSchedules(options.schedules ?? [])
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
  return new SagaEngine(wire(options, definitions, true, faults), options, definitions)
}

function inboxOf({ parts, logger, seeTo }: Wiring, code: CodeShelf): Inbox {
  return new Inbox({ ...parts, code, logger, seeTo })
}

/** What the app prepares on its connections is for starts: plans for batches have to be renewed, which is ours to do. */
function askedPlainly(open: OpenTransaction): OpenTransaction {
  return (run) => open((tx, db) => run(tx, { executeSql: (text, values) => db.executeSql(text, values) }))
}

function channelsOf({ onDeadLetter, webhook, alertLink }: EngineSettings): readonly Channel[] {
  return [
    ...(onDeadLetter === undefined ? [] : [callbackChannel(onDeadLetter)]),
    ...(webhook === undefined ? [] : [webhookChannel(webhook, alertLink)]),
  ]
}

function schedulesOf({ maintenance = {} }: EngineSettings): Schedules {
  const timeOf = (duty: Duty) => {
    const given = maintenance[duty]
    return given === false ? undefined : { ...USUAL_SCHEDULES[duty], ...given }
  }
  return Object.fromEntries(DUTIES.map((duty) => [duty, timeOf(duty)])) as Schedules
}
