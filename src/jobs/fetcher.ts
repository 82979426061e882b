/**
 * Fetching: as many jobs as there are free slots, claimed and loaded in one transaction.
 *
 * After a connection error nothing is known of what was under way, so the worker reads back what it owns: no claim
 * stays that nobody runs.
 */
import type { BlueprintShelf } from '../engine/runtime/blueprint-shelf.ts'
import type { LoadedSaga } from '../engine/runtime/context.ts'
import { newId } from '../engine/runtime/ids.ts'
import type { FaultPoints, JobData } from '../engine/runtime/ports.ts'
import { type Db, inOneFlight } from '../engine/store/db.ts'
import { type HoldsByDefinition, readActiveHolds } from '../engine/store/holds.ts'
import { readPayloads } from '../engine/store/journal.ts'
import { readRevisions } from '../engine/store/revisions.ts'
import { readSagas } from '../engine/store/sagas.ts'
import { awaitFetchTurn, type ClaimedJob, insertClaim, readClaims } from '../engine/store/workers.ts'
import type { AppBoss } from './app-boss.ts'
import type { SagaCache } from './cache.ts'
import { BEGIN_FETCH } from './connection.ts'
import type { Claim } from './entries.ts'
import type { Identity } from './owner.ts'
import type { Prepared } from './prepared.ts'
import { STEP_QUEUE } from './queues.ts'
import { inSessionTransaction, Session } from './sessions.ts'
import { isForgotten, lacksMaps, settledMaps, wantedItems } from './wanted-items.ts'

export type Fetched = {
  readonly claim: Claim
  readonly jobs: readonly ClaimedJob[]
  readonly sagas: ReadonlyMap<string, LoadedSaga>
  readonly holds: HoldsByDefinition
  /** As many were there as were asked for, so that there may be more. */
  readonly isFull: boolean
}

export type FetcherOptions = {
  readonly connectionString: string
  readonly prepared: Prepared
  readonly schema: string
  readonly boss: AppBoss
  readonly cache: SagaCache
  readonly shelf: BlueprintShelf
  readonly faults: FaultPoints
  /** How many jobs of a group may run at once. */
  readonly permits: ReadonlyMap<string, number>
}

/** The batch size stands literally in pg-boss's statement, so that a few sizes keep the plans few. */
export function batchSize(free: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, free)))
}

/** Of groups that only others limit: pg-boss counts with an integer. */
const UNLIMITED = 2 ** 31 - 1

export class TakenOver extends Error {}
export class Unwanted extends Error {}

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #session: Session
  readonly #claims = new Set<string>()

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#session = new Session(options.connectionString, 'pg-saga fetch', {
      noticedSoon: true,
      prepared: options.prepared,
    })
  }

  async open(): Promise<void> {
    await this.#session.client()
  }

  /** After an `open` that failed: can be opened again. */
  drop(): void {
    this.#session.drop()
  }

  async close(): Promise<void> {
    await this.#session.close()
  }

  /** Forgets a claim whose row is gone. */
  settled(claim: Claim): void {
    this.#claims.delete(claim.id)
  }

  /**
   * @param isWanted asked before the commit: whether what was fetched can still be run.
   * @returns `undefined` when the queue is empty.
   * @throws TakenOver when the worker is not who it was, Unwanted when it stops meanwhile: nothing was fetched.
   */
  async fetch(limit: number, who: Identity, isWanted: () => boolean): Promise<Fetched | undefined> {
    const { schema, faults, permits } = this.#options
    const id = newId()
    const size = batchSize(limit)
    const fetched = await inSessionTransaction(
      this.#session,
      async (db) => {
        const jobs = await this.#next(db, size)
        faults('fetched')
        if (jobs.length === 0) return undefined
        const claimed = jobs.map(claimedJob)
        const claim = { id, workerId: who.id, epoch: who.epoch, jobs: claimed }
        const [isOurs, loaded] = await inOneFlight(
          db,
          () => insertClaim(db, schema, claim),
          () => this.#load(db, claimed),
        )
        if (!isOurs) throw new TakenOver('This worker was taken over.')
        faults('claimed')
        if (!isWanted()) throw new Unwanted('This worker stops.')
        return { jobs: claimed, ...loaded }
      },
      BEGIN_FETCH,
    )
    if (fetched === undefined) return undefined
    this.#claims.add(id)
    // Where groups are limited, pg-boss can bring fewer than there are.
    const isFull = fetched.jobs.length === size || permits.size > 0
    return { claim: { id, open: fetched.jobs.length }, isFull, ...fetched }
  }

  /**
   * Jobs that may run now. pg-boss counts what is active of a group and then takes as many as there are permits left:
   * exact only for one at a time, so that workers with limited steps fetch in turn. The turn ends with the transaction,
   * and the statement that counts comes after the one that waits: it sees what those before it have taken.
   */
  async #next(db: Db, size: number): Promise<readonly FetchedJob[]> {
    const { boss, schema, permits } = this.#options
    const fetch = async (options: object): Promise<readonly FetchedJob[]> =>
      (await boss.fetch(STEP_QUEUE, { batchSize: size, db, ...options })) as unknown as FetchedJob[]
    if (permits.size === 0) return fetch({})
    const groupConcurrency = { default: UNLIMITED, tiers: Object.fromEntries(permits) }
    const [, jobs] = await inOneFlight(
      db,
      () => awaitFetchTurn(db, schema),
      () => fetch({ groupConcurrency }),
    )
    return jobs
  }

  /** What this worker owns without knowing it, because the answer of a fetch was lost. */
  async reconcile(who: Identity): Promise<readonly Fetched[]> {
    const { schema } = this.#options
    const db = await this.#session.db()
    // As it is before: what is settled while this reads would look like something that nobody runs.
    const known = new Set(this.#claims)
    const claims = await readClaims(db, schema, who.id, 1_000)
    const unknown = claims.filter((claim) => !known.has(claim.id))
    const found: Fetched[] = []
    for (const { id, jobs } of unknown) {
      found.push({ claim: { id, open: jobs.length }, jobs, isFull: false, ...(await this.#load(db, jobs)) })
    }
    // Only now: whoever could not read all of it reads all of it again.
    for (const { claim } of found) this.#claims.add(claim.id)
    return found
  }

  /**
   * State and payloads of the sagas, without those that are remembered as they are stored. That the job names the
   * remembered revision is not enough: a cancel or a pause moves the saga on and leaves the job.
   */
  async #load(db: Db, jobs: readonly ClaimedJob[]): Promise<Pick<Fetched, 'sagas' | 'holds'>> {
    const { cache, schema, shelf } = this.#options
    const wanted = new Set<string>()
    const known = new Map<string, LoadedSaga>()
    for (const job of jobs) {
      const cached = cache.get(job.saga, job.revision)
      const isKnown = cached !== undefined && !isForgotten(job, cached, shelf.get(cached.state.blueprint))
      if (isKnown) known.set(job.saga, cached)
      else wanted.add(job.saga)
    }
    for (const id of wanted) known.delete(id)
    const [sagas, revisions, holds] = await inOneFlight(
      db,
      () => this.#read(db, wanted, jobs),
      () => readRevisions(db, schema, [...known.keys()]),
      () => readActiveHolds(db, schema),
    )
    const moved = new Set<string>()
    for (const [id, saga] of known) {
      if (revisions.get(id) === saga.revision) sagas.set(id, saga)
      else moved.add(id)
    }
    for (const [id, saga] of await this.#read(db, moved, jobs)) sagas.set(id, saga)
    await shelf.load(
      db,
      [...sagas.values()].map((saga) => saga.state.blueprint),
    )
    // What an item sees is said by its blueprint, which is known only now.
    const lacking = jobs.flatMap((job) => {
      const saga = sagas.get(job.saga)
      return saga !== undefined && lacksMaps(job, saga, shelf.get(saga.state.blueprint)) ? [job.saga] : []
    })
    const again = new Set(lacking)
    for (const [id, saga] of await this.#read(db, again, jobs, again)) sagas.set(id, saga)
    return { sagas, holds }
  }

  /** @param all sagas of which all results of items are wanted, whatever the jobs are. */
  async #read(
    db: Db,
    wanted: ReadonlySet<string>,
    jobs: readonly ClaimedJob[],
    all?: ReadonlySet<string>,
  ): Promise<Map<string, LoadedSaga>> {
    const sagas = new Map<string, LoadedSaga>()
    if (wanted.size === 0) return sagas
    const { schema } = this.#options
    const ids = [...wanted]
    const items = wantedItems(jobs, all)
    const [rows, found] = await inOneFlight(
      db,
      () => readSagas(db, schema, ids),
      () => readPayloads(db, schema, ids, items),
    )
    for (const row of rows) {
      const payloads = found.get(row.id) ?? { input: 'null', results: {} }
      const isWhole = payloads.lists !== undefined && items.sagas.includes(row.id)
      const whole = isWhole ? { wholeMaps: settledMaps(row.state, payloads.lists) } : {}
      sagas.set(row.id, { ...row, payloads: { ...payloads, ...whole } })
    }
    return sagas
  }
}

type FetchedJob = {
  readonly id: string
  readonly retryCount: number
  readonly data: JobData
  readonly groupId?: string | null
}

function claimedJob({ id, retryCount, data, groupId }: FetchedJob): ClaimedJob {
  const { saga, step, side, attempt, revision } = data
  const job = { id, retryCount, saga, step, side, attempt, revision }
  return typeof groupId === 'string' ? { ...job, group: groupId } : job
}
