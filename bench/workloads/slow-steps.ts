/** Five steps of 20 ms each: whether a worker's slots stay filled. */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineSaga, first, Input, RESULT, type Workload } from './app.ts'

export const STEP_MS = 20

const slow = {
  action: async () => {
    await sleep(STEP_MS)
    return RESULT
  },
}

const firstSlow = {
  action: async (given: Parameters<typeof first.action>[0]) => {
    await first.action(given)
    return slow.action()
  },
}

export const slowSteps = defineSaga('slow-steps', { version: 1, input: Input })
  .step('one', firstSlow)
  .step('two', slow)
  .step('three', slow)
  .step('four', slow)
  .step('five', slow)

export const SLOW_STEPS: Workload = {
  name: 'slow-steps',
  title: 'five steps of 20 ms',
  kind: 'drain',
  definition: slowSteps,
  sagas: 4_000,
  workers: 1,
  ends: 'completed',
  stepMs: STEP_MS,
}
