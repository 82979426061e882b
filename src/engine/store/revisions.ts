/** Whether what a worker remembers of a saga is still what is stored, for the price of a few bytes a saga. */
import { plainColumn } from './columns.ts'
import { askPrepared, type Db } from './db.ts'

/** Reads the current revisions, by saga. Index: primary key. */
export async function readRevisions(
  db: Db,
  schema: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map()
  const { rows } = await askPrepared(db, `select id, revision from ${schema}.saga where id = any($1::uuid[])`, [
    plainColumn(ids),
  ])
  return new Map(rows.map((row) => [String(row['id']), Number(row['revision'])]))
}
