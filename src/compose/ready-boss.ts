/** Getting pg-boss ready: one of our own, or the app's. */
import { SagaError } from '../engine/errors.ts'
import { isConnectionError, sqlState } from '../engine/store/db.ts'
import { checkQueues, proveBoss, startAppBoss } from '../jobs/app-boss.ts'
import { inTransaction } from '../jobs/pools.ts'
import { createQueues } from '../jobs/queues.ts'
import type { Wiring } from './wiring.ts'

/**
 * @param creates whether queues are created, or brought up to date: by who migrates or runs steps.
 * @throws SagaError `SCHEMA_TOO_OLD` where they are missing and are not to be created, `OPTION_INVALID` for one that was
 * handed in and cannot be used.
 */
export async function readyBoss(wiring: Wiring, creates: boolean): Promise<void> {
  const { boss, bossSchema, isAppBoss, pool } = wiring
  if (!isAppBoss) {
    if (!creates) return startedAsIs(wiring)
    await boss.start()
    return createQueues(boss)
  }
  await startAppBoss(boss)
  if (creates) await createQueues(boss)
  await checkQueues(boss)
  await inTransaction(pool, (db) => proveBoss(boss, db, bossSchema))
}

/** A client neither creates nor migrates pg-boss's schema, and says so when it finds none that fits. */
async function startedAsIs({ boss, bossSchema }: Wiring): Promise<void> {
  try {
    await boss.start()
  } catch (error) {
    if (isConnectionError(error) || sqlState(error) !== undefined) throw error
    throw new SagaError(
      'SCHEMA_TOO_OLD',
      `pg-boss is not ready in its schema "${bossSchema}". Start an engine with migrate: true, or call migrate() in a deploy step.`,
      { cause: error },
    )
  }
}
