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

const MINUTE_MS = 60_000
const MAX_KNOWN = 1_000
/**
 * Further and further back, with so many moments at a time: what is often due is found near, and of what is seldom due the
 * next one is far, and takes long to find. The last is for 29 February.
 */
const BACK: readonly { readonly minutes: number; readonly atOnce: number }[] = [
  { minutes: 2, atOnce: 4 },
  { minutes: 65, atOnce: 100 },
  { minutes: 25 * 60, atOnce: 100 },
  { minutes: 32 * 24 * 60, atOnce: 4 },
  { minutes: 367 * 24 * 60, atOnce: 1 },
  { minutes: 9 * 367 * 24 * 60, atOnce: 1 },
]

/** When it is due next, remembered until then: of what is seldom due that takes long to find. */
export class NextDue {
  readonly #known = new Map<string, Date>()

  /** `undefined` for what is never due again. */
  of(boss: Pick<AppBoss, 'previewSchedule'>, { cron, tz }: Pick<Cron, 'cron' | 'tz'>, now: Date): Date | undefined {
    const name = `${tz} ${cron}`
    const known = this.#known.get(name)
    if (known !== undefined && known > now) return known
    const [next] = boss.previewSchedule(cron, { tz, from: now, count: 1 })
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    if (next !== undefined) this.#known.set(name, next)
    return next
  }
}

/** The last moment, up to this one, at which it was due; `undefined` where there is none within nine years. */
export function lastDue(
  boss: Pick<AppBoss, 'previewSchedule'>,
  { cron, tz }: Pick<Cron, 'cron' | 'tz'>,
  at: Date,
): Date | undefined {
  for (const { minutes, atOnce } of BACK) {
    let last: Date | undefined
    for (;;) {
      const from = last ?? new Date(at.getTime() - minutes * MINUTE_MS)
      const due = boss.previewSchedule(cron, { tz, from, count: atOnce })
      const past = due.filter((moment) => moment <= at)
      last = past.at(-1) ?? last
      if (past.length === 0 || past.length < due.length) break
    }
    if (last !== undefined) return last
  }
  return undefined
}
