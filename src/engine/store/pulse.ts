/** Whether anything has become of sagas since somebody looked, for so little that it can be asked each second. */
import { plainColumn } from './columns.ts'
import { askPrepared, type Db } from './db.ts'

/** How many of the newest sagas are looked at one by one: as many as a list shows, and some more. */
const NEWEST = 100

export type Pulse = {
  /** Another one than before: something has changed. Nothing else can be read from it. */
  readonly mark: string
  /** Of the sagas that were asked for and are there. */
  readonly revisions: ReadonlyMap<string, number>
}

/**
 * The mark is made of the newest sagas' revisions, which are right at once, and of what the server counts of all rows
 * that were written, which it says within ten seconds. Version 14 keeps these counts in a file and writes it for each
 * question: there they are left out, and changes of older sagas are not in the mark.
 *
 * Index: primary key, from its end, and for the sagas asked for.
 */
export async function readPulse(db: Db, schema: string, sagas: readonly string[]): Promise<Pulse> {
  const { rows } = await askPrepared(
    db,
    `select concat_ws(' ',
        (select concat(max(newest.id::text), ' ', sum(newest.revision))
         from (select id, revision from ${schema}.saga order by id desc limit ${NEWEST}) newest),
        case when current_setting('server_version_num')::integer >= 150000 then
          concat(pg_stat_get_tuples_inserted('${schema}.saga_event'::regclass), ' ',
                 pg_stat_get_tuples_updated('${schema}.saga'::regclass), ' ',
                 pg_stat_get_tuples_deleted('${schema}.saga'::regclass))
        end) as mark,
      (select json_object_agg(id, revision) from ${schema}.saga where id = any($1::uuid[])) as revisions`,
    [plainColumn(sagas)],
  )
  const { mark, revisions } = rows[0] as { mark: string; revisions: Record<string, number> | null }
  return { mark, revisions: new Map(Object.entries(revisions ?? {})) }
}
