/** Whether the tables, indexes, constraints, functions and views of the schema are those that the migrations make. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Db } from './db.ts'

export type Drift = {
  /** `table saga_event`, `column saga.status text not null`, `index saga_open` and so on. */
  readonly missing: readonly string[]
  readonly unknown: readonly string[]
}

/** Written by `npm run db:objects` from a database that has just been migrated. */
const FILE = fileURLToPath(new URL('../../../drizzle/objects.json', import.meta.url))

/** What a schema holds, as sentences that are the same on all versions of Postgres. Transaction: any. */
export async function objectsOf(db: Db, schema: string): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `with ours as (select to_regnamespace($1::text)::oid as oid)
     select 'table ' || c.relname as name from pg_class c, ours where c.relnamespace = ours.oid and c.relkind in ('r', 'p')
     union all
     select 'column ' || c.relname || '.' || a.attname || ' ' || replace(format_type(a.atttypid, a.atttypmod), $1::text || '.', '') || case when a.attnotnull then ' not null' else '' end
     from pg_class c join pg_attribute a on a.attrelid = c.oid, ours
     where c.relnamespace = ours.oid and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
     union all
     select 'index ' || c.relname from pg_class c join pg_index i on i.indexrelid = c.oid, ours where c.relnamespace = ours.oid and i.indisvalid
     union all
     select 'constraint ' || r.relname || '.' || k.conname from pg_constraint k join pg_class r on r.oid = k.conrelid, ours
     where k.connamespace = ours.oid and k.contype in ('c', 'f', 'p', 'u')
     union all
     select 'function ' || p.proname || '(' || replace(pg_get_function_identity_arguments(p.oid), $1::text || '.', '') || ')' from pg_proc p, ours where p.pronamespace = ours.oid
     union all
     select 'view ' || c.relname from pg_class c, ours where c.relnamespace = ours.oid and c.relkind = 'v'
     order by 1`,
    [schema],
  )
  return rows.map((row) => String(row['name']))
}

/** @throws Error when the file of the objects that there should be cannot be read. */
export async function driftOf(db: Db, schema: string): Promise<Drift> {
  const known = new Set(JSON.parse(readFileSync(FILE, 'utf8')) as readonly string[])
  const there = new Set(await objectsOf(db, schema))
  return {
    missing: [...known].filter((name) => !there.has(name)),
    unknown: [...there].filter((name) => !known.has(name)),
  }
}
