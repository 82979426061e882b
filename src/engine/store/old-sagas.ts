/** Sagas that have finished long ago: found, counted, deleted with their journals. */
import { keepActs } from './audit.ts'
import { plainColumn } from './columns.ts'
import { askPrepared, type Db, isConnectionError } from './db.ts'
import type { Kept } from './policies.ts'

/**
 * Finished for longer than it is kept, and nothing of it is still to come: it cannot be reverted any more, no hook beside its
 * status is under way, and its parent has finished. The moment is a subquery: asked for each row, the function could give
 * another one each time, and all that have finished would be read.
 */
function isOld(schema: string): string {
  return `s.definition = $1::text and s.status = $2::text
    and s.finished_at < (select ${schema}.now()) - $3::float8 * interval '1 millisecond'
    and coalesce((s.state ->> 'revertUntil')::float8, 0) < (select extract(epoch from ${schema}.now())::float8 * 1000)
    and not exists (
      select from json_each(s.state -> 'steps') e where starts_with(e.key, '@') and e.value::text ~ '"(flight|due|withheld)"')
    and not exists (select from ${schema}.saga p where p.id = s.parent_id and p.finished_at is null)`
}

/** How many there are, counted up to `cap`. Transaction: one of ours. Index: `saga_finished`. */
export async function countOld(db: Db, schema: string, kept: Kept, cap: number): Promise<number> {
  const { rows } = await db.executeSql(
    `select count(*)::int as count from (select from ${schema}.saga s where ${isOld(schema)} limit $4::int) o`,
    [kept.definition, kept.status, kept.keepMs, cap],
  )
  return Number(rows[0]?.['count'])
}

/**
 * Deletes some of them, the oldest first, with their journals; what people did to them stays in the audit. Whoever has one locked keeps it until the next time.
 *
 * @param most sagas, and events beyond which no further one is taken. @param except those that could not be deleted.
 * @returns how many. Transaction: required, READ COMMITTED. Locks: saga rows, skipping those that are busy, then journals.
 * Index: `saga_finished`, primary keys.
 */
export async function deleteOld(
  db: Db,
  schema: string,
  kept: Kept,
  most: { readonly sagas: number; readonly events: number },
  except: readonly string[] = [],
): Promise<number> {
  const { rows } = await db.executeSql(
    `select s.id, s.revision from ${schema}.saga s where ${isOld(schema)} and s.id <> all($5::uuid[]) order by s.finished_at limit $4::int
     for update of s skip locked`,
    [kept.definition, kept.status, kept.keepMs, most.sagas, except],
  )
  let events = 0
  const taken = rows.filter((row, at) => {
    events += Number(row['revision'])
    return at === 0 || events <= most.events
  })
  if (taken.length === 0) return 0
  const ids = taken.map((row) => String(row['id']))
  try {
    await remove(db, schema, kept, ids)
  } catch (error) {
    if (isConnectionError(error)) throw error
    throw new OldSagasStay(ids, error)
  }
  return taken.length
}

/** These could not be deleted, all of them or one. */
export class OldSagasStay extends Error {
  readonly ids: readonly string[]

  constructor(ids: readonly string[], cause: unknown) {
    super(String(cause), { cause })
    this.ids = ids
  }
}

async function remove(db: Db, schema: string, kept: Kept, sagas: readonly string[]): Promise<void> {
  const ids = plainColumn(sagas)
  // Statements of their own, after the lock: they see the whole journal.
  if (kept.archive) await archive(db, schema, ids)
  await keepActs(db, schema, sagas)
  await askPrepared(db, `delete from ${schema}.saga_event where saga_id = any($1::uuid[])`, [ids])
  await askPrepared(db, `delete from ${schema}.saga where id = any($1::uuid[])`, [ids])
}

/** Transaction: required, with the sagas locked. */
async function archive(db: Db, schema: string, ids: unknown): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_archive (id, definition, version, key, status, tags, created_at, finished_at, archived_at, state, journal)
     select s.id, s.definition, s.version, s.key, s.status, s.tags, s.created_at, s.finished_at, ${schema}.now(), s.state::jsonb, (
       select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'sequence', e.sequence, 'type', e.type, 'at', e.at, 'step', e.step, 'side', e.side, 'attempt', e.attempt,
           'worker', e.worker, 'build', e.build, 'ran_ms', e.ran_ms)) || jsonb_build_object('data', e.data, 'payload', e.payload) order by e.sequence)
       from ${schema}.saga_event e where e.saga_id = s.id)
     from ${schema}.saga s where s.id = any($1::uuid[])
     on conflict (id, finished_at) do nothing`,
    [ids],
  )
}
