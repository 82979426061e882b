/** The duty that counts what became of sagas in the hours that are over. */
import type { Db } from './store/db.ts'
import { countHour, forgetHours, markCounted, uncountedHours } from './store/statistics.ts'

/** The first time, and after a long rest: as far back as sagas are usually kept. */
const HOURS_BACK = 30 * 24
const KEPT_DAYS = 400

export type StatisticsReport = {
  /** How many hours were counted; in a dry run, how many would be. */
  readonly hours: number
  /** Definitions that had any saga in one of them, counted once for each hour. */
  readonly rows: number
  /** It was told to end before all were counted. */
  readonly hasMore: boolean
}

export async function countHours(
  parts: {
    readonly schema: string
    readonly db: Db
    readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  },
  order: { readonly isDry: boolean; readonly goesOn: () => boolean },
): Promise<StatisticsReport> {
  const { schema, db, transaction } = parts
  const uncounted = await uncountedHours(db, schema, HOURS_BACK)
  if (order.isDry) return { hours: uncounted.length, rows: 0, hasMore: false }
  let hours = 0
  let rows = 0
  for (const hour of uncounted) {
    if (!order.goesOn()) return { hours, rows, hasMore: true }
    // In a transaction of ours, whose settings keep the server to the indexes.
    rows += await transaction(async (tx) => {
      const counted = await countHour(tx, schema, hour)
      await markCounted(tx, schema, hour)
      return counted
    })
    hours += 1
  }
  await forgetHours(db, schema, KEPT_DAYS)
  return { hours, rows, hasMore: false }
}
