/**
 * The inbox of commands that SQL users give. They are inserted by the functions of the schema (`drizzle/`), in the caller's
 * transaction; here they are taken, settled and forgotten.
 *
 * 1. A command is settled by the transaction of its effect: it is `accepted` with it, or `refused` without one.
 * 2. Of the commands about one saga, none is taken before the earlier ones are settled.
 */
import type { Db } from './db.ts'

/** Verbs of operators that are about one saga. */
export const SAGA_VERBS = ['retry', 'compensate', 'cancel', 'pause', 'resume'] as const
export type SagaVerb = (typeof SAGA_VERBS)[number]

/** Duties of maintenance, as SQL users call them. */
export const DUTY_VERBS = ['recover_stuck', 'cleanup'] as const
export type DutyVerb = (typeof DUTY_VERBS)[number]

export const COMMAND_VERBS = ['enqueue', ...SAGA_VERBS, ...DUTY_VERBS] as const
export const COMMAND_STATES = ['waiting', 'accepted', 'refused'] as const

/** What of a command there is to do, whatever its verb. */
type Asked = { readonly id: string; readonly actor: string; readonly tries: number }

/** A saga to be started, under the command's own id. */
export type StartCommand = Asked & {
  readonly definition: string
  readonly version: number
  readonly input: unknown
  readonly key: string | null
  readonly startAt: Date | null
  readonly priority: number | null
  readonly tags: readonly string[] | null
}

export type CommandOptions = {
  readonly pastPivot?: boolean
  readonly stuckAfterMs?: number
  readonly keepMs?: number
}

/** An order: of a verb about one saga, or of a duty. */
export type OrderCommand = Asked & { readonly options: CommandOptions; readonly requestId: string } & (
    | { readonly verb: SagaVerb; readonly sagaId: string; readonly reason: string }
    | { readonly verb: DutyVerb; readonly sagaId: null; readonly reason: null }
  )

/** How a command ends. */
export type Settlement = { readonly id: string; readonly inputHash?: string | undefined } & (
  | { readonly state: 'accepted'; readonly result: object | null }
  | {
      readonly state: 'refused'
      readonly code: string
      readonly message: string
      readonly fields?: readonly object[] | undefined
    }
)

/** No earlier command about the same saga waits. Asked in the snapshot that finds the command itself. */
function isNext(schema: string): string {
  return `not exists (
    select from ${schema}.saga_command e where e.saga_id = c.saga_id and e.state = 'waiting' and e.position < c.position)`
}

/** Definitions and versions, out of a list of `name@version`. */
const CODE = `select split_part(n, '@', 1) as definition, split_part(n, '@', 2)::int as version from unnest($1::text[]) n`

/**
 * Whether somebody with this code may have something to do. Costs a look into indexes that are empty as a rule.
 *
 * Index: `saga_command_orders`, `saga_command_waiting`.
 */
export async function hasCommands(db: Db, schema: string, own: readonly string[]): Promise<boolean> {
  const { rows } = await db.executeSql(
    `select from (select ${schema}.now() as at) m
     where exists (
         select from ${schema}.saga_command c where c.state = 'waiting' and c.verb <> 'enqueue' and c.try_at <= m.at)
       or exists (
         select from (${CODE}) o cross join lateral (
           select from ${schema}.saga_command c
           where c.state = 'waiting' and c.verb = 'enqueue' and c.definition = o.definition and c.version = o.version
             and c.try_at <= m.at
           order by c.position limit 1) x)`,
    [own],
  )
  return rows.length > 0
}

/**
 * The next starts that this code can do, in the order in which they were given.
 *
 * Transaction: required. Locks: the commands' rows, to the end, skipping those that somebody else has; as many of each
 * definition. Index: `saga_command_waiting`.
 */
export async function takeStarts(
  db: Db,
  schema: string,
  own: readonly string[],
  limit: number,
): Promise<readonly StartCommand[]> {
  const { rows } = await db.executeSql(
    `select x.id, x.actor, x.tries, x.definition, x.version, x.input, x.key, x.start_at as "startAt", x.priority, x.tags
     from (${CODE}) o cross join lateral (
       select c.id, c.position, c.actor, c.tries, c.definition, c.version, c.input, c.key, c.start_at, c.priority, c.tags
       from ${schema}.saga_command c
       where c.state = 'waiting' and c.verb = 'enqueue' and c.definition = o.definition and c.version = o.version
         and c.try_at <= (select ${schema}.now())
       order by c.position limit $2::int for update of c skip locked) x
     order by x.position limit $2::int`,
    [own, limit],
  )
  return rows as unknown as StartCommand[]
}

/**
 * The next order, whatever it is about.
 *
 * @param withDuties whether a duty may be taken too.
 * Transaction: required. Locks: the command's row, to the end, skipping those that somebody else has. Index:
 * `saga_command_orders`, `saga_command_saga`.
 */
export async function takeOrder(db: Db, schema: string, withDuties: boolean): Promise<OrderCommand | undefined> {
  const { rows } = await db.executeSql(
    `select c.id, c.actor, c.tries, c.verb, c.saga_id as "sagaId", c.reason, c.options, c.request_id as "requestId"
     from ${schema}.saga_command c
     where c.state = 'waiting' and c.verb <> 'enqueue' and c.try_at <= (select ${schema}.now()) and ${isNext(schema)}
       and ($1::boolean or c.saga_id is not null)
     order by c.position limit 1 for update of c skip locked`,
    [withDuties],
  )
  return rows[0] as OrderCommand | undefined
}

/** Inputs are gone with it. Transaction: that of the effect. Locks: the commands' rows, which are had already. */
export async function settleCommands(db: Db, schema: string, settled: readonly Settlement[]): Promise<void> {
  if (settled.length === 0) return
  await db.executeSql(
    `update ${schema}.saga_command c
     set state = x.state, settled_at = n.at, input = null, input_hash = x."inputHash", result = x.result, code = x.code,
       message = x.message, fields = x.fields
     from (select ${schema}.now() as at) n,
       json_to_recordset((select $1::text)::json) as x(id uuid, state text, "inputHash" text, result jsonb, code text,
         message text, fields jsonb)
     where c.id = x.id and c.state = 'waiting'`,
    [JSON.stringify(settled)],
  )
}

/** What came of a duty, which was accepted before it was begun. Index: primary key. */
export async function writeResult(db: Db, schema: string, id: string, result: object): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_command set result = $2::text::jsonb where id = $1::uuid and state = 'accepted'`,
    [id, JSON.stringify(result)],
  )
}

/**
 * Puts commands off that could neither be done nor refused: by a second first, then by twice as long each time, up to a
 * minute. Index: primary key.
 */
export async function putOff(
  db: Db,
  schema: string,
  ids: readonly string[],
  trouble: { readonly code: string | undefined; readonly message: string },
): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_command set tries = least(tries + 1, 1000), code = $2::text, message = $3::text,
       try_at = ${schema}.now() + least(60, power(2, least(tries, 10))) * interval '1 second'
     where id = any($1::uuid[]) and state = 'waiting'`,
    [ids, trouble.code ?? null, trouble.message],
  )
}

/** The code that starts wait for, as `name@version`. Index: `saga_command_waiting`. */
export async function awaitedByCommands(db: Db, schema: string): Promise<readonly string[]> {
  const next = (after: string) => `select c.definition, c.version from ${schema}.saga_command c
    where c.state = 'waiting' and c.verb = 'enqueue' ${after} order by c.definition, c.version limit 1`
  // One look into the index for each, however many wait.
  const { rows } = await db.executeSql(
    `with recursive w as (
       (${next('')})
       union all
       select n.definition, n.version from w cross join lateral (
         ${next('and (c.definition, c.version) > (w.definition, w.version)')}) n
     )
     select w.definition || '@' || w.version as name from w`,
  )
  return rows.map((row) => String(row['name']))
}

/**
 * Some starts that have waited for this code for so long.
 *
 * Transaction: required. Locks: the commands' rows, skipping those that somebody else has. Index: `saga_command_waiting`.
 */
export async function takeOverdueStarts(
  db: Db,
  schema: string,
  overdue: { readonly names: readonly string[]; readonly ageMs: number; readonly limit: number },
): Promise<readonly { readonly id: string; readonly definition: string; readonly version: number }[]> {
  const { rows } = await db.executeSql(
    `select c.id, c.definition, c.version from ${schema}.saga_command c
     where c.state = 'waiting' and c.verb = 'enqueue' and (c.definition, c.version) in (${CODE})
       and c.requested_at <= (select ${schema}.now()) - $2::float8 * interval '1 millisecond'
     order by c.position limit $3::int for update of c skip locked`,
    [overdue.names, overdue.ageMs, overdue.limit],
  )
  return rows as unknown as { id: string; definition: string; version: number }[]
}

/**
 * Deletes some of the commands that were settled so long ago.
 *
 * @returns how many. Index: `saga_command_settled`.
 */
export async function deleteSettled(db: Db, schema: string, ageMs: number, limit: number): Promise<number> {
  const { rows } = await db.executeSql(
    `delete from ${schema}.saga_command where id in (
       select c.id from ${schema}.saga_command c
       where c.settled_at < (select ${schema}.now()) - $1::float8 * interval '1 millisecond' order by c.settled_at limit $2::int)
     returning id`,
    [ageMs, limit],
  )
  return rows.length
}
