/** Letting go what has waited for a hold that is over: all of it, or at a rate, round by round. */
import type { Db } from '../store/db.ts'
import { lockNextRelease, writeRelease } from '../store/holds.ts'
import { countWaiting, strandedByHolds, waitingFor } from '../store/waiting-sagas.ts'
import { type Applier, applyBatch, type Item } from './apply.ts'

export type LettingGoParts = {
  readonly applier: Applier
  readonly db: Db
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  /** Jobs were inserted. */
  readonly onJobs: () => void
}

const AT_ONCE = 200
const ROUNDS_PER_SECOND = 5
/** All that still waits for it also waits for a hold that is in force, or is locked by somebody. */
const LOOK_AGAIN_MS = 1_000

/**
 * All sagas of the definition that wait for no hold any more. In batches, each its own transaction; a worker goes on with
 * them if this process dies.
 *
 * @returns how many.
 */
export async function letAllGo(parts: LettingGoParts, definition: string): Promise<number> {
  const { applier, db, transaction, onJobs } = parts
  const seen = new Set<string>()
  for (;;) {
    const waiting = await strandedByHolds(db, applier.schema, AT_ONCE + seen.size, definition)
    const ids = waiting.filter((id) => !seen.has(id)).slice(0, AT_ONCE)
    if (ids.length === 0) return seen.size
    await transaction((tx) => applyBatch(applier, tx, ids.map(goOn), { wait: true }))
    for (const id of ids) seen.add(id)
    onJobs()
  }
}

export function goOn(sagaId: string): Item {
  return { sagaId, input: { type: 'hold_released' } }
}

/**
 * One round of one hold that lets go at a rate: the next few sagas, and how many they were, in one transaction. Whoever
 * dies in it leaves the round to the next worker, as if it had not begun.
 *
 * @returns how many were let go; `undefined` when nothing is due.
 * Transaction: required. Locks: the hold's row, then the sagas, leaving out those that are busy: nobody who has a saga
 * waits for a hold's row.
 */
export async function letNextGo(applier: Applier, tx: Db): Promise<number | undefined> {
  const { schema } = applier
  const hold = await lockNextRelease(tx, schema)
  if (hold === undefined) return undefined
  const { id, rate } = hold
  const few = Math.max(1, Math.min(AT_ONCE, Math.floor(rate / ROUNDS_PER_SECOND)))
  const ids = await waitingFor(tx, schema, hold, few)
  const applied = ids.length === 0 ? [] : (await applyBatch(applier, tx, ids.map(goOn), { wait: false })).applied
  const letGo = applied.filter(({ ignored }) => ignored === undefined).length
  const isOver = ids.length === 0 && (await countWaiting(tx, schema, [id], 1)).get(id) === 0
  await writeRelease(tx, schema, id, { letGo, nextMs: letGo === 0 ? LOOK_AGAIN_MS : (letGo / rate) * 1_000, isOver })
  return letGo
}
