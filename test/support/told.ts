/** Whether the queue of events says what the journals say, where all events are told: no more, no less, each once. */
import type pg from 'pg'

export async function wronglyTold(pool: pg.Pool, queue: string): Promise<readonly string[]> {
  const { rows } = await pool.query(
    `select coalesce(e.saga_id::text, j.saga) as saga, coalesce(e.sequence, j.sequence) as sequence, e.type, j.type as told, j.times
     from (
       select saga_id, sequence, type from saga.saga_event
       union all
       select saga_id, sequence + x.place::int, 'attempt_scheduled' from saga.saga_event
         cross join jsonb_array_elements(data -> 'scheduled') with ordinality x(attempt, place)) e
     full join (
       select data ->> 'saga' as saga, (data ->> 'sequence')::int as sequence, min(data ->> 'type') as type, count(*)::int as times
       from pgboss.job where name = $1 group by 1, 2) j on j.saga = e.saga_id::text and j.sequence = e.sequence
     where e.type is distinct from j.type or j.times is distinct from 1`,
    [queue],
  )
  return rows.map((row) => `${row.saga} ${row.sequence}: ${row.type} is told as ${row.told}, ${row.times} times`)
}
