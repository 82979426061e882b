/** Error groups: the dead letters by what is the matter with them. */
import type { DeadLetterReason } from '../core/machine.ts'
import { conditions, type SagaFilter } from './conditions.ts'
import type { Db } from './db.ts'
import { readTriages, standing, type Triage, type TriageState } from './triage.ts'

/** Dead letters for the same error at the same step. */
export type ErrorGroup = {
  /** For `SagaFilter.errorGroup`. Stable: the same error has the same one in every process, and after an upgrade. */
  readonly id: string
  readonly definition: string
  readonly step: string | null
  readonly direction: 'forward' | 'backward'
  readonly reason: DeadLetterReason
  /** The message of the newest of them: an example, for what varies between them is in it. `null` where code is missing. */
  readonly message: string | null
  readonly code: string | null
  /** How many sagas are in it now, up to the cap. */
  readonly count: number
  /** When the first and the last of those were dead-lettered, or changed as dead letters. */
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  /** What people have made of it; `null` where nobody has. */
  readonly triage: Triage | null
}

/**
 * The groups of the dead letters that fit, the largest first. Of a group, at most `cap` sagas are looked at, the newest
 * ones.
 *
 * Index: `saga_error_group`, one probe for each group to find them, then a range of each; `saga_triage`'s primary key.
 */
export async function readErrorGroups(
  db: Db,
  schema: string,
  filter: SagaFilter,
  options: { readonly cap: number; readonly limit: number; readonly state?: TriageState },
): Promise<readonly ErrorGroup[]> {
  const { where, values } = conditions(schema, filter)
  const fitting = ['s.error_group = g.id', ...where].join(' and ')
  const cap = `$${values.push(options.cap)}::int`
  const limit = `$${values.push(options.limit)}::int`
  const stands =
    options.state === undefined
      ? { join: '', so: 'true' }
      : {
          join: `left join lateral (
         select f.state from ${schema}.saga_triage t ${standing(schema)} where t.error_group = g.id) r on true`,
          so: `coalesce(r.state, 'open') = $${values.push(options.state)}::text`,
        }
  const { rows } = await db.executeSql(
    `with recursive g(id) as (
       (select s.error_group from ${schema}.saga s where s.error_group is not null order by s.error_group limit 1)
       union all
       select (select s.error_group from ${schema}.saga s where s.error_group > g.id order by s.error_group limit 1)
       from g where g.id is not null
     )
     select g.id, d.definition, d.step, d.direction, d.reason,
       case when d.reason <> 'no_code' then d.error_message end as message,
       case when d.reason <> 'no_code' then d.error_code end as code,
       c.count, c.first_seen_at as "firstSeenAt", c.last_seen_at as "lastSeenAt"
     from g cross join lateral (
       select count(*)::int as count, min(x.updated_at) as first_seen_at, max(x.updated_at) as last_seen_at,
         (array_agg(x.id))[1] as newest
       from (select s.id, s.updated_at from ${schema}.saga s where ${fitting} order by s.id desc limit ${cap}) x
     ) c cross join lateral (
       -- One by one: joined, all dead letters might be read for the newest of each group.
       select v.definition, v.step, v.direction, v.reason, v.error_message, v.error_code from ${schema}.dead_letter v
       where v.id = c.newest limit 1) d
       ${stands.join}
     where g.id is not null and ${stands.so}
     order by c.count desc, c.last_seen_at desc limit ${limit}`,
    values,
  )
  const groups = rows as unknown as Omit<ErrorGroup, 'triage'>[]
  const triages = await readTriages(
    db,
    schema,
    groups.map(({ id }) => id),
  )
  return groups.map((group) => ({ ...group, triage: triages.get(group.id) ?? null }))
}
