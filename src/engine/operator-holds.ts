/** Holds: stopping a definition, a step or a direction of it for all its sagas, and letting them go again. */
import { type Action, demand } from './access.ts'
import { type By, checkAct } from './acts.ts'
import { type Blueprint, nodeOf } from './core/blueprint.ts'
import type { Act } from './core/events.ts'
import { SIDES, type Side } from './core/machine.ts'
import { SagaError } from './errors.ts'
import type { OperatorOptions } from './operator.ts'
import { holdUnderAllNames } from './runtime/holding.ts'
import { isId, newId } from './runtime/ids.ts'
import { letAllGo } from './runtime/letting-go.ts'
import { type AuditAbout, type NewAct, recordAct } from './store/audit.ts'
import { type HoldRow, holdByRequest, listHolds, readHold, releaseHold } from './store/holds.ts'
import { countWaiting } from './store/waiting-sagas.ts'

export type HoldScope = {
  readonly definition: string
  /** Under any name that it has or had: one that was renamed is held in old sagas and in new ones. */
  readonly step?: string
  /** `action`: going forward; `compensation`: undoing. Both, when absent. */
  readonly side?: Side
}

/** A hold, and how many sagas wait for it: of more than 10 000 it says 10 001. */
export type HoldView = HoldRow & { readonly waiting: number }

const COUNTED = 10_001
/** Of Postgres's integer. */
const ALL = 2 ** 31 - 1
const MIN_RATE = 0.001
const MAX_RATE = 1_000

export async function placeHold(options: OperatorOptions, scope: HoldScope, by: By): Promise<string> {
  const { db, applier, authorize } = options
  const act = checkAct(by)
  checkScope(scope)
  await demand(authorize, act.actor, 'hold' satisfies Action, scope)
  const { definition, step = null, side = null } = scope
  const { schema } = applier
  const id = await options.transaction(async (tx) => {
    const hold = { id: newId(), definition, step, side, ...act }
    const placed = await holdUnderAllNames(tx, schema, hold, (shapes) => mustBeKnown(shapes, scope))
    if (placed !== undefined) await recordAct(tx, schema, actOf('hold', hold, act))
    return placed
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

/** Those in force, and those that let go, the oldest first. */
export async function heldNow({ db, applier }: OperatorOptions): Promise<readonly HoldView[]> {
  const holds = await listHolds(db, applier.schema)
  if (holds.length === 0) return []
  const ids = holds.map(({ id }) => id)
  const waiting = await countWaiting(db, applier.schema, ids, COUNTED)
  return holds.map((hold) => ({ ...hold, waiting: waiting.get(hold.id) ?? 0 }))
}

export async function endHold(
  options: OperatorOptions,
  holdId: string,
  by: By & { readonly rate?: number },
): Promise<number> {
  const { db, applier, authorize } = options
  const act = checkAct(by)
  checkRate(by.rate)
  const held = isId(holdId) ? await readHold(db, applier.schema, holdId) : undefined
  await demand(authorize, act.actor, 'release', held === undefined ? {} : scopeOf(held))
  const released = held === undefined ? undefined : await release(options, held, act, by.rate ?? null)
  if (held === undefined || released === undefined) {
    throw new SagaError('HOLD_NOT_FOUND', `There is no hold ${holdId} in force. holds() lists them.`)
  }
  if (released.rate === null) return letAllGo(options, held.definition)
  return (await countWaiting(db, applier.schema, [holdId], ALL)).get(holdId) ?? 0
}

/** Transaction: one of ours. */
function release(
  { applier, transaction }: OperatorOptions,
  held: HoldRow,
  act: Act,
  rate: number | null,
): Promise<{ readonly rate: number | null } | undefined> {
  return transaction(async (tx) => {
    const released = await releaseHold(tx, applier.schema, held.id, act, rate)
    if (released !== undefined && !released.isRepeated) {
      await recordAct(tx, applier.schema, actOf('release', held, act, rate === null ? {} : { rate }))
    }
    return released
  })
}

type Held = Pick<HoldRow, 'id' | 'definition' | 'step' | 'side'>

/** As the audit has it. */
function actOf(
  action: 'hold' | 'release',
  { id, definition, step, side }: Held,
  act: Act,
  more: AuditAbout = {},
): NewAct {
  const { actor, reason, requestId } = act
  const of = { ...(step === null ? {} : { step }), ...(side === null ? {} : { side }) }
  return { id: newId(), action, actor, reason, requestId, definition, about: { holdId: id, ...of, ...more } }
}

function scopeOf({ definition, step }: HoldRow): { readonly definition: string; readonly step?: string } {
  return { definition, ...(step === null ? {} : { step }) }
}

function checkRate(rate: unknown): void {
  if (rate === undefined || (typeof rate === 'number' && rate >= MIN_RATE && rate <= MAX_RATE)) return
  throw new SagaError(
    'ACT_INVALID',
    `The hold is not released: rate is a number of sagas a second from ${MIN_RATE} to ${MAX_RATE}, not ${JSON.stringify(rate) ?? typeof rate}.`,
    { details: { field: 'rate' } },
  )
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
