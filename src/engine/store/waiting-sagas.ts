/** Sagas that holds keep waiting: for which, and which of them wait for none any more. */
import type { Db } from './db.ts'

/** Of a row `h` of `saga_hold`: it is over, and what has waited for it goes on at its rate. */
export const IS_LETTING_GO = '(h.ended_at is null and h.release_rate is not null)'

/** The functions of steps of a saga `s` that wait for a hold: `e.key` is the step, or the map of an item, `v.side` the side. */
const WAITING_STEPS = `(
    select e.key, e.value from json_each(s.state -> 'steps') e
    union all
    select m.key, g.value -> 1 from json_each(s.state -> 'items') m cross join json_array_elements(m.value) g
  ) e cross join (values ('action'), ('compensation'), ('verify')) as v(side)
  where e.value -> v.side ->> 'withheld' = 'hold'`

/** Lets the partial index serve. */
const WAITS = `s.waiting = 'hold' and s.waiting in ('hold', 'code')`

/** Whether a hold stops that function of that step. */
function stops(hold: string): string {
  return `(${hold}.step is null or e.key = any(coalesce(${hold}.names, array[${hold}.step])))
    and coalesce(${hold}.side, v.side) = v.side`
}

/**
 * Sagas with a step that waits for a hold which is not in force any more, and does not let go either: whoever released
 * it did not get to them. Looked for only where something was released lately, so that a long hold on many sagas costs
 * nothing. Index: `saga_held`.
 *
 * @param definition only of this one; it is looked for there whenever the release was.
 */
export async function strandedByHolds(
  db: Db,
  schema: string,
  limit: number,
  definition?: string,
): Promise<readonly string[]> {
  const definitions = definition === undefined ? await lettingAllGo(db, schema) : [definition]
  if (definitions.length === 0) return []
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s
     where ${WAITS} and s.definition = any($1::text[])
       and exists (
         select from ${WAITING_STEPS} and not exists (
           select from ${schema}.saga_hold h
           where h.definition = s.definition and (h.released_at is null or ${IS_LETTING_GO}) and ${stops('h')}))
     order by s.definition, s.id limit ${limit}`,
    [definitions],
  )
  return rows.map((row) => String(row.id))
}

/** Where something was released lately, and not at a rate that still goes on. */
async function lettingAllGo(db: Db, schema: string): Promise<readonly unknown[]> {
  const { rows } = await db.executeSql(
    `select distinct h.definition from ${schema}.saga_hold h
     where h.released_at > ${schema}.now() - interval '1 day' and not ${IS_LETTING_GO}`,
  )
  return rows.map((row) => row['definition'])
}

/**
 * Sagas that wait for this hold, and for no other that is in force, the oldest first. Index: `saga_held`.
 *
 * @param after only those behind it.
 */
export async function waitingFor(
  db: Db,
  schema: string,
  hold: { readonly id: string; readonly definition: string },
  limit: number,
  after: string | null = null,
): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s join ${schema}.saga_hold h on h.id = $1::uuid
     where ${WAITS} and s.definition = $2::text and ($3::uuid is null or s.id > $3::uuid)
       and exists (
         select from ${WAITING_STEPS} and ${stops('h')} and not exists (
           select from ${schema}.saga_hold f
           where f.definition = s.definition and f.id <> h.id and f.released_at is null and ${stops('f')}))
     order by s.definition, s.id limit ${limit}`,
    [hold.id, hold.definition, after],
  )
  return rows.map((row) => String(row.id))
}

/** How many sagas wait for each of these holds, whatever else they wait for, up to `cap` of each. Index: `saga_held`. */
export async function countWaiting(
  db: Db,
  schema: string,
  holds: readonly string[],
  cap: number,
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.executeSql(
    `select h.id, (
       select count(*)::int from (
         select from ${schema}.saga s
         where ${WAITS} and s.definition = h.definition and exists (select from ${WAITING_STEPS} and ${stops('h')})
         limit $2::int) w) as waiting
     from ${schema}.saga_hold h where h.id = any($1::uuid[])`,
    [holds, cap],
  )
  return new Map(rows.map((row) => [String(row['id']), Number(row['waiting'])]))
}
