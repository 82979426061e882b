/**
 * Finds sagas that wait for something that is not there, because somebody has deleted it behind the engine's back, and
 * mends them (rule 11).
 *
 * One worker at a time goes through all sagas that are not finished, page by page, and rests after each page for many
 * times as long as it took.
 */
import type { Logger } from '../engine/runtime/ports.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { firstWorker } from '../engine/store/workers.ts'
import { type Lacking, lackingInPage, type Schemas, WATCHED } from './lacking.ts'
import type { Mending } from './mending.ts'
import { Rounds } from './rounds.ts'
import { countsOf } from './watchdog-log.ts'

const PAGE = 500
const REST_TIMES = 10
const NAMED = 5

/** What one way through all sagas has found. */
export type WatchdogReport = {
  readonly sagas: number
  readonly mended: readonly Lacking[]
  /** Not mended this time: somebody else has the saga locked, it could not be written, or it comes after others. */
  readonly left: readonly Lacking[]
}

type Pass = { sagas: number; readonly mended: Lacking[]; readonly left: Lacking[] }

export type WatchdogOptions = Schemas & {
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly logger: Logger
  readonly mending: Mending
  readonly everyMs: number
  /** Of this worker. */
  readonly id: () => string
  readonly isActive: () => boolean
  readonly onDone: (report: WatchdogReport) => void
}

export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #rounds: Rounds
  #status = 0
  #after: string | undefined
  #report: Pass = { sagas: 0, mended: [], left: [] }
  #hasBegun = false
  /** Sagas that waited in no line the last time, and this time. */
  #unplaced: { readonly before: ReadonlySet<string>; readonly now: Set<string> } = { before: new Set(), now: new Set() }

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#rounds = new Rounds(options.everyMs, () => this.#look())
  }

  open(): void {
    this.#rounds.open()
  }

  close(): Promise<void> {
    return this.#rounds.close()
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { isActive, logger, everyMs } = this.#options
    try {
      if (!isActive() || !(await this.#isMyTurn())) return this.#again(everyMs)
      const startedAt = performance.now()
      const isDone = await this.#page()
      if (isDone) return this.#again(everyMs)
      return REST_TIMES * (performance.now() - startedAt)
    } catch (error) {
      const level = isConnectionError(error) ? 'debug' : 'warn'
      logger[level]({ error: String(error) }, 'the watchdog could not look; it looks again')
      return this.#again(everyMs)
    }
  }

  /** From the beginning. */
  #again(inMs: number): number {
    this.#status = 0
    this.#after = undefined
    this.#report = { sagas: 0, mended: [], left: [] }
    this.#hasBegun = false
    return inMs
  }

  async #isMyTurn(): Promise<boolean> {
    const { db, schema, id } = this.#options
    // Who has begun goes through to the end.
    this.#hasBegun ||= (await firstWorker(db, schema)) === id()
    return this.#hasBegun
  }

  /** @returns whether it was the last one. */
  async #page(): Promise<boolean> {
    const { transaction, schema, bossSchema, mending, onDone } = this.#options
    const status = WATCHED[this.#status]
    if (status === undefined) {
      this.#unplaced = { before: this.#unplaced.now, now: new Set() }
      onDone(this.#report)
      return true
    }
    const look = (tx: Db) => lackingInPage(tx, { schema, bossSchema }, status, this.#after, PAGE)
    const { lacking, sagas, last } = await transaction(look)
    const ripe = lacking.filter((one) => this.#isRipe(one))
    const mended = ripe.length === 0 ? [] : await mending.mend(ripe)
    if (lacking.length > 0) this.#tell(lacking, mended)
    const done = new Set(mended.map((one) => JSON.stringify(one)))
    const left = lacking.filter((one) => !done.has(JSON.stringify(one)))
    // One by one: they can be more than a call can be given.
    for (const one of mended) this.#report.mended.push(one)
    for (const one of left) this.#report.left.push(one)
    this.#report.sagas += sagas
    this.#after = sagas < PAGE ? undefined : last
    if (this.#after === undefined) this.#status += 1
    return false
  }

  /**
   * Who waits in a line is put back when it was missing the last time too: by then whoever stood at the front has been put
   * back there. Else the line would look as if it had nobody at its front, and the next one would go there beside it.
   */
  #isRipe(lacking: Lacking): boolean {
    if (lacking.what !== 'place' || lacking.isFront) return true
    this.#unplaced.now.add(lacking.sagaId)
    return this.#unplaced.before.has(lacking.sagaId)
  }

  #tell(lacking: readonly Lacking[], mended: readonly Lacking[]): void {
    const sagas = [...new Set(lacking.map(({ sagaId }) => sagaId))].slice(0, NAMED)
    const about = { found: lacking.length, mended: mended.length, what: countsOf(lacking), sagas }
    this.#options.logger.warn(about, 'sagas waited for something that was not there')
  }
}
