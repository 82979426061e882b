/**
 * Clean-up: sagas that have finished long ago are deleted, with their journals, a batch at a time.
 *
 * Repeatable at any moment, by as many as like: a batch is a transaction, and whoever has a saga locked keeps it. It rests
 * after each batch for several times as long as that took, so that sagas under way hardly notice. What fails of one
 * definition keeps no other from being cleaned up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FinishedStatus } from './core/machine.ts'
import type { Db } from './store/db.ts'
import { countOld, deleteOld } from './store/old-sagas.ts'
import { type Kept, readKept } from './store/policies.ts'

/** A saga of five steps has some twelve events, a map can have a hundred thousand. */
const BATCH = { sagas: 500, events: 20_000 }
const REST_TIMES = 5
/** Of a dry run, which counts. */
const COUNTED_TO = 100_001

export type CleanupReport = {
  /** Deleted; in a dry run, those that would be, counted up to 100 001 for each definition and status. */
  readonly sagas: number
  readonly by: readonly { readonly definition: string; readonly status: FinishedStatus; readonly sagas: number }[]
  /** What could not be deleted, and why. */
  readonly failed: readonly { readonly definition: string; readonly status: FinishedStatus; readonly error: string }[]
  /** It was told to end before all were deleted: the next one goes on. */
  readonly hasMore: boolean
}

export type CleanupParts = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
}

/** @param order.goesOn asked before each batch. */
export async function cleanUp(
  parts: CleanupParts,
  order: { readonly isDry: boolean; readonly goesOn: () => boolean },
): Promise<CleanupReport> {
  const by: CleanupReport['by'][number][] = []
  const failed: CleanupReport['failed'][number][] = []
  let hasMore = false
  for (const kept of await readKept(parts.db, parts.schema)) {
    const { definition, status } = kept
    hasMore = !order.goesOn()
    if (hasMore) break
    try {
      const sagas = await (order.isDry ? wouldDelete(parts, kept) : deleteAll(parts, kept, order.goesOn))
      if (sagas > 0) by.push({ definition, status, sagas })
    } catch (error) {
      failed.push({ definition, status, error: String(error) })
    }
  }
  return { sagas: by.reduce((sum, one) => sum + one.sagas, 0), by, failed, hasMore: hasMore || !order.goesOn() }
}

function wouldDelete({ schema, transaction }: CleanupParts, kept: Kept): Promise<number> {
  return transaction((tx) => countOld(tx, schema, kept, COUNTED_TO))
}

async function deleteAll({ schema, transaction }: CleanupParts, kept: Kept, goesOn: () => boolean): Promise<number> {
  let sagas = 0
  while (goesOn()) {
    const beganAt = performance.now()
    const deleted = await transaction((tx) => deleteOld(tx, schema, kept, BATCH))
    if (deleted === 0) break
    sagas += deleted
    await delay(REST_TIMES * (performance.now() - beganAt))
  }
  return sagas
}
