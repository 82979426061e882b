/** Starts alone: one by one, each in a transaction of the app's with a row of its own, and many at once. */
import { type Workload } from './app.ts'
import { fiveSteps } from './five-steps.ts'

const base = { definition: fiveSteps, workers: 0, ends: 'completed' } as const

export const STARTS: readonly Workload[] = [
  { ...base, name: 'enqueue-single', title: 'starts one by one', kind: 'enqueue-single', sagas: 6_000 },
  {
    ...base,
    name: 'enqueue-in-transactions',
    title: "starts in the app's transactions",
    kind: 'enqueue-in-transactions',
    sagas: 6_000,
  },
  { ...base, name: 'enqueue-many', title: 'starts, many at once', kind: 'enqueue-many', sagas: 20_000 },
]
