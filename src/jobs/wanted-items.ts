/**
 * Which results of maps' items have to be read for a job. There may be ten thousand of them and hardly anybody looks at
 * them, so that they are read only for those who see them.
 */
import { type Blueprint, itemOf } from '../engine/core/blueprint.ts'
import { areSettled } from '../engine/core/frontier.ts'
import type { SagaState } from '../engine/core/state.ts'
import type { LoadedSaga } from '../engine/runtime/context.ts'
import { visibleTo } from '../engine/runtime/visible.ts'
import type { WantedItems } from '../engine/store/journal.ts'
import type { ClaimedJob } from '../engine/store/workers.ts'

/** Of steps that are no items, those of all maps; of an item, its own result, or how far it had come. */
export function wantedItems(jobs: readonly ClaimedJob[], all: ReadonlySet<string> = NONE): WantedItems {
  const others = jobs.filter(({ saga, step }) => itemOf(step) === undefined || all.has(saga))
  const own = jobs.filter(seesOwn)
  return { sagas: [...new Set(others.map(({ saga }) => saga))], steps: [...new Set(own.map(({ step }) => step))] }
}

const NONE: ReadonlySet<string> = new Set()

/** What is remembered of a saga has nothing that its items have brought since. */
export function isForgotten(job: ClaimedJob, saga: LoadedSaga, blueprint: Blueprint | undefined): boolean {
  if (saga.payloads.lists === undefined) return false
  return itemOf(job.step) === undefined || seesOwn(job) || lacksMaps(job, saga, blueprint)
}

/** An item sees the results of the maps before its own, which are read only now that they are known to be there. */
export function lacksMaps({ step }: ClaimedJob, saga: LoadedSaga, blueprint: Blueprint | undefined): boolean {
  const own = itemOf(step)
  const { lists, wholeMaps } = saga.payloads
  if (own === undefined || lists === undefined) return false
  const lacking = Object.keys(lists).filter((map) => map !== own.map && wholeMaps?.includes(map) !== true)
  return lacking.length > 0 && (blueprint === undefined || visibleTo(blueprint, step, lacking).length > 0)
}

/** Maps of which there are no more results to come. */
export function settledMaps({ steps }: SagaState, lists: object): readonly string[] {
  return Object.keys(lists).filter((map) => {
    const items = steps[map]?.items
    return items !== undefined && areSettled(items)
  })
}

/** Its compensation sees its result, and a next attempt its checkpoint. */
function seesOwn({ step, side, attempt, retryCount }: ClaimedJob): boolean {
  if (itemOf(step) === undefined) return false
  return side === 'compensation' || (side === 'action' && attempt + retryCount > 1)
}
