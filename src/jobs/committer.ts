/**
 * Group commit: one transaction for everything that finished while the previous one was in flight. No timer: an idle
 * committer takes what is there at once, a busy one finds more.
 *
 * What can go wrong, and what is then true:
 * - the sagas of some items are locked elsewhere: the batch is rolled back and repeated without them, they come next;
 * - deadlock or serialization failure: repeated, and no attempt is counted (rule 3);
 * - the data of some item cannot be written: the batch is split until that item is alone, and it is recorded as failed;
 * - the connection is lost, the answer of COMMIT included: everything is kept and repeated. If it had been committed,
 *   the core finds that these reports are duplicates (rule 5).
 */
import { type Applied, type Applier, applyBatch, type Batch, BusySagas, type Item } from '../engine/runtime/apply.ts'
import type { FaultPoints, Logger } from '../engine/runtime/ports.ts'
import { isConnectionError, isRepeatable } from '../engine/store/db.ts'
import { Backoff } from './backoff.ts'
import { inSessionTransaction, Session } from './sessions.ts'

export type Outcome =
  | { readonly type: 'applied'; readonly applied: Applied }
  /** The saga does not exist any more. */
  | { readonly type: 'orphan' }
  /** This one alone cannot be written. */
  | { readonly type: 'poisoned'; readonly error: unknown }

export type Entry = {
  readonly item: Item
  readonly done: (outcome: Outcome) => void
  /** The claim that its job belongs to. */
  readonly claim?: Claim | undefined
}

/** What one fetch brought; its row goes with the transaction that settles the last of its jobs. */
export type Claim = {
  readonly id: string
  /** Jobs of it that are not settled. */
  open: number
  /** Its row went with the transaction that settled the last one. */
  removed?: true
}

export type CommitterOptions = {
  readonly connectionString: string
  readonly committers: number
  readonly maxBatch: number
  readonly applier: Applier
  readonly logger: Logger
  readonly faults: FaultPoints
  /** After each commit, with what it brought. */
  readonly onCommitted: (batch: Batch) => void
}

export class Committer {
  readonly #options: CommitterOptions
  readonly #lanes: Lane[]
  readonly #backoff = new Backoff()
  #waiting: Entry[] = []
  /** Sagas that a lane is writing: their next items wait, instead of meeting a lock. */
  readonly #busy = new Set<string>()
  #scheduled = false
  #closed = false
  #idle: (() => void) | undefined

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#lanes = Array.from({ length: options.committers }, (_, index) => ({
      session: new Session(options.connectionString, `pg-saga committer ${index + 1}`),
      working: false,
    }))
  }

  /** Entries that are not written yet. */
  get size(): number {
    return this.#waiting.length + this.#busy.size
  }

  add(entry: Entry): void {
    this.#waiting.push(entry)
    this.#schedule()
  }

  /** Resolves when everything that was added is written. */
  async drained(): Promise<void> {
    if (this.#waiting.length === 0 && this.#busy.size === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }

  /** Opens the connections, so that the first batch does not wait for them. */
  async open(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.session.client()))
  }

  async close(): Promise<void> {
    this.#closed = true
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
      if (lane.working || this.#backoff.isWaiting) continue
      const batch = this.#take()
      if (batch.length === 0) return
      lane.working = true
      for (const entry of batch) this.#busy.add(entry.item.sagaId)
      void this.#commit(lane, batch).then(() => {
        lane.working = false
        if (this.#waiting.length > 0) this.#pump()
        else if (this.#busy.size === 0) this.#idle?.()
      })
    }
  }

  #take(): readonly Entry[] {
    const { maxBatch } = this.#options
    if (this.#busy.size === 0) return this.#waiting.splice(0, maxBatch)
    const batch: Entry[] = []
    const left: Entry[] = []
    for (const entry of this.#waiting) {
      if (batch.length < maxBatch && !this.#busy.has(entry.item.sagaId)) batch.push(entry)
      else left.push(entry)
    }
    this.#waiting = left
    return batch
  }

  async #commit(lane: Lane, entries: readonly Entry[]): Promise<void> {
    try {
      const { batch, claims } = await this.#write(lane, entries)
      this.#options.faults('after-commit')
      this.#backoff.reset()
      for (const claim of claims) claim.removed = true
      this.#release(entries)
      this.#finish(entries, batch)
    } catch (error) {
      this.#release(entries)
      this.#failed(entries, error)
    }
  }

  async #write(lane: Lane, entries: readonly Entry[]): Promise<{ batch: Batch; claims: readonly Claim[] }> {
    const { applier, faults } = this.#options
    const items = entries.map((entry) => entry.item)
    const claims = finishedClaims(entries)
    const batch = await inSessionTransaction(lane.session, async (db) => {
      const result = await applyBatch(applier, db, items, { wait: false, claims: claims.map((claim) => claim.id) })
      faults('before-commit')
      return result
    })
    return { batch, claims }
  }

  #release(entries: readonly Entry[]): void {
    for (const entry of entries) this.#busy.delete(entry.item.sagaId)
  }

  #finish(entries: readonly Entry[], batch: Batch): void {
    const skipped = new Set(batch.skipped)
    const applied = new Map(batch.applied.map((one) => [one.item, one]))
    this.#options.onCommitted(batch)
    const again: Entry[] = []
    for (const entry of entries) {
      if (skipped.has(entry.item)) {
        again.push(entry)
        continue
      }
      if (entry.claim !== undefined) entry.claim.open -= 1
      const one = applied.get(entry.item)
      entry.done(one === undefined ? { type: 'orphan' } : { type: 'applied', applied: one })
    }
    this.#later(again)
  }

  #failed(entries: readonly Entry[], error: unknown): void {
    if (this.#closed) return
    if (error instanceof BusySagas) {
      const busy = new Set(error.items)
      // The others go again at once; those that somebody else has wait for their turn behind them.
      this.#waiting.unshift(...entries.filter((entry) => !busy.has(entry.item)))
      this.#later(entries.filter((entry) => busy.has(entry.item)))
    } else if (isRepeatable(error)) {
      this.#waiting.unshift(...entries)
      this.#schedule()
    } else if (isConnectionError(error)) {
      this.#waiting.unshift(...entries.map(forgetCached))
      const delay = this.#backoff.wait(() => this.#pump())
      this.#options.logger.warn(
        { error: String(error), entries: entries.length, delay },
        'the database is away; results are kept',
      )
    } else this.#split(entries, error)
  }

  /** Halves go on alone until the one that cannot be written is found. */
  #split(entries: readonly Entry[], error: unknown): void {
    const [first] = entries
    if (entries.length === 1 && first !== undefined) {
      this.#options.logger.error({ saga: first.item.sagaId, error: String(error) }, 'a transition cannot be written')
      first.done({ type: 'poisoned', error })
      return
    }
    const middle = Math.ceil(entries.length / 2)
    const halves = [entries.slice(0, middle), entries.slice(middle)].map((half) => half.map(forgetCached))
    // Each half is a batch of its own: taken together again they would only fail together again.
    void this.#alone(halves)
  }

  async #alone(halves: readonly (readonly Entry[])[]): Promise<void> {
    const session = new Session(this.#options.connectionString, 'pg-saga splitter')
    for (const half of halves) await this.#commit({ session, working: true }, half)
    await session.close()
  }

  #later(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    this.#waiting.push(...entries)
    // Somebody else holds their rows for the length of a transaction: a short breath, not a spin.
    setTimeout(() => this.#pump(), 5)
  }
}

type Lane = { readonly session: Session; working: boolean }

/** Claims that this very batch settles the last job of. */
function finishedClaims(entries: readonly Entry[]): readonly Claim[] {
  const settled = new Map<Claim, number>()
  for (const { claim } of entries) if (claim !== undefined) settled.set(claim, (settled.get(claim) ?? 0) + 1)
  return [...settled].filter(([claim, count]) => claim.open > 0 && claim.open <= count).map(([claim]) => claim)
}

/** After trouble nothing that was remembered is believed. */
function forgetCached(entry: Entry): Entry {
  const { cached: _cached, ...item } = entry.item
  return { ...entry, item }
}
