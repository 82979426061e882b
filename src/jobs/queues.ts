/**
 * pg-boss, as we use it: queues with every option stated, because the defaults would delete queued jobs after
 * 14 days and fail a running step after 15 minutes.
 */
import { PgBoss } from 'pg-boss'
import { SagaError } from '../engine/errors.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import type { Db } from '../engine/store/db.ts'

/** Steps, compensations, hooks: everything that is run. */
export const STEP_QUEUE = 'saga_step'
/** What pg-boss gave up on: expired, or failed by somebody's hand. */
export const LOST_QUEUE = 'saga_lost'
/** One job beside each dead letter, for other tools to watch; the engine never consumes it. */
export const DEAD_LETTER_QUEUE = 'saga_dead_letter'

/** What is to be done for all sagas, when it is due. */
export const MAINTENANCE_QUEUE = 'saga_maintenance'

/** Sagas that are to be started, when they are due. */
export const SCHEDULE_QUEUE = 'saga_schedule'

/** Sixty years, just inside pg-boss's integer: what is queued waits as long as it has to. */
const NEVER_SECONDS = 60 * 365 * 24 * 60 * 60
const HOUR_SECONDS = 60 * 60
const DAY_SECONDS = 24 * HOUR_SECONDS
const READ_AGAIN_SECONDS = 60
/** As often as it takes; pg-boss counts with an integer. */
const ALWAYS = 1_000_000_000

/** A `PgBoss` that does not own the connections, and maintains and schedules only where a worker runs. */
export function openBoss(
  db: Db,
  schema: string,
  options: { readonly supervise: boolean; readonly migrate: boolean },
  logger: Logger,
): PgBoss {
  const boss = new PgBoss({
    db: { executeSql: (text, values) => db.executeSql(text, values) },
    schema,
    supervise: options.supervise,
    migrate: options.migrate,
    schedule: options.supervise,
  })
  boss.on('error', (error) => logger.warn({ error: error.message }, 'pg-boss reported an error'))
  return boss
}

type QueueOptions = NonNullable<Parameters<PgBoss['createQueue']>[1]>

const FOREVER = { retentionSeconds: NEVER_SECONDS, deleteAfterSeconds: HOUR_SECONDS }
const KEPT = { ...FOREVER, retryLimit: 0, retryDelay: 0, expireInSeconds: HOUR_SECONDS }

/** By name, in the order in which they can be made: one names another. */
export const QUEUES: readonly (readonly [name: string, options: QueueOptions])[] = [
  // What is lost must not be lost itself: a reader that dies with a message leaves it to the next one, soon and always.
  [LOST_QUEUE, { ...KEPT, retryLimit: ALWAYS, expireInSeconds: READ_AGAIN_SECONDS }],
  // What fails, or is lost, is tried again within the hour; after that the next one makes up for it.
  [
    MAINTENANCE_QUEUE,
    { ...KEPT, retryLimit: 3, retryDelay: 60, expireInSeconds: 15 * 60, retentionSeconds: DAY_SECONDS },
  ],
  // A start that fails is tried again until it succeeds, or somebody has mended what keeps it from it.
  [SCHEDULE_QUEUE, { ...KEPT, retryLimit: ALWAYS, expireInSeconds: READ_AGAIN_SECONDS }],
  // One that somebody has completed stays until its saga leaves, so that it is not taken for one that was lost.
  [DEAD_LETTER_QUEUE, { ...KEPT, deleteAfterSeconds: NEVER_SECONDS }],
  // A redelivery by pg-boss itself would only repeat what its own dead-letter queue leads to: a lost attempt.
  [STEP_QUEUE, { ...KEPT, deadLetter: LOST_QUEUE, partition: true }],
]

/** What nobody could take is tried again and again, and kept until somebody can: an event is told at least once. */
const OF_EVENTS: QueueOptions = {
  ...FOREVER,
  retryLimit: ALWAYS,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 10 * 60,
  expireInSeconds: 15 * 60,
}

/**
 * The queue that the app has named for events: made where there is none, used as it is where there is one.
 *
 * @throws SagaError `OPTION_INVALID` for one that would not take every job.
 */
export async function readyEventQueue(
  boss: Pick<PgBoss, 'createQueue' | 'getQueue'>,
  name: string | undefined,
): Promise<void> {
  if (name === undefined) return
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, OF_EVENTS)
  const policy = (await boss.getQueue(name))?.policy
  if (policy === 'standard') return
  throw new SagaError(
    'OPTION_INVALID',
    `The queue ${name} cannot be used for events: its policy is ${policy}, by which it would drop some. It has to be standard.`,
    { details: { option: 'events' } },
  )
}

/** Creates the queues, or brings their options up to date. */
export async function createQueues(boss: Pick<PgBoss, 'createQueue' | 'updateQueue'>): Promise<void> {
  for (const [name, options] of QUEUES) {
    const { partition: _partition, ...changeable } = options
    await boss.createQueue(name, options)
    await boss.updateQueue(name, changeable)
  }
}
