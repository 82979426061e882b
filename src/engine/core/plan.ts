/**
 * The plan: what retry, compensate or cancel will do to a saga, step by step, before it is done (rule 14).
 *
 * It is made by the same functions that decide, so it cannot promise something else.
 */
import { type Blueprint, type BlueprintNode, definedName, HOOK_STEP, itemName, stepOf } from './blueprint.ts'
import { decide } from './decide.ts'
import { isLeftInDoubt, isUnverified } from './follow.ts'
import { undoOrder } from './frontier.ts'
import type { Facts, Ignored, Order } from './input.ts'
import { pivotUnderWay } from './order.ts'
import { flightsOf, type Items, type SagaState, type StepState } from './state.ts'

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
  /** Of a map: how many of its items. */
  readonly items?: number
}

export type Plan = {
  readonly order: 'retry' | 'compensate' | 'cancel' | 'revert'
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
  const steps = back ? goingBack(blueprint, state, recorded) : goingForward(blueprint, state, after)
  return { order, steps: [...steps, ...lastHook(state, after.direction)], waitsForPivot: recorded }
}

/** The items of a map that share what happens to them, in one line each: nobody reads ten thousand. */
export function inLines(steps: readonly PlanStep[]): readonly PlanStep[] {
  const lines = new Map<string, PlanStep>()
  for (const { step, will } of steps) {
    const name = definedName(step)
    if (name === step) lines.set(`${step} ${will} ${lines.size}`, { step, will })
    else {
      const key = `${name}[] ${will}`
      lines.set(key, { step: name, will, items: (lines.get(key)?.items ?? 0) + 1 })
    }
  }
  return [...lines.values()]
}

/** Tells a plan from a refusal. */
export function isPlan(value: Plan | Ignored): value is Plan {
  return 'steps' in value
}

function goingBack(blueprint: Blueprint, before: SagaState, waitsForPivot: boolean): readonly PlanStep[] {
  const inFlight = flightsOf(before).filter(({ step, side }) => side === 'action' && !step.startsWith('@'))
  // Nothing turns before the pivot has come to an end, and then only if there is nothing of it to undo.
  const pivot = waitsForPivot ? pivotUnderWay(blueprint, before) : undefined
  const finishing = pivot === undefined ? inFlight.map(({ step }) => step) : [pivot]
  // A step in flight may complete, and is undone then.
  const mayComplete = finishing.filter((step) => step !== pivot && canUndo(blueprint, step))
  const isFinishing = new Set(mayComplete)
  // The decision may have dealt already with steps that nothing undoes, so the list is read off the state before.
  const toUndo = undoOrder(before).filter((step) => step !== pivot && !isFinishing.has(step))
  return [
    ...finishing.map((step) => ({ step, will: 'finish' as const })),
    ...mayComplete.map((step) => ({ step, will: afterItsEnd(blueprint, before, step) })),
    ...[...toUndo, ...failedToUndo(before)].map((step) => ({ step, will: undoing(blueprint, before, step) })),
  ]
}

/** While a saga is still going back, what gave up waits for the dead letter that comes of it. */
function failedToUndo(before: SagaState): readonly string[] {
  if (before.status !== 'dead_lettered') return []
  return Object.keys(before.steps).filter((step) => before.steps[step]?.state === 'compensation_failed')
}

/** What is in flight is not executed any more if it has not begun, and an earlier attempt may have left it in doubt. */
function afterItsEnd(blueprint: Blueprint, before: SagaState, name: string): PlanStep['will'] {
  const [node, step] = [stepOf(blueprint, name), before.steps[name]]
  const isLeft = node !== undefined && step?.maybeApplied === true && isLeftInDoubt(node, step)
  return isLeft ? 'stay_in_doubt' : 'compensate'
}

function undoing(blueprint: Blueprint, before: SagaState, name: string): PlanStep['will'] {
  const [node, step] = [stepOf(blueprint, name), before.steps[name]]
  // Once its compensation has been tried, a doubt is no question any more.
  const isOpen = step?.state === 'waiting' || step?.state === 'in_doubt'
  const inDoubt = isOpen && step.maybeApplied === true
  if (inDoubt && isUnverified(blueprint, name, step)) return 'verify'
  if (!canUndo(blueprint, name)) return inDoubt ? 'stay_in_doubt' : 'stay_done'
  return inDoubt && node !== undefined && isLeftInDoubt(node, step) ? 'stay_in_doubt' : 'compensate'
}

function canUndo(blueprint: Blueprint, name: string): boolean {
  const node = stepOf(blueprint, name)
  return node !== undefined && (node.compensation || node.kind === 'child')
}

function goingForward(blueprint: Blueprint, before: SagaState, after: SagaState): readonly PlanStep[] {
  const open = [...remaining(blueprint.nodes, after)]
  const onward = open.map((step): PlanStep => ({ step, will: running(blueprint, before.steps[step], step) }))
  if (before.recorded?.kind !== 'parent') return onward
  // A parent has asked for the undo, which begins at the end.
  const done = new Set(open)
  const back = [...open.toReversed(), ...undoOrder(before).filter((step) => !done.has(step))]
  return [
    ...onward,
    ...back
      .filter((step) => stepOf(blueprint, step) !== undefined)
      .map((step): PlanStep => ({ step, will: canUndo(blueprint, step) ? 'compensate' : 'stay_done' })),
  ]
}

function running(blueprint: Blueprint, before: StepState | undefined, name: string): PlanStep['will'] {
  if (before === undefined) return 'run'
  if (before.action.flight !== undefined || before.child?.started === true) return 'finish'
  return isUnverified(blueprint, name, before) ? 'verify' : 'run'
}

/** The hook that the end waits for, where the saga has come that far. */
function lastHook(before: SagaState, direction: SagaState['direction']): readonly PlanStep[] {
  const step = HOOK_STEP[direction === 'forward' ? 'completed' : 'compensated']
  const entry = before.steps[step]
  // An effect that nothing can undo keeps the saga from its end.
  if (direction === 'backward' && Object.values(before.steps).some(({ lateEffect }) => lateEffect === true)) return []
  if (entry === undefined || entry.state === 'completed') return []
  return [{ step, will: entry.action.flight === undefined ? 'run' : 'finish' }]
}

/** Steps that are still to run, as far as branches are chosen. */
function* remaining(nodes: readonly BlueprintNode[], state: SagaState): Generator<string> {
  for (const node of nodes) {
    if (node.node === 'step') {
      const runs = state.steps[node.name]?.fellBack === true ? (node.fallback ?? node) : node
      if (state.steps[runs.name]?.state !== 'completed') yield runs.name
    } else if (node.node === 'map') {
      const items = state.steps[node.name]?.items
      if (items === undefined) yield node.name
      else yield* remainingItems(node.name, items)
    } else if (node.node === 'parallel') {
      for (const lane of node.lanes) yield* remaining(lane, state)
    } else {
      const option = state.branches[node.name]
      if (option === undefined) yield node.name
      else if (option !== null) yield* remaining(node.options[option] ?? [], state)
    }
  }
}

function* remainingItems(map: string, { count, started, open }: Items): Generator<string> {
  for (const index of open) yield itemName(map, index)
  for (let index = started; index < count; index += 1) yield itemName(map, index)
}
