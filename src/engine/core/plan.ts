/**
 * The plan: what retry, compensate or cancel will do to a saga, step by step, before it is done (rule 14).
 *
 * It is made by the same functions that decide, so it cannot promise something else.
 */
import { type Blueprint, type BlueprintNode, stepOf } from './blueprint.ts'
import { decide } from './decide.ts'
import { undoOrder } from './frontier.ts'
import type { Facts, Ignored, Order } from './input.ts'
import { pivotUnderWay } from './order.ts'
import { flightsOf, type SagaState } from './state.ts'

export type PlanStep = {
  readonly step: string
  readonly will: /** Is running, and is waited for. */
    | 'finish'
    /** Its action runs (again). */
    | 'run'
    /** Its compensation runs (again). */
    | 'compensate'
    /** In doubt: a verification decides first. */
    | 'verify'
    /** Done, and nothing undoes it. */
    | 'stay_done'
    /** In doubt, and nothing undoes it. */
    | 'stay_in_doubt'
}

export type Plan = {
  readonly order: 'retry' | 'compensate' | 'cancel'
  readonly steps: readonly PlanStep[]
  /** The order is recorded, and takes effect only if the pivot turns out not applied. */
  readonly waitsForPivot: boolean
}

const PLACEHOLDER = { actor: 'plan', reason: 'plan', requestId: 'plan' }

/** The plan, or why the order does not fit. */
export function planOf(
  blueprint: Blueprint,
  state: SagaState,
  order: Plan['order'],
  facts: Facts,
  options: { readonly pastPivot?: boolean } = {},
): Plan | Ignored {
  const input: Order =
    order === 'compensate'
      ? { type: order, act: PLACEHOLDER, ...(options.pastPivot === true ? { pastPivot: true } : {}) }
      : { type: order, act: PLACEHOLDER }
  const decision = decide(blueprint, state, input, facts)
  if (decision.ignored !== undefined) return decision.ignored
  const recorded = decision.state.recorded !== undefined && state.recorded === undefined
  const after = decision.state
  const back = after.direction === 'backward' || recorded
  const steps = back ? goingBack(blueprint, state, after, recorded) : goingForward(blueprint, after)
  return { order, steps, waitsForPivot: recorded }
}

/** Tells a plan from a refusal. */
export function isPlan(value: Plan | Ignored): value is Plan {
  return 'steps' in value
}

function goingBack(
  blueprint: Blueprint,
  before: SagaState,
  after: SagaState,
  waitsForPivot: boolean,
): readonly PlanStep[] {
  const inFlight = flightsOf(before).filter(({ step, side }) => side === 'action' && !step.startsWith('@'))
  // Nothing turns before the pivot has come to an end, and then only if there is nothing of it to undo.
  const pivot = waitsForPivot ? pivotUnderWay(blueprint, before) : undefined
  const finishing = pivot === undefined ? inFlight.map(({ step }) => step) : [pivot]
  // A step in flight may complete, and is undone then.
  const mayComplete = finishing.filter((step) => step !== pivot && canUndo(blueprint, step))
  // The decision may have dealt already with steps that nothing undoes, so the list is read off the state before.
  const toUndo = undoOrder(before).filter((step) => step !== pivot && !mayComplete.includes(step))
  return [
    ...finishing.map((step) => ({ step, will: 'finish' as const })),
    ...mayComplete.map((step) => ({ step, will: 'compensate' as const })),
    ...[...toUndo, ...failedToUndo(before)].map((step) => ({ step, will: undoing(blueprint, after, step) })),
  ]
}

function failedToUndo(state: SagaState): readonly string[] {
  return Object.keys(state.steps).filter((step) => state.steps[step]?.state === 'compensation_failed')
}

function undoing(blueprint: Blueprint, after: SagaState, name: string): PlanStep['will'] {
  const node = stepOf(blueprint, name)
  const inDoubt = after.steps[name]?.maybeApplied === true
  if (inDoubt && node?.verify === true) return 'verify'
  if (!canUndo(blueprint, name)) return inDoubt ? 'stay_in_doubt' : 'stay_done'
  return inDoubt && node?.compensateWhen === 'completed' ? 'stay_in_doubt' : 'compensate'
}

function canUndo(blueprint: Blueprint, name: string): boolean {
  const node = stepOf(blueprint, name)
  return node !== undefined && (node.compensation || node.kind === 'child')
}

function goingForward(blueprint: Blueprint, after: SagaState): readonly PlanStep[] {
  return [...remaining(blueprint.nodes, after)].map((step) => ({
    step,
    will: after.steps[step]?.verify?.flight === undefined ? 'run' : 'verify',
  }))
}

/** Steps that are still to run, as far as branches are chosen. */
function* remaining(nodes: readonly BlueprintNode[], state: SagaState): Generator<string> {
  for (const node of nodes) {
    if (node.node === 'step') {
      if (state.steps[node.name]?.state !== 'completed') yield node.name
    } else if (node.node === 'parallel') {
      for (const lane of node.lanes) yield* remaining(lane, state)
    } else {
      const option = state.branches[node.name]
      if (option === undefined) yield node.name
      else if (option !== null) yield* remaining(node.options[option] ?? [], state)
    }
  }
}
