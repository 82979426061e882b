/** The API of a process that starts, reads and operates sagas: no step code, no services. */

import { setTimeout as delay } from 'node:timers/promises'
import { Audit, type AuditParts } from './audit.ts'
import type { Status } from './core/machine.ts'
import { isLive, STATUSES } from './core/machine.ts'
import type { AnyDefinition, Contract, Definition, InputOf, ResultsOf } from './definition.ts'
import { type Duration, toMs } from './duration.ts'
import { SagaError } from './errors.ts'
import { Excerpts } from './excerpts.ts'
import { checkCap, checkFilter, checkPage, checkTriageState } from './filter.ts'
import type { Maintenance } from './maintenance.ts'
import { Operations } from './operations.ts'
import { Operator, type OperatorOptions } from './operator.ts'
import { Waiters } from './outcomes.ts'
import { isId } from './runtime/ids.ts'
import { resultsFor } from './runtime/saga-code.ts'
import type { Started, StartOptions } from './runtime/start.ts'
import { outcomeOf, type SagaOutcome, type SagaView, viewOf } from './saga-view.ts'
import { type EnqueueOptions, type EnqueueResult, Starts, type StartsParts } from './starts.ts'
import { type SagaFilter } from './store/conditions.ts'
import { countByStatus } from './store/counting.ts'
import { type Db, isConnectionError } from './store/db.ts'
import { type ErrorGroup, readErrorGroups } from './store/error-groups.ts'
import { type GroupGauge, readLargestGroups, readStoredGauges, type StoredGauges } from './store/gauges.ts'
import { isInOrder, isOfAll, onlyInOrder } from './store/in-order.ts'
import { type JournalEntry, readJournal } from './store/journal.ts'
import { listSummaries, type Page, type PageOrder, readSummary } from './store/reading.ts'
import { readTriage, readTriagesWithoutSagas, type Triage, type TriageState } from './store/triage.ts'
import { type QueuePort, type SchedulePort, System } from './system.ts'
import { readyFirst, unreachable } from './unreachable.ts'

export type { SagaOutcome, SagaView, StepView } from './saga-view.ts'

export type SagaClientParts = StartsParts & {
  readonly operator: OperatorOptions
  readonly maintenance: Maintenance
  readonly audit: AuditParts
  readonly queues: QueuePort
  readonly schedules: SchedulePort
  /** How much waits in the queue, and for how long the oldest of it. */
  readonly queueDepth: (db: Db) => Promise<SagaGauges['queue']>
  /** Opens connections and checks the schema, once. */
  readonly ready: () => Promise<void>
  /** The same parts for reading only. */
  readonly reading: (limits: ReadingLimits) => Omit<SagaClientParts, 'ready'>
}

/** What keeps those who look from being in the way of those who work. */
export type ReadingLimits = {
  /** Connections at most. */
  readonly maxAtOnce: number
  /** For each statement, and for a connection to be free. */
  readonly withinMs: number
}

/** How much there is at a moment: see `gauges()`. */
export type SagaGauges = StoredGauges & {
  /** Of the dead letters, the largest first. */
  readonly groups: readonly GroupGauge[]
  /** Jobs that no worker has fetched yet, and how long the oldest of them has waited, in ms. */
  readonly queue: { readonly depth: number; readonly oldestMs: number }
}

const GAUGED_GROUPS = 20
const GAUGES_WITHIN_MS = 5_000

const DEFAULT_OUTCOME_TIMEOUT_MS = 60_000
const WATCH_MS = 100
const READ_PATIENCE_MS = 500
const READ_AGAIN_MS = 25

export class SagaClient {
  readonly #parts: SagaClientParts
  readonly #starts: Starts
  protected readonly waiters: Waiters
  /** The verbs: retry, compensate, cancel, pause, resume, hold, release, resolve, rerun. */
  readonly operator: Operator
  /** The verbs over many sagas at once, as operations that workers go on with. */
  readonly operations: Operations
  /** What workers do for all sagas when it is due, and what they have done. */
  readonly maintenance: Maintenance
  /** Workers, queues and schedules, what needs somebody, and figures of the past. */
  readonly system: System
  /** Who did what and why, and who was refused what. */
  readonly audit: Audit
  /** A saga's history in parts, each with an end. */
  readonly excerpts: Excerpts

  constructor(parts: SagaClientParts) {
    this.#parts = parts
    this.#starts = new Starts(parts)
    this.waiters = new Waiters(parts.db, parts.schema)
    const operator = new Operator(parts.operator)
    this.operator = readyFirst(operator, parts.ready)
    this.maintenance = readyFirst(parts.maintenance, parts.ready)
    this.system = readyFirst(new System(parts), parts.ready)
    this.audit = readyFirst(new Audit(parts.audit), parts.ready)
    this.excerpts = readyFirst(new Excerpts(parts), parts.ready)
    this.operations = readyFirst(new Operations(parts.operator, operator), parts.ready)
  }

  /**
   * This client for those who only look, over the same connections: each question in a read-only transaction, with limits.
   * Two connections of the pool are left to others, where it has three or more. Whatever would change something fails.
   *
   * @throws SagaError, from its methods, `READ_TOO_SLOW`, `READ_ONLY`.
   */
  forReading(limits: ReadingLimits): SagaClient {
    const { ready } = this.#parts
    return new SagaClient({ ...this.#parts.reading(limits), ready })
  }

  /**
   * Starts a saga, in the caller's transaction when `db` is given: a rollback leaves nothing behind.
   *
   * @returns its id, and whether this call created it: a repeated key finds the first saga.
   * @throws SagaError `INPUT_INVALID` (with the fields), `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `KEY_REUSED`,
   * `KEY_CONFLICT_RETRY`, `KEY_BUSY`, `TRANSACTION_REQUIRED` when `db` is in none, `NAME_INVALID` for a key, id, tag, priority or
   * moment, and for a deadline that leaves no time,
   * `DEFINITION_UNKNOWN`, `DEFINITION_INVALID`, `DEFINITION_CHANGED`, `NOT_AUTHORIZED`, `DATABASE_UNREACHABLE`.
   */
  async enqueue<D extends AnyDefinition | Contract>(
    definition: D,
    input: InputOf<D>,
    options: EnqueueOptions = {},
  ): Promise<Started> {
    return this.#reach(() => this.#starts.one(definition, input, options))
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
    return this.#reach(() => this.#starts.many(definition, items, options))
  }

  /** One saga with its steps, results, errors and times; `undefined` when there is none. */
  async get(id: string): Promise<SagaView | undefined> {
    if (!isId(id)) return undefined
    return this.#read(async () => {
      const { db, schema, shelf } = this.#parts
      const summary = await readSummary(db, schema, id)
      if (summary === undefined) return undefined
      const { definition } = summary
      const journal = await this.#shown(await readJournal(db, schema, id), id, definition)
      await shelf.load(db, [summary.state.blueprint])
      return viewOf(summary, journal, shelf)
    })
  }

  /**
   * The newest first.
   *
   * @param page `looks`: where no index has what the filter wants in this order (a version, a step, attempts, a build, a
   * compensation, a beginning of a key that ten times as many sagas have), no more sagas than that are looked at for one page. The page
   * then says `endedEarly`, and its cursor leads on.
   * @throws SagaError `FILTER_INVALID` for a filter, page size (1 to 1000) or cursor that cannot be.
   */
  async list(filter: SagaFilter = {}, page: Partial<PageOrder> = {}): Promise<Page> {
    const { limit = 50, cursor, looks } = page
    checkFilter(filter)
    checkPage(limit, cursor)
    const order = {
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(looks === undefined ? {} : { looks: checkCap(looks) }),
    }
    return this.#read(() =>
      this.#inOrder(isInOrder(filter), (db) => listSummaries(db, this.#parts.schema, filter, order)),
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
      const counted = await this.#inOrder(isOfAll(filter), (db) =>
        countByStatus(db, this.#parts.schema, filter, wanted, cap),
      )
      return Object.fromEntries(STATUSES.map((status) => [status, counted[status] ?? 0])) as Record<Status, number>
    })
  }

  /**
   * What the dead letters have in common: one group for each error at a step, the largest first, with an example. Messages
   * that differ only in ids, numbers, quoted text or addresses are the same error.
   *
   * @param filter only of these sagas. Live sagas and those at rest are in no group.
   * @param options `cap`: how far the sagas of a group are counted (10 001 by default, the newest ones); `limit`: groups at
   * most (100 by default); `state`: only those that stand so in triage.
   * @throws SagaError `FILTER_INVALID`.
   */
  async errorGroups(
    filter: SagaFilter = {},
    options: { readonly cap?: number; readonly limit?: number; readonly state?: TriageState } = {},
  ): Promise<readonly ErrorGroup[]> {
    const { limit = 100, state } = options
    checkFilter(filter)
    checkPage(limit, undefined)
    const cap = checkCap(options.cap ?? 10_001)
    if (state !== undefined) checkTriageState(state)
    const how = { cap, limit, ...(state === undefined ? {} : { state }) }
    return this.#read(() => this.#inOrder(true, (db) => readErrorGroups(db, this.#parts.schema, filter, how)))
  }

  /** What people have made of an error group, whether or not a saga is in it now; `undefined` where nobody has. */
  async triage(errorGroup: string): Promise<Triage | undefined> {
    checkFilter({ errorGroup })
    return this.#read(() => readTriage(this.#parts.db, this.#parts.schema, errorGroup))
  }

  /**
   * Groups in which no saga is any more, of which that was said last: they keep it, and their notes, for when they come
   * back.
   *
   * @throws SagaError `FILTER_INVALID`.
   */
  async goneGroups(
    said: TriageState,
    options: { readonly limit?: number; readonly definition?: string } = {},
  ): Promise<readonly Triage[]> {
    const { limit = 100, definition } = options
    checkTriageState(said)
    checkPage(limit, undefined)
    checkFilter(definition === undefined ? {} : { definition })
    const which = { said, limit, ...(definition === undefined ? {} : { definition }) }
    return this.#read(() => readTriagesWithoutSagas(this.#parts.db, this.#parts.schema, which))
  }

  /**
   * How much there is at this moment, for monitoring: what is under way, what waits and for how long, the dead letters by
   * error group (the 20 largest). Counts go up to 10 001. It costs a few index scans; ask every few seconds at most.
   */
  async gauges(): Promise<SagaGauges> {
    const { schema, transaction, queueDepth } = this.#parts
    return this.#read(() =>
      transaction(async (tx) => {
        // Whoever watches must be no burden, and asks again.
        await tx.executeSql(`set local statement_timeout = ${GAUGES_WITHIN_MS}`)
        const stored = await readStoredGauges(tx, schema)
        const groups = stored.deadLetters === 0 ? [] : await readLargestGroups(tx, schema, GAUGED_GROUPS)
        return { ...stored, groups, queue: await queueDepth(tx) }
      }),
    )
  }

  /**
   * The saga's events, in order.
   *
   * @throws SagaError `SAGA_NOT_FOUND`.
   */
  async journal(id: string): Promise<readonly JournalEntry[]> {
    const entries = await this.#read(async () => {
      return this.#shown(await readJournal(this.#parts.db, this.#parts.schema, mustBeId(id)), id)
    })
    if (entries.length === 0) throw notFound(id)
    return entries
  }

  /**
   * Waits until the saga is at rest, or a dead letter.
   *
   * @param options `definition`: types the results, which have its names for steps that were renamed.
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
      if (!isLive(saga.status)) return this.#outcomeFor(saga, options.definition) as SagaOutcome<ResultsOf<D>>
    }
    throw new SagaError('TIMEOUT', `Saga ${id} is not at rest after ${timeoutMs} ms. It goes on; ask again.`, {
      details: { sagaId: id },
    })
  }

  #outcomeFor(saga: SagaView, definition: Definition | undefined): SagaOutcome {
    const outcome = outcomeOf(saga)
    const blueprint = this.#parts.shelf.get(saga.state.blueprint)
    if (outcome.status !== 'completed' || definition === undefined || blueprint === undefined) return outcome
    return { ...outcome, results: resultsFor(definition, blueprint, outcome.results) }
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
      const entries = await this.#read(async () => this.#shown(await readJournal(db, schema, id, after), id))
      for (const entry of entries) {
        yield entry
        after = entry.sequence
      }
      if (settled && entries.length === 0) return
    }
  }

  /** @param definition asked for where it is not given, and some payload is encoded. */
  #shown(entries: readonly JournalEntry[], id: string, definition?: string): Promise<readonly JournalEntry[]> {
    const { db, schema, starter } = this.#parts
    return starter.encoding.shown(entries, async () => {
      return { sagaId: id, definition: definition ?? (await readSummary(db, schema, id))?.definition ?? '' }
    })
  }

  /** See `Starts.register`. */
  protected register(definition: Definition): Promise<void> {
    return this.#starts.register(definition)
  }

  protected closeReading(): void {
    this.waiters.close()
  }

  /** @param hasIndex An index has in order what is asked for: no statement that would sort. */
  async #inOrder<T>(hasIndex: boolean, run: (db: Db) => Promise<T>): Promise<T> {
    if (!hasIndex) return run(this.#parts.db)
    return this.#parts.transaction(async (tx) => {
      await onlyInOrder(tx)
      return run(tx)
    })
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

function mustBeId(id: string): string {
  if (isId(id)) return id
  throw notFound(id)
}

function notFound(id: string): SagaError {
  return new SagaError('SAGA_NOT_FOUND', `There is no saga ${id}.`, { details: { sagaId: id } })
}
