/** Queues: whether jobs wait although workers live. */
import { readWorkerViews } from '../../engine/store/worker-views.ts'
import type { QueueView } from '../../engine/system.ts'
import { readQueues } from '../../jobs/queue-views.ts'
import { many, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const TOO_LONG_MS = 60_000
/** Maintenance may take minutes, and one duty waits for the other. */
const PROMPT: readonly QueueView['purpose'][] = ['steps', 'lost', 'schedules']

export const lag: Check = async ({ db, schema, bossSchema, transaction }) => {
  const workers = await readWorkerViews(db, schema)
  // That none lives is said elsewhere.
  if (!workers.some(({ isAlive }) => isAlive)) return []
  const queues = await readQueues({ transaction, bossSchema, eventQueue: undefined })
  const late = queues.filter(({ purpose, oldestMs }) => PROMPT.includes(purpose) && (oldestMs ?? 0) > TOO_LONG_MS)
  if (late.length === 0) return [ok('lag', 'No job has waited for a minute.')]
  const todo =
    'Start more workers or raise their concurrency; look whether a step has a `maxConcurrent`, and whether a worker has the code.'
  return late.map(({ name, waiting, oldestMs }) =>
    warning(
      'lag',
      `In ${name} ${many(waiting, 'job waits', 'jobs wait')}, the oldest for ${Math.round((oldestMs ?? 0) / 1000)} s.`,
      todo,
    ),
  )
}
