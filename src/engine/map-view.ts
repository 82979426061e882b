/** A map as people see it: one entry for all of its items. */
import { itemOf, type MapNode } from './core/blueprint.ts'
import { areSettled } from './core/frontier.ts'
import type { StepStatus } from './core/machine.ts'
import type { SagaState, StepState } from './core/state.ts'
import { bringsResult } from './result-events.ts'
import { mapResults } from './runtime/map-results.ts'
import type { StepView } from './saga-view.ts'
import type { JournalEntry } from './store/journal.ts'

type MapView = Pick<StepView, 'items' | 'result' | 'state'> | Record<never, never>

export function mapView(node: MapNode, state: SagaState, journal: readonly JournalEntry[]): MapView {
  const items = state.steps[node.name]?.items
  if (items === undefined) return {}
  const byState: { [state in StepStatus]?: number } = {}
  for (const step of itemsOf(state, node.name)) byState[step.state] = (byState[step.state] ?? 0) + 1
  const isSettled = areSettled(items)
  return {
    state: state.direction === 'forward' ? forward(isSettled, byState) : backward(byState, items.count),
    items: { count: items.count, byState: { ...byState, ...unreached(items.count - items.started) } },
    ...(isSettled ? { result: resultsOf(node, state, journal) } : {}),
  }
}

function* itemsOf({ steps }: SagaState, map: string): Generator<StepState> {
  for (const [name, step] of Object.entries(steps)) if (itemOf(name)?.map === map) yield step
}

function unreached(count: number): { readonly pending?: number } {
  return count === 0 ? {} : { pending: count }
}

type ByState = { readonly [state in StepStatus]?: number }

function forward(isSettled: boolean, { running, waiting }: ByState): StepStatus {
  if (isSettled) return 'completed'
  return running === undefined && waiting !== undefined ? 'waiting' : 'running'
}

/** The worst that is to be said of any of them. */
const WORST_FIRST = [
  'compensation_failed',
  'running',
  'compensating',
  'completed',
  'in_doubt',
  'left_in_doubt',
  'skipped',
  'compensated',
] as const

function backward(byState: ByState, count: number): StepStatus {
  // Nothing was done, and nothing of it is left.
  if (count === 0) return 'compensated'
  const worst = WORST_FIRST.find((state) => byState[state] !== undefined)
  return worst === 'completed' || worst === 'in_doubt' ? 'compensating' : (worst ?? 'failed')
}

function resultsOf(node: MapNode, state: SagaState, journal: readonly JournalEntry[]): readonly unknown[] {
  const results = new Map<string, unknown>()
  for (const { event, payload } of journal)
    if (bringsResult(event) && payload !== undefined && 'step' in event) results.set(event.step ?? '', payload)
  return mapResults(node, state, (item) => results.get(item))
}
