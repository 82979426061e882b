/** What maintenance has done, and when. */
import type { Db } from './db.ts'

export type MaintenanceEntry = {
  readonly id: string
  readonly duty: string
  /** The worker that saw to it, or who asked for it. */
  readonly by: string
  readonly isDry: boolean
  readonly startedAt: Date
  /** `null` while it is under way, or its worker has died. */
  readonly finishedAt: Date | null
  readonly outcome: object | null
  readonly error: string | null
}

/** Of each duty so many are kept. */
const KEPT_OF_A_DUTY = 1_000

/** @param isByHand somebody has asked for it: that stands in the audit, too. */
export async function beginEntry(
  db: Db,
  schema: string,
  entry: Pick<MaintenanceEntry, 'id' | 'duty' | 'by' | 'isDry'>,
  isByHand = false,
): Promise<void> {
  await db.executeSql(
    `with n as materialized (select ${schema}.now() as at), a as (
       insert into ${schema}.saga_audit (at, id, action, actor, about)
       select n.at, $1::uuid, 'maintain', $3::text,
         jsonb_strip_nulls(jsonb_build_object('duty', $2::text, 'isDry', case when $4::boolean then true end))
       from n where $5::boolean
     )
     insert into ${schema}.saga_maintenance (id, duty, by, is_dry, started_at)
     select $1::uuid, $2::text, $3::text, $4::boolean, n.at from n`,
    [entry.id, entry.duty, entry.by, entry.isDry, isByHand],
  )
}

export async function endEntry(
  db: Db,
  schema: string,
  { id, duty }: Pick<MaintenanceEntry, 'id' | 'duty'>,
  end: { readonly outcome: object } | { readonly error: string },
): Promise<void> {
  const [outcome, error] = 'outcome' in end ? [JSON.stringify(end.outcome), null] : [null, end.error]
  await db.executeSql(
    `update ${schema}.saga_maintenance set finished_at = ${schema}.now(), outcome = $2::text::jsonb, error = $3::text where id = $1::uuid`,
    [id, outcome, error],
  )
  await trim(db, schema, duty).catch(() => {})
}

/** Of something that is over already. */
export async function addEntry(
  db: Db,
  schema: string,
  entry: Pick<MaintenanceEntry, 'id' | 'duty' | 'by'> & { readonly outcome: object },
): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_maintenance (id, duty, by, is_dry, started_at, finished_at, outcome)
     values ($1::uuid, $2::text, $3::text, false, ${schema}.now(), ${schema}.now(), $4::text::jsonb)`,
    [entry.id, entry.duty, entry.by, JSON.stringify(entry.outcome)],
  )
  await trim(db, schema, entry.duty).catch(() => {})
}

/** That there is one too many for a while is nobody's trouble. */
async function trim(db: Db, schema: string, duty: string): Promise<void> {
  await db.executeSql(
    `delete from ${schema}.saga_maintenance where duty = $1::text and id < (
       select id from ${schema}.saga_maintenance where duty = $1::text order by id desc offset ${KEPT_OF_A_DUTY - 1} limit 1)`,
    [duty],
  )
}

/** The newest first. Index: `saga_maintenance_duty`. */
export async function readEntries(
  db: Db,
  schema: string,
  duty: string | undefined,
  limit: number,
): Promise<readonly MaintenanceEntry[]> {
  const { rows } = await db.executeSql(
    `select id, duty, by, is_dry as "isDry", started_at as "startedAt", finished_at as "finishedAt", outcome, error
     from ${schema}.saga_maintenance where $1::text is null or duty = $1::text order by id desc limit $2::int`,
    [duty ?? null, limit],
  )
  return rows as unknown as MaintenanceEntry[]
}
