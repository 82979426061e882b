/**
 * Circuit breakers, as this worker serves them: it counts what its own commits say, tells the others when that matters,
 * and looks after those that are open.
 *
 * Successes of a step that nobody has seen failing are not counted, so that a saga on its way costs nothing. That others
 * have seen it failing, a worker learns within half a second.
 */
import { definedName } from '../engine/core/blueprint.ts'
import { type BreakerState, EMPTY_TALLY, isProbeDue, joined, tallied } from '../engine/core/breaker.ts'
import type { ErrorInfo } from '../engine/core/state.ts'
import type { Applied, Batch } from '../engine/runtime/apply.ts'
import {
  type Breaker,
  closeReleased,
  letProbeThrough,
  recordProbe,
  recordSeen,
  type Seen,
} from '../engine/runtime/breaking.ts'
import type { LettingGoParts } from '../engine/runtime/letting-go.ts'
import { groupName, type StepBreaker } from '../engine/runtime/limits.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { uneasyBreakers } from '../engine/store/breakers.ts'
import { isConnectionError } from '../engine/store/db.ts'
import { withTimeout } from './patience.ts'
import { Rounds } from './rounds.ts'

const LOOK_MS = 500
const LEAVE_WITHIN_MS = 5_000

export type BreakersOptions = LettingGoParts & {
  /** By definition and step, under all names that a step has or had. */
  readonly breakers: ReadonlyMap<string, StepBreaker>
  readonly logger: Logger
  readonly isActive: () => boolean
}

type Probe = {
  readonly breaker: Breaker
  readonly holdId: string
  readonly sagaId: string
  readonly isSuccess: boolean
}

export class Breakers {
  readonly #options: BreakersOptions
  readonly #rounds = new Rounds(LOOK_MS, () => this.#look())
  /** Those that are open, or have failures, as far as this worker has heard. */
  #uneasy = new Map<Breaker, BreakerState>()
  /** What was seen and is not written yet. */
  #seen = new Map<Breaker, Seen>()
  #probes: Probe[] = []
  #writing: Promise<void> | undefined

  constructor(options: BreakersOptions) {
    this.#options = options
  }

  open(): void {
    if (this.#options.breakers.size > 0) this.#rounds.open()
  }

  /** When nothing is committed any more: what was seen is told to the others. */
  async close(): Promise<void> {
    await this.#rounds.close()
    if (this.#writing !== undefined) await withTimeout(this.#writing, LEAVE_WITHIN_MS)
  }

  /** What this worker has just committed. */
  told({ applied }: Batch): void {
    if (this.#options.breakers.size === 0) return
    for (const one of applied) this.#count(one)
    if (this.#seen.size > 0 || this.#probes.length > 0) this.#write()
  }

  #count(applied: Applied): void {
    const { item, definition, probes } = applied
    const { input } = item
    if ((input.type !== 'succeeded' && input.type !== 'failed') || input.side !== 'action') return
    const found = this.#options.breakers.get(groupName(definition, definedName(input.step)))
    if (found === undefined || !isTaken(applied, input.step)) return
    // Of a map it is the items that count, and not its list.
    if (found.isMap && input.step === definedName(input.step)) return
    const { breaker } = found
    const isSuccess = input.type === 'succeeded' || input.verdict === 'rejected'
    if (probes !== undefined) {
      this.#probes.push({ breaker, holdId: probes, sagaId: item.sagaId, isSuccess })
      return
    }
    const before = this.#seen.get(breaker)
    // A success says something only where there were failures. While it is open, as far as this worker has heard, failures
    // are told all the same: it may be closed by now.
    if (isSuccess && before === undefined && this.#uneasy.get(breaker)?.status !== 'closed') return
    const error: ErrorInfo | undefined = input.type === 'failed' ? input.error : before?.error
    this.#seen.set(breaker, { tally: tallied(before?.tally ?? EMPTY_TALLY, isSuccess), error })
  }

  /** One after the other: what is seen meanwhile is written together. */
  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#seen.size > 0 || this.#probes.length > 0) {
      const [seen, probes] = [this.#seen, this.#probes]
      this.#seen = new Map()
      this.#probes = []
      try {
        for (let probe = probes[0]; probe !== undefined; probe = probes[0]) {
          await this.#tellProbe(probe)
          probes.shift()
        }
        for (const [breaker, one] of seen) {
          this.#learn(breaker, await recordSeen(this.#options, breaker, one))
          seen.delete(breaker)
        }
      } catch (error) {
        // They are told with the next ones, or when this worker looks next.
        this.#probes.unshift(...probes)
        for (const [breaker, one] of seen) this.#keep(breaker, one)
        return this.#failed(error)
      }
    }
  }

  #keep(breaker: Breaker, earlier: Seen): void {
    const later = this.#seen.get(breaker)
    if (later === undefined) this.#seen.set(breaker, earlier)
    else this.#seen.set(breaker, { ...later, tally: joined(earlier.tally, later.tally) })
  }

  async #tellProbe({ breaker, ...probe }: Probe): Promise<void> {
    const after = await recordProbe(this.#options, breaker.limits, probe)
    if (after === undefined) return
    this.#learn(breaker, after)
    const { definition, step } = breaker
    this.#options.logger.info({ definition, step, state: after.status, saga: probe.sagaId }, 'a breaker has probed')
  }

  #learn(breaker: Breaker, state: BreakerState): void {
    const before = this.#uneasy.get(breaker)
    if (state.status === 'closed' && state.failures === 0) this.#uneasy.delete(breaker)
    else this.#uneasy.set(breaker, state)
    if (state.status !== 'open' || (before !== undefined && before.status !== 'closed')) return
    const { definition, step } = breaker
    this.#options.logger.warn({ definition, step, failures: state.failures }, 'a breaker is open: its step is held')
  }

  /** @returns when to look again, in ms. */
  async #look(): Promise<number> {
    const { db, applier, breakers, isActive } = this.#options
    if (!isActive()) return LOOK_MS
    try {
      if (this.#seen.size > 0 || this.#probes.length > 0) this.#write()
      await this.#writing
      const definitions = [...new Set([...breakers.values()].map(({ breaker }) => breaker.definition))]
      const rows = await uneasyBreakers(db, applier.schema, definitions)
      const uneasy = new Map<Breaker, BreakerState>()
      let next = LOOK_MS
      for (const row of rows) {
        const breaker = breakers.get(groupName(row.definition, row.step))?.breaker
        if (breaker === undefined) continue
        uneasy.set(breaker, row.state)
        if (row.state.status === 'closed') continue
        if (!row.isHolding) {
          await closeReleased(this.#options, { ...breaker, step: row.step })
          uneasy.delete(breaker)
        } else if (isProbeDue(row.state, row.now)) await letProbeThrough(this.#options, row, breaker.patienceMs)
        else next = Math.min(next, (row.state.probeUntil ?? row.state.probeAt ?? Number.POSITIVE_INFINITY) - row.now)
      }
      this.#uneasy = uneasy
      return next
    } catch (error) {
      this.#failed(error)
      return LOOK_MS
    }
  }

  #failed(error: unknown): void {
    const level = isConnectionError(error) ? 'debug' : 'warn'
    this.#options.logger[level]({ error: String(error) }, 'a breaker could not be looked after; it is tried again')
  }
}

/** Neither late nor repeated: the saga has taken it for the outcome of its attempt. */
function isTaken({ events }: Applied, step: string): boolean {
  return events.some(
    (event) => (event.type === 'step_completed' || event.type === 'attempt_failed') && event.step === step,
  )
}
