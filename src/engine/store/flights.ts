/** What is not finished, by the code that it needs. */
import type { Db } from './db.ts'
import { ofStatus } from './in-order.ts'

export type Flights = {
  readonly definition: string
  readonly version: number
  /** Hash of the shape that they carry; `null` for those that have not met their code. */
  readonly blueprint: string | null
  readonly sagas: number
  readonly deadLetters: number
  /** What SQL users have asked to be started, and no worker has taken yet. */
  readonly commands: number
}

/** Some seconds' worth. */
export const MOST_FLIGHTS = 1_000_000

/**
 * By definition, version and shape.
 *
 * @returns `isCut`: of a status there were more than a million, and only the oldest were looked at.
 * Index: `saga_open`, `saga_command_waiting`.
 */
export async function readFlights(
  db: Db,
  schema: string,
  most: number = MOST_FLIGHTS,
): Promise<{ readonly flights: readonly Flights[]; readonly isCut: boolean }> {
  const { rows } = await db.executeSql(
    `with o as materialized (
       select x.status, l.definition, l.version, l.blueprint, count(*)::int as sagas
       from unnest(array['pending', 'running', 'compensating', 'dead_lettered']) as x(status)
       cross join lateral (
         select s.definition, s.version, s.blueprint from ${schema}.saga s
         where ${ofStatus('x.status')} order by s.status, s.id limit $1::int) l
       group by x.status, l.definition, l.version, l.blueprint
     ), c as (
       select w.definition, w.version, count(*)::int as commands from (
         select c.definition, c.version from ${schema}.saga_command c
         where c.state = 'waiting' and c.verb = 'enqueue' limit $1::int) w
       group by w.definition, w.version
     )
     select f.definition, f.version, f.blueprint, sum(f.sagas)::int as sagas, sum(f.dead)::int as "deadLetters",
       sum(f.commands)::int as commands, (select coalesce(max(t.sum), 0) >= $1::int from (select sum(o.sagas) from o group by o.status) t) as "isCut"
     from (
       select o.definition, o.version, o.blueprint, o.sagas, case o.status when 'dead_lettered' then o.sagas else 0 end as dead, 0 as commands from o
       union all
       select c.definition, c.version, null, 0, 0, c.commands from c) f
     group by f.definition, f.version, f.blueprint order by f.definition, f.version, f.blueprint`,
    [most],
  )
  const flights = rows.map(({ isCut: _cut, ...row }) => row as unknown as Flights)
  return { flights, isCut: rows[0]?.['isCut'] === true }
}
