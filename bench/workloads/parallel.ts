/** Five steps side by side. */
import { defineSaga, first, Input, type Workload } from './app.ts'

export const parallel = defineSaga('parallel', { version: 1, input: Input }).parallel('all', (group) =>
  group.step('one', first).step('two', first).step('three', first).step('four', first).step('five', first),
)

export const PARALLEL: Workload = {
  name: 'parallel',
  title: 'five steps side by side',
  kind: 'drain',
  definition: parallel,
  sagas: 5_000,
  workers: 1,
  ends: 'completed',
}
