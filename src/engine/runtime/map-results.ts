/** What comes of a map: a result for each item of its list, in the list's order. */
import { itemName, type MapNode } from '../core/blueprint.ts'
import type { SagaState, StepState } from '../core/state.ts'

/** An item of a map that collects, as later steps see it. */
export type Collected<Result> =
  | { readonly ok: true; readonly result: Result }
  | {
      readonly ok: false
      readonly error: { readonly name: string; readonly message: string; readonly code?: string }
      /** Nobody knows whether it took effect. */
      readonly inDoubt: boolean
    }

/** @param resultOf an item's result, of those that are done. */
export function mapResults(
  node: MapNode,
  { steps }: Pick<SagaState, 'steps'>,
  resultOf: (item: string) => unknown,
): readonly unknown[] {
  const count = steps[node.name]?.items?.count ?? 0
  return Array.from({ length: count }, (_, index) => {
    const name = itemName(node.name, index)
    const result = resultOf(name)
    return node.collect === true ? collected(steps[name], result) : result
  })
}

const UNKNOWN = { name: 'Error', message: 'It was not reached.' }

function collected(step: StepState | undefined, result: unknown): Collected<unknown> {
  const isDone = step?.state !== 'failed' && step?.state !== 'in_doubt'
  if (step !== undefined && isDone) return { ok: true, result }
  return { ok: false, error: step?.error ?? UNKNOWN, inDoubt: step?.maybeApplied === true }
}
