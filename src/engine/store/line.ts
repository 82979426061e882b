/**
 * Lines: of the sagas with one concurrency key one is at the front, and the others wait in the order of their starts.
 * Two that would be at the front at once are kept apart by `saga_line_front`.
 */
import type { Db } from './db.ts'

export type InLine = { readonly sagaId: string; readonly key: string }

/** To the ends of their lines, in this order. Transaction: that of their start. */
export async function joinLines(db: Db, schema: string, sagas: readonly InLine[]): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_line (key, saga_id)
     select x.key, x.saga_id from unnest($1::text[], $2::uuid[]) with ordinality as x(key, saga_id, place)
     order by x.place`,
    [sagas.map(({ key }) => key), sagas.map(({ sagaId }) => sagaId)],
  )
}

/** As `joinLines`, for sagas whose start time has come. Locks: after their rows. */
export async function joinLinesDue(db: Db, schema: string, sagaIds: readonly string[]): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_line (key, saga_id)
     select s.concurrency_key, s.id from ${schema}.saga s where s.id = any($1::uuid[]) order by s.start_at, s.id`,
    [sagaIds],
  )
}

/**
 * To the front of lines in which nobody stands. Whoever does the same at the same time is waited for; one that only
 * joins the line comes after this one.
 *
 * @returns the ids of those that are at the front now. Transaction: that of their start. Index: `saga_line_front`.
 */
export async function claimFronts(db: Db, schema: string, sagas: readonly InLine[]): Promise<ReadonlySet<string>> {
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_line (key, saga_id, front_at)
     select x.key, x.saga_id, ${schema}.now() from unnest($1::text[], $2::uuid[]) as x(key, saga_id)
     where not exists (select from ${schema}.saga_line l where l.key = x.key and l.front_at is null)
     order by x.key
     on conflict (key) where front_at is not null do nothing
     returning saga_id`,
    [sagas.map(({ key }) => key), sagas.map(({ sagaId }) => sagaId)],
  )
  return new Set(rows.map((row) => String(row['saga_id'])))
}

/** Who is at the front of a line, or is to be. Index: `saga_line_front`, `saga_line_waiting`. */
export async function firstInLine(db: Db, schema: string, key: string): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `(select l.saga_id from ${schema}.saga_line l where l.key = $1::text and l.front_at is not null)
     union all
     (select l.saga_id from ${schema}.saga_line l where l.key = $1::text and l.front_at is null order by l.position limit 1)`,
    [key],
  )
  return rows[0] === undefined ? undefined : String(rows[0]['saga_id'])
}

/** From their places to the front. Locks: after their rows. A unique violation: somebody else has come there first. */
export async function takeFronts(db: Db, schema: string, sagaIds: readonly string[]): Promise<void> {
  await db.executeSql(`update ${schema}.saga_line set front_at = ${schema}.now() where saga_id = any($1::uuid[])`, [
    sagaIds,
  ])
}

/**
 * Puts back rows that are gone: who waited comes after those that wait there now, and a front that somebody has come to
 * meanwhile stays theirs.
 *
 * @returns the ids of those that have a place again. Locks: after their rows.
 */
export async function restorePlaces(
  db: Db,
  schema: string,
  places: readonly { readonly sagaId: string; readonly isFront: boolean }[],
): Promise<ReadonlySet<string>> {
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_line (key, saga_id, front_at)
     select s.concurrency_key, s.id, case when x.front then ${schema}.now() end
     from unnest($1::uuid[], $2::boolean[]) as x(id, front) join ${schema}.saga s on s.id = x.id
     where s.concurrency_key is not null order by s.created_at, s.id
     on conflict do nothing returning saga_id`,
    [places.map(({ sagaId }) => sagaId), places.map(({ isFront }) => isFront)],
  )
  return new Set(rows.map((row) => String(row['saga_id'])))
}

/** Locks: after their rows. Index: primary key. */
export async function leaveLines(db: Db, schema: string, sagaIds: readonly string[]): Promise<void> {
  await db.executeSql(`delete from ${schema}.saga_line where saga_id = any($1::uuid[])`, [sagaIds])
}

/** Who comes to the front now that these sagas have left their lines. Index: both. */
export async function nextInLinesOf(db: Db, schema: string, sagaIds: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select n.saga_id
     from (select distinct s.concurrency_key as key from ${schema}.saga s where s.id = any($1::uuid[])) k
     cross join lateral (
       select l.saga_id from ${schema}.saga_line l
       where l.key = k.key and l.front_at is null order by l.position limit 1) n
     where not exists (select from ${schema}.saga_line f where f.key = k.key and f.front_at is not null)`,
    [sagaIds],
  )
  return rows.map((row) => String(row['saga_id']))
}

/**
 * Who comes to the front, of all lines: looks at the first of each line, from one key to the next. Index: both, twice a
 * line, however long it is.
 */
export async function nextInLines(db: Db, schema: string, limit: number): Promise<readonly string[]> {
  const first = `from ${schema}.saga_line l where l.front_at is null`
  const { rows } = await db.executeSql(
    `with recursive lines as (
       (select l.key, l.saga_id ${first} order by l.key, l.position limit 1)
       union all
       select n.key, n.saga_id from lines p cross join lateral (
         select l.key, l.saga_id ${first} and l.key > p.key order by l.key, l.position limit 1) n
     )
     select p.saga_id from lines p
     where not exists (select from ${schema}.saga_line f where f.key = p.key and f.front_at is not null) limit ${limit}`,
  )
  return rows.map((row) => String(row['saga_id']))
}

/** The key of the line in which a saga stands, or has stood. Index: primary key. */
export async function concurrencyKeyOf(db: Db, schema: string, sagaId: string): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `select s.concurrency_key as key from ${schema}.saga s where s.id = $1::uuid and s.concurrency_key is not null`,
    [sagaId],
  )
  return rows[0] === undefined ? undefined : String(rows[0]['key'])
}
