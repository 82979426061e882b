/**
 * Recovery: what becomes of sagas that make no progress, as their definitions say. Each is looked at again under its lock,
 * and left alone if it has moved on; what is done to it, and that it was, commits together.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { checkAct } from '../engine/acts.ts'
import { flightsOf, type InFlight } from '../engine/core/state.ts'
import type { DutyOrder, RecoveryOutcome, RecoveryReport } from '../engine/duties.ts'
import { type Applier, applyBatch, type Item } from '../engine/runtime/apply.ts'
import { UNLIMITED } from '../engine/runtime/limits.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'
import { ownRequest } from '../engine/store/own-requests.ts'
import { lockSagas } from '../engine/store/sagas.ts'
import type { Schemas } from './lacking.ts'
import { lostItem } from './losses.ts'
import { countRecovery, handsOf, type StuckSaga, stuckInPage } from './stuck.ts'

const NAMED = 100
const REST_TIMES = 5
const ACTOR = 'maintenance'

export type RecoveryParts = Schemas & {
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly applier: Applier
  readonly logger: Logger
  /** Jobs were inserted. */
  readonly onJobs: () => void
  /** Somebody has left a line. */
  readonly onLine: () => void
}

type Handled = { readonly outcome: RecoveryOutcome; readonly why?: string }

export class Recovery {
  readonly #parts: RecoveryParts

  constructor(parts: RecoveryParts) {
    this.#parts = parts
  }

  async run({ isDry, goesOn, stuckAfterMs }: DutyOrder): Promise<RecoveryReport> {
    const outcomes: { [outcome in RecoveryOutcome]?: number } = {}
    const sagas: RecoveryReport['sagas'][number][] = []
    let found = 0
    for (const status of ['running', 'compensating'] as const) {
      let after: string | undefined
      do {
        if (!goesOn()) return { found, outcomes, sagas, hasMore: true }
        const beganAt = performance.now()
        const page = await this.#page(status, after, stuckAfterMs)
        for (const one of page.stuck) {
          if (!goesOn()) return { found, outcomes, sagas, hasMore: true }
          const { sagaId, definition, unchangedSince } = one
          const handled = await this.#handle(one, isDry).catch((error: unknown): Handled => {
            return { outcome: 'failed', why: String(error) }
          })
          found += 1
          outcomes[handled.outcome] = (outcomes[handled.outcome] ?? 0) + 1
          if (sagas.length < NAMED) sagas.push({ sagaId, definition, unchangedSince, ...handled })
        }
        after = page.last
        if (after !== undefined) await delay(REST_TIMES * (performance.now() - beganAt))
      } while (after !== undefined)
    }
    if (found > 0) this.#parts.logger.warn({ found, outcomes, isDry }, 'sagas have made no progress')
    return { found, outcomes, sagas, hasMore: false }
  }

  #page(status: 'running' | 'compensating', after: string | undefined, stuckAfterMs: number | undefined) {
    const { transaction } = this.#parts
    // In a transaction of ours, whose settings keep the server to the indexes.
    return transaction((tx) => stuckInPage(tx, this.#parts, status, after, stuckAfterMs))
  }

  async #handle(stuck: StuckSaga, isDry: boolean): Promise<Handled> {
    const { whenStuck, recoveries, maxRecoveries, isQueued } = stuck
    if (isQueued) {
      if (!isDry) this.#parts.onJobs()
      return { outcome: 'queued' }
    }
    if (whenStuck === 'report') return { outcome: 'reported' }
    if (recoveries >= maxRecoveries) return { outcome: 'exhausted', why: `recovered ${recoveries} times` }
    const outcome = whenStuck === 'resume' ? 'resumed' : 'compensated'
    if (isDry) return { outcome }
    const handled = await this.#parts.transaction((tx) => this.#recover(tx, stuck, outcome))
    this.#parts.onJobs()
    this.#parts.onLine()
    return handled
  }

  async #recover(db: Db, stuck: StuckSaga, outcome: 'resumed' | 'compensated'): Promise<Handled> {
    const { applier, schema } = this.#parts
    const { sagaId, revision, recoveries } = stuck
    const [row] = await lockSagas(db, schema, [{ id: sagaId, revision: 0 }], { wait: false })
    if (row?.revision !== revision || row.state === null) return { outcome: 'left' }
    // Under the lock, and once more: a worker may have fetched it since it was found.
    const flights = flightsOf(row.state)
    const hand = (await handsOf(db, this.#parts, new Map([[sagaId, flights]]))).get(sagaId)
    if (hand !== undefined) return { outcome: hand === 'the queue' ? 'queued' : 'left' }
    const { applied } = await applyBatch(applier, db, itemsFor(flights, stuck, outcome), { wait: true })
    const ignored = outcome === 'compensated' ? applied[0]?.ignored : undefined
    await countRecovery(db, schema, sagaId, recoveries + 1)
    return ignored === undefined ? { outcome } : { outcome: 'refused', why: ignored.reason }
  }
}

/** Nobody works on its attempts any more: they are lost, which counts for nothing. One without any is looked at again. */
function itemsFor(flights: readonly InFlight[], stuck: StuckSaga, outcome: 'resumed' | 'compensated'): readonly Item[] {
  const { sagaId } = stuck
  const lost = flights.map(({ step, side, flight }) => {
    const { jobId: id, attempt } = flight
    const job = { id, saga: sagaId, step, side, attempt, retryCount: 0, revision: stuck.revision }
    return lostItem(job, { limits: UNLIMITED, counted: false })
  })
  const next: readonly Item[] = lost.length > 0 ? lost : [{ sagaId, input: { type: 'look_again' } }]
  if (outcome === 'resumed') return next
  const act = checkAct(
    {
      actor: ACTOR,
      reason: `no progress since ${stuck.unchangedSince.toISOString()}`,
      requestId: ownRequest('recovery', sagaId, stuck.revision),
    },
    { isEngine: true },
  )
  return [{ sagaId, input: { type: 'compensate', act }, requestId: act.requestId }, ...next]
}
