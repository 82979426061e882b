/** The API of a process that starts, reads and operates sagas: no step code, no services. */

import { setTimeout as delay } from 'node:timers/promises'
import { type Authorize, demand } from './access.ts'
import type { Status } from './core/machine.ts'
import { isLive, STATUSES } from './core/machine.ts'
import {
  type AnyDefinition,
  type Contract,
  checkDefinition,
  type Definition,
  type InputOf,
  mustBeStartable,
  type ResultsOf,
} from './definition.ts'
import { type Duration, toMs } from './duration.ts'
import { SagaError } from './errors.ts'
import { checkCap, checkFilter, checkPage } from './filter.ts'
import { Operator, type OperatorOptions } from './operator.ts'
import { Waiters } from './outcomes.ts'
import type { BlueprintShelf } from './runtime/blueprint-shelf.ts'
import { isId } from './runtime/ids.ts'
import {
  type Prepared,
  prepare,
  type Started,
  type Starter,
  type StartOptions,
  type StartRequest,
  storeStarts,
} from './runtime/start.ts'
import { outcomeOf, type SagaOutcome, type SagaView, viewOf } from './saga-view.ts'
import { registerBlueprint } from './store/blueprints.ts'
import { type Db, isConnectionError } from './store/db.ts'
import { type JournalEntry, readJournal } from './store/journal.ts'
import { countByStatus, listSummaries, type Page, readSummary, type SagaFilter } from './store/reading.ts'

export type { SagaOutcome, SagaView, StepView } from './saga-view.ts'

export type EnqueueOptions = StartOptions & {
  /** The caller's transaction, through one of pg-boss's adapters: `fromDrizzle(tx, sql)`, `fromPg(client)`, … */
  readonly db?: Db
  /** Who starts it, for `authorize`. */
  readonly actor?: string
}

/** One of many starts: its definition's input, and what identifies it. */
export type EnqueueItem = StartOptions & { readonly input: unknown }

/** Per item, in order. What is refused is not stored; the others are. */
export type EnqueueResult = (Started & { readonly ok: true }) | { readonly ok: false; readonly error: SagaError }

export type SagaClientParts = {
  readonly schema: string
  readonly starter: Starter
  readonly shelf: BlueprintShelf
  readonly authorize: Authorize
  readonly operator: OperatorOptions
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly db: Db
  /** Opens connections and checks the schema, once. */
  readonly ready: () => Promise<void>
  /** Something was enqueued; `committed`: by a transaction of our own. */
  readonly onEnqueued: (committed: boolean) => void
}

const DEFAULT_OUTCOME_TIMEOUT_MS = 60_000
const MANY_AT_ONCE = 500
const WATCH_MS = 100
const READ_PATIENCE_MS = 500
const READ_AGAIN_MS = 25

export class SagaClient {
  readonly #parts: SagaClientParts
  readonly #registered = new Set<string>()
  protected readonly waiters: Waiters
  /** The verbs: retry, compensate, cancel, pause, resume, hold, release, resolve, rerun. */
  readonly operator: Operator

  constructor(parts: SagaClientParts) {
    this.#parts = parts
    this.waiters = new Waiters(parts.db, parts.schema)
    this.operator = readyFirst(new Operator(parts.operator), parts.ready)
  }

  /**
   * Starts a saga, in the caller's transaction when `db` is given: a rollback leaves nothing behind.
   *
   * @returns its id, and whether this call created it: a repeated key finds the first saga.
   * @throws SagaError `INPUT_INVALID` (with the fields), `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `KEY_REUSED`,
   * `KEY_CONFLICT_RETRY`, `TRANSACTION_REQUIRED` when `db` is in none, `NAME_INVALID` for a key, id, tag or moment,
   * `DEFINITION_UNKNOWN`, `DEFINITION_INVALID`, `DEFINITION_CHANGED`, `NOT_AUTHORIZED`, `DATABASE_UNREACHABLE`.
   */
  async enqueue<D extends AnyDefinition | Contract>(
    definition: D,
    input: InputOf<D>,
    options: EnqueueOptions = {},
  ): Promise<Started> {
    const { db, actor = 'code', ...start } = options
    return this.#reach(async () => {
      await this.#mayStart(definition, actor)
      const prepared = await prepare(this.#parts.starter, { definition: plain(definition), input, ...start })
      const [started] = await this.#store(db, [prepared])
      if (started === undefined) throw new SagaError('BATCH_INCOMPLETE', 'The start returned nothing.')
      return started
    })
  }

  /**
   * Starts many sagas, thousands at once. In the caller's transaction all of them, in our own in batches of 500.
   *
   * @returns per item, in order, the saga or why it was refused.
   */
  async enqueueMany<D extends AnyDefinition | Contract>(
    definition: D,
    items: readonly (StartOptions & { readonly input: InputOf<D> })[],
    options: Pick<EnqueueOptions, 'db' | 'actor'> = {},
  ): Promise<readonly EnqueueResult[]> {
    return this.#reach(async () => {
      await this.#mayStart(definition, options.actor ?? 'code')
      const results: EnqueueResult[] = []
      for (let from = 0; from < items.length; from += MANY_AT_ONCE) {
        const slice = items.slice(from, from + MANY_AT_ONCE)
        const requests = slice.map((item): StartRequest => ({ definition: plain(definition), ...item }))
        results.push(...(await this.#startMany(requests, options.db)))
      }
      return results
    })
  }

  /** One saga with its steps, results, errors and times; `undefined` when there is none. */
  async get(id: string): Promise<SagaView | undefined> {
    if (!isId(id)) return undefined
    return this.#read(async () => {
      const { db, schema, shelf } = this.#parts
      const summary = await readSummary(db, schema, id)
      if (summary === undefined) return undefined
      const journal = await readJournal(db, schema, id)
      await shelf.load(db, [summary.state.blueprint])
      return viewOf(summary, journal, shelf)
    })
  }

  /**
   * The newest first.
   *
   * @throws SagaError `FILTER_INVALID` for a filter, page size (1 to 1000) or cursor that cannot be.
   */
  async list(filter: SagaFilter = {}, page: { readonly limit?: number; readonly cursor?: string } = {}): Promise<Page> {
    const { limit = 50, cursor } = page
    checkFilter(filter)
    checkPage(limit, cursor)
    return this.#read(() =>
      listSummaries(this.#parts.db, this.#parts.schema, filter, { limit, ...(cursor === undefined ? {} : { cursor }) }),
    )
  }

  /**
   * Counts by status, each up to `cap` (10 001 by default): read one more than you show.
   *
   * @throws SagaError `FILTER_INVALID`.
   */
  async count(
    filter: SagaFilter = {},
    options: { readonly cap?: number } = {},
  ): Promise<Readonly<Record<Status, number>>> {
    const wanted = checkFilter(filter).status === undefined ? STATUSES : [...new Set([filter.status ?? []].flat())]
    const cap = checkCap(options.cap ?? 10_001)
    return this.#read(async () => {
      const counted = await countByStatus(this.#parts.db, this.#parts.schema, filter, wanted, cap)
      return Object.fromEntries(STATUSES.map((status) => [status, counted[status] ?? 0])) as Record<Status, number>
    })
  }

  /**
   * The saga's events, in order.
   *
   * @throws SagaError `SAGA_NOT_FOUND`.
   */
  async journal(id: string): Promise<readonly JournalEntry[]> {
    const entries = await this.#read(() => readJournal(this.#parts.db, this.#parts.schema, mustBeId(id)))
    if (entries.length === 0) throw notFound(id)
    return entries
  }

  /**
   * Waits until the saga is at rest, or a dead letter.
   *
   * @throws SagaError `TIMEOUT` when that takes longer than `timeout` (1 minute by default); `SAGA_NOT_FOUND`.
   */
  async outcome<D extends AnyDefinition = AnyDefinition>(
    id: string,
    options: { readonly timeout?: Duration; readonly definition?: D } = {},
  ): Promise<SagaOutcome<ResultsOf<D>>> {
    const timeoutMs = options.timeout === undefined ? DEFAULT_OUTCOME_TIMEOUT_MS : toMs(options.timeout, 'timeout')
    const giveUpAt = performance.now() + timeoutMs
    if ((await this.get(mustBeId(id))) === undefined) throw notFound(id)
    while (await this.waiters.settled(id, Math.max(0, giveUpAt - performance.now()))) {
      const saga = await this.get(id)
      if (saga === undefined) throw notFound(id)
      // Somebody may have sent a dead letter on its way again in between.
      if (!isLive(saga.status)) return outcomeOf(saga) as SagaOutcome<ResultsOf<D>>
    }
    throw new SagaError('TIMEOUT', `Saga ${id} is not at rest after ${timeoutMs} ms. It goes on; ask again.`, {
      details: { sagaId: id },
    })
  }

  /** The saga's events as they come, from the first one on; ends when the saga is at rest. */
  async *watch(
    id: string,
    options: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<JournalEntry> {
    const { db, schema } = this.#parts
    let after = options.after ?? 0
    if ((await this.get(mustBeId(id))) === undefined) throw notFound(id)
    while (options.signal?.aborted !== true) {
      // Asked before the journal is read: what came in between is read all the same.
      const settled = await this.waiters.settled(id, WATCH_MS)
      const entries = await this.#read(() => readJournal(db, schema, id, after))
      for (const entry of entries) {
        yield entry
        after = entry.sequence
      }
      if (settled && entries.length === 0) return
    }
  }

  protected closeReading(): void {
    this.waiters.close()
  }

  async #mayStart(definition: AnyDefinition | Contract, actor: string): Promise<void> {
    mustBeStartable(definition)
    await demand(this.#parts.authorize, actor, 'enqueue', { definition: definition.name })
    if ('blueprint' in definition) await this.register(definition)
  }

  /**
   * Stores the definition's blueprint, once a process, on our own connection: it must not vanish with a rollback.
   *
   * @throws SagaError `DEFINITION_CHANGED` when another shape stands under this name and version;
   * `DEFINITION_INVALID` when it has no steps.
   */
  protected async register(definition: Definition): Promise<void> {
    const { db, schema, shelf } = this.#parts
    const { blueprintHash: hash, name, version, blueprint } = definition
    if (this.#registered.has(hash)) return
    checkDefinition(definition)
    const stored = await registerBlueprint(
      db,
      schema,
      { hash, definition: name, version, blueprint },
      definition.jsonSchemas(),
    )
    if (stored !== hash) {
      throw new SagaError(
        'DEFINITION_CHANGED',
        `The shape of ${name} has changed under the same version ${version}. Sagas in flight carry the old one: raise the version, or undo the change.`,
        {
          details: { definition: name, version },
        },
      )
    }
    shelf.add(hash, blueprint)
    this.#registered.add(hash)
  }

  async #startMany(requests: readonly StartRequest[], db: Db | undefined): Promise<readonly EnqueueResult[]> {
    const attempts = await Promise.all(
      requests.map(async (request): Promise<Prepared | SagaError> => {
        try {
          return await prepare(this.#parts.starter, request)
        } catch (error) {
          if (error instanceof SagaError && error.code !== 'DATABASE_UNREACHABLE') return error
          throw error
        }
      }),
    )
    const prepared = attempts.filter((attempt): attempt is Prepared => !(attempt instanceof SagaError))
    const stored = await this.#storeEach(db, prepared)
    let next = 0
    return attempts.map((attempt) =>
      attempt instanceof SagaError ? { ok: false, error: attempt } : (stored[next++] as EnqueueResult),
    )
  }

  /** All at once; when one of them is refused for its key, one by one, so that the others are stored. */
  async #storeEach(db: Db | undefined, prepared: readonly Prepared[]): Promise<readonly EnqueueResult[]> {
    if (prepared.length === 0) return []
    try {
      return (await this.#store(db, prepared)).map((started) => ({ ok: true, ...started }))
    } catch (error) {
      if (!(error instanceof SagaError) || error.code !== 'KEY_REUSED') throw error
      if (prepared.length === 1) return [{ ok: false, error }]
      // In the caller's transaction the statement has already been rolled into their work: they decide.
      if (db !== undefined) throw error
    }
    const results: EnqueueResult[] = []
    for (const one of prepared) results.push(...(await this.#storeEach(db, [one])))
    return results
  }

  async #store(db: Db | undefined, prepared: readonly Prepared[]): Promise<readonly Started[]> {
    const { starter, transaction, onEnqueued } = this.#parts
    const started = await (db === undefined
      ? transaction((own) => storeStarts(starter, own, prepared))
      : storeStarts(starter, db, prepared, { callers: true }))
    onEnqueued(db === undefined)
    return started
  }

  /** Reading may be repeated: a connection that was cut while it lay idle is nobody's business. */
  async #read<T>(run: () => Promise<T>, patienceMs = READ_PATIENCE_MS): Promise<T> {
    const giveUpAt = performance.now() + patienceMs
    return this.#reach(async () => {
      for (;;) {
        try {
          return await run()
        } catch (error) {
          if (!isConnectionError(error) || performance.now() > giveUpAt) throw error
          await delay(READ_AGAIN_MS)
        }
      }
    })
  }

  async #reach<T>(run: () => Promise<T>): Promise<T> {
    try {
      await this.#parts.ready()
      return await run()
    } catch (error) {
      throw unreachable(error)
    }
  }
}

/** Connection errors as one typed error; everything else as it is. */
export function unreachable(error: unknown): unknown {
  if (error instanceof SagaError) return error
  if ((error as { code?: unknown } | undefined)?.code === 'ERR_INVALID_URL') {
    // Without its cause, which carries the whole text, the password included.
    return new SagaError(
      'DATABASE_UNREACHABLE',
      'The connection string is not one: write postgres://user:password@host:port/database, with special characters percent-encoded.',
    )
  }
  if (!isConnectionError(error)) return error
  return new SagaError(
    'DATABASE_UNREACHABLE',
    'The database cannot be reached. Check the connection string and whether the server is up; nothing was stored by this call, unless its answer was lost.',
    {
      cause: error,
    },
  )
}

/** The verbs wait for the first connection, like everything else. */
function readyFirst(operator: Operator, ready: () => Promise<void>): Operator {
  return new Proxy(operator, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        try {
          await ready()
          return await Reflect.apply(value, target, args)
        } catch (error) {
          throw unreachable(error)
        }
      }
    },
  })
}

function plain(definition: AnyDefinition | Contract): Definition | Contract {
  return definition as Definition | Contract
}

function mustBeId(id: string): string {
  if (isId(id)) return id
  throw notFound(id)
}

function notFound(id: string): SagaError {
  return new SagaError('SAGA_NOT_FOUND', `There is no saga ${id}.`, { details: { sagaId: id } })
}
