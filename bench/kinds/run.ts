/** One measurement: one contender, one workload, one empty database. */
import type { Contender } from '../contenders/contender.ts'
import type { Figures, Place } from '../figures.ts'
import type { Kind, Workload } from '../workloads/app.ts'
import { arrivals } from './arrivals.ts'
import { drain } from './drain.ts'
import { idle } from './idle.ts'
import { starts } from './starts.ts'

type Run = (contender: Contender, workload: Workload, sagas: number, place: Place) => Promise<Figures>

const RUNS: { readonly [kind in Kind]: Run } = {
  drain,
  arrivals,
  idle,
  'enqueue-single': starts,
  'enqueue-in-transactions': starts,
  'enqueue-many': starts,
}

/** @param sagas how many; those of the workload, unless a smaller run is wanted. */
export function run(contender: Contender, workload: Workload, place: Place, sagas = workload.sagas): Promise<Figures> {
  return RUNS[workload.kind](contender, workload, sagas, place)
}
