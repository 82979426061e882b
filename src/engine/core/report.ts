/**
 * What a delivery of an attempt has to say: it succeeded, failed, was lost, or was given back unexecuted.
 *
 * Fenced by the job that the state names (rule 4). What comes from any other delivery is late (rule 5).
 */
import { ADOPT, type BranchNode, HOOK_STEP, isSideHook, itemOf, nodeOf, stepOf } from './blueprint.ts'
import type { Draft } from './draft.ts'
import { isUnverified } from './follow.ts'
import type { Delivery, Ignored, Limits, Report } from './input.ts'
import { EMPTY_SIDE, type ErrorInfo, type Flight, type SideState, type StepState } from './state.ts'

type ReportOf<T extends Report['type']> = Extract<Report, { type: T }>

export function report(draft: Draft, input: Report): Ignored | undefined {
  const flight = draft.saga.steps[input.step]?.[input.side]?.flight
  const attempt = input.insertedAs + input.retryCount
  if (flight?.jobId !== input.jobId || attempt < flight.attempt || input.superseded === true) {
    return lateReport(draft, input, attempt)
  }
  loseEarlier(draft, input, flight, attempt)
  if (input.type === 'succeeded') succeeded(draft, input, attempt)
  else if (input.type === 'failed') failed(draft, input, attempt)
  else if (input.type === 'lost') lost(draft, input, attempt)
  else returned(draft, input, attempt)
  return undefined
}

/** What a running attempt says of itself is kept if the attempt is the one that the saga waits for. */
export function checkpoint(draft: Draft, input: Delivery): Ignored | undefined {
  const { step, side, jobId } = input
  const flight = draft.saga.steps[step]?.[side]?.flight
  const attempt = input.insertedAs + input.retryCount
  const isCurrent = flight?.jobId === jobId && attempt >= flight.attempt && input.superseded !== true
  if (!isCurrent) return { reason: 'unknown_attempt' }
  loseEarlier(draft, input, flight, attempt)
  draft.emit({ type: 'step_checkpointed', step, side, attempt })
  return undefined
}

/** Rule 4: the deliveries of a job before the one that is spoken of now. */
function loseEarlier(draft: Draft, input: Delivery, flight: Flight | undefined, attempt: number): void {
  for (let lost = flight?.attempt ?? attempt; lost < attempt; lost += 1) {
    draft.emit({ type: 'attempt_lost', step: input.step, side: input.side, attempt: lost, redelivered: true })
  }
}

/** Rule 5: a late report never undoes a step that is completed or may still complete. */
function lateReport(draft: Draft, input: Report, attempt: number): Ignored | undefined {
  const { step } = input
  const before = draft.saga.steps[step]
  const side = before?.[input.side]
  // A delivery of the job that the state names, and not the last: it is not late yet, and counts as lost from here on.
  const isCurrent = input.superseded === true && side?.flight?.jobId === input.jobId && attempt >= side.flight.attempt
  if (before === undefined || side === undefined || (attempt > side.attempts && !isCurrent))
    return { reason: 'unknown_attempt' }
  if (!isCurrent && side.open?.includes(attempt) !== true) return { reason: 'duplicate' }
  // Nothing new: it is known to be lost, or to have run out of time, and may report all the same.
  if (input.type === 'returned' || input.type === 'lost' || (input.type === 'failed' && input.timedOut === true)) {
    return { reason: 'duplicate' }
  }
  if (isCurrent) loseEarlier(draft, input, side.flight, attempt + 1)
  const verdict = input.type === 'failed' ? { verdict: input.verdict } : {}
  draft.emit({ type: 'late_report', step, side: input.side, attempt, outcome: input.type, ...verdict })
  // Only an external step can have taken effect behind our back: the others commit with their report.
  const node = stepOf(draft.blueprint, step)
  if (input.side !== 'action' || node?.kind !== 'external') return undefined
  if (draft.saga.direction === 'forward' || draft.saga.status === 'resolved') return undefined
  if (input.type === 'succeeded') {
    // One that its author leaves in doubt is undone like the others when it is in doubt no more.
    const wasLeft = before.state === 'left_in_doubt' && node.compensation
    if (before.state === 'compensated' || before.state === 'failed' || wasLeft) lateEffect(draft, step)
  } else if (input.verdict === 'in_doubt' && before.state === 'failed') {
    // A verification had found nothing, and may have looked too early.
    draft.emit({ type: 'late_effect_found', step, round: before.round + 1, inDoubt: true })
  }
  return undefined
}

/** Something took effect after the saga had been told otherwise: one more round for its compensation. */
function lateEffect(draft: Draft, name: string): void {
  const step = draft.saga.steps[name]
  const undoable = stepOf(draft.blueprint, name)?.compensation === true
  draft.emit({ type: 'late_effect_found', step: name, round: undoable ? (step?.round ?? 1) + 1 : null })
  if (!undoable && draft.saga.status === 'compensated') draft.deadLetter('late_effect', name)
}

function succeeded(draft: Draft, input: ReportOf<'succeeded'>, attempt: number): void {
  const { step: name, side } = input
  const of = { step: name, side, attempt }
  const node = nodeOf(draft.blueprint, name)
  const before = draft.saga.steps[name]
  if (side === 'verify') return verified(draft, input, attempt, input.found ?? 'unknown')
  if (side === 'compensation') {
    if (before?.child !== undefined) {
      draft.emit({ type: 'child_undo_asked', ...of, childId: before.child.id })
      return
    }
    const needless = input.needless === true ? { needless: true as const } : {}
    draft.emit({ type: 'step_compensated', ...of, round: before?.round ?? 1, ...needless })
    if (draft.saga.steps[name]?.againDue === true) lateEffect(draft, name)
    return
  }
  if (name === ADOPT) draft.emit({ type: 'blueprint_chosen', ...of, blueprint: input.blueprint ?? '' })
  else if (name.startsWith('@')) draft.emit({ type: 'hook_completed', ...of })
  else if (node?.node === 'branch') branchChosen(draft, input, attempt, node)
  else if (node?.node === 'map') draft.emit({ type: 'map_started', ...of, ...(input.items ?? NO_ITEMS) })
  else if (node?.node === 'step' && node.kind === 'child') {
    draft.emit({ type: 'child_started', ...of, childId: before?.child?.id ?? '' })
  } else {
    draft.emit({ type: 'step_completed', ...of })
    pivotPassed(draft, name)
  }
}

const NO_ITEMS = { count: 0, concurrency: 1 }

/** A choice that the blueprint does not have is a mistake of the chooser, and would be one again. */
function branchChosen(draft: Draft, input: ReportOf<'succeeded'>, attempt: number, node: BranchNode): void {
  const { step, side, jobId, insertedAs, retryCount, limits } = input
  const option = input.option ?? null
  if (option === null || Object.hasOwn(node.options, option)) {
    return draft.emit({ type: 'branch_chosen', step, side, attempt, option })
  }
  const error = {
    name: 'SagaError',
    code: 'OPTION_UNKNOWN',
    message: `Branch "${step}" has no option of the name that was chosen.`,
  }
  const delivery = { step, side, jobId, insertedAs, retryCount, limits }
  failed(draft, { type: 'failed', ...delivery, verdict: 'rejected', error, retryDelayMs: 0 }, attempt)
}

/** The pivot is done: what was asked for meanwhile does not happen, unless a parent asked: that waits for the end. */
export function pivotPassed(draft: Draft, name: string): void {
  const { recorded } = draft.saga
  if (!draft.isPivot(name) || recorded === undefined || recorded.kind === 'parent') return
  draft.emit({ type: 'turn_dropped' })
}

function failed(draft: Draft, input: ReportOf<'failed'>, attempt: number): void {
  const { step: name, side, verdict, error, limits } = input
  const before = draft.saga.steps[name]?.[side] ?? EMPTY_SIDE
  const rejected = verdict === 'rejected'
  const retryAt = draft.facts.now + Math.max(0, Math.ceil(input.retryDelayMs))
  // Adoption has nothing that could be undone, and no limit: only a worker with the code ends it.
  const usedUp =
    name !== ADOPT && (rejected || before.failures + 1 >= limits.maxAttempts || isTooLate(before, limits, retryAt))
  const isOver = usedUp || (side === 'action' && isTurning(draft, name, verdict !== 'in_doubt'))
  draft.emit({
    type: 'attempt_failed',
    step: name,
    side,
    attempt,
    verdict,
    error,
    ...(isOver || draft.saga.stopping !== undefined ? {} : { retryAt }),
    ...(input.timedOut === true ? { timedOut: true } : {}),
    ...(input.fallsBack === true && side === 'action' ? { fallsBack: true } : {}),
  })
  if (isOver) over(draft, name, side, attempt, limits, error)
}

function isTooLate(side: SideState, limits: Limits, retryAt: number): boolean {
  return limits.maxDurationMs !== undefined && retryAt - side.since > limits.maxDurationMs
}

function lost(draft: Draft, input: ReportOf<'lost'>, attempt: number): void {
  const { step: name, side, limits } = input
  const { uncounted } = input
  draft.emit({ type: 'attempt_lost', step: name, side, attempt, ...(uncounted === undefined ? {} : { uncounted }) })
  const usedUp = uncounted !== true && name !== ADOPT && (draft.saga.steps[name]?.[side]?.lost ?? 0) >= limits.maxLost
  if (usedUp || (side === 'action' && isTurning(draft, name, true))) {
    over(draft, name, side, attempt, limits, undefined)
  }
}

function returned(draft: Draft, input: ReportOf<'returned'>, attempt: number): void {
  const { step: name, side, why, limits } = input
  const dueAt = input.retryDelayMs === undefined ? undefined : draft.facts.now + Math.ceil(input.retryDelayMs)
  draft.emit({
    type: 'attempt_returned',
    step: name,
    side,
    attempt,
    why,
    at: draft.facts.now,
    ...(dueAt === undefined || why !== 'code' ? {} : { dueAt }),
  })
  if (side === 'action' && isTurning(draft, name, true)) over(draft, name, side, attempt, limits, undefined)
}

/** Whether the direction has turned, or turns now because the pivot that it waited for was not applied. */
function isTurning(draft: Draft, name: string, notApplied: boolean): boolean {
  if (isSideHook(name) || name === HOOK_STEP.compensated) return false
  if (draft.saga.status === 'compensating') return true
  const { recorded } = draft.saga
  if (recorded === undefined || !draft.isPivot(name)) return false
  return notApplied && draft.saga.steps[name]?.maybeApplied !== true
}

/** No further attempt of this function: what that means for the step, and for the saga. */
function over(
  draft: Draft,
  name: string,
  side: Report['side'],
  attempt: number,
  limits: Limits,
  error: ErrorInfo | undefined,
): void {
  if (side === 'verify') {
    const unknown: Unknown = { step: name, side, limits }
    return verified(draft, unknown, attempt, 'unknown')
  }
  const withError = error === undefined ? {} : { error }
  if (side === 'compensation') return draft.emit({ type: 'compensation_gave_up', step: name, ...withError })
  const as = draft.saga.steps[name]?.maybeApplied === true ? 'in_doubt' : 'failed'
  draft.emit({ type: 'step_ended', step: name, as, ...withError })
  if (isSideHook(name) || name === ADOPT) return
  if (name.startsWith('@')) return draft.stop('hook', name, error)
  // A verification is asked before anything is made of the doubt; `follow` schedules it.
  const step = draft.saga.steps[name]
  if (step !== undefined && draft.saga.status === 'running' && isUnverified(draft.blueprint, name, step)) return
  conclude(draft, name, limits)
}

type Unknown = Pick<ReportOf<'succeeded'>, 'step' | 'side' | 'limits'>

function verified(draft: Draft, input: Unknown, attempt: number, found: 'applied' | 'not_applied' | 'unknown'): void {
  const { step: name, side } = input
  const before = draft.saga.steps[name]
  const hadEnded = before?.state === 'in_doubt'
  // An effect that was reported meanwhile is there, whatever the verification saw before it.
  const outcome = found === 'not_applied' && before?.againDue === true ? 'unknown' : found
  draft.emit({ type: 'step_verified', step: name, side, attempt, outcome })
  if (outcome === 'applied') return pivotPassed(draft, name)
  if (hadEnded) return conclude(draft, name, input.limits)
  // While attempts remain the step is tried again, unless the direction has turned meanwhile.
  if (!isTurning(draft, name, outcome === 'not_applied')) return
  const as = draft.saga.steps[name]?.maybeApplied === true ? 'in_doubt' : 'failed'
  draft.emit({ type: 'step_ended', step: name, as })
  conclude(draft, name, input.limits)
}

/** A step has ended without completing: back, or to a person (rule 9). */
export function conclude(draft: Draft, name: string, limits: Limits): void {
  const { status, recorded, pivoted } = draft.saga
  if (status !== 'running') return
  const step: StepState | undefined = draft.saga.steps[name]
  if (step !== undefined && passesBy(draft, name, step)) return
  if (pivoted === true) return draft.stop('past_pivot', name, step?.error)
  if (draft.isPivot(name)) {
    if (step?.state === 'in_doubt') return draft.stop('pivot_in_doubt', name, step.error)
    if (recorded !== undefined) return draft.turn(recorded)
  }
  if (limits.whenExhausted === 'dead_letter' && step?.rejected !== true)
    return draft.stop('forward_exhausted', name, step?.error)
  draft.turn({ kind: 'failure', step: name })
}

/** Whether the saga goes on all the same: by the step's fallback, or with the failure of an item as its result. */
function passesBy(draft: Draft, name: string, step: StepState): boolean {
  const fallback = stepOf(draft.blueprint, name)?.fallback
  if (fallback !== undefined && step.state === 'failed' && step.fallsBack === true) {
    draft.emit({ type: 'fallback_taken', step: name, to: fallback.name })
    return true
  }
  const map = nodeOf(draft.blueprint, itemOf(name)?.map ?? '')
  if (map?.node !== 'map' || map.collect !== true) return false
  draft.emit({ type: 'item_collected', step: name })
  return true
}
