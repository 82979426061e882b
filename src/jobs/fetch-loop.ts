/**
 * The loop that keeps a worker's slots filled: it fetches while there is a reason to think that there is work, and room
 * for it. One fetch at a time.
 *
 * After a connection error it first reads back what the worker owns, and once more a few seconds later: a COMMIT that was
 * under way on the server when the connection broke may land after the first look. And now and then without any reason,
 * so that whatever else leaves a claim that nobody runs, it is found.
 */
import type { Logger } from '../engine/runtime/ports.ts'
import { isConnectionError } from '../engine/store/db.ts'
import { Backoff } from './backoff.ts'
import { type Fetched, type Fetcher, TakenOver, Unwanted } from './fetcher.ts'
import type { Identity } from './owner.ts'

const POLL_MS = 500
const LOOK_AGAIN_MS = 5_000
/** One look into an index. */
const RECONCILE_MS = 60_000

export type FetchLoopOptions = {
  readonly fetcher: Pick<Fetcher, 'fetch' | 'reconcile'>
  readonly logger: Logger
  /** How many jobs to ask for; 0 while nothing may be fetched. */
  readonly wanted: () => number
  readonly identity: () => Identity
  readonly take: (fetched: Fetched) => void
  readonly onFetched: (jobs: number) => void
  /** Whether others tell this worker of what they enqueue. */
  readonly isTold: () => boolean
  /** The database knows this worker under no such name any more. */
  readonly onTakenOver: () => void
}

export class FetchLoop {
  readonly #options: FetchLoopOptions
  readonly #backoff = new Backoff()
  #open = false
  #hint = true
  #underWay: Promise<void> | undefined
  #mustReconcile = false
  #poll: NodeJS.Timeout | undefined
  #reconciling: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined

  constructor(options: FetchLoopOptions) {
    this.#options = options
  }

  open(): void {
    this.#open = true
    this.#poll = setInterval(() => this.kick(), POLL_MS)
    this.#reconciling = setInterval(() => this.reconcile(), RECONCILE_MS)
    this.kick()
  }

  /** Resolves when no fetch is under way any more; what a last one brought has been taken, or was never fetched. */
  async close(): Promise<void> {
    this.#open = false
    clearInterval(this.#poll)
    clearInterval(this.#reconciling)
    clearTimeout(this.#again)
    this.#backoff.cancel()
    await this.#underWay
  }

  /** There may be jobs. */
  kick(): void {
    this.#hint = true
    this.goOn()
  }

  /** There is room. */
  goOn(): void {
    if (this.#underWay !== undefined || !this.#mayFetch()) return
    this.#underWay = this.#run().finally(() => {
      this.#underWay = undefined
    })
  }

  /** What is owned is to be read back: something was under way that nothing is known of. */
  reconcile(): void {
    this.#mustReconcile = true
    this.kick()
  }

  #mayFetch(): boolean {
    return this.#open && this.#hint && !this.#backoff.isWaiting && this.#options.wanted() > 0
  }

  async #run(): Promise<void> {
    try {
      while (this.#mayFetch()) await this.#once()
    } catch (error) {
      this.#failed(error)
    }
  }

  async #once(): Promise<void> {
    const { fetcher, identity, wanted, take, onFetched, isTold } = this.#options
    if (this.#mustReconcile) await this.#readBack()
    this.#hint = false
    const fetched = await fetcher.fetch(Math.max(1, wanted()), identity(), () => this.#open)
    this.#backoff.reset()
    if (fetched === undefined) return
    // Of what comes meanwhile this worker is told; another look would stand in the way of the fetch for that.
    if (fetched.isFull || !isTold()) this.#hint = true
    onFetched(fetched.jobs.length)
    take(fetched)
  }

  /** Asked for once more while it is under way, it is done once more: that question came too late for this answer. */
  async #readBack(): Promise<void> {
    const { fetcher, identity, take } = this.#options
    this.#mustReconcile = false
    try {
      for (const found of await fetcher.reconcile(identity())) take(found)
    } catch (error) {
      this.#mustReconcile = true
      throw error
    }
  }

  #failed(error: unknown): void {
    if (error instanceof Unwanted) return
    if (error instanceof TakenOver) return this.#options.onTakenOver()
    this.#hint = true
    if (!this.#open) return
    if (isConnectionError(error)) {
      this.#mustReconcile = true
      clearTimeout(this.#again)
      this.#again = setTimeout(() => this.reconcile(), LOOK_AGAIN_MS)
    }
    this.#options.logger.warn({ error: String(error) }, 'a fetch failed')
    this.#backoff.wait(() => this.kick())
  }
}
