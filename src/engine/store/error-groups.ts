/** Error groups: the dead letters by what is the matter with them. */
import type { DeadLetterReason } from '../core/machine.ts'
import type { Db } from './db.ts'
import { conditions, type SagaFilter } from './reading.ts'

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
}

/**
 * The groups of the dead letters that fit, the largest first. Of a group, at most `cap` sagas are looked at, the newest
 * ones.
 *
 * Index: `saga_error_group`, one probe for each group to find them, then a range of each.
 */
export async function readErrorGroups(
  db: Db,
  schema: string,
  filter: SagaFilter,
  options: { readonly cap: number; readonly limit: number },
): Promise<readonly ErrorGroup[]> {
  const { where, values } = conditions(schema, filter)
  const fitting = ['s.error_group = g.id', ...where].join(' and ')
  const cap = `$${values.push(options.cap)}::int`
  const limit = `$${values.push(options.limit)}::int`
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
     ) c join ${schema}.dead_letter d on d.id = c.newest
     where g.id is not null
     order by c.count desc, c.last_seen_at desc limit ${limit}`,
    values,
  )
  return rows as unknown as ErrorGroup[]
}
