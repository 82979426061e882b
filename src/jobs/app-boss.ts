/**
 * A `PgBoss` of the app's own, handed in: what the engine uses of it, and the proof that it can be used.
 *
 * It stays the app's. It is started if it is not, as the app made it, and never stopped; its own statements go over its
 * own connections, and ours over ours, through `{ db }`.
 */
import { randomInt } from 'node:crypto'
import type { PgBoss } from 'pg-boss'
import packageJson from 'pg-boss/package.json' with { type: 'json' }
import { SagaError } from '../engine/errors.ts'
import { newId } from '../engine/runtime/ids.ts'
import { type Db, isConnectionError } from '../engine/store/db.ts'
import { DEAD_LETTER_QUEUE, QUEUES } from './queues.ts'

/** As much of a `PgBoss` as the engine uses. */
export type AppBoss = Pick<
  PgBoss,
  | 'start'
  | 'schemaVersion'
  | 'getDb'
  | 'createQueue'
  | 'updateQueue'
  | 'getQueue'
  | 'insert'
  | 'fetch'
  | 'deleteJob'
  | 'schedule'
  | 'unschedule'
  | 'getSchedules'
  | 'previewSchedule'
>

const NEEDED = Object.keys({
  start: 0,
  schemaVersion: 0,
  getDb: 0,
  createQueue: 0,
  updateQueue: 0,
  getQueue: 0,
  insert: 0,
  fetch: 0,
  deleteJob: 0,
  schedule: 0,
  unschedule: 0,
  getSchedules: 0,
  previewSchedule: 0,
} satisfies Record<keyof AppBoss, 0>)

/** The version of pg-boss's tables that this package was made with. */
export const KNOWN_BOSS_VERSION: number = packageJson.pgboss.schema

/** What of a `PgBoss` something lacks that was handed in as one. */
export function missingInBoss(given: unknown): readonly string[] {
  if (typeof given !== 'object' || given === null) return NEEDED
  return NEEDED.filter((name) => typeof (given as Record<string, unknown>)[name] !== 'function')
}

/**
 * Starts it unless it is, and sees that its tables are those that this package knows.
 *
 * @throws SagaError `OPTION_INVALID`.
 */
export async function startAppBoss(boss: AppBoss): Promise<void> {
  try {
    await boss.start()
  } catch (cause) {
    if (isConnectionError(cause)) throw cause
    throw refusal('it does not start. Its own error is the cause', cause)
  }
  const version = await boss.schemaVersion()
  if (version === KNOWN_BOSS_VERSION) return
  throw refusal(
    `its tables are at version ${String(version)}, and this version of pg-saga knows ${KNOWN_BOSS_VERSION}. Use pg-boss ${packageJson.version} for it`,
  )
}

/** What is not as it has to be of the queues, by queue. */
export async function wrongInQueues(
  boss: Pick<AppBoss, 'getQueue'>,
): Promise<readonly { readonly queue: string; readonly isMissing: boolean; readonly problems: readonly string[] }[]> {
  const found = await Promise.all(
    QUEUES.map(async ([name, options]) => {
      const queue = (await boss.getQueue(name)) as Readonly<Record<string, unknown>> | null
      if (queue === null) return { queue: name, isMissing: true, problems: ['it is missing'] }
      const problems = Object.entries({ policy: 'standard', ...options })
        .filter(([key, value]) => queue[key] !== value)
        .map(([key, value]) => `${key} is ${JSON.stringify(queue[key])} and has to be ${JSON.stringify(value)}`)
      return { queue: name, isMissing: false, problems }
    }),
  )
  return found.filter(({ problems }) => problems.length > 0)
}

/**
 * What cannot be changed of a queue that is there already, or was changed by somebody else meanwhile.
 *
 * @throws SagaError `SCHEMA_TOO_OLD` for a queue that is missing, `OPTION_INVALID` for one that is not as it has to be.
 */
export async function checkQueues(boss: AppBoss): Promise<void> {
  const [wrong] = await wrongInQueues(boss)
  if (wrong === undefined) return
  const { queue, isMissing, problems } = wrong
  if (isMissing) {
    throw new SagaError(
      'SCHEMA_TOO_OLD',
      `The PgBoss that was handed in has no queue ${queue}. Start an engine, or migrate in a deploy step: pg-saga migrate, or migrate() in code.`,
    )
  }
  throw refusal(`of its queue ${queue}, ${problems.join(', ')}. Delete the queue while it is empty; it is made anew`)
}

/**
 * That what it is given with `{ db }` is what it uses, and that its tables are those of `bossSchema` in our database: a
 * job is inserted and deleted on our transaction, and found there in between.
 *
 * Transaction: required. Leaves nothing behind.
 * @throws SagaError `OPTION_INVALID`.
 */
export async function proveBoss(boss: AppBoss, db: Db, bossSchema: string): Promise<void> {
  await mustBeInOurDatabase(boss, db)
  const id = newId()
  await boss.insert(DEAD_LETTER_QUEUE, [{ id, data: { of: 'a look at this PgBoss' } }] as never, { db } as never)
  const schema = await whereIs(db, id)
  if (schema === undefined) throw refusal('it does not use the transaction that a call gives it with { db }')
  if (schema !== bossSchema)
    throw refusal(`its schema is "${schema}", and bossSchema is "${bossSchema}". Set bossSchema: '${schema}'`)
  const { settled } = (await boss.deleteJob(DEAD_LETTER_QUEUE, [id], { db })) as {
    readonly settled?: readonly string[]
  }
  if (settled?.includes(id) !== true) throw refusal('it does not tell which jobs a call has deleted')
}

/** Its own connections see a lock that ours holds: only those of the same database do. */
async function mustBeInOurDatabase(boss: AppBoss, db: Db): Promise<void> {
  const key = randomInt(1, 2 ** 31 - 1)
  await db.executeSql('select pg_advisory_xact_lock($1::bigint)', [key])
  const { rows } = await boss.getDb().executeSql(
    `select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1 and l.classid = 0 and l.objid::bigint = $1::bigint
       and l.database = (select oid from pg_database where datname = current_database())`,
    [key],
  )
  if (rows.length === 0) throw refusal('its connections lead to another database than connectionString')
}

/** Where our transaction has written it. Every schema that may be one of pg-boss is looked into, so that the error can name the right one. */
async function whereIs(db: Db, id: string): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `select n.nspname as name, format('%I', n.nspname) as quoted from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'job' and c.relkind in ('r', 'p') and has_schema_privilege(n.oid, 'usage')
       and has_table_privilege(c.oid, 'select')
       and exists (select from pg_class v where v.relname = 'version' and v.relnamespace = n.oid)`,
  )
  for (const { name, quoted } of rows) {
    const found = await db.executeSql(
      `select from ${String(quoted)}.job where name = '${DEAD_LETTER_QUEUE}' and id = $1::uuid and xmin = pg_current_xact_id()::xid`,
      [id],
    )
    if (found.rows.length > 0) return String(name)
  }
  return undefined
}

function refusal(what: string, cause?: unknown): SagaError {
  return new SagaError('OPTION_INVALID', `The PgBoss that was handed in as \`boss\` cannot be used: ${what}.`, {
    cause,
    details: { option: 'boss' },
  })
}
