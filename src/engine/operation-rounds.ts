/**
 * Moves operations over many sagas, a round at a time: what became of those that were ordered, whether to go on, the next
 * few. Workers call it.
 *
 * 1. One worker at a time has an operation, by the lock on its row. If it dies, the round is rolled back and somebody else
 *    repeats it.
 * 2. Each saga's verb is ordered as a person would order it, in a transaction of its own, under a request id made of the
 *    operation's and the saga's: repeated, it acts once.
 * 3. Nothing is ordered beyond the canary before it is known what became of it. When more than half of the canary, or of
 *    the last 20, ended badly, the operation pauses itself.
 */

import { isLive } from './core/machine.ts'
import { SagaError } from './errors.ts'
import type { Operator } from './operator.ts'
import { errorInfo } from './runtime/verdict.ts'
import { type Db, isConnectionError, sqlState } from './store/db.ts'
import {
  type Ends,
  endsOfFirst,
  endsOfLast,
  itemsUnderWay,
  type OrderedItem,
  type UnderWay,
  type WaitingItem,
  waitingItems,
  writeOrdered,
  writeOutcomes,
} from './store/operation-items.ts'
import {
  type ItemOutcome,
  type OperationChange,
  type OperationRow,
  type Tally,
  takeOperation,
  underWayOf,
  waitingOf,
  writeOperation,
} from './store/operations.ts'
import { ownRequest } from './store/own-requests.ts'

/** Who signs what an operation does by itself. */
export const ITSELF = 'pg-saga'

/** So many are ordered in one round at most, and for no longer than this: who pauses the operation waits for the round. */
const AT_ONCE = 20
const ROUND_MS = 2_000
/** Rounds a second, where the rate allows for more sagas than that. */
const ROUNDS_PER_SECOND = 5
/** Outcomes looked for in one round. */
const LOOKED_AT_ONCE = 1_000
/** So many ends, the last ones, say whether to go on. */
const JUDGED = 20
/** Trouble with the database, rather than a refusal: so often a saga is tried. */
const MAX_TRIES = 5

/** Outcomes are looked for ever more rarely, the longer nothing has changed. */
const LOOK_AGAIN_MS = { soonest: 100, canary: 2_000, latest: 30_000 } as const

export type OperationRounds = {
  /**
   * One round of the operation that has waited longest.
   *
   * Transaction: required, on a connection that no verb needs. Locks: the operation's row, to the end.
   * @param isStopping no further saga is begun.
   * @returns whether there was one.
   */
  round(db: Db, isStopping: () => boolean): Promise<boolean>
}

export function operationRounds(schema: string, operator: Operator): OperationRounds {
  return {
    async round(db, isStopping) {
      const taken = await takeOperation(db, schema)
      if (taken === undefined) return false
      await new Round(schema, operator, db, taken.operation, taken.now).go(isStopping)
      return true
    },
  }
}

class Round {
  readonly #schema: string
  readonly #operator: Operator
  readonly #db: Db
  readonly #operation: OperationRow
  readonly #now: Date
  readonly #tally: Record<string, number>
  readonly #changes: OperationChange[] = []
  #state: OperationRow['state']
  #canaryJudged: boolean
  #reached: number
  #lookedTo: number
  #orderAt: Date
  #hasMoved = false

  constructor(schema: string, operator: Operator, db: Db, operation: OperationRow, now: Date) {
    this.#schema = schema
    this.#operator = operator
    this.#db = db
    this.#operation = operation
    this.#now = now
    this.#tally = { ...operation.tally }
    this.#state = operation.state
    this.#canaryJudged = operation.canaryJudged || operation.canary === 0
    this.#reached = operation.reached
    this.#lookedTo = operation.lookedTo
    this.#orderAt = operation.orderAt
  }

  async go(isStopping: () => boolean): Promise<void> {
    await this.#lookForOutcomes()
    if (this.#state === 'running' && this.#waiting > 0) {
      await this.#judge()
      if (this.#state === 'running' && this.#orderAt <= this.#now) await this.#orderNext(isStopping)
    }
    if (this.#state === 'running' && this.#waiting === 0) this.#change('done', 'All its sagas are ordered.')
    await this.#write()
  }

  get #waiting(): number {
    return waitingOf(this.#operation.total, this.#tally)
  }

  get #underWay(): number {
    return underWayOf(this.#tally)
  }

  /** In turn, so that sagas that take long keep no others from being looked at. */
  async #lookForOutcomes(): Promise<void> {
    if (this.#underWay === 0) return
    const { id } = this.#operation
    const looked = await itemsUnderWay(this.#db, this.#schema, id, this.#lookedTo, LOOKED_AT_ONCE)
    this.#lookedTo = looked.length < LOOKED_AT_ONCE ? 0 : (looked.at(-1)?.position ?? 0)
    const ended = looked.flatMap((item) => {
      const outcome = outcomeOf(item)
      return outcome === undefined ? [] : [{ position: item.position, outcome }]
    })
    await writeOutcomes(this.#db, this.#schema, id, ended, this.#now)
    for (const { outcome } of ended) this.#count(outcome)
  }

  async #judge(): Promise<void> {
    const { id, verb, canary, total, judgedTo } = this.#operation
    const bad = badOutcomesOf(verb)
    const first = Math.min(canary, total)
    if (!this.#canaryJudged) {
      const ends = await endsOfFirst(this.#db, this.#schema, id, bad, first)
      if (ends.open > 0) return
      this.#canaryJudged = true
      this.#hasMoved = true
      if (isBad(ends, first)) return this.#change('paused', `More than half of the canary ended badly: ${told(ends)}.`)
    }
    const range = { after: judgedTo, upTo: this.#reached, limit: JUDGED }
    const ends = await endsOfLast(this.#db, this.#schema, id, bad, range)
    if (isBad(ends, JUDGED)) this.#change('paused', `More than half of the last ${JUDGED} ended badly: ${told(ends)}.`)
  }

  async #orderNext(isStopping: () => boolean): Promise<void> {
    const { id, rate, canary, total } = this.#operation
    const upTo = this.#canaryJudged ? total : canary
    const limit = Math.max(1, Math.min(AT_ONCE, Math.floor(rate / ROUNDS_PER_SECOND)))
    const items = await waitingItems(this.#db, this.#schema, id, upTo, limit)
    const startedAt = performance.now()
    const ordered: OrderedItem[] = []
    for (const item of items) {
      if (isStopping() || performance.now() - startedAt > ROUND_MS) break
      ordered.push(await this.#order(item))
    }
    await writeOrdered(this.#db, this.#schema, id, ordered, this.#now)
    for (const { position, state, outcome } of ordered) {
      this.#reached = Math.max(this.#reached, position)
      if (state !== 'waiting') this.#count(state)
      if (outcome !== undefined) this.#count(outcome)
    }
    if (ordered.length > 0) this.#orderAt = new Date(this.#now.getTime() + (ordered.length / rate) * 1_000)
  }

  /** @throws when the database is away: the round is repeated by whoever comes next. */
  async #order({ position, sagaId, tries }: WaitingItem): Promise<OrderedItem> {
    try {
      const newSagaId = await this.#give(sagaId)
      return { position, state: 'done', outcome: immediate(this.#operation), newSagaId, tries }
    } catch (error) {
      if (isAway(error)) throw error
      if (error instanceof SagaError && error.code !== 'BATCH_INCOMPLETE') {
        return { position, state: 'refused', code: error.code, message: error.message, tries }
      }
      const { message, name, code = sqlState(error) ?? name } = errorInfo(error)
      const state = tries + 1 < MAX_TRIES ? 'waiting' : 'failed'
      return { position, state, code, message, tries: tries + 1 }
    }
  }

  /** As a person would: who may, what fits and what is journalled are asked by the same code. */
  async #give(sagaId: string): Promise<string | undefined> {
    const { id, verb, options, actor, reason } = this.#operation
    const by = { actor, reason, requestId: ownRequest('operation', id, sagaId) }
    if (verb === 'rerun') return (await this.#operator.rerun(sagaId, by)).newSagaId
    if (verb === 'resolve') await this.#operator.resolve(sagaId, { ...by, as: options.as ?? 'completed' })
    else if (verb === 'compensate') await this.#operator.compensate(sagaId, { ...by, ...options })
    else await this.#operator[verb](sagaId, by)
    return undefined
  }

  #count(what: keyof Tally): void {
    this.#tally[what] = (this.#tally[what] ?? 0) + 1
    this.#hasMoved = true
  }

  #change(change: 'paused' | 'done', reason: string): void {
    this.#state = change
    this.#changes.push({ change, at: this.#now, actor: ITSELF, reason })
    this.#hasMoved = true
  }

  async #write(): Promise<void> {
    const { id, judgedTo, finishedAt, updatedAt } = this.#operation
    const finished = finishedAt ?? (this.#state === 'done' ? this.#now : null)
    const movedAt = this.#hasMoved ? this.#now : updatedAt
    const progress = {
      state: this.#state,
      reached: this.#reached,
      judgedTo,
      canaryJudged: this.#canaryJudged,
      lookedTo: this.#lookedTo,
      tally: this.#tally,
      updatedAt: movedAt,
      orderAt: this.#orderAt,
      lookAt: this.#nextLook(movedAt),
      finishedAt: finished,
      settledAt: finished !== null && this.#underWay === 0 ? this.#now : null,
    }
    await writeOperation(this.#db, this.#schema, id, progress, this.#changes)
  }

  #nextLook(movedAt: Date): Date {
    const now = this.#now.getTime()
    const isBehind = this.#state === 'running' && !this.#canaryJudged && this.#reached >= this.#operation.canary
    const quietMs = Math.max(LOOK_AGAIN_MS.soonest, (now - movedAt.getTime()) / 10)
    // Of what is paused, or under way for long, people ask less often than they wait for a canary.
    const forOutcomes = now + Math.min(quietMs, isBehind ? LOOK_AGAIN_MS.canary : LOOK_AGAIN_MS.latest)
    if (this.#state !== 'running' || isBehind) return new Date(forOutcomes)
    return this.#underWay === 0 ? this.#orderAt : new Date(Math.min(this.#orderAt.getTime(), forOutcomes))
  }
}

/** `undefined` while it is under way. */
function outcomeOf({ status }: UnderWay): ItemOutcome | undefined {
  if (status === null) return 'gone'
  return isLive(status) ? undefined : (status as ItemOutcome)
}

/** What there is nothing to wait for. */
function immediate({ verb }: OperationRow): ItemOutcome | undefined {
  if (verb === 'pause') return 'paused'
  return verb === 'resolve' ? 'resolved' : undefined
}

/** A saga that is rerun and undone again has got nowhere. */
function badOutcomesOf(verb: OperationRow['verb']): readonly ItemOutcome[] {
  return verb === 'rerun' ? ['dead_lettered', 'compensated'] : ['dead_lettered']
}

function isBad({ refused, failed, badOutcomes }: Ends, of: number): boolean {
  return (refused + failed + badOutcomes) * 2 > of
}

function told({ refused, failed, badOutcomes, known }: Ends): string {
  return `of ${known} sagas, ${badOutcomes} failed again, ${refused} were refused, ${failed} could not be ordered`
}

function isAway(error: unknown): boolean {
  return isConnectionError(error) || (error instanceof SagaError && error.code === 'DATABASE_UNREACHABLE')
}
