/** All workloads, in the order of the tables. */
import type { Workload } from './app.ts'
import { ARRIVALS, FIVE_STEPS, FIVE_STEPS_TWO_WORKERS, IDLE } from './five-steps.ts'
import { MIXED } from './mixed.ts'
import { PARALLEL } from './parallel.ts'
import { SLOW_STEPS } from './slow-steps.ts'
import { STARTS } from './starts.ts'
import { UNDO } from './undo.ts'

export const WORKLOADS: readonly Workload[] = [
  FIVE_STEPS,
  FIVE_STEPS_TWO_WORKERS,
  UNDO,
  MIXED,
  SLOW_STEPS,
  PARALLEL,
  ARRIVALS,
  IDLE,
  ...STARTS,
]

/** @throws Error naming those that there are. */
export function workloadNamed(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name)
  if (found !== undefined) return found
  throw new Error(`There is no workload ${name}. There are: ${WORKLOADS.map((one) => one.name).join(', ')}.`)
}
