/** Five external steps that do nothing, one after the other: what the engine itself costs. */
import { defineSaga, first, Input, noop, type Workload } from './app.ts'

export const fiveSteps = defineSaga('five-steps', { version: 1, input: Input })
  .step('one', first)
  .step('two', noop)
  .step('three', noop)
  .step('four', noop)
  .step('five', noop)

const base = { definition: fiveSteps, ends: 'completed' } as const

export const FIVE_STEPS: Workload = {
  ...base,
  name: 'five-steps',
  title: 'five no-op steps',
  kind: 'drain',
  sagas: 12_000,
  workers: 1,
  rivals: 'w1',
}

export const FIVE_STEPS_TWO_WORKERS: Workload = {
  ...base,
  name: 'five-steps-two-workers',
  title: 'five no-op steps, two worker processes',
  kind: 'drain',
  sagas: 12_000,
  workers: 2,
}

export const ARRIVALS: Workload = {
  ...base,
  name: 'arrivals',
  title: 'five no-op steps, arriving while others run',
  kind: 'arrivals',
  sagas: 1_000,
  workers: 1,
}

export const IDLE: Workload = {
  ...base,
  name: 'idle',
  title: 'one saga on an idle system',
  kind: 'idle',
  sagas: 50,
  workers: 1,
  rivals: 'w2',
}
