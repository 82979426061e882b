/** The planner's statistics: renewed where a burst has left them far behind, before autovacuum comes to it. */
import type { Db } from './db.ts'

/** So many rows have changed since they were made, and twice as many as they speak of. */
const FAR_BEHIND = 20_000

/** The tables of these schemas whose statistics are of another time, by their quoted names; `isOurs`: may be analyzed. */
export async function outdatedTables(
  db: Db,
  schemas: readonly string[],
): Promise<readonly { readonly name: string; readonly isOurs: boolean }[]> {
  const { rows } = await db.executeSql(
    `select format('%I.%I', n.nspname, c.relname) as name, pg_has_role(c.relowner, 'usage') as "isOurs"
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1::text[]) and c.relkind = 'r'
       and pg_stat_get_mod_since_analyze(c.oid) > greatest($2::float8, 2 * c.reltuples)
     order by 1`,
    [schemas, FAR_BEHIND],
  )
  return rows as unknown as { name: string; isOurs: boolean }[]
}

/** Locks: the table, against changes of its shape. @param name quoted. */
export async function analyze(db: Db, name: string): Promise<void> {
  await db.executeSql(`analyze ${name}`)
}
