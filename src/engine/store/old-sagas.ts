/** Sagas that have finished long ago: found, counted, deleted with their journals. */

import { plainColumn } from './columns.ts'
import { askPrepared, type Db } from './db.ts'
import type { Kept } from './policies.ts'

/** Finished for longer than it is kept. Of a tree the whole goes together: a child stays for as long as its parent is under way. */
function isOld(schema: string): string {
  return `s.definition = $1::text and s.status = $2::text and s.finished_at < ${schema}.now() - $3::float8 * interval '1 millisecond'
    and not exists (select from ${schema}.saga p where p.id = s.parent_id and p.finished_at is null)
    and not exists (select from ${schema}.saga_timer t where t.saga_id = s.id)`
}

/** How many there are, counted up to `cap`. Index: `saga_finished`. */
export async function countOld(db: Db, schema: string, kept: Kept, cap: number): Promise<number> {
  const { rows } = await db.executeSql(
    `select count(*)::int as count from (select from ${schema}.saga s where ${isOld(schema)} limit $4::int) o`,
    [kept.definition, kept.status, kept.keepMs, cap],
  )
  return Number(rows[0]?.['count'])
}

/**
 * Deletes some of them, the oldest first, with their journals. Whoever has one locked keeps it until the next time.
 *
 * @returns how many. Transaction: required, READ COMMITTED. Locks: saga rows, skipping those that are busy, then journals.
 * Index: `saga_finished`, primary keys.
 */
export async function deleteOld(db: Db, schema: string, kept: Kept, limit: number): Promise<number> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s where ${isOld(schema)} order by s.finished_at limit $4::int for update of s skip locked`,
    [kept.definition, kept.status, kept.keepMs, limit],
  )
  if (rows.length === 0) return 0
  const ids = plainColumn(rows.map((row) => String(row['id'])))
  // A statement of its own, after the lock: it sees the whole journal.
  await askPrepared(db, `delete from ${schema}.saga_event where saga_id = any($1::uuid[])`, [ids])
  await askPrepared(db, `delete from ${schema}.saga where id = any($1::uuid[])`, [ids])
  return rows.length
}
