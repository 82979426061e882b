/**
 * Clean-up: sagas that have finished long ago are deleted, with their journals, a batch at a time.
 *
 * Repeatable at any moment, by as many as like: a batch is a transaction, and whoever has a saga locked keeps it. It rests
 * after each batch for several times as long as that took, so that sagas under way hardly notice.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FinishedStatus } from './core/machine.ts'
import { USUAL_KEEPING } from './keeping.ts'
import type { Db } from './store/db.ts'
import { countOld, deleteOld } from './store/old-sagas.ts'
import { readKept } from './store/policies.ts'

const BATCH = 500
const REST_TIMES = 5
/** Of a dry run, which counts. */
const COUNTED_TO = 100_001

export type CleanupReport = {
  /** Deleted; in a dry run, those that would be, counted up to 100 001 for each definition and status. */
  readonly sagas: number
  readonly by: readonly { readonly definition: string; readonly status: FinishedStatus; readonly sagas: number }[]
  /** It was told to end before all were deleted: the next run goes on. */
  readonly hasMore: boolean
}

export type CleanupParts = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
}

/** @param goesOn asked before each batch. */
export async function cleanUp(
  { schema, db, transaction }: CleanupParts,
  { isDry, goesOn }: { readonly isDry: boolean; readonly goesOn: () => boolean },
): Promise<CleanupReport> {
  const by: { definition: string; status: FinishedStatus; sagas: number }[] = []
  let hasMore = false
  for (const kept of await readKept(db, schema, USUAL_KEEPING)) {
    let sagas = isDry ? await countOld(db, schema, kept, COUNTED_TO) : 0
    while (!isDry) {
      hasMore = !goesOn()
      if (hasMore) break
      const beganAt = performance.now()
      const deleted = await transaction((tx) => deleteOld(tx, schema, kept, BATCH))
      sagas += deleted
      if (deleted < BATCH) break
      await delay(REST_TIMES * (performance.now() - beganAt))
    }
    if (sagas > 0) by.push({ definition: kept.definition, status: kept.status, sagas })
    if (hasMore) break
  }
  return { sagas: by.reduce((sum, one) => sum + one.sagas, 0), by, hasMore }
}
