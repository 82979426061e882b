/** Sagas that wait for code, or are dead letters for want of it; and which code the live workers have. */
import { SIDE_TIMERS } from '../core/command.ts'
import type { SagaState } from '../core/state.ts'
import { unpackState } from './codec.ts'
import type { Db } from './db.ts'

const NAME = `s.definition || '@' || s.version`

/** What sagas wait for, as `name@version`. Index: `saga_held`. */
export async function awaitedCode(db: Db, schema: string): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select distinct ${NAME} as name from ${schema}.saga s where s.waiting = 'code' and s.waiting in ('hold', 'code')`,
  )
  return rows.map((row) => String(row['name']))
}

/** Those that wait for this code, and for nobody who has paused them: these would stand before the others for ever. Index: `saga_held`. */
export async function sagasWaitingForCode(
  db: Db,
  schema: string,
  names: readonly string[],
  limit: number,
): Promise<readonly { readonly id: string; readonly state: SagaState }[]> {
  if (names.length === 0) return []
  const { rows } = await db.executeSql(
    `select s.id, s.state from ${schema}.saga s
     where s.waiting = 'code' and s.waiting in ('hold', 'code') and not s.paused and ${NAME} = any($1::text[])
     order by s.definition, s.id limit ${limit}`,
    [names],
  )
  return rows.map((row) => ({ id: String(row['id']), state: unpackState(row['state']) }))
}

/** Those that died for want of this code. Index: `saga_open`. */
export async function sagasDeadWithoutCode(
  db: Db,
  schema: string,
  names: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select s.id from ${schema}.saga s
     where s.status = 'dead_lettered' and s.status <> 'completed' and s.dead_reason = 'no_code'
       and ${NAME} = any($1::text[])
     order by s.id limit ${limit}`,
    [names],
  )
  return rows.map((row) => String(row['id']))
}

const SIDE_TIMER = SIDE_TIMERS.map((timer) => `'${timer}'`).join(', ')

/** Those with a hook beside their status that waits for this code. Index: `saga_timer_side`. */
export async function sagasWithHooksWaitingForCode(
  db: Db,
  schema: string,
  names: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await db.executeSql(
    `select distinct t.saga_id as id from ${schema}.saga_timer t join ${schema}.saga s on s.id = t.saga_id
     where t.timer in (${SIDE_TIMER}) and ${NAME} = any($1::text[])
       and s.state -> 'steps' -> split_part(t.timer, ':', 1) -> 'action' ->> 'withheld' = 'code'
     order by t.saga_id limit ${limit}`,
    [names],
  )
  return rows.map((row) => String(row['id']))
}

/** What the workers have that are not thought dead, as `name@version`. */
export async function knownCode(db: Db, schema: string, freshMs: number): Promise<ReadonlySet<string>> {
  const { rows } = await db.executeSql(
    `select distinct unnest(w.definitions) as name from ${schema}.saga_worker w
     where w.taken_over_at is null and w.heartbeat_at > ${schema}.now() - $1::float8 * interval '1 millisecond'`,
    [freshMs],
  )
  return new Set(rows.map((row) => String(row['name'])))
}
