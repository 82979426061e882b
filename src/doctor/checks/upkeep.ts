/** What keeps it going: clocks, maintenance, dead rows, and how long a fetch takes. */
import { DUTIES, type Duty } from '../../engine/duties.ts'
import { clockOf, tableConditions } from '../../engine/store/health.ts'
import { readEntries } from '../../engine/store/maintenance-log.ts'
import { BEGIN_FETCH } from '../../jobs/connection.ts'
import { STEP_QUEUE } from '../../jobs/queues.ts'
import { inSessionTransaction, Session } from '../../jobs/sessions.ts'
import { type Finding, failing, notice, ok, warning } from '../finding.ts'
import type { Check } from '../subject.ts'

const SKEW_MS = 5_000
/** Each duty is due once an hour at least, where nobody has said otherwise. */
const NOT_DONE_FOR_MS = 3 * 60 * 60 * 1_000
const MANY_DEAD = 100_000
const SLOW_FETCH_MS = 100

export const clocks: Check = async ({ db, schema }) => {
  const before = Date.now()
  const { offsetMs, at } = await clockOf(db, schema)
  const after = Date.now()
  const found: Finding[] = []
  if (offsetMs !== 0) {
    const todo = `Only tests move it: delete from ${schema}.saga_clock.`
    found.push(failing('clock', `The clock of the schema is off by ${offsetMs} ms.`, todo))
  }
  const skewMs = at.getTime() < before ? at.getTime() - before : Math.max(0, at.getTime() - after)
  if (Math.abs(skewMs) > SKEW_MS) {
    const says = `The clock of this machine is ${Math.round(Math.abs(skewMs))} ms ${skewMs > 0 ? 'behind' : 'ahead of'} the database's. Sagas go by the database's.`
    found.push(notice('clock', says))
  }
  return found.length > 0 ? found : [ok('clock', 'This machine and the database agree.')]
}

export const maintenance: Check = async ({ db, schema }) => {
  const found = await Promise.all(DUTIES.map((duty) => lastOf(db, schema, duty)))
  return [...found.flat(), ...(await watchdogOf(db, schema))]
}

/** What it has mended: somebody deletes from the tables. */
async function watchdogOf(db: Parameters<Check>[0]['db'], schema: string): Promise<readonly Finding[]> {
  const entries = await readEntries(db, schema, 'watchdog', 20)
  const [last] = entries
  if (last === undefined) return [notice('watchdog', 'It has not looked yet.')]
  const report = entries.map(({ outcome, startedAt }) => ({ ...(outcome as WatchdogOutcome), startedAt }))
  const found = report.find(({ mended, left }) => mended + left > 0)
  if (found === undefined) return [ok('watchdog', `Nothing lacked anything, at ${last.startedAt.toISOString()} last.`)]
  const what = Object.entries(found.what).map(([name, count]) => `${count} ${name}`)
  const says = `At ${found.startedAt.toISOString()} sagas lacked ${what.join(', ')}; ${found.mended} were mended.`
  return [notice('watchdog', `${says} Find out who deletes from the tables.`)]
}

type WatchdogOutcome = {
  readonly mended: number
  readonly left: number
  readonly what: Readonly<Record<string, number>>
}

async function lastOf(db: Parameters<Check>[0]['db'], schema: string, duty: Duty): Promise<readonly Finding[]> {
  const entries = await readEntries(db, schema, duty, 20)
  const done = entries.find(({ isDry, finishedAt }) => !isDry && finishedAt !== null)
  const todo = 'Look whether a worker lives, and pg-boss runs schedules in it (`maintenance`, `boss`).'
  if (done === undefined) return [notice('maintenance', `${duty} has not been seen to yet.`)]
  const at = done.startedAt.toISOString()
  if (done.error !== null)
    return [warning('maintenance', `${duty} failed at ${at}: ${done.error}`, 'It is tried again when it is due.')]
  const { rows } = await db.executeSql(
    `select extract(epoch from ${schema}.now() - $1::timestamptz)::float8 * 1000 as "agoMs"`,
    [done.startedAt],
  )
  if (Number(rows[0]?.['agoMs']) > NOT_DONE_FOR_MS) {
    return [warning('maintenance', `${duty} was seen to last at ${at}.`, todo)]
  }
  return [ok('maintenance', `${duty} was seen to at ${at}.`)]
}

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
