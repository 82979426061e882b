/** What lies in the tables: dead rows, and how long a fetch takes because of them. */
import { tableConditions } from '../../engine/store/health.ts'
import { BEGIN_FETCH } from '../../jobs/connection.ts'
import { STEP_QUEUE } from '../../jobs/queues.ts'
import { inSessionTransaction, Session } from '../../jobs/sessions.ts'
import { ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const MANY_DEAD = 100_000
const SLOW_FETCH_MS = 100

export const tables: Check = async ({ db, schema, bossSchema }) => {
  const conditions = await tableConditions(db, [schema, bossSchema])
  const found = conditions
    .filter(({ live, dead }) => dead > MANY_DEAD && dead > live)
    .map(({ table, live, dead, vacuumedAt }) =>
      warning(
        'tables',
        `${table} has ${dead} dead rows beside ${live}; it was ${vacuumedAt === null ? 'never vacuumed' : `vacuumed at ${vacuumedAt.toISOString()}`}.`,
        `Look for old transactions and replication slots, then \`vacuum analyze ${table}\`; let autovacuum come more often.`,
      ),
    )
  return found.length > 0 ? found : [ok('tables', 'Dead rows are few.')]
}

/** As workers do it, and rolled back. */
export const fetching: Check = async ({ boss, connectionString }) => {
  const session = new Session(connectionString, 'pg-saga doctor')
  let ms = 0
  try {
    await inSessionTransaction(
      session,
      async (db) => {
        const beganAt = performance.now()
        await boss.fetch(STEP_QUEUE, { batchSize: 1, db })
        ms = performance.now() - beganAt
        throw new RolledBack()
      },
      BEGIN_FETCH,
    )
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  } finally {
    await session.close()
  }
  if (ms < SLOW_FETCH_MS) return [ok('fetching', `A fetch takes ${ms.toFixed(1)} ms.`)]
  const todo = `Look for old transactions, and \`vacuum analyze\` pg-boss's tables.`
  return [warning('fetching', `A fetch takes ${ms.toFixed(0)} ms.`, todo)]
}

class RolledBack extends Error {}
