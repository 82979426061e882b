/**
 * Alerts on dead letters: one for each error group and interval, however many workers there are.
 *
 * A channel reads the journal for what has become a dead letter, counts it by error group, and tells what is due. Its mark
 * is a snapshot, and not a moment: transactions commit in another order than that of their moments, and each of them is
 * counted exactly once. What is told stands in the row before it is told, and is told as it stands there until somebody has
 * taken it: at least once, with the same id.
 */
import type { DeadLetterReason } from '../core/machine.ts'
import type { AlertChannel } from './alert-tables.ts'
import type { Db, Row } from './db.ts'
import { ignoredGroups } from './triage.ts'

/** Sagas have become dead letters for the same error. */
export type DeadLetterAlert = {
  /** Of this alert. One that is told again has the same. */
  readonly id: string
  readonly errorGroup: string
  readonly definition: string
  /** The map's, for items of one. */
  readonly step: string | null
  readonly reason: DeadLetterReason
  /** Of the newest of them, as an example. `null` where code is missing. */
  readonly code: string | null
  readonly message: string | null
  /** How many since the last alert of this group. */
  readonly count: number
  /** How many sagas are in the group now, up to 10 001. */
  readonly total: number
  /** Up to five of them, the newest first. */
  readonly sagas: readonly string[]
  /** When the first and the last of `count` became dead letters. */
  readonly firstAt: Date
  readonly lastAt: Date
  /** When the alert was made. */
  readonly at: Date
}

/** An alert that this process is to tell now. */
export type DueAlert = {
  readonly alert: DeadLetterAlert
  /** From 1. */
  readonly attempt: number
  /** This moment, in ms. */
  readonly now: number
}

const EXAMPLES = 5
const CAP = 10_001
/** Groups that have been quiet for so long are forgotten. */
const FORGET_AFTER = `interval '90 days'`

/**
 * From now on: what has become a dead letter before is not told. A channel that has begun goes on where it was; but where its
 * mark lies in the future, the tables have come from another server, whose transactions say nothing here.
 */
export async function beginChannel(db: Db, schema: string, channel: AlertChannel): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_alert_mark (channel, seen) values ($1::text, pg_current_snapshot())
     on conflict (channel) do update set seen = excluded.seen
     where pg_snapshot_xmax(saga_alert_mark.seen) > pg_snapshot_xmax(excluded.seen)`,
    [channel],
  )
}

/** Events that the snapshot does not hold. Transactions of another server, from which the tables came, are none of ours. */
const newSince = (schema: string, seen: string) =>
  `from ${schema}.saga_event e where e.type = 'saga_dead_lettered' and e.xid >= pg_snapshot_xmin(${seen})
     and not pg_visible_in_snapshot(e.xid, ${seen}) and pg_visible_in_snapshot(e.xid, pg_current_snapshot())`

/**
 * Whether there is anything to do for a channel; `undefined` when it has not begun. Writes nothing, for it is asked each
 * second.
 *
 * Index: `saga_event_dead`.
 */
export async function lookForAlerts(
  db: Db,
  schema: string,
  channel: AlertChannel,
): Promise<{ readonly hasNew: boolean; readonly hasDue: boolean } | undefined> {
  const { rows } = await db.executeSql(
    `select exists (select ${newSince(schema, 'm.seen')}) as "hasNew",
       exists (select from ${schema}.saga_alert a where a.channel = m.channel and a.due_at <= n.at) as "hasDue"
     from (select ${schema}.now() as at) n, ${schema}.saga_alert_mark m where m.channel = $1::text`,
    [channel],
  )
  return rows[0] as { hasNew: boolean; hasDue: boolean } | undefined
}

/**
 * Counts what has become a dead letter since the channel looked last, without what is none any more, and without error
 * groups that are ignored: of these nothing is told later either.
 *
 * @param everyMs the shortest time between two alerts of a group.
 * @returns how many there were; `undefined` when somebody else is looking.
 * Transaction: required, READ COMMITTED. Locks: the channel's mark, then its alerts, in order. Index: `saga_event_dead`.
 */
export async function countDeadLetters(
  db: Db,
  schema: string,
  channel: AlertChannel,
  everyMs: number,
): Promise<number | undefined> {
  const { rows: marks } = await db.executeSql(
    `select seen::text as seen from ${schema}.saga_alert_mark where channel = $1::text for update skip locked`,
    [channel],
  )
  if (marks[0] === undefined) return undefined
  // One statement: what it sees, and what it notes down as seen, are one snapshot.
  const { rows } = await db.executeSql(
    `with e as materialized (
       select e.saga_id, max(e.at) as at ${newSince(schema, '$2::text::pg_snapshot')} group by e.saga_id
     ), d as materialized (
       select s.id, s.error_group, s.definition, s.dead_reason, e.at,
         split_part(s.state -> 'deadLetter' ->> 'step', '[', 1) as step
       from e join ${schema}.saga s on s.id = e.saga_id
       where s.error_group is not null and s.error_group <> all (array(${ignoredGroups(schema)}))
     ), a as (
       insert into ${schema}.saga_alert (channel, error_group, definition, step, reason, count, first_at, last_at, sagas, due_at)
       select $1::text, d.error_group, min(d.definition), min(d.step), min(d.dead_reason), count(*), min(d.at), max(d.at),
         (array_agg(d.id order by d.at desc, d.id desc))[1:${EXAMPLES}], ${schema}.now()
       from d group by d.error_group order by d.error_group
       on conflict (channel, error_group) do update set
         count = saga_alert.count + excluded.count,
         first_at = coalesce(saga_alert.first_at, excluded.first_at),
         last_at = greatest(saga_alert.last_at, excluded.last_at),
         sagas = (excluded.sagas || saga_alert.sagas)[1:${EXAMPLES}],
         due_at = coalesce(saga_alert.due_at,
           greatest(excluded.due_at, saga_alert.told_at + $3::float8 * interval '1 millisecond'))
       returning error_group
     ), m as (
       update ${schema}.saga_alert_mark set seen = pg_current_snapshot() where channel = $1::text returning channel
     )
     select (select count(*)::int from d) as dead from m`,
    [channel, marks[0]['seen'], everyMs],
  )
  return Number(rows[0]?.['dead'] ?? 0)
}

type AlertRow = {
  readonly errorGroup: string
  readonly definition: string
  readonly step: string | null
  readonly reason: DeadLetterReason
  readonly count: number
  readonly firstAt: Date | null
  readonly lastAt: Date | null
  readonly sagas: readonly string[]
  readonly alert: Row | null
  readonly attempts: number
  readonly at: Date
}

/**
 * Takes what is due, for as long as it may take to tell it: if this process dies meanwhile, another one tells it. A group
 * in which there is no dead letter any more, or that is ignored, has nothing to tell.
 *
 * @param newId of an alert that is told for the first time.
 * Transaction: required. Locks: the alerts that are due, skipping those that are locked. Index: primary key, `saga_error_group`.
 */
export async function takeDueAlerts(
  db: Db,
  schema: string,
  channel: AlertChannel,
  options: { readonly limit: number; readonly leaseMs: number; readonly newId: () => string },
): Promise<readonly DueAlert[]> {
  const { rows } = await db.executeSql(
    `select a.error_group as "errorGroup", a.definition, a.step, a.reason, a.count, a.first_at as "firstAt",
       a.last_at as "lastAt", a.sagas::text[] as sagas, a.alert, a.attempts, n.at
     from (select ${schema}.now() as at) n join ${schema}.saga_alert a on a.due_at <= n.at
     where a.channel = $1::text order by a.due_at, a.error_group limit ${options.limit} for update of a skip locked`,
    [channel],
  )
  const due = rows as unknown as AlertRow[]
  if (due.length === 0) return []
  const groups = await readGroups(db, schema, due)
  const taken: DueAlert[] = []
  for (const row of due) {
    const group = groups.get(row.errorGroup)
    if (group === undefined) {
      await settleAlert(db, schema, channel, row.errorGroup)
      continue
    }
    const alert = row.alert ?? madeOf(row, group, options.newId())
    await db.executeSql(
      `update ${schema}.saga_alert set alert = $3::text::json, attempts = attempts + 1,
         due_at = ${schema}.now() + $4::float8 * interval '1 millisecond'
         ${row.alert === null ? `, count = 0, first_at = null, last_at = null, sagas = '{}'` : ''}
       where channel = $1::text and error_group = $2::text`,
      [channel, row.errorGroup, JSON.stringify(alert), options.leaseMs],
    )
    taken.push({ alert: unpacked(alert), attempt: row.attempts + 1, now: row.at.getTime() })
  }
  return taken
}

type GroupNow = { readonly total: number; readonly message: string | null; readonly code: string | null }

/** Those in which there are dead letters now, and that nobody ignores, each with an example: of those that the alert counts, where one is left. */
async function readGroups(db: Db, schema: string, due: readonly AlertRow[]): Promise<ReadonlyMap<string, GroupNow>> {
  const { rows } = await db.executeSql(
    `select g.id, x.total, case when d.reason <> 'no_code' then d.error_message end as message,
       case when d.reason <> 'no_code' then d.error_code end as code
     from unnest($1::text[]) as g(id)
       cross join lateral (
         select count(*)::int as total, (array_agg(y.id))[1] as newest
         from (select s.id from ${schema}.saga s where s.error_group = g.id order by s.id desc limit ${CAP}) y) x
       join ${schema}.dead_letter d on d.id = coalesce(
         (select s.id from ${schema}.saga s where s.id = any($2::uuid[]) and s.error_group = g.id order by s.id desc limit 1),
         x.newest)
     where g.id <> all (array(${ignoredGroups(schema)}))`,
    [due.map(({ errorGroup }) => errorGroup), due.flatMap(({ sagas }) => sagas)],
  )
  return new Map(rows.map((row) => [String(row['id']), row as unknown as GroupNow]))
}

function madeOf(row: AlertRow, { total, message, code }: GroupNow, id: string): Row {
  const { errorGroup, definition, step, reason, count, sagas, firstAt, lastAt, at } = row
  return { id, errorGroup, definition, step, reason, code, message, count, total, sagas, firstAt, lastAt, at }
}

/** Moments lie in JSON as text. */
function unpacked(alert: Row): DeadLetterAlert {
  const date = (name: string) => new Date(alert[name] as string | Date)
  return { ...alert, firstAt: date('firstAt'), lastAt: date('lastAt'), at: date('at') } as DeadLetterAlert
}

/**
 * It got through: what has come meanwhile is told when the interval is over. Does nothing where somebody else has told it
 * since.
 */
export async function recordTold(
  db: Db,
  schema: string,
  channel: AlertChannel,
  { errorGroup, id }: DeadLetterAlert,
  everyMs: number,
): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_alert set alert = null, attempts = 0, last_error = null, told_at = ${schema}.now(),
       due_at = case when count > 0 then ${schema}.now() + $4::float8 * interval '1 millisecond' end
     where channel = $1::text and error_group = $2::text and alert ->> 'id' = $3::text`,
    [channel, errorGroup, id, everyMs],
  )
  await db.executeSql(
    `delete from ${schema}.saga_alert where channel = $1::text and due_at is null and told_at < ${schema}.now() - ${FORGET_AFTER}`,
    [channel],
  )
}

/** It did not get through, and is told again. @param error says why, without anything that is to stay a secret. */
export async function recordUntold(
  db: Db,
  schema: string,
  channel: AlertChannel,
  { errorGroup, id }: DeadLetterAlert,
  failure: { readonly error: string; readonly againInMs: number },
): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_alert set last_error = $4::text, due_at = ${schema}.now() + $5::float8 * interval '1 millisecond'
     where channel = $1::text and error_group = $2::text and alert ->> 'id' = $3::text`,
    [channel, errorGroup, id, failure.error, failure.againInMs],
  )
}

/** Nothing is left to be told of it. Of one that was told, the moment stays: the next one comes an interval later. */
async function settleAlert(db: Db, schema: string, channel: AlertChannel, errorGroup: string): Promise<void> {
  await db.executeSql(
    `delete from ${schema}.saga_alert where channel = $1::text and error_group = $2::text and told_at is null`,
    [channel, errorGroup],
  )
  await db.executeSql(
    `update ${schema}.saga_alert set alert = null, attempts = 0, last_error = null, due_at = null, count = 0,
       first_at = null, last_at = null, sagas = '{}'
     where channel = $1::text and error_group = $2::text`,
    [channel, errorGroup],
  )
}

/** The message in alerts that give this saga as an example. Transaction: any. */
export async function eraseFromAlerts(db: Db, schema: string, sagaId: string): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_alert a set alert = jsonb_set(a.alert::jsonb, '{message}', 'null')::json
     where a.alert is not null and a.alert::jsonb -> 'sagas' ? $1::text`,
    [sagaId],
  )
}
