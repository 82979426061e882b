/** What definitions want of maintenance, stored, so that any worker can do it for all of them. */
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
  'version',
  'keep_completed_ms',
  'keep_compensated_ms',
  'keep_resolved_ms',
  'when_stuck',
  'stuck_after_ms',
  'max_recoveries',
] as const

const of = (row: string) => COLUMNS.map((column) => `${row}.${column}`).join(', ')

/** What an older version says is left alone; of one version, whoever was registered last counts. */
export async function storePolicy(
  db: Db,
  schema: string,
  { definition, version, keeping, recovering }: Policy,
): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_policy (definition, ${COLUMNS.join(', ')}, updated_at)
     values ($1::text, $2::int, $3::bigint, $4::bigint, $5::bigint, $6::text, $7::bigint, $8::int, ${schema}.now())
     on conflict (definition) do update set (${COLUMNS.join(', ')}, updated_at) = (${of('excluded')}, excluded.updated_at)
     where excluded.version >= saga_policy.version and (${of('excluded')}) is distinct from (${of('saga_policy')})`,
    [
      definition,
      version,
      keeping.completed,
      keeping.compensated,
      keeping.resolved,
      recovering.whenStuck,
      recovering.stuckAfterMs,
      recovering.maxRecoveries,
    ],
  )
}

/** How long finished sagas of a definition are kept in one status. */
export type Kept = { readonly definition: string; readonly status: FinishedStatus; readonly keepMs: number }

/** Of all definitions that are known and not kept for ever, in the order of their names. */
export async function readKept(db: Db, schema: string, usual: Keeping): Promise<readonly Kept[]> {
  const { rows } = await db.executeSql(
    `select d.definition, x.status, x.ms::float8 as "keepMs"
     from (select distinct definition from ${schema}.saga_blueprint) d
     left join ${schema}.saga_policy p on p.definition = d.definition
     cross join lateral (values
       ('completed', case when p.definition is null then $1::bigint else p.keep_completed_ms end),
       ('compensated', case when p.definition is null then $2::bigint else p.keep_compensated_ms end),
       ('resolved', case when p.definition is null then $3::bigint else p.keep_resolved_ms end)) as x(status, ms)
     where x.ms is not null order by d.definition, x.status`,
    [usual.completed, usual.compensated, usual.resolved],
  )
  return rows as unknown as Kept[]
}
