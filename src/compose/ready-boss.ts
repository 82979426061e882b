/** Getting pg-boss ready: one of our own, or the app's. */
import { SagaError } from '../engine/errors.ts'
import { isConnectionError, sqlState } from '../engine/store/db.ts'
import { type AppBoss, checkQueues, KNOWN_BOSS_VERSION, proveBoss, startAppBoss } from '../jobs/app-boss.ts'
import { inTransaction } from '../jobs/pools.ts'
import { createQueues, readyEventQueue } from '../jobs/queues.ts'
import { repeating, type Wiring } from './wiring.ts'

/** Undefined table: there is no pg-boss in that schema. */
const NOT_INSTALLED = '42P01'

/**
 * @param may `migrate`: bring pg-boss's tables up to date, where they are its own to bring. `queues`: create ours, or
 * bring their options up to date; that is for who migrates, or runs steps.
 * @throws SagaError `SCHEMA_TOO_OLD` or `SCHEMA_TOO_NEW` where something is not as it has to be and may not be changed,
 * `OPTION_INVALID` for a PgBoss that was handed in and cannot be used.
 */
export async function readyBoss(
  wiring: Wiring,
  may: { readonly migrate: boolean; readonly queues: boolean },
): Promise<void> {
  const { boss, bossSchema, isAppBoss, pool, eventQueue } = wiring
  if (isAppBoss) {
    await startAppBoss(boss)
    if (may.queues) await createQueues(boss)
    await checkQueues(boss)
    await readyEventQueue(boss, eventQueue)
    return inTransaction(pool, (db) => proveBoss(boss, db, bossSchema))
  }
  if (!may.migrate) await mustBeMigrated(boss, bossSchema)
  await startOwn(boss, bossSchema)
  if (may.queues) await createQueues(boss)
  await readyEventQueue(boss, eventQueue)
}

async function mustBeMigrated(boss: AppBoss, schema: string): Promise<void> {
  const version = await versionOf(boss)
  if (version === undefined || version < KNOWN_BOSS_VERSION) throw tooOld(schema)
}

/** pg-boss itself refuses tables of another version, newer ones included, in a process that would not migrate them. */
async function startOwn(boss: AppBoss, schema: string): Promise<void> {
  try {
    // Its migrations lock tables that workers work on.
    await repeating(() => boss.start())
  } catch (error) {
    if (isConnectionError(error) || sqlState(error) !== undefined) throw error
    const version = (await versionOf(boss)) ?? 0
    if (version <= KNOWN_BOSS_VERSION) throw tooOld(schema, error)
    throw new SagaError(
      'SCHEMA_TOO_NEW',
      `The tables of pg-boss in the schema "${schema}" are at version ${version}, and this version of pg-saga knows ${KNOWN_BOSS_VERSION}. Upgrade the package in this process.`,
      { cause: error },
    )
  }
}

async function versionOf(boss: AppBoss): Promise<number | undefined> {
  try {
    return (await boss.schemaVersion()) ?? undefined
  } catch (error) {
    if (sqlState(error) === NOT_INSTALLED) return undefined
    throw error
  }
}

function tooOld(schema: string, cause?: unknown): SagaError {
  return new SagaError(
    'SCHEMA_TOO_OLD',
    `pg-boss is not ready in its schema "${schema}". Start an engine with migrate: true, or migrate in a deploy step: pg-saga migrate, or migrate() in code.`,
    { cause },
  )
}
