/**
 * The verbs by which a person, or a program for one, changes a saga. Each is journalled in the transaction of its
 * effect, with actor and reason; a repeated request acts once; retry, compensate and cancel can be held to the plan
 * that was shown (rule 14).
 */
import { createHash } from 'node:crypto'
import { type Action, type Authorize, demand } from './access.ts'
import { type By, checkAct, mustBeSameOrder, type PlannedBy, refusal } from './acts.ts'
import type { Act, SagaEvent } from './core/events.ts'
import type { Order } from './core/input.ts'
import { ordersThatFit } from './core/order.ts'
import { inLines, isPlan, type Plan, planOf } from './core/plan.ts'
import { canonicalJson } from './definition.ts'
import { SagaError } from './errors.ts'
import { ByHand } from './operator-by-hand.ts'
import { endHold, type HoldScope, type HoldView, heldNow, placeHold } from './operator-holds.ts'
import { noteGroup, type TriageBy, type TriageOrder, triageGroup } from './operator-triage.ts'
import { type Applier, applyBatch, type Batch, type Item } from './runtime/apply.ts'
import { isId, newId } from './runtime/ids.ts'
import { decideStart, inputHashOf, type Starter, storeStarts } from './runtime/start.ts'
import { traceRests } from './runtime/tracing.ts'
import type { Db } from './store/db.ts'
import { erasePayloads } from './store/erasing.ts'
import { holdsFor, readNowAndHolds } from './store/holds.ts'
import { readPayloads, readRequest } from './store/journal.ts'
import { concurrencyKeyOf } from './store/line.ts'
import { lockSagas, readSagas, type SagaRow } from './store/sagas.ts'
import type { Triage } from './store/triage.ts'

export type ShownPlan = Plan & { readonly hash: string }

function hasPlan(verb: Order['type']): verb is Plan['order'] {
  return verb === 'retry' || verb === 'compensate' || verb === 'cancel' || verb === 'revert'
}

export type Done = {
  readonly sagaId: string
  /** It had been done already, by the same request. */
  readonly repeated: boolean
}

export type OperatorOptions = {
  readonly applier: Applier
  readonly starter: Starter
  readonly authorize: Authorize
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly db: Db
  /** It orders what operations are for, under request ids that nobody else may give. */
  readonly isEngine?: boolean
  /** Jobs were inserted. */
  readonly onJobs: () => void
  /** Somebody has left a line, or stands in one. */
  readonly onLine: () => void
}

export class Operator {
  readonly #options: OperatorOptions

  readonly #byHand: ByHand

  constructor(options: OperatorOptions) {
    this.#options = options
    this.#byHand = new ByHand(options.applier.schema, options.starter)
  }

  /**
   * What the order will do, step by step, and the hash that holds it to that.
   *
   * @throws SagaError `SAGA_NOT_FOUND`, or `ORDER_REFUSED` when it does not fit, with the orders that do.
   */
  async plan(sagaId: string, order: Plan['order'], options: { readonly pastPivot?: boolean } = {}): Promise<ShownPlan> {
    const row = await this.#read(this.#options.db, sagaId)
    return this.#planFor(this.#options.db, row, order, options)
  }

  /** Goes on where a dead letter stopped, in its direction; or skips a backoff. Attempt numbers go on. */
  retry(sagaId: string, by: PlannedBy): Promise<Done> {
    return this.#order(sagaId, 'retry', by, (act) => ({ type: 'retry', act }))
  }

  /**
   * Turns a dead letter, or a live saga, backward.
   *
   * @param by `pastPivot`: undoes what can be undone although the pivot is passed; needs the right for it.
   */
  compensate(sagaId: string, by: PlannedBy & { readonly pastPivot?: boolean }): Promise<Done> {
    const action = by.pastPivot === true ? 'compensate_past_pivot' : 'compensate'
    return this.#order(
      sagaId,
      'compensate',
      by,
      (act) => ({ type: 'compensate', act, ...(by.pastPivot === true ? { pastPivot: true } : {}) }),
      action,
    )
  }

  /** Turns a live saga backward. While its pivot is under way the order waits for how that ends. */
  cancel(sagaId: string, by: PlannedBy): Promise<Done> {
    return this.#order(sagaId, 'cancel', by, (act) => ({ type: 'cancel', act }))
  }

  /** Nothing new of it starts; what is in flight ends. */
  pause(sagaId: string, by: By): Promise<Done> {
    return this.#order(sagaId, 'pause', by, (act) => ({ type: 'pause', act }))
  }

  resume(sagaId: string, by: By): Promise<Done> {
    return this.#order(sagaId, 'resume', by, (act) => ({ type: 'resume', act }))
  }

  /** Says that a dead letter was handled outside, and as what. Final. */
  resolve(sagaId: string, by: By & { readonly as: 'completed' | 'compensated' }): Promise<Done> {
    return this.#order(sagaId, 'resolve', by, (act) => ({ type: 'resolve', as: by.as, act }))
  }

  /**
   * Undoes a completed saga, in the time that its definition declares (`revertWithin`), its pivot and what came after
   * it included, where they have compensations.
   */
  revert(sagaId: string, by: PlannedBy): Promise<Done> {
    return this.#order(sagaId, 'revert', by, (act) => ({ type: 'revert', act }))
  }

  /**
   * Says that a step was done outside, with what came of it; or, of a saga that goes back, that its undoing was. The
   * saga goes on as if it had done it itself. A map's item is called `name[3]`.
   *
   * @param by `result`: what the action would have returned, where later steps are to see it; undoing has none.
   * @throws SagaError `RESULT_INVALID` when the result does not fit the schema that the step's code has stored, or is given
   * for an undoing.
   */
  async complete(sagaId: string, by: By & { readonly step: string; readonly result?: unknown }): Promise<Done> {
    const { step, result } = by
    if (typeof step !== 'string') throw new SagaError('ACT_INVALID', 'complete takes the name of a step as `step`.')
    return this.#order(sagaId, 'complete', by, (act) => ({ type: 'complete', step, act }), 'complete', {
      payload: (db, row) => this.#byHand.result(db, row, step, result),
    })
  }

  /**
   * Gives a dead letter another input and sends it on. Steps that are done stay done; those that were tried and have not
   * been applied are tried again under other keys. The first input stays in the journal.
   *
   * @param by `input`: as it is stored, that is, as the definition's schema has parsed it.
   * @throws SagaError `INPUT_INVALID` with the fields, `ORDER_REFUSED` while a step is in doubt.
   */
  async editInput(sagaId: string, by: By & { readonly input: unknown }): Promise<Done> {
    return this.#order(sagaId, 'edit_input', by, (act) => ({ type: 'edit_input', act }), 'edit_input', {
      payload: (db, row) => this.#byHand.input(db, row, by.input),
    })
  }

  /**
   * Starts a new saga with the input of a compensated one, linked to it.
   *
   * @returns the new saga's id as `newSagaId`.
   * @throws SagaError `CODEC_MISSING` or `CODEC_FAILED` where the input cannot be read.
   */
  async rerun(sagaId: string, by: By): Promise<Done & { readonly newSagaId: string }> {
    const newSagaId = newId()
    let repeatedId: string | undefined
    const done = await this.#order(sagaId, 'rerun', by, (act) => ({ type: 'rerun', newSagaId, act }), 'rerun', {
      before: (db, row) => this.#startAgain(db, row, newSagaId),
      repeated: (event) => {
        if (event.type === 'saga_rerun') repeatedId = event.newSagaId
      },
    })
    return { ...done, newSagaId: repeatedId ?? newSagaId }
  }

  /**
   * Removes the payloads of a saga that is at rest from its journal, and what its errors said: for good. What happened,
   * to which step and when, stays, and so do its key, names and codes of errors, and what people gave as their reasons.
   * Sagas that were started by a rerun of it are others: see `list({ rerunOf })`.
   *
   * @param by `tags`: removes them too.
   * @throws SagaError `ORDER_REFUSED` for one that is live, a dead letter, or has a hook under way.
   */
  erase(sagaId: string, by: By & { readonly tags?: boolean }): Promise<Done> {
    return this.#order(sagaId, 'erase', by, (act) => ({ type: 'erase', act }), 'erase', {
      after: (db) => erasePayloads(db, this.#options.applier.schema, sagaId, { tags: by.tags === true }),
    })
  }

  /**
   * Stops a definition, a step, or one side of it: nothing new of it starts, what waits before it is kept.
   *
   * @returns the hold's id.
   * @throws SagaError `DEFINITION_UNKNOWN` when no such definition or step is known to the database, `REQUEST_REUSED`.
   */
  hold(scope: HoldScope, by: By): Promise<string> {
    return placeHold(this.#options, scope, by)
  }

  /**
   * The holds in force, and those that are over and let go at a rate what has waited for them, the oldest first; and how
   * many sagas wait for each. A breaker's are signed `breaker`.
   */
  holds(): Promise<readonly HoldView[]> {
    return heldNow(this.#options)
  }

  /**
   * Ends a hold and sets going what waited for it: all of it at once, or at a rate. What comes to its place from now on
   * passes in either case. One that lets go already gets another rate, or lets go of all that is left.
   *
   * @param by `rate`: so many sagas a second, from 0.001 to 1000, the oldest first. Workers do it; this process may end.
   * @returns how many sagas were set going; of a release at a rate, how many wait for their turn.
   * @throws SagaError `HOLD_NOT_FOUND` when there is no such hold, `ACT_INVALID`.
   */
  release(holdId: string, by: By & { readonly rate?: number }): Promise<number> {
    return endHold(this.#options, holdId, by)
  }

  /**
   * Says how an error group stands: open, ignored for a while, or resolved. A dead letter of it that comes later opens it
   * again, as the order says.
   *
   * @param by `seen`: the revision that was looked at, 0 where there was none.
   * @throws SagaError `ERROR_GROUP_NOT_FOUND`, `ACT_INVALID`, `NOT_AUTHORIZED`, `REQUEST_REUSED`, `TRIAGE_CHANGED`.
   */
  triage(errorGroup: string, order: TriageOrder, by: TriageBy): Promise<Triage> {
    return triageGroup(this.#options, errorGroup, order, by)
  }

  /**
   * Writes down what is to be known of an error group, in the place of its note; `null`: there is none any more. Those
   * before stay in the audit.
   *
   * @throws SagaError as `triage`.
   */
  note(errorGroup: string, note: string | null, by: Omit<TriageBy, 'reason'>): Promise<Triage> {
    return noteGroup(this.#options, errorGroup, note, by)
  }

  async #order(
    sagaId: string,
    verb: Order['type'],
    by: PlannedBy,
    order: (act: Act) => Order,
    action: Action = verb as Action,
    hooks: {
      readonly before?: (db: Db, row: SagaRow) => Promise<void>
      readonly repeated?: (event: SagaEvent) => void
      /** What goes with the order into the journal, checked. */
      readonly payload?: (db: Db, row: SagaRow) => Promise<string | undefined>
      readonly after?: (db: Db) => Promise<void>
    } = {},
  ): Promise<Done> {
    const { applier, authorize, transaction, onJobs, onLine } = this.#options
    const act = checkAct(by, { isEngine: this.#options.isEngine === true })
    const found = await this.#read(this.#options.db, sagaId)
    await demand(authorize, act.actor, action, { sagaId, definition: found.definition })
    let batch: Batch | undefined
    const done = await transaction(async (db) => {
      await lockSagas(db, applier.schema, [{ id: sagaId, revision: 0 }], { wait: true })
      const repeated = await readRequest(db, applier.schema, sagaId, act.requestId)
      if (repeated !== undefined) {
        mustBeSameOrder(act.requestId, verb, repeated)
        hooks.repeated?.(repeated)
        return { sagaId, repeated: true }
      }
      const row = await this.#read(db, sagaId)
      await this.#holdToPlan(db, row, verb, by)
      await hooks.before?.(db, row)
      const payload = await hooks.payload?.(db, row)
      const item: Item = {
        sagaId,
        input: order(act),
        requestId: act.requestId,
        ...(payload === undefined ? {} : { payload }),
      }
      batch = await applyBatch(applier, db, [item], { wait: true })
      const [applied] = batch.applied
      if (applied?.ignored !== undefined) throw refusal(row, verb, applied.ignored)
      await hooks.after?.(db)
      return { sagaId, repeated: false }
    })
    if (batch !== undefined) traceRests(batch)
    onJobs()
    onLine()
    return done
  }

  async #holdToPlan(
    db: Db,
    row: SagaRow,
    verb: Order['type'],
    by: PlannedBy & { readonly pastPivot?: boolean },
  ): Promise<void> {
    if (by.plan === undefined || !hasPlan(verb)) return
    const now = await this.#planFor(db, row, verb, by.pastPivot === true ? { pastPivot: true } : {})
    if (now.hash === by.plan) return
    const steps = now.steps.map((step) => `${step.step}: ${step.will}`).join(', ')
    throw new SagaError(
      'PLAN_CHANGED',
      `Saga ${row.id} has moved on since the plan was shown. ${verb} would now do this: ${steps}. Look at the new plan and confirm it.`,
      {
        details: { plan: now },
      },
    )
  }

  async #planFor(
    db: Db,
    row: SagaRow,
    order: Plan['order'],
    options: { readonly pastPivot?: boolean },
  ): Promise<ShownPlan> {
    const { applier } = this.#options
    await applier.shelf.load(db, [row.blueprint])
    const blueprint = applier.shelf.get(row.blueprint)
    if (blueprint === undefined)
      throw new SagaError('DEFINITION_UNKNOWN', `The blueprint of saga ${row.id} is not stored.`)
    const { now, holds } = await readNowAndHolds(db, applier.schema)
    // A placeholder: a plan schedules nothing.
    const facts = { now, newId: () => 'plan', holds: holdsFor(holds, row.definition, row.id) }
    const plan = planOf(blueprint, row.state, order, facts, options)
    if (!isPlan(plan)) throw refusal(row, order, plan)
    const shown = { ...plan, steps: inLines(plan.steps) }
    return { ...shown, hash: createHash('sha256').update(canonicalJson(shown)).digest('base64url').slice(0, 22) }
  }

  async #startAgain(db: Db, row: SagaRow, newSagaId: string): Promise<void> {
    const { applier, starter } = this.#options
    await applier.shelf.load(db, [row.blueprint])
    const blueprint = applier.shelf.get(row.blueprint)
    if (blueprint === undefined)
      throw new SagaError('DEFINITION_UNKNOWN', `The blueprint of saga ${row.id} is not stored.`)
    if (!ordersThatFit(blueprint, row.state).includes('rerun')) return
    const payloads = (await readPayloads(db, applier.schema, [row.id])).get(row.id)
    // It is another saga's from here on, and encoded anew.
    const about = { sagaId: row.id, definition: row.definition }
    const inputJson = await starter.encoding.decode(payloads?.input ?? 'null', about)
    const key = await concurrencyKeyOf(db, applier.schema, row.id)
    const prepared = await decideStart(starter, {
      id: newSagaId,
      name: row.definition,
      version: row.version,
      blueprint,
      hash: row.blueprint,
      inputJson,
      inputHash: await inputHashOf(starter, canonicalJson(JSON.parse(inputJson))),
      rerunOf: row.id,
      ...(row.state.revertWithinMs === undefined ? {} : { starting: { revertWithinMs: row.state.revertWithinMs } }),
      priority: row.priority,
      ...(key === undefined ? {} : { line: { key, mustBeFirst: false } }),
    })
    await storeStarts(starter, db, [prepared])
  }

  async #read(db: Db, sagaId: string): Promise<SagaRow> {
    const [row] = isId(sagaId) ? await readSagas(db, this.#options.applier.schema, [sagaId]) : []
    if (row === undefined) throw new SagaError('SAGA_NOT_FOUND', `There is no saga ${sagaId}.`, { details: { sagaId } })
    return row
  }
}
