/**
 * Clean-up: sagas that have finished long ago are deleted, with their journals, a batch at a time.
 *
 * Repeatable at any moment, by as many as like: a batch is a transaction, and whoever has a saga locked keeps it. It rests
 * after each batch for several times as long as that took, so that sagas under way hardly notice. What fails of one
 * definition keeps no other from being cleaned up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FinishedStatus } from './core/machine.ts'
import { deleteDenied } from './store/audit.ts'
import { deleteSettled } from './store/commands.ts'
import type { Db } from './store/db.ts'
import { countOld, deleteOld, OldSagasStay } from './store/old-sagas.ts'
import { type Kept, readKept } from './store/policies.ts'

/** A saga of five steps has some twelve events, a map can have a hundred thousand. */
const BATCH = { sagas: 500, events: 20_000 }
const REST_TIMES = 5
/** A batch that fails is followed by one of so many times fewer. */
const SMALLER = 10
/** In a row, of single sagas. */
const MOST_FAILURES = 3
const FORGOTTEN_AT_ONCE = 1_000
/** What SQL users have asked for is told for so long after it was settled. */
const COMMANDS_KEPT_MS = 30 * 24 * 60 * 60 * 1_000
/** What people were refused is told for so long. */
const DENIED_KEPT_MS = 90 * 24 * 60 * 60 * 1_000
/** Of a dry run, which counts. */
const COUNTED_TO = 100_001

export type CleanupReport = {
  /** Deleted; in a dry run, those that would be, counted up to 100 001 for each definition and status. */
  readonly sagas: number
  readonly by: readonly { readonly definition: string; readonly status: FinishedStatus; readonly sagas: number }[]
  /** What could not be deleted, and why. */
  readonly failed: readonly { readonly definition: string; readonly status: FinishedStatus; readonly error: string }[]
  /** What SQL users had asked for more than 30 days ago, deleted; absent where there was nothing. */
  readonly commands?: number
  /** What people were refused for want of a right more than 90 days ago, deleted; absent where there was nothing. */
  readonly denied?: number
  /** It was told to end before all were deleted: the next one goes on. */
  readonly hasMore: boolean
}

export type CleanupParts = {
  readonly schema: string
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
}

/** @param order.goesOn asked before each batch. `keepMs`: in the place of what definitions say, but for what they keep for ever. */
export async function cleanUp(
  parts: CleanupParts,
  order: { readonly isDry: boolean; readonly goesOn: () => boolean; readonly keepMs?: number | undefined },
): Promise<CleanupReport> {
  const by: CleanupReport['by'][number][] = []
  const failed: CleanupReport['failed'][number][] = []
  let hasMore = false
  for (const usual of await readKept(parts.db, parts.schema)) {
    const kept = order.keepMs === undefined ? usual : { ...usual, keepMs: order.keepMs }
    const { definition, status } = kept
    hasMore = !order.goesOn()
    if (hasMore) break
    try {
      const { sagas, staying } = order.isDry
        ? { sagas: await wouldDelete(parts, kept), staying: [] }
        : await deleteAll(parts, kept, order.goesOn)
      if (sagas > 0) by.push({ definition, status, sagas })
      for (const { id, error } of staying) failed.push({ definition, status, error: `Saga ${id}: ${error}` })
    } catch (error) {
      failed.push({ definition, status, error: String(error) })
    }
  }
  const commands = order.isDry ? 0 : await forget(parts, order.goesOn, deleteSettled, COMMANDS_KEPT_MS)
  const denied = order.isDry ? 0 : await forget(parts, order.goesOn, deleteDenied, DENIED_KEPT_MS)
  return {
    sagas: by.reduce((sum, one) => sum + one.sagas, 0),
    by,
    failed,
    ...(commands === 0 ? {} : { commands }),
    ...(denied === 0 ? {} : { denied }),
    hasMore: hasMore || !order.goesOn(),
  }
}

async function forget(
  { schema, transaction }: CleanupParts,
  goesOn: () => boolean,
  deleteSome: (tx: Db, schema: string, keptMs: number, limit: number) => Promise<number>,
  keptMs: number,
): Promise<number> {
  let forgotten = 0
  while (goesOn()) {
    const beganAt = performance.now()
    const deleted = await transaction((tx) => deleteSome(tx, schema, keptMs, FORGOTTEN_AT_ONCE))
    forgotten += deleted
    if (deleted < FORGOTTEN_AT_ONCE) break
    await delay(REST_TIMES * (performance.now() - beganAt))
  }
  return forgotten
}

function wouldDelete({ schema, transaction }: CleanupParts, kept: Kept): Promise<number> {
  return transaction((tx) => countOld(tx, schema, kept, COUNTED_TO))
}

/**
 * Batch by batch. One that fails is tried again with fewer sagas, down to one: that one stays, and keeps no other from going.
 * Where several in a row fail by themselves, it is not about them.
 */
async function deleteAll(
  { schema, transaction }: CleanupParts,
  kept: Kept,
  goesOn: () => boolean,
): Promise<{ readonly sagas: number; readonly staying: readonly { readonly id: string; readonly error: string }[] }> {
  let sagas = 0
  let size = BATCH.sagas
  let failures = 0
  const staying: { readonly id: string; readonly error: string }[] = []
  while (goesOn()) {
    const beganAt = performance.now()
    try {
      const except = staying.map(({ id }) => id)
      const deleted = await transaction((tx) => deleteOld(tx, schema, kept, { ...BATCH, sagas: size }, except))
      if (deleted === 0) break
      sagas += deleted
      failures = 0
      size = Math.min(BATCH.sagas, size * SMALLER)
    } catch (error) {
      if (!(error instanceof OldSagasStay)) throw error
      if (size === 1) {
        failures += 1
        if (failures > MOST_FAILURES) throw error
        staying.push(...error.ids.map((id) => ({ id, error: String(error.cause) })))
      }
      size = Math.max(1, Math.floor(size / SMALLER))
    }
    await delay(REST_TIMES * (performance.now() - beganAt))
  }
  return { sagas, staying }
}
