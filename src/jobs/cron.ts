/** Schedules of pg-boss: made, and refused with a reason. */
import { SagaError } from '../engine/errors.ts'
import { isConnectionError } from '../engine/store/db.ts'
import type { AppBoss } from './app-boss.ts'

export type Cron = {
  /** Identifies it within its queue. */
  readonly key: string
  readonly cron: string
  readonly tz: string
  /** What was due while nobody ran is made up for, once. */
  readonly isMadeUp: boolean
}

/** @throws SagaError `OPTION_INVALID` for a cron expression or time zone that there is not. */
export async function scheduleWith(
  boss: AppBoss,
  queue: string,
  { key, cron, tz, isMadeUp }: Cron,
  data: object,
  named: string,
): Promise<void> {
  try {
    await boss.schedule(queue, cron, data, { key, tz, ...(isMadeUp ? { missed: 'once' } : {}) })
  } catch (cause) {
    if (isConnectionError(cause)) throw cause
    const { message } = cause as Error
    throw new SagaError('OPTION_INVALID', `${named} cannot be scheduled: ${message}`, { cause })
  }
}
