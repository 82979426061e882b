/**
 * Operating many sagas at once: a verb over a filter, as an operation that is stored, shown, paused and aborted, and that
 * any worker goes on with. What it does to each saga is what the single verb does.
 */
import { type Action, demand } from './access.ts'
import { type By, checkAct } from './acts.ts'
import type { Act } from './core/events.ts'
import { canonicalJson } from './definition.ts'
import { SagaError } from './errors.ts'
import { checkCap, checkPage } from './filter.ts'
import {
  checkOrder,
  checkStart,
  invalid,
  MAX_SAGAS,
  type Operation,
  type OperationOrder,
  type OperationStart,
  shownOperation,
} from './operation-order.ts'
import { type OperationPreview, previewOf } from './operation-preview.ts'
import type { Operator, OperatorOptions } from './operator.ts'
import { isId, newId } from './runtime/ids.ts'
import { type NewAct, recordAct } from './store/audit.ts'
import type { Db } from './store/db.ts'
import { type OperationResult, readResults } from './store/operation-items.ts'
import {
  ITEM_OUTCOMES,
  ITEM_STATES,
  type ItemOutcome,
  type ItemState,
  insertOperation,
  listOperations,
  type NewOperation,
  OPERATION_STATES,
  type OperationChange,
  type OperationRow,
  type OperationState,
  operationByRequest,
  readOperation,
  writeOperation,
} from './store/operations.ts'

const PREVIEW_CAP = 10_001
/** A round of a worker may have the operation: it is waited for. */
const LOCK_TIMEOUT = '25s'

export type OperationsPage = { readonly operations: readonly Operation[]; readonly cursor?: string }

export type OperationResultsPage = { readonly results: readonly OperationResult[]; readonly cursor?: string }

export class Operations {
  readonly #options: OperatorOptions
  readonly #operator: Operator

  constructor(options: OperatorOptions, operator: Operator) {
    this.#options = options
    this.#operator = operator
  }

  /**
   * What an operation would do now: how many sagas it is about, how many of them would refuse the verb and why, and the
   * plan of a few. Nothing is stored.
   *
   * @param options `cap`: so many sagas are looked at (10 001 by default, 100 000 at most), the oldest first.
   * @throws SagaError `OPERATION_INVALID`, `FILTER_INVALID`.
   */
  async preview(order: OperationOrder, options: { readonly cap?: number } = {}): Promise<OperationPreview> {
    const cap = Math.min(checkCap(options.cap ?? PREVIEW_CAP), MAX_SAGAS)
    return previewOf(this.#options, this.#operator, checkOrder(order), cap)
  }

  /**
   * Starts an operation over the sagas that the filter gives now. A saga that fits later is not part of it. Workers do
   * the work, one saga after another, the oldest first; this process may end.
   *
   * @returns the operation; the same one for the same request id.
   * @throws SagaError `OPERATION_INVALID`, `FILTER_INVALID`, `ACT_INVALID`, `NOT_AUTHORIZED`, `REQUEST_REUSED`.
   */
  async start(start: OperationStart): Promise<Operation> {
    const { limit, ...checked } = checkStart(start)
    const { actor, reason, requestId } = checkAct(start)
    const { verb, filter } = checked
    const { authorize, transaction, db, applier } = this.#options
    await demand(authorize, actor, 'start_operation', {
      verb,
      ...(filter.definition === undefined ? {} : { definition: filter.definition }),
      ...(checked.options.pastPivot === true ? { pastPivot: true } : {}),
    })
    const operation: NewOperation = { id: newId(), ...checked, actor, reason, requestId, limit }
    const isNew =
      (await operationByRequest(db, applier.schema, requestId)) === undefined &&
      (await transaction(async (tx) => {
        if (!(await insertOperation(tx, applier.schema, operation))) return false
        await recordAct(tx, applier.schema, actOf('start_operation', operation, { actor, reason, requestId }))
        return true
      }))
    if (isNew) return this.#get(operation.id)
    const earlier = await operationByRequest(db, applier.schema, requestId)
    if (earlier !== undefined && isSameStart(earlier, operation)) return shownOperation(earlier)
    throw reused(requestId)
  }

  /** @throws SagaError `OPERATION_NOT_FOUND`. */
  async get(id: string): Promise<Operation> {
    return this.#get(id)
  }

  /**
   * The newest first.
   *
   * @throws SagaError `OPERATION_INVALID`, or `FILTER_INVALID` for a page size (1 to 1000) or cursor that cannot be.
   */
  async list(
    filter: { readonly state?: OperationState } = {},
    page: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<OperationsPage> {
    const { limit = 50, cursor } = page
    oneOf('state', filter.state, OPERATION_STATES)
    checkPage(limit, cursor)
    const { db, applier } = this.#options
    const rows = await listOperations(db, applier.schema, filter, {
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    })
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)
    const next = rows.length > limit && last !== undefined ? { cursor: last.id } : {}
    return { operations: shown.map(shownOperation), ...next }
  }

  /**
   * What became of each saga, in the order in which they are ordered.
   *
   * @param page of at most 1000, 100 by default.
   * @throws SagaError `OPERATION_NOT_FOUND`, `OPERATION_INVALID`, `FILTER_INVALID`.
   */
  async results(
    id: string,
    filter: { readonly state?: ItemState; readonly outcome?: ItemOutcome } = {},
    page: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<OperationResultsPage> {
    const { limit = 100, cursor = '0' } = page
    oneOf('state', filter.state, ITEM_STATES)
    oneOf('outcome', filter.outcome, ITEM_OUTCOMES)
    checkPage(limit, undefined)
    if (!/^\d{1,9}$/.test(cursor)) throw invalid('cursor is what results() returned')
    await this.#get(id)
    const { db, applier } = this.#options
    const rows = await readResults(db, applier.schema, id, filter, { limit, after: Number(cursor) })
    const results = rows.slice(0, limit)
    const last = results.at(-1)
    return { results, ...(rows.length > limit && last !== undefined ? { cursor: String(last.position) } : {}) }
  }

  /**
   * Orders no further sagas; those that are ordered go on.
   *
   * @throws SagaError `OPERATION_NOT_FOUND`, `OPERATION_REFUSED` when it is not running, `ACT_INVALID`, `NOT_AUTHORIZED`,
   * `REQUEST_REUSED`.
   */
  pause(id: string, by: By): Promise<Operation> {
    return this.#change(id, by, 'pause_operation', 'paused')
  }

  /**
   * Goes on with a paused operation. What made it pause itself counts no more: it has been seen.
   *
   * @throws SagaError as `pause`; `OPERATION_REFUSED` when it is not paused.
   */
  resume(id: string, by: By): Promise<Operation> {
    return this.#change(id, by, 'resume_operation', 'resumed')
  }

  /**
   * Orders no further sagas, for good. What has been done is not undone.
   *
   * @throws SagaError as `pause`; `OPERATION_REFUSED` when it has ended.
   */
  abort(id: string, by: By): Promise<Operation> {
    return this.#change(id, by, 'abort_operation', 'aborted')
  }

  async #get(id: string): Promise<Operation> {
    const { db, applier } = this.#options
    return shownOperation(found(id, isId(id) ? await readOperation(db, applier.schema, id) : undefined))
  }

  async #change(id: string, by: By, action: Action, change: keyof typeof FITS): Promise<Operation> {
    const { authorize, transaction, applier } = this.#options
    const act = checkAct(by)
    const { verb, filter } = await this.#get(id)
    const { definition } = filter
    await demand(authorize, act.actor, action, {
      verb,
      operationId: id,
      ...(definition === undefined ? {} : { definition }),
    })
    await transaction(async (tx) => {
      await tx.executeSql(`set local lock_timeout = '${LOCK_TIMEOUT}'`)
      const row = found(id, await readOperation(tx, applier.schema, id, { lock: true }))
      await this.#apply(tx, row, act, change, action)
    })
    return this.#get(id)
  }

  async #apply(tx: Db, row: OperationRow, act: Act, change: keyof typeof FITS, action: Action): Promise<void> {
    const repeated = row.log.find((one) => one.requestId === act.requestId)
    if (repeated?.change === change) return
    if (repeated !== undefined) throw reused(act.requestId)
    if (!FITS[change].includes(row.state)) throw doesNotFit(row, change)
    const { schema } = this.#options.applier
    const { rows } = await tx.executeSql(`select ${schema}.now() as now`)
    const now = rows[0]?.['now'] as Date
    const entry: OperationChange = { change, at: now, actor: act.actor, reason: act.reason, requestId: act.requestId }
    const state = change === 'resumed' ? 'running' : change
    const seen = change === 'resumed' ? { judgedTo: row.reached } : {}
    const finishedAt = change === 'aborted' ? now : row.finishedAt
    await writeOperation(tx, schema, row.id, { ...row, ...seen, state, finishedAt, updatedAt: now, lookAt: now }, [
      entry,
    ])
    await recordAct(tx, schema, actOf(action, row, act))
  }
}

/** As the audit has it. */
function actOf(action: Action, { id, verb, options, filter }: NewOperationOrRow, act: Act): NewAct {
  const { actor, reason, requestId } = act
  const { definition, errorGroup } = filter
  const about = { operationId: id, verb, ...options, ...(errorGroup === undefined ? {} : { ofGroup: errorGroup }) }
  return { id: newId(), action, actor, reason, requestId, definition, about }
}

type NewOperationOrRow = Pick<OperationRow, 'id' | 'verb' | 'options' | 'filter'>

/** Which changes people can make of an operation that is how. */
const FITS: { readonly [change in 'paused' | 'resumed' | 'aborted']: readonly OperationState[] } = {
  paused: ['running'],
  resumed: ['paused'],
  aborted: ['running', 'paused'],
}

function doesNotFit({ id, state }: OperationRow, change: keyof typeof FITS): SagaError {
  return new SagaError(
    'OPERATION_REFUSED',
    `Operation ${id} cannot be ${change}: it is ${state}. That is for operations that are ${FITS[change].join(' or ')}.`,
    { details: { operationId: id, state } },
  )
}

function found(id: string, row: OperationRow | undefined): OperationRow {
  if (row !== undefined) return row
  throw new SagaError(
    'OPERATION_NOT_FOUND',
    `There is no operation ${id}. operations.list() has those that there are.`,
    {
      details: { operationId: id },
    },
  )
}

function reused(requestId: string): SagaError {
  return new SagaError(
    'REQUEST_REUSED',
    `The request "${requestId}" has started, or done, something else. Nothing was done: give this one a request id of its own.`,
    { details: { requestId } },
  )
}

/** The filter came back from the database as it went in; how fast it goes is no difference. */
function isSameStart(earlier: OperationRow, { verb, options, filter }: NewOperation): boolean {
  const told = (start: Pick<NewOperation, 'verb' | 'options' | 'filter'>) =>
    canonicalJson(JSON.parse(JSON.stringify([start.verb, start.options, start.filter])))
  return told(earlier) === told({ verb, options, filter })
}

function oneOf(name: string, value: string | undefined, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value)) throw invalid(`${name} is one of ${known.join(', ')}`)
}
