/**
 * Group commit: one transaction for everything that finished while the previous one was in flight. No timer: an idle
 * committer takes what is there at once, a busy one finds more.
 *
 * What can go wrong, and what is then true:
 * - the sagas of some items are locked elsewhere: the batch is rolled back and repeated without them at once. They wait
 *   apart, and are tried apart, for as long as it takes;
 * - somebody has a lock for longer than a batch waits for one, or the database could not write a batch five times in a
 *   row: it is tried in halves. What is left of it when it is that of one saga waits apart too, and is tried alone. All
 *   results are kept;
 * - deadlock or serialization failure: repeated, and no attempt is counted (rule 3);
 * - the data of some item cannot be written: the batch is split until that item is alone, and it is recorded as failed;
 * - the connection is lost, the answer of COMMIT included, or the database cannot do it now, whatever it is asked:
 *   everything is kept and repeated after a while. If it had been committed, the core finds that these reports are
 *   duplicates (rule 5).
 */
import { type Applier, applyBatch, type Batch, BusySagas } from '../engine/runtime/apply.ts'
import type { FaultPoints, Logger } from '../engine/runtime/ports.ts'
import { type Db, isConnectionError, isRepeatable } from '../engine/store/db.ts'
import { Backoff } from './backoff.ts'
import { BEGIN_APART, BEGIN_BATCH } from './connection.ts'
import {
  areOfOneSaga,
  type Claim,
  countEntries,
  countFailure,
  type Entry,
  finishedClaims,
  forgetCached,
  halvesOf,
  type Work,
} from './entries.ts'
import { HeldBack } from './held-back.ts'
import type { Prepared } from './prepared.ts'
import { inSessionTransaction, Session } from './sessions.ts'
import { isLockedOut, isOfTheData } from './trouble.ts'

/** So often in a row the whole batch is tried: most trouble of a database is nobody's. */
const TRIES_AS_A_WHOLE = 5

export type CommitterOptions = {
  readonly connectionString: string
  readonly prepared: Prepared
  readonly committers: number
  readonly maxBatch: number
  readonly applier: Applier
  readonly logger: Logger
  readonly faults: FaultPoints
  /** After each commit, with what it brought, and how long it took. */
  readonly onCommitted: (batch: Batch, tookMs: number) => void
}

export class Committer {
  readonly #options: CommitterOptions
  readonly #lanes: Lane[]
  readonly #backoff = new Backoff()
  #waiting: Entry[] = []
  /** Each is a batch of its own: taken together with others it would only make them fail again. */
  #apart: Work[] = []
  readonly #held = new HeldBack(() => this.#retryHeld())
  /** Sagas that a lane is writing: their next items wait, instead of meeting a lock. */
  readonly #busy = new Set<string>()
  #scheduled = false
  #closed = false
  #idle: (() => void)[] = []

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#lanes = Array.from({ length: options.committers }, (_, index) => ({
      session: new Session(options.connectionString, `pg-saga committer ${index + 1}`, {
        noticedSoon: true,
        prepared: options.prepared,
      }),
      working: false,
    }))
  }

  /** Entries that are not written yet. */
  get size(): number {
    return this.#held.size + this.#waiting.length + this.#busy.size + this.#apart.reduce(countEntries, 0)
  }

  /** Whether a commit is under way or about to begin: not while all that is left are sagas that others have locked. */
  get isWriting(): boolean {
    return this.#waiting.length > 0 || this.#busy.size > 0
  }

  add(entry: Entry): void {
    if (this.#held.has(entry.item.sagaId)) return this.#held.add(entry)
    this.#waiting.push(entry)
    this.#schedule()
  }

  /** Resolves when everything that was added is written. */
  async drained(): Promise<void> {
    if (this.size === 0) return
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve)
    })
  }

  /** Opens the connections, so that the first batch does not wait for them. */
  async open(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.session.client()))
  }

  /** After an `open` that failed for some: can be opened again. */
  drop(): void {
    for (const lane of this.#lanes) lane.session.drop()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#backoff.cancel()
    this.#held.close()
    await Promise.all(this.#lanes.map((lane) => lane.session.close()))
  }

  /** At the end of this turn of the event loop, so that what finishes together is committed together. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    for (const lane of this.#lanes) {
      if (lane.working || this.#backoff.isWaiting || this.#closed) continue
      const work = this.#take()
      if (work.entries.length === 0) return
      lane.working = true
      lane.apart = work.apart === true
      for (const entry of work.entries) this.#busy.add(entry.item.sagaId)
      void this.#commit(lane, work).then(() => {
        lane.working = false
        lane.apart = false
        this.#pump()
        if (this.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
      })
    }
  }

  /** What goes apart goes one batch after another, so that there is always a lane for the others. */
  #take(): Work {
    const [first] = this.#apart
    const isFree =
      !this.#lanes.some((lane) => lane.apart) && first?.entries.every((entry) => !this.#busy.has(entry.item.sagaId))
    if (first !== undefined && isFree === true) {
      this.#apart.shift()
      return first
    }
    const { maxBatch } = this.#options
    if (this.#busy.size === 0) return { entries: this.#waiting.splice(0, maxBatch) }
    const entries: Entry[] = []
    const left: Entry[] = []
    for (const entry of this.#waiting) {
      if (entries.length < maxBatch && !this.#busy.has(entry.item.sagaId)) entries.push(entry)
      else left.push(entry)
    }
    this.#waiting = left
    return { entries }
  }

  async #commit(lane: Lane, work: Work): Promise<void> {
    const { entries } = work
    const startedAt = performance.now()
    try {
      const { batch, claims } = await this.#write(lane, work)
      this.#options.faults('after-commit')
      this.#backoff.reset()
      for (const claim of claims) claim.removed = true
      this.#release(entries)
      this.#finish(work, batch, performance.now() - startedAt)
    } catch (error) {
      this.#release(entries)
      this.#failed(work, error)
    }
  }

  async #write(lane: Lane, { entries, apart }: Work): Promise<{ batch: Batch; claims: readonly Claim[] }> {
    const { applier, faults } = this.#options
    const items = entries.map((entry) => entry.item)
    const claims = finishedClaims(entries)
    const run = async (db: Db) => {
      const result = await applyBatch(applier, db, items, { wait: false, claims: claims.map((claim) => claim.id) })
      faults('before-commit')
      return result
    }
    const batch = await inSessionTransaction(lane.session, run, apart === true ? BEGIN_APART : BEGIN_BATCH)
    return { batch, claims }
  }

  #release(entries: readonly Entry[]): void {
    for (const entry of entries) this.#busy.delete(entry.item.sagaId)
  }

  #finish({ entries, tries }: Work, batch: Batch, tookMs: number): void {
    const skipped = new Set(batch.skipped)
    const applied = new Map(batch.applied.map((one) => [one.item, one]))
    this.#options.onCommitted(batch, tookMs)
    const busy: Entry[] = []
    for (const entry of entries) {
      if (skipped.has(entry.item)) {
        busy.push(entry)
        continue
      }
      if (entry.claim !== undefined) entry.claim.open -= 1
      const one = applied.get(entry.item)
      entry.done(one === undefined ? { type: 'orphan' } : { type: 'applied', applied: one })
    }
    if (busy.length > 0) this.#hold(busy, tries)
  }

  #failed(work: Work, error: unknown): void {
    if (this.#closed) return
    const { entries, tries } = work
    if (error instanceof BusySagas) {
      const busy = new Set(error.items)
      this.#hold(
        entries.filter((entry) => busy.has(entry.item)),
        tries,
      )
      this.#again({ ...work, entries: entries.filter((entry) => !busy.has(entry.item)) })
    } else if (isRepeatable(error)) {
      this.#again(work)
    } else if (isOfTheData(error)) {
      this.#split(work, error)
    } else {
      this.#keep(work, error)
    }
  }

  /** Nothing is wrong with the results: they are written later. */
  #keep(work: Work, error: unknown): void {
    const isAway = isConnectionError(error)
    const isLocked = isLockedOut(error)
    const entries = work.entries.map(isAway ? forgetCached : countFailure)
    const mayPass = entries.every(({ failures = 0 }) => failures < TRIES_AS_A_WHOLE)
    if (isAway || (mayPass && !isLocked)) this.#again({ ...work, entries })
    else if (areOfOneSaga(entries)) this.#hold(entries, work.tries, true)
    else this.#halve({ ...work, entries })
    // A lock is nobody else's trouble, and has been waited for.
    const delay = isLocked ? 0 : this.#backoff.wait(() => this.#pump())
    // What is tried again and again is told ever more rarely.
    const tries = Math.max(0, ...entries.map(({ item }) => work.tries?.get(item.sagaId) ?? 0))
    this.#options.logger[(tries & (tries - 1)) === 0 ? 'warn' : 'debug'](
      { error: String(error), entries: entries.length, delay },
      'the database cannot write now; results are kept',
    )
  }

  /** As before, and before everything else. */
  #again(work: Work): void {
    if (work.entries.length === 0) return
    if (work.apart === true) this.#apart.unshift(work)
    else this.#waiting.unshift(...work.entries)
    this.#schedule()
  }

  /** Somebody else has their rows. What else waits for these sagas waits with them: it would meet the same locks. */
  #hold(entries: readonly Entry[], tries?: ReadonlyMap<string, number>, isAlone = false): void {
    this.#held.refuse(entries, tries, isAlone)
    const left: Entry[] = []
    for (const entry of this.#waiting) {
      if (this.#held.has(entry.item.sagaId)) this.#held.add(entry)
      else left.push(entry)
    }
    this.#waiting = left
  }

  #retryHeld(): void {
    if (this.#backoff.isWaiting || this.#apart.length > 0) return
    const due = this.#held.takeDue(this.#options.maxBatch)
    if (due.entries.length > 0) this.#apart.push({ ...due, apart: true })
    this.#pump()
  }

  /** Halves go on apart until the one that cannot be written is found. */
  #split(work: Work, error: unknown): void {
    const { entries } = work
    const [first] = entries
    if (entries.length === 1 && first !== undefined) {
      this.#options.logger.error({ saga: first.item.sagaId, error: String(error) }, 'a transition cannot be written')
      first.done({ type: 'poisoned', error })
      return
    }
    this.#halve({ ...work, entries: entries.map(forgetCached) })
  }

  /** What comes last is put in front first. */
  #halve(work: Work): void {
    const [front, back] = halvesOf(work.entries)
    for (const entries of [back, front]) this.#again({ ...work, entries, apart: true })
  }
}

type Lane = { readonly session: Session; working: boolean; apart?: boolean }
