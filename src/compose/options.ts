/** What an engine and a client can be told, checked, and the types that tie services and transaction to the definitions. */
import type { Authorize } from '../engine/access.ts'
import { EVENT_TYPES } from '../engine/core/events.ts'
import type { AnyDefinition, ServicesOf, TxOf } from '../engine/definition.ts'
import type { Duration } from '../engine/duration.ts'
import type { Duty } from '../engine/duties.ts'
import { SagaError } from '../engine/errors.ts'
import type { PayloadCodec } from '../engine/runtime/encoding.ts'
import type { EventsOption } from '../engine/runtime/event-messages.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Schedule } from '../engine/schedule.ts'
import type { DeadLetterAlert } from '../engine/store/alerts.ts'
import type { Db } from '../engine/store/db.ts'
import { type AppBoss, missingInBoss } from '../jobs/app-boss.ts'
import type { PgClient } from '../jobs/pools.ts'
import { QUEUES } from '../jobs/queues.ts'
import { type AlertLink, type WebhookOption, webhookProblem } from '../jobs/webhook.ts'
import type { WorkerEvent } from '../jobs/worker.ts'

export type SagaClientOptions = {
  readonly connectionString: string
  /** Postgres schema of the engine's tables: `saga` by default. */
  readonly schema?: string
  /**
   * Postgres schema of pg-boss: `pgboss` by default, `<schema>_pgboss` beside a `schema` of another name. Never the same
   * for two of them: their workers would take each other's jobs.
   */
  readonly bossSchema?: string
  /**
   * A `PgBoss` of the app's own, on the same database and on `bossSchema`, to be used instead of one that the engine
   * makes. It is started if it is not, as the app made it, and never stopped: stop it after the engine. Let it
   * `supervise`, as it does by default, in some process.
   */
  readonly boss?: AppBoss
  /** Asked before a start and before every verb. Default: code may. */
  readonly authorize?: Authorize
  readonly logger?: Logger
  /** Largest input or result, in bytes of JSON: 1 MiB by default. */
  readonly maxPayloadBytes?: number
  /**
   * What payloads pass through before they are stored, and when they are read: encryption, say. Inputs, results, lists of
   * maps and checkpoints are payloads; keys, tags and error messages are not. Give it to every process.
   */
  readonly codec?: PayloadCodec
  /**
   * Tells others what happens to sagas: a job for each event, in a pg-boss queue of the app's, inserted by the transaction
   * in which it happens. Give it to every process: each tells what it does itself.
   */
  readonly events?: EventsOption
  /** Connections for starts, reads and verbs: 10 by default. */
  readonly poolSize?: number
  /** Wake idle workers by NOTIFY: on by default. Off, polling finds work within half a second. */
  readonly notify?: boolean
}

/** Opens the app's transaction, and hands it over with a view of it by one of pg-boss's adapters. */
export type AppTransaction<Tx> = <T>(run: (tx: Tx, db: Db) => Promise<T>) => Promise<T>

/** A cron expression, or an RRULE, as pg-boss takes them, and a time zone: `UTC` by default. */
export type MaintenanceTime = { readonly cron: string; readonly tz?: string }

type UnionToIntersection<U> = (U extends unknown ? (union: U) => void : never) extends (all: infer I) => void
  ? I
  : never

export type SagaEngineOptions<Definitions extends readonly AnyDefinition[]> = SagaClientOptions & {
  readonly definitions: Definitions
  /** How many attempts this worker runs at the same time: 100 by default. */
  readonly concurrency?: number
  /** Connections that commit finished attempts: 2 by default. */
  readonly committers?: number
  /** Attempts committed together at most: 250 by default. */
  readonly maxBatch?: number
  /** Transactional steps and hooks at the same time, each on a connection: 10 by default. Of the default transaction only. */
  readonly transactionPoolSize?: number
  /** How long `stop` waits for attempts under way before it aborts them: 30 s by default. */
  readonly drainGrace?: Duration
  /** How long no live worker may have the code of a saga before it is a dead letter (`no_code`): 15 min by default. */
  readonly codeMissingAfter?: Duration
  /**
   * How often the watchdog looks for sagas that wait for something that is not there: every minute by default. One worker
   * at a time does, and takes its time over it.
   */
  readonly watchdogEvery?: Duration
  /**
   * When maintenance is run, by whichever worker is free; `false` for never. Give all engines the same: the one that
   * starts last says it for all. `cleanup` and `statistics`: every hour by default; `recovery`: every ten
   * minutes; `analysis`: every five.
   */
  readonly maintenance?: { readonly [duty in Duty]?: false | MaintenanceTime }
  /** Sagas that are started by the clock: `defineSchedule(…)`. Engines beside each other may have different ones. */
  readonly schedules?: readonly Schedule[]
  /** Bring the schema up to date at start, and pg-boss's: on by default. */
  readonly migrate?: boolean
  /** For the worker's own session, where `connectionString` goes through a pooler in transaction mode. */
  readonly directConnectionString?: string
  /** What code this is: a commit hash, say. The journal records it with every attempt. At most 200 printable characters. */
  readonly build?: string
  /** Functions that ignore their abort signal: at this many the worker stops fetching. 20 by default. */
  readonly maxStragglers?: number
  /**
   * Called when sagas have become dead letters: at most once for each error group and `alertEvery`, by one of the workers
   * that have it. A call that throws, or takes longer than 10 s, is repeated with the same `id`, later and later, up to 15 minutes apart.
   */
  readonly onDeadLetter?: (alert: DeadLetterAlert) => void | Promise<void>
  /** The same as a signed HTTP call, on its own account. */
  readonly webhook?: WebhookOption
  /** Puts a `link` into what is posted. */
  readonly alertLink?: AlertLink
  /** The shortest time between two alerts of an error group, over all workers: 15 min by default. */
  readonly alertEvery?: Duration
  /** What happens to the worker: commits, takeovers, sessions lost and found. */
  readonly onEvent?: (event: WorkerEvent) => void
} & ServicesOption<Definitions> &
  TransactionOption<Definitions>

type ServicesOption<Definitions extends readonly AnyDefinition[]> =
  unknown extends UnionToIntersection<ServicesOf<Definitions[number]>>
    ? { readonly services?: unknown }
    : { readonly services: UnionToIntersection<ServicesOf<Definitions[number]>> }

/** Definitions that ask for the app's own transaction type need it opened; a `pg` client is there by default. */
type TransactionOption<Definitions extends readonly AnyDefinition[]> =
  unknown extends TxOf<Definitions[number]>
    ? { readonly transaction?: AppTransaction<PgClient> }
    : PgClient extends TxOf<Definitions[number]>
      ? { readonly transaction?: AppTransaction<TxOf<Definitions[number]>> }
      : { readonly transaction: AppTransaction<TxOf<Definitions[number]>> }

/** The engine's options without the types that only tie definitions, services and transaction together. */
export type EngineSettings = Omit<SagaEngineOptions<readonly []>, 'definitions' | 'transaction' | 'services'> & {
  readonly transaction?: unknown
  readonly services?: unknown
}

/** From and to, both included. */
const WHOLE_NUMBERS: { readonly [option in keyof EngineSettings]?: readonly [number, number] } = {
  poolSize: [1, 1_000],
  maxPayloadBytes: [1, 256 * 1024 * 1024],
  concurrency: [1, 100_000],
  committers: [1, 32],
  maxBatch: [1, 10_000],
  transactionPoolSize: [1, 1_000],
  maxStragglers: [1, 100_000],
}

/** @throws SagaError `OPTION_INVALID` for what would otherwise show much later, or never. */
export function checkOptions(options: SagaClientOptions & EngineSettings): void {
  const invalid = (what: string) => new SagaError('OPTION_INVALID', `The options cannot be used: ${what}.`)
  if (typeof options.connectionString !== 'string') throw invalid('connectionString is missing')
  const missing = options.boss === undefined ? [] : missingInBoss(options.boss)
  if (missing.length > 0) throw invalid(`boss is a PgBoss, and what was given has no ${missing.join(', no ')}`)
  const { codec } = options
  if (codec !== undefined && (typeof codec?.encode !== 'function' || typeof codec.decode !== 'function')) {
    throw invalid('codec is an object with the functions encode and decode')
  }
  const wrongEvents = options.events === undefined ? undefined : eventsProblem(options.events)
  if (wrongEvents !== undefined) throw invalid(wrongEvents)
  for (const [name, [from, to]] of Object.entries(WHOLE_NUMBERS)) {
    const value: unknown = options[name as keyof EngineSettings]
    if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to)) continue
    throw invalid(`${name} is a whole number from ${from} to ${to}, not ${JSON.stringify(value)}`)
  }
  const { build, webhook, onDeadLetter } = options
  const wrongWebhook = webhook === undefined ? undefined : webhookProblem(webhook)
  if (wrongWebhook !== undefined) throw invalid(wrongWebhook)
  if (onDeadLetter !== undefined && typeof onDeadLetter !== 'function') throw invalid('onDeadLetter is a function')
  if (build !== undefined && !(typeof build === 'string' && /^\P{C}{1,200}$/u.test(build))) {
    throw invalid('build is text of 1 to 200 characters, without control characters')
  }
}

function eventsProblem({ queue, types }: EventsOption): string | undefined {
  if (typeof queue !== 'string' || !/^[\w./-]{1,200}$/.test(queue)) return 'events.queue is the name of a queue'
  if (QUEUES.some(([name]) => name === queue)) return `events.queue is ${queue}, a queue of the engine's own`
  if (types === undefined || types === 'all') return undefined
  if (!Array.isArray(types) || types.length === 0) return "events.types is a list of types of events, or 'all'"
  const unknown = types.filter((type) => !EVENT_TYPES.includes(type))
  return unknown.length === 0 ? undefined : `events.types has ${unknown.join(', ')}, and there is no such type of event`
}
