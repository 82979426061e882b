/**
 * What clients and engines share. Of all rooms only this one sees both `engine` and `jobs`, and joins them through the
 * ports: the engine for processes that run steps, the client for those that only start, read and operate.
 */
import type { PgBoss } from 'pg-boss'
import { CODE_MAY, onlyReading, refuseChange } from '../engine/access.ts'
import { analyzeTables } from '../engine/analyzing.ts'
import { notingDenied } from '../engine/audit.ts'
import { cleanUp } from '../engine/cleanup.ts'
import type { Side } from '../engine/core/machine.ts'
import { countHours } from '../engine/counting.ts'
import type { Definition } from '../engine/definition.ts'
import { type Duties, recordedDuties, type SeeTo } from '../engine/duties.ts'
import { Maintenance } from '../engine/maintenance.ts'
import type { Applier } from '../engine/runtime/apply.ts'
import { BlueprintShelf } from '../engine/runtime/blueprint-shelf.ts'
import { DatabaseClock } from '../engine/runtime/clock.ts'
import { Encoding } from '../engine/runtime/encoding.ts'
import { toldTypes } from '../engine/runtime/event-messages.ts'
import { CodeShelf, codeOf, DEFAULT_SETTLE_AFTER_MS, groupOf, sideCode } from '../engine/runtime/limits.ts'
import { type FaultPoints, type Logger, SILENT } from '../engine/runtime/ports.ts'
import { isTraced } from '../engine/runtime/tracing.ts'
import type { SagaClientParts } from '../engine/saga-client.ts'
import { type Db, isRepeatable, PreparedLost } from '../engine/store/db.ts'
import { schemaName } from '../engine/store/names.ts'
import type { AppBoss } from '../jobs/app-boss.ts'
import { createDispatcher } from '../jobs/dispatcher.ts'
import { withTimeout } from '../jobs/patience.ts'
import { inTransaction, openPool, type Pool, poolDb } from '../jobs/pools.ts'
import { Prepared } from '../jobs/prepared.ts'
import { readQueues, readStepQueue } from '../jobs/queue-views.ts'
import { openBoss } from '../jobs/queues.ts'
import { limitedReading } from '../jobs/reading.ts'
import { Recovery } from '../jobs/recovery.ts'
import { endSchedule, readSchedules } from '../jobs/schedule-views.ts'
import { poolKeepsSessions } from '../jobs/session-probe.ts'
import { WakeUp } from '../jobs/wake-up.ts'
import { checkOptions, type EngineSettings, type SagaClientOptions } from './options.ts'

const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024
/**
 * pg-boss's own expiry is only the net below the worker's timeout: it must not fire first, also not for a job that has
 * to wait in its worker. That a worker is dead shows within seconds, by other means.
 */
const EXPIRY_MARGIN_SECONDS = 15 * 60
/** Longer than any step may take: this process cannot know how long this one does. */
const WITHOUT_CODE_EXPIRY_SECONDS = 23.5 * 60 * 60

const LEAVE_WITHIN_MS = 5_000

/** Connections that those who only look leave to those who start and run sagas, where there are any to leave. */
const LEFT_BY_READING = 2

/** How often a transaction of our own is tried that others keep getting in the way of. */
const MAX_REPEATS = 10

export type Wiring = {
  readonly schema: string
  readonly bossSchema: string
  readonly pool: Pool
  readonly db: Db
  /** For all connections to the connection string, once it is known that they keep their sessions. */
  readonly prepared: Prepared
  /** Finds out whether they do, once. */
  readonly probe: () => Promise<void>
  readonly boss: AppBoss
  /** It belongs to the app: it is not ours to stop. */
  readonly isAppBoss: boolean
  readonly stopBoss: () => Promise<void>
  readonly applier: Applier
  readonly logger: Logger
  readonly wakeUp: WakeUp
  /** Maintenance, unrecorded. */
  readonly duties: Duties
  /** Maintenance that is due. */
  readonly seeTo: SeeTo
  /** Where others are told of events, if anywhere. */
  readonly eventQueue: string | undefined
  readonly parts: Omit<SagaClientParts, 'ready'>
}

export function wire(
  options: SagaClientOptions,
  definitions: readonly Definition[],
  supervise: boolean,
  faults: FaultPoints,
): Wiring {
  checkOptions(options)
  const schema = schemaName(options.schema ?? 'saga')
  const bossSchema = schemaName(
    options.bossSchema ?? (schema === 'saga' ? 'pgboss' : `${schema}_pgboss`),
    'pg-boss schema',
  )
  const logger = options.logger ?? SILENT
  const poolSize = options.poolSize ?? 10
  const pool = openPool(options.connectionString, poolSize, 'pg-saga', logger)
  const db = poolDb(pool)
  const prepared = new Prepared()
  // Its own statements are migrations and maintenance, which take as long as they take; ours it gets with each call.
  const { boss, isAppBoss, stopBoss } = bossFor(options.boss, () =>
    openBoss(poolDb(pool, Number.POSITIVE_INFINITY), bossSchema, { supervise, migrate: supervise }, logger),
  )
  const shelf = new BlueprintShelf(
    schema,
    definitions.map((definition) => [definition.blueprintHash, definition.blueprint]),
  )
  const code = new CodeShelf(definitions)
  const isHeard = (options as EngineSettings).onEvent !== undefined
  const applier: Applier = {
    schema,
    dispatcher: createDispatcher(boss, bossSchema, options.events?.queue),
    shelf,
    faults,
    expiry: (saga, step, side) => expiryOf(code.of(saga, shelf.get(saga.blueprint)), step, side),
    told: toldTypes(options.events),
    group: (saga, step) => groupOf(code.of(saga, shelf.get(saga.blueprint)), step),
    wantsOrigins: () => isHeard || isTraced(),
  }
  const wakeUp = new WakeUp(schema, db, logger, options.notify ?? true)
  const audit = { db, schema, logger }
  const authorize = notingDenied(options.authorize, audit)
  const transaction = <T>(run: (tx: Db) => Promise<T>) => repeating(() => inTransaction(pool, run, { prepared }))
  const maxPayloadBytes = options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES
  const starter = {
    ...applier,
    clock: new DatabaseClock(schema),
    maxPayloadBytes,
    encoding: new Encoding(options.codec, maxPayloadBytes),
    own: db,
  }
  const operator = {
    applier,
    starter,
    authorize,
    transaction,
    db,
    onJobs: () => wakeUp.soon(true),
    onLine: () => wakeUp.soon(true, 'line'),
  }
  const recovery = new Recovery({
    schema,
    bossSchema,
    transaction,
    applier,
    logger,
    onJobs: operator.onJobs,
    onLine: operator.onLine,
  })
  const duties: Duties = {
    cleanup: (order) => cleanUp({ schema, db, transaction }, order),
    recovery: (order) => recovery.run(order),
    statistics: (order) => countHours({ schema, db, transaction }, order),
    analysis: (order) => analyzeTables(db, [schema, bossSchema], order),
  }
  const seeTo = recordedDuties(db, schema, duties)
  const maintenance = new Maintenance({ schema, db, authorize, seeTo })
  const queuesBy = (by: typeof transaction) => ({
    list: () => readQueues({ transaction: by, bossSchema, eventQueue: options.events?.queue }),
  })
  const parts: Wiring['parts'] = {
    schema,
    starter,
    shelf,
    authorize,
    operator,
    maintenance,
    audit,
    queues: queuesBy(transaction),
    schedules: { list: () => readSchedules(boss), end: (tx: Db, name: string) => endSchedule(tx, bossSchema, name) },
    queueDepth: (tx: Db) => readStepQueue(tx, bossSchema),
    transaction,
    db,
    reading: (limits) => {
      const maxAtOnce = Math.max(1, Math.min(limits.maxAtOnce, poolSize - LEFT_BY_READING))
      const looking = limitedReading(pool, prepared, { ...limits, maxAtOnce })
      const looks = { ...audit, db: looking.db }
      // What would be written by other ways than those transactions.
      const mayNot = { authorize: onlyReading(options.authorize ?? CODE_MAY), seeTo: refuseChange }
      return {
        ...parts,
        ...looking,
        audit: looks,
        authorize: mayNot.authorize,
        queues: queuesBy(looking.transaction),
        schedules: { ...parts.schedules, end: refuseChange },
        operator: { ...operator, ...looking, authorize: mayNot.authorize },
        maintenance: new Maintenance({ schema, db: looking.db, ...mayNot }),
      }
    },
    onEnqueued: (committed: boolean) => wakeUp.soon(committed),
    onLine: (committed: boolean) => wakeUp.soon(committed, 'line'),
  }
  return {
    schema,
    bossSchema,
    pool,
    db,
    prepared,
    probe: once(async () => {
      if (await poolKeepsSessions(pool)) prepared.allow()
    }),
    boss,
    isAppBoss,
    stopBoss,
    applier,
    logger,
    wakeUp,
    duties,
    seeTo,
    eventQueue: options.events?.queue,
    parts,
  }
}

function bossFor(given: AppBoss | undefined, open: () => PgBoss): Pick<Wiring, 'boss' | 'isAppBoss' | 'stopBoss'> {
  if (given !== undefined) return { boss: given, isAppBoss: true, stopBoss: async () => {} }
  const own = open()
  return { boss: own, isAppBoss: false, stopBoss: () => own.stop({ graceful: false }) }
}

/**
 * Ends pg-boss, where it is ours, and the connections, and waits for neither for ever: pg-boss ends its maintenance first, and a connection
 * may be held by a function that ignores its signal, or by a statement that is not answered.
 */
export async function unwire({ stopBoss, pool }: Wiring, ...others: readonly Pool[]): Promise<void> {
  await withTimeout(
    stopBoss().catch(() => {}),
    LEAVE_WITHIN_MS,
  )
  await withTimeout(Promise.all([pool, ...others].map((one) => one.end())), LEAVE_WITHIN_MS)
}

/** For pg-boss, in seconds. */
function expiryOf(definition: Definition | undefined, step: string, side: Side): number {
  const known = sideCode(definition, step, side)
  if (known === undefined) return WITHOUT_CODE_EXPIRY_SECONDS
  const settleMs = codeOf(definition, step)?.settleAfterMs ?? DEFAULT_SETTLE_AFTER_MS
  return Math.ceil((known.timeoutMs + settleMs) / 1000) + EXPIRY_MARGIN_SECONDS
}

/**
 * Deadlocks and serialization failures repeat a transaction of our own (rule 3), and a migration; so does a session that
 * has lost what was prepared in it.
 */
export async function repeating<T>(run: () => Promise<T>): Promise<T> {
  for (let repeat = 1; ; repeat += 1) {
    try {
      return await run()
    } catch (error) {
      if (!(isRepeatable(error) || error instanceof PreparedLost) || repeat === MAX_REPEATS) throw error
    }
  }
}

/** Runs once; after a failure, again. */
export function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run().catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
}
