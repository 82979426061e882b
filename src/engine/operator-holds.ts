/** Holds: stopping a definition, a step or a direction of it for all its sagas, and letting them go again. */
import { type Action, demand } from './access.ts'
import { type By, checkAct } from './acts.ts'
import { type Blueprint, nodeOf } from './core/blueprint.ts'
import { SIDES, type Side } from './core/machine.ts'
import { aliasesOf } from './core/shapes.ts'
import { SagaError } from './errors.ts'
import type { OperatorOptions } from './operator.ts'
import { applyBatch, type Item } from './runtime/apply.ts'
import { isId, newId } from './runtime/ids.ts'
import { blueprintsOf, lockShapes } from './store/blueprints.ts'
import { type HoldRow, holdByRequest, insertHold, readHold, releaseHold } from './store/holds.ts'
import { waitingSagas } from './store/sagas.ts'

export type HoldScope = {
  readonly definition: string
  /** Under any name that it has or had: one that was renamed is held in old sagas and in new ones. */
  readonly step?: string
  /** `action`: going forward; `compensation`: undoing. Both, when absent. */
  readonly side?: Side
}

const RELEASED_AT_ONCE = 200

export async function placeHold(options: OperatorOptions, scope: HoldScope, by: By): Promise<string> {
  const { db, applier, authorize } = options
  const act = checkAct(by)
  checkScope(scope)
  await demand(authorize, act.actor, 'hold' satisfies Action, scope)
  const { definition, step = null, side = null } = scope
  const { schema } = applier
  const id = await options.transaction(async (tx) => {
    // Whoever registers a shape with another name for the step meanwhile sees this hold, or is seen by it.
    await lockShapes(tx, schema, definition)
    const shapes = await blueprintsOf(tx, schema, definition)
    mustBeKnown(shapes, scope)
    const names = step === null ? null : aliasesOf(shapes, step)
    return insertHold(tx, schema, { id: newId(), definition, step, names, side, ...act })
  })
  if (id !== undefined) return id
  const earlier = await holdByRequest(db, applier.schema, act.requestId)
  if (earlier !== undefined && earlier.definition === definition && earlier.step === step && earlier.side === side) {
    return earlier.id
  }
  throw new SagaError(
    'REQUEST_REUSED',
    `The request "${act.requestId}" has placed another hold. Nothing was done: give this one a request id of its own.`,
    { details: { requestId: act.requestId } },
  )
}

export async function endHold(options: OperatorOptions, holdId: string, by: By): Promise<number> {
  const { db, applier, authorize } = options
  const act = checkAct(by)
  const held = isId(holdId) ? await readHold(db, applier.schema, holdId) : undefined
  await demand(authorize, act.actor, 'release', held === undefined ? {} : scopeOf(held))
  const released = held !== undefined && (await releaseHold(db, applier.schema, holdId, act))
  if (!released) {
    throw new SagaError('HOLD_NOT_FOUND', `There is no hold ${holdId} in force. holds() lists them.`)
  }
  return releaseSagas(options, held.definition)
}

function scopeOf({ definition, step }: HoldRow): { readonly definition: string; readonly step?: string } {
  return { definition, ...(step === null ? {} : { step }) }
}

/** In batches, each its own transaction; a worker goes on with them if this process dies. */
async function releaseSagas(options: OperatorOptions, definition: string): Promise<number> {
  const { applier, db, transaction, onJobs } = options
  const seen = new Set<string>()
  for (;;) {
    const waiting = await waitingSagas(db, applier.schema, [definition], 'hold', RELEASED_AT_ONCE + seen.size)
    const ids = waiting.filter((id) => !seen.has(id)).slice(0, RELEASED_AT_ONCE)
    if (ids.length === 0) return seen.size
    const items: Item[] = ids.map((sagaId) => ({ sagaId, input: { type: 'hold_released' } }))
    await transaction((tx) => applyBatch(applier, tx, items, { wait: true }))
    for (const id of ids) seen.add(id)
    onJobs()
  }
}

function checkScope({ definition, step, side }: HoldScope): void {
  const isName = (value: unknown) => typeof value === 'string' && !value.includes('\u0000') && value.isWellFormed()
  const wrong = !isName(definition)
    ? 'definition'
    : step !== undefined && !isName(step)
      ? 'step'
      : side !== undefined && !(SIDES as readonly unknown[]).includes(side)
        ? 'side'
        : undefined
  if (wrong === undefined) return
  throw new SagaError(
    'ACT_INVALID',
    `A hold names a definition, and may name a step and a side (${SIDES.join(', ')}); its ${wrong} is not one.`,
    { details: { field: wrong } },
  )
}

/** A hold on a name that nothing has would stop nothing, and look as if it did. */
function mustBeKnown(blueprints: readonly Blueprint[], { definition, step }: HoldScope): void {
  if (blueprints.length === 0) {
    throw new SagaError('DEFINITION_UNKNOWN', `Nothing is held: no definition is called "${definition}".`, {
      details: { definition },
    })
  }
  if (step === undefined || blueprints.some((blueprint) => nodeOf(blueprint, step) !== undefined)) return
  const isHook = step.startsWith('@')
  if (isHook) return
  throw new SagaError('DEFINITION_UNKNOWN', `Nothing is held: no version of ${definition} has a step "${step}".`, {
    details: { definition, step },
  })
}
