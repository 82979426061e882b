/**
 * Circuit breakers at work: each change is a transaction of its own, on the breaker's locked row, with the hold that it
 * places or releases and the saga that it lets through.
 *
 * Order of locks: breaker, hold, sagas. Nobody who has a saga or a hold waits for a breaker.
 */
import {
  type BreakerLimits,
  type BreakerState,
  closedBreaker,
  counted,
  EMPTY_TALLY,
  isProbeDue,
  probed,
  probing,
  type Tally,
} from '../core/breaker.ts'
import type { ErrorInfo } from '../core/state.ts'
import { type BreakerRow, breakerOfHold, lockBreaker, lockedBreaker, writeBreaker } from '../store/breakers.ts'
import type { Db } from '../store/db.ts'
import { letProbePass, releaseHold } from '../store/holds.ts'
import { waitingFor } from '../store/waiting-sagas.ts'
import { applyBatch } from './apply.ts'
import { holdUnderAllNames } from './holding.ts'
import { newId } from './ids.ts'
import { goOn, type LettingGoParts, letAllGo } from './letting-go.ts'

/** The breaker of a step, as the code of this process has it. */
export type Breaker = {
  readonly definition: string
  /** As the code calls it. */
  readonly step: string
  readonly limits: BreakerLimits
  /** How long nothing has to be heard of a probe until another one follows, in ms. */
  readonly patienceMs: number
}

export const BREAKER_ACTOR = 'breaker'

/** What was seen of a step, and the last error of it. */
export type Seen = { readonly tally: Tally; readonly error?: ErrorInfo | undefined }

/** Adds what was seen, and opens the breaker when that is too much. @returns how it is now. */
export async function recordSeen(parts: LettingGoParts, breaker: Breaker, seen: Seen): Promise<BreakerState> {
  const { schema } = parts.applier
  const { limits, definition, step } = breaker
  return parts.transaction(async (tx) => {
    const row = await lockBreaker(tx, schema, { definition, step, cooldownMs: limits.cooldownMs })
    const before = unlessReleased(row, limits)
    const after = counted(before, seen.tally, limits, row.now)
    const opens = before.status === 'closed' && after.status === 'open'
    const holdId = opens ? await holdAction(tx, schema, breaker, after.failures, seen.error) : undefined
    if (after !== row.state) await writeBreaker(tx, schema, row, after, holdId)
    return after
  })
}

/** A person has released its hold: that closes it. */
export function closeReleased(parts: LettingGoParts, breaker: Breaker): Promise<BreakerState> {
  return recordSeen(parts, breaker, { tally: EMPTY_TALLY })
}

function unlessReleased({ state, isHolding }: BreakerRow, limits: BreakerLimits): BreakerState {
  return state.status === 'closed' || isHolding ? state : closedBreaker(limits)
}

/** Names and codes are the author's words. Messages are not: they may hold what belongs to somebody. */
async function holdAction(
  tx: Db,
  schema: string,
  { definition, step }: Breaker,
  failures: number,
  error: ErrorInfo | undefined,
): Promise<string | undefined> {
  const told =
    error === undefined ? '' : `, the last one ${error.name}${error.code === undefined ? '' : ` (${error.code})`}`
  return holdUnderAllNames(tx, schema, {
    id: newId(),
    definition,
    step,
    side: 'action',
    actor: BREAKER_ACTOR,
    reason: `${failures} failures in a row${told}`,
    requestId: `${BREAKER_ACTOR}:${newId()}`,
  })
}

/**
 * Lets one saga through that waits for the breaker's hold, if it is time for one. Not the one of last time, if there are
 * others: it would use up its attempts for all of them.
 *
 * @returns whether one was let through.
 */
export async function letProbeThrough(
  parts: LettingGoParts,
  { definition, step }: Pick<BreakerRow, 'definition' | 'step'>,
  patienceMs: number,
): Promise<boolean> {
  const { applier, transaction, onJobs } = parts
  const { schema } = applier
  const isThrough = await transaction(async (tx) => {
    const row = await lockedBreaker(tx, schema, definition, step, { wait: false })
    if (row === undefined || row.holdId === null || !row.isHolding || !isProbeDue(row.state, row.now)) return false
    const hold = { id: row.holdId, definition }
    const [next] = await waitingFor(tx, schema, hold, 1, row.state.probe ?? null)
    const [probe] = next === undefined ? await waitingFor(tx, schema, hold, 1) : [next]
    if (probe === undefined) return false
    await letProbePass(tx, schema, hold.id, probe)
    const [applied] = (await applyBatch(applier, tx, [goOn(probe)], { wait: false })).applied
    const isGoing = applied !== undefined && applied.ignored === undefined
    if (isGoing) await writeBreaker(tx, schema, row, probing(row.state, probe, patienceMs, row.now))
    else await letProbePass(tx, schema, hold.id, null)
    return isGoing
  })
  if (isThrough) onJobs()
  return isThrough
}

/** What has become of the saga that was let through. @returns how the breaker is now; `undefined` if it asked another one. */
export async function recordProbe(
  parts: LettingGoParts,
  limits: BreakerLimits,
  probe: { readonly holdId: string; readonly sagaId: string; readonly isSuccess: boolean },
): Promise<BreakerState | undefined> {
  const { applier, db, transaction } = parts
  const { schema } = applier
  const { holdId, sagaId, isSuccess } = probe
  const found = await breakerOfHold(db, schema, holdId)
  if (found === undefined) return undefined
  const after = await transaction(async (tx) => {
    const row = await lockedBreaker(tx, schema, found.definition, found.step, { wait: true })
    if (row?.holdId !== holdId || row.state.status !== 'probing' || row.state.probe !== sagaId) return undefined
    const next = probed(unlessReleased(row, limits), isSuccess, limits, row.now)
    if (next.status === 'closed') {
      const act = { actor: BREAKER_ACTOR, reason: 'The saga that was let through succeeded.', requestId: holdId }
      await releaseHold(tx, schema, holdId, act, limits.releaseRate ?? null)
    } else await letProbePass(tx, schema, holdId, null)
    await writeBreaker(tx, schema, row, next)
    return next
  })
  if (after?.status === 'closed' && limits.releaseRate === undefined) await letAllGo(parts, found.definition)
  return after
}
