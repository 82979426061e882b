/** Jobs on pg-boss, always on the transaction that the engine hands in: see the port's contract. */
import { SagaError } from '../engine/errors.ts'
import { newId } from '../engine/runtime/ids.ts'
import type { DeliveredJob, Dispatcher } from '../engine/runtime/ports.ts'
import { askPrepared, type Db } from '../engine/store/db.ts'
import type { AppBoss } from './app-boss.ts'
import { DEAD_LETTER_QUEUE, STEP_QUEUE } from './queues.ts'

/** @param eventQueue where others are told of events. */
export function createDispatcher(boss: AppBoss, bossSchema: string, eventQueue?: string): Dispatcher {
  return {
    settle: (db, jobs) => settle(boss, db, jobs),
    owned: (db, ids) => owned(db, bossSchema, ids),
    insert: (db, jobs) => insert(boss, db, STEP_QUEUE, jobs),
    insertDeadLetters: (db, letters) =>
      insert(
        boss,
        db,
        DEAD_LETTER_QUEUE,
        letters.map(({ jobId, sagaId, ...what }) => ({
          id: jobId,
          data: { saga: sagaId, ...what },
        })),
      ),
    removeDeadLetters: async (db, ids) => {
      await boss.deleteJob(DEAD_LETTER_QUEUE, [...ids], { db })
    },
    insertEvents: async (db, events) => {
      if (eventQueue === undefined) return
      await insert(
        boss,
        db,
        eventQueue,
        events.map((data) => ({ id: newId(), data })),
      )
    },
  }
}

/**
 * Deletes rather than completes: history lives in our journal, and a job that is gone costs nothing more (a fifth less
 * WAL than completing it, a quarter more throughput).
 */
async function settle(boss: AppBoss, db: Db, jobs: readonly DeliveredJob[]): Promise<ReadonlySet<string>> {
  const deliveries = jobs.map(({ id, retryCount }) => ({ id, retryCount }))
  const response = await boss.deleteJob(STEP_QUEUE, deliveries as never, { db: preparing(db) })
  return new Set(settledIds(response))
}

/** What pg-boss asks has the same text each time: jobs are rows of one parameter. */
function preparing(db: Db): Db {
  return { ...db, executeSql: (text, values = []) => askPrepared(db, text, values) }
}

function settledIds(response: unknown): readonly string[] {
  const { settled } = response as { settled?: readonly string[] }
  return settled ?? []
}

/** Jobs that are, or may yet be, delivered again. Read from pg-boss's table, because its API reads one job at a time. */
async function owned(db: Db, bossSchema: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.executeSql(
    `select id from ${bossSchema}.job where name = '${STEP_QUEUE}' and id = any($1::uuid[]) and state < 'completed'`,
    [ids],
  )
  return new Set(rows.map((row) => String(row.id)))
}

/** pg-boss's insert says nothing about a conflict, so what it inserted is counted (rule 1). */
async function insert(boss: AppBoss, db: Db, queue: string, jobs: readonly { readonly id: string }[]): Promise<void> {
  if (jobs.length === 0) return
  const inserted = await boss.insert(queue, jobs as never, { db: preparing(db), returnId: true } as never)
  if (inserted?.length === jobs.length) return
  throw new SagaError(
    'BATCH_INCOMPLETE',
    `pg-boss inserted ${inserted?.length ?? 0} of ${jobs.length} jobs into ${queue}. The transaction must be rolled back.`,
  )
}
