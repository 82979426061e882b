/** Whether a delivered attempt may be executed, on the state as the worker reads it just before. */
import type { Blueprint } from './blueprint.ts'
import { isSideHook, stepOf } from './blueprint.ts'
import { covers } from './frontier.ts'
import type { Delivery, Hold } from './input.ts'
import type { SagaState, Withheld } from './state.ts'

export type Admission = 'execute' | 'stale' | Withheld | 'turned'

/**
 * `stale`: the state does not name this delivery, so its job is only to be removed.
 * Anything else but `execute` is reported as *returned*: nothing was applied.
 */
export function admit(blueprint: Blueprint, state: SagaState, delivery: Delivery, holds: readonly Hold[]): Admission {
  const { step, side } = delivery
  const entry = state.steps[step]
  const flight = entry?.[side]?.flight
  // The same job may have been delivered again, and that delivery recorded, before this one came to run.
  if (flight?.jobId !== delivery.jobId || delivery.insertedAs + delivery.retryCount < flight.attempt) return 'stale'
  if (isSideHook(step)) return 'execute'
  if (side !== 'compensation' && !step.startsWith('@') && isTurned(blueprint, state, delivery)) return 'turned'
  if (state.paused === true) return 'pause'
  const held = holds.some((hold) => hold.lettingGo !== true && covers(hold, step, side))
  return held ? 'hold' : 'execute'
}

/** The direction has turned, or turns if the pivot is not executed now. A verification before undoing is no way forward. */
function isTurned(blueprint: Blueprint, state: SagaState, delivery: Delivery): boolean {
  if (state.draining === true) return true
  const { step, side, retryCount } = delivery
  const mayHaveRun = state.steps[step]?.maybeApplied === true || retryCount > 0
  return side === 'action' && state.recorded !== undefined && stepOf(blueprint, step)?.pivot === true && !mayHaveRun
}
