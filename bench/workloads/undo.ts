/** Step 4 refuses, and three steps are undone. */
import { StepRejected } from '../../src/index.ts'
import { defineSaga, first, Input, noop, type Workload } from './app.ts'

export const undo = defineSaga('undo', { version: 1, input: Input })
  .step('one', first)
  .step('two', noop)
  .step('three', noop)
  .step('four', {
    action: async () => {
      throw new StepRejected('boom')
    },
  })
  .step('five', noop)

export const UNDO: Workload = {
  name: 'undo',
  title: 'fails in step 4, three undone',
  kind: 'drain',
  definition: undo,
  sagas: 6_000,
  workers: 1,
  ends: 'compensated',
  rivals: 'w3',
}
