/**
 * What definitions want of maintenance, stored by version, so that any worker can see to it for all of them.
 *
 * What counts are the versions that live workers have: the longest that any of them wants sagas kept, archived if any of
 * them wants that, and of those without progress what the newest says. Where no worker has a definition any more, its newest
 * version counts; a definition that has never said anything is left alone.
 */
import type { FinishedStatus } from '../core/machine.ts'
import type { Keeping } from '../keeping.ts'
import type { Recovering } from '../recovering.ts'
import type { Db } from './db.ts'

export type Policy = {
  readonly definition: string
  readonly version: number
  readonly keeping: Keeping
  readonly recovering: Recovering
}

const COLUMNS = [
  'keep_completed_ms',
  'keep_compensated_ms',
  'keep_resolved_ms',
  'archive',
  'when_stuck',
  'stuck_after_ms',
  'max_recoveries',
] as const

const of = (row: string) => COLUMNS.map((column) => `${row}.${column}`).join(', ')

/** Of one version, whoever was registered last counts. */
export async function storePolicy(
  db: Db,
  schema: string,
  { definition, version, keeping, recovering }: Policy,
): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_policy (definition, version, ${COLUMNS.join(', ')}, updated_at)
     values ($1::text, $2::int, $3::bigint, $4::bigint, $5::bigint, $6::boolean, $7::text, $8::bigint, $9::int, ${schema}.now())
     on conflict (definition, version) do update set (${COLUMNS.join(', ')}, updated_at) = (${of('excluded')}, excluded.updated_at)
     where (${of('excluded')}) is distinct from (${of('saga_policy')})`,
    [
      definition,
      version,
      keeping.completed,
      keeping.compensated,
      keeping.resolved,
      keeping.archive,
      recovering.whenStuck,
      recovering.stuckAfterMs,
      recovering.maxRecoveries,
    ],
  )
}

/** One row a definition: what counts of what its versions say. */
export function policies(schema: string): string {
  const longest = (column: string) =>
    `case when bool_or(p.${column} is null) then null else max(p.${column}) end as ${column}`
  const newest = (column: string) => `(array_agg(p.${column} order by p.version desc))[1] as ${column}`
  return `select p.definition, ${['keep_completed_ms', 'keep_compensated_ms', 'keep_resolved_ms'].map(longest).join(', ')}, bool_or(p.archive) as archive,
       ${['when_stuck', 'stuck_after_ms', 'max_recoveries'].map(newest).join(', ')}
     from (
       select q.definition, q.version, ${of('q')}, q.lives, bool_or(q.lives) over known as any_lives, max(q.version) over known as newest
       from (
         select r.definition, r.version, ${of('r')}, exists (
           select from ${schema}.saga_worker w where w.taken_over_at is null and r.definition || '@' || r.version = any(w.definitions)
         ) as lives
         from ${schema}.saga_policy r) q
       window known as (partition by q.definition)) p
     where p.lives or (not p.any_lives and p.version = p.newest)
     group by p.definition`
}

/** How long finished sagas of a definition are kept in one status. */
export type Kept = {
  readonly definition: string
  readonly status: FinishedStatus
  readonly keepMs: number
  /** What is deleted is archived. */
  readonly archive: boolean
}

/** Of all definitions that have said so, but for those that are kept for ever, in the order of their names. */
export async function readKept(db: Db, schema: string): Promise<readonly Kept[]> {
  const { rows } = await db.executeSql(
    `select p.definition, x.status, x.ms::float8 as "keepMs", p.archive
     from (${policies(schema)}) p
     cross join lateral (values ('completed', p.keep_completed_ms), ('compensated', p.keep_compensated_ms), ('resolved', p.keep_resolved_ms))
       as x(status, ms)
     where x.ms is not null order by p.definition, x.status`,
  )
  return rows as unknown as Kept[]
}
