/** What people see of a saga: its steps with their results, errors and times, and its outcome. */
import { type BlueprintNode, nodeOf } from './core/blueprint.ts'
import type { OrderType } from './core/input.ts'
import { ordersThatFit } from './core/order.ts'
import type { ErrorInfo, SagaState, StepState } from './core/state.ts'
import { mapView } from './map-view.ts'
import { bringsResult } from './result-events.ts'
import type { BlueprintShelf } from './runtime/blueprint-shelf.ts'
import type { JournalEntry } from './store/journal.ts'
import type { SagaSummary } from './store/reading.ts'

export type StepView = {
  readonly name: string
  readonly state: StepState['state']
  readonly attempts: number
  readonly compensationAttempts: number
  /** The builds that ran attempts of it, in the order in which they first did. */
  readonly builds: readonly string[]
  /** It may have taken effect. */
  readonly inDoubt: boolean
  readonly error?: ErrorInfo
  readonly result?: unknown
  /** Of a branch: the option that was chosen, or `null` for none. */
  readonly chosen?: string | null
  /** Of a map, once its list is known: how many items there are, and how many of them are in which state. */
  readonly items?: { readonly count: number; readonly byState: { readonly [state in StepState['state']]?: number } }
  /** It failed, and this step ran in its place. */
  readonly fellBackOn?: string
  readonly startedAt?: Date
  readonly endedAt?: Date
}

export type SagaView = SagaSummary & {
  readonly direction: 'forward' | 'backward'
  readonly draining: boolean
  /** As it was last edited; what it was before stands in the journal. */
  readonly input: unknown
  /** Its payloads are gone. */
  readonly erased: boolean
  /** In the order of the definition; steps that were not reached are pending, ways that were not taken are left out. */
  readonly steps: readonly StepView[]
  /** What an operator can order now. */
  readonly fits: readonly OrderType[]
}

export type SagaOutcome<Results = Record<string, unknown>> =
  | { readonly status: 'completed'; readonly results: Results }
  | {
      readonly status: 'compensated' | 'dead_lettered' | 'resolved'
      readonly reason: SagaSummary['reason']
      readonly failure: SagaSummary['failure']
      readonly undone: readonly string[]
      /** Done, and not undone. */
      readonly notUndone: readonly string[]
      /** May have taken effect, and nobody knows. */
      readonly leftInDoubt: readonly string[]
      readonly resolvedAs?: 'completed' | 'compensated'
    }

/** A saga with its steps, put together from its row and its journal. */
export function viewOf(summary: SagaSummary, journal: readonly JournalEntry[], shelf: BlueprintShelf): SagaView {
  const { state } = summary
  const blueprint = shelf.get(state.blueprint)
  const names = blueprint === undefined ? Object.keys(state.steps) : [...reachable(blueprint.nodes, state)]
  const input = journal.findLast(({ event: { type } }) => type === 'saga_started' || type === 'input_edited')?.payload
  return {
    ...summary,
    direction: state.direction,
    draining: state.draining === true,
    input,
    erased: state.erased === true,
    steps: names.map((name) => {
      const node = blueprint === undefined ? undefined : nodeOf(blueprint, name)
      const fallback = node?.node === 'step' && state.steps[name]?.fellBack === true ? node.fallback?.name : undefined
      return {
        ...stepView(name, state.steps[name], journal),
        ...(node?.node === 'map' ? mapView(node, state, journal) : {}),
        ...(state.branches[name] === undefined ? {} : { chosen: state.branches[name] }),
        ...(fallback === undefined ? {} : { fellBackOn: fallback }),
      }
    }),
    fits: blueprint === undefined ? [] : ordersThatFit(blueprint, state),
  }
}

/** All that was reached or still may be. */
function* reachable(nodes: readonly BlueprintNode[], state: SagaState): Generator<string> {
  for (const node of nodes) {
    if (node.node !== 'parallel') yield node.name
    if (node.node === 'step' && node.fallback !== undefined && state.steps[node.name]?.fellBack === true)
      yield node.fallback.name
    if (node.node === 'parallel') for (const lane of node.lanes) yield* reachable(lane, state)
    if (node.node !== 'branch') continue
    const chosen = state.branches[node.name]
    for (const [option, way] of Object.entries(node.options)) {
      if (chosen === undefined || chosen === option) yield* reachable(way, state)
    }
  }
}

function stepView(name: string, step: StepState | undefined, journal: readonly JournalEntry[]): StepView {
  if (step === undefined)
    return { name, state: 'pending', attempts: 0, compensationAttempts: 0, builds: [], inDoubt: false }
  const own = journal.filter(({ event }) => 'step' in event && event.step === name)
  const done = own.findLast(({ event }) => bringsResult(event))
  const started = own.find(({ event }) => event.type === 'attempt_scheduled')
  const open = step.state === 'running' || step.state === 'waiting' || step.state === 'compensating'
  const ended = open ? undefined : own.at(-1)
  return {
    name,
    state: step.state,
    attempts: step.action.attempts,
    compensationAttempts: step.compensation?.attempts ?? 0,
    builds: [...new Set(own.flatMap(({ build }) => build ?? []))],
    inDoubt: step.maybeApplied === true,
    ...(step.error === undefined ? {} : { error: step.error }),
    ...(done === undefined || done.payload === undefined ? {} : { result: done.payload }),
    ...(started === undefined ? {} : { startedAt: started.at }),
    ...(ended === undefined ? {} : { endedAt: ended.at }),
  }
}

/** What came of a saga that is at rest, or a dead letter. */
export function outcomeOf(saga: SagaView): SagaOutcome {
  const { status, steps, state } = saga
  if (status === 'completed') {
    const done = steps.filter((step) => step.state === 'completed' && step.chosen === undefined)
    return { status, results: Object.fromEntries(done.map((step) => [step.name, step.result])) }
  }
  const named = (states: readonly StepState['state'][]) =>
    steps.filter((step) => states.includes(step.state) && step.chosen === undefined).map((step) => step.name)
  return {
    status: status === 'compensated' || status === 'resolved' ? status : 'dead_lettered',
    reason: saga.reason,
    failure: saga.failure,
    undone: named(['compensated']),
    notUndone: named(['completed', 'skipped', 'compensation_failed']),
    leftInDoubt: named(['left_in_doubt', 'in_doubt']),
    ...(state.resolvedAs === undefined ? {} : { resolvedAs: state.resolvedAs }),
  }
}
