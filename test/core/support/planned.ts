/** Holds a plan against what was done: every entry of it happened, and every attempt that was made stands in it. */
import { itemName, nodeOf, walk } from '../../../src/engine/core/blueprint.ts'
import type { SagaEvent } from '../../../src/engine/core/events.ts'
import type { Plan, PlanStep } from '../../../src/engine/core/plan.ts'
import type { SagaState } from '../../../src/engine/core/state.ts'
import { isOwnStep } from './scenario.ts'
import type { World } from './world.ts'

/** What of a plan did not come true though all went well. @param from the turn of the order. */
export function broken(world: World, plan: Plan, before: SagaState, from: number): readonly string[] {
  const events = world.turns.slice(from).flatMap(({ decision }) => decision.events)
  // Without its blueprint nobody knows what there is to do.
  if (before.blueprint === null) return []
  if (!wentWell(events) || (!turnsBack(plan, events) && hasRefuted(events))) return []
  const turns = events.filter((event) => event.type === 'saga_turned').map(({ cause }) => cause.kind)
  // A deadline that comes after the order is another story.
  if (turns.includes('deadline')) return []
  // The pivot was applied after all, and nothing that was planned for the other case may have happened.
  if (plan.waitsForPivot && turns.length === 0) return events.some(isUndoing) ? ['undone past the pivot'] : []
  return [...unfulfilled(world, plan, before, events), ...unplanned(world, plan, events)]
}

const TROUBLE: readonly SagaEvent['type'][] = ['attempt_failed', 'attempt_lost', 'late_report', 'late_effect_found']

function wentWell(events: readonly SagaEvent[]): boolean {
  return !events.some(
    (event) =>
      TROUBLE.includes(event.type) ||
      (event.type === 'child_ended' && event.outcome === 'compensated' && !wasAsked(events, event.step)),
  )
}

/** A verification that finds nothing is no trouble on the way back. */
function hasRefuted(events: readonly SagaEvent[]): boolean {
  return events.some((event) => event.type === 'step_verified' && event.outcome !== 'applied')
}

function turnsBack(plan: Plan, events: readonly SagaEvent[]): boolean {
  const first = events.find((event) => event.type === 'saga_turned' || event.type === 'saga_retried')
  return plan.order !== 'retry' || (first?.type === 'saga_retried' && first.direction === 'backward')
}

function wasAsked(events: readonly SagaEvent[], step: string): boolean {
  return events.some((event) => event.type === 'child_undo_asked' && event.step === step)
}

function isUndoing(event: SagaEvent): boolean {
  return event.type === 'attempt_scheduled' && event.side === 'compensation'
}

function* unfulfilled(world: World, plan: Plan, before: SagaState, events: readonly SagaEvent[]): Generator<string> {
  const isWaitedFor = new Set(plan.steps.filter(({ will }) => will === 'finish').map(({ step }) => step))
  const wasTried = (step: string, side: string) =>
    events.some((event) => event.type === 'attempt_scheduled' && event.step === step && event.side === side)
  for (const { step, will } of plan.steps) {
    const state = world.state.steps[step]?.state ?? 'unknown'
    const inFlight = before.steps[step]?.verify?.flight !== undefined
    const holds: { readonly [will in PlanStep['will']]: boolean } = {
      finish:
        before.steps[step]?.action.flight !== undefined ||
        before.steps[step]?.child?.started === true ||
        plan.waitsForPivot,
      run: wasTried(step, 'action'),
      verify: wasTried(step, 'verify') || inFlight,
      compensate: state === 'compensated' || state === 'compensation_failed',
      stay_done: state === 'skipped',
      stay_in_doubt: state === 'left_in_doubt',
    }
    // What is in flight may turn out not applied, and then there is nothing to undo.
    if (isWaitedFor.has(step) && will !== 'finish' && !completed(events, step)) continue
    // What is in flight and completes is in doubt no more.
    if (isWaitedFor.has(step) && will === 'stay_in_doubt') continue
    if (!holds[will]) yield `${step} was to ${will}, and is ${state}`
  }
}

function completed(events: readonly SagaEvent[], step: string): boolean {
  return events.some((event) => event.type === 'step_completed' && event.step === step)
}

function* unplanned(world: World, plan: Plan, events: readonly SagaEvent[]): Generator<string> {
  const will = (step: string, ...kinds: readonly PlanStep['will'][]) =>
    plan.steps.some((entry) => entry.step === step && kinds.includes(entry.will))
  const inside = new Set(branchSteps(world, events))
  for (const event of events) {
    if (event.type !== 'attempt_scheduled' || !isOwnStep(event.step)) continue
    const { step, side } = event
    const isPlanned =
      side === 'verify'
        ? // What is in flight may end in doubt.
          will(step, 'verify', 'finish')
        : side === 'compensation'
          ? // A verification decides whether it is undone; nobody knew of what a chooser had still to choose.
            will(step, 'compensate', 'verify') || inside.has(step) || (will(step, 'finish') && completed(events, step))
          : will(step, 'run', 'finish', 'verify') || inside.has(step)
    if (!isPlanned) yield `${side} of ${step} was not planned`
  }
}

/** Steps of branches that were chosen since, and items of lists that were. */
function* branchSteps(world: World, events: readonly SagaEvent[]): Generator<string> {
  for (const event of events) {
    if (event.type === 'map_started')
      for (let index = 0; index < event.count; index += 1) yield itemName(event.step, index)
    if (event.type !== 'branch_chosen' || event.option === null) continue
    const node = nodeOf(world.settings.blueprint, event.step)
    if (node?.node === 'branch') for (const inner of walk(node.options[event.option] ?? [])) yield inner.name
  }
}
