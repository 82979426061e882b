/** Holds: an operator's stop on a definition, a step, or a direction of it. */
import type { Hold } from '../core/input.ts'
import type { Side } from '../core/machine.ts'
import type { Db } from './db.ts'

const COLUMNS = 'id, definition, step, names, side, actor, reason, created_at as "createdAt"'

export type HoldRow = {
  readonly id: string
  readonly definition: string
  readonly step: string | null
  /** Of that step: all names that it has or had, this one included. `null` where the hold names no step. */
  readonly names: readonly string[] | null
  readonly side: Side | null
  readonly actor: string
  readonly reason: string
  readonly createdAt: Date
}

/** The holds in force, by definition. There are few. Index: `saga_hold_active`. */
export async function readActiveHolds(db: Db, schema: string): Promise<ReadonlyMap<string, readonly Hold[]>> {
  const { rows } = await db.executeSql(
    `select definition, step, names, side from ${schema}.saga_hold where released_at is null`,
  )
  const holds = new Map<string, Hold[]>()
  for (const { definition, step, names, side } of rows as Pick<HoldRow, 'definition' | 'step' | 'names' | 'side'>[]) {
    const each = step === null ? [{}] : (names ?? [step]).map((name) => ({ step: name }))
    const added = each.map((hold): Hold => ({ ...hold, ...(side === null ? {} : { side }) }))
    holds.set(definition, [...(holds.get(definition) ?? []), ...added])
  }
  return holds
}

export async function listHolds(db: Db, schema: string): Promise<readonly HoldRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_hold where released_at is null order by created_at`,
  )
  return rows as unknown as HoldRow[]
}

/** @returns the hold's id; `undefined` when the request has placed one before. */
export async function insertHold(
  db: Db,
  schema: string,
  hold: {
    readonly id: string
    readonly definition: string
    readonly step: string | null
    readonly names: readonly string[] | null
    readonly side: Side | null
    readonly actor: string
    readonly reason: string
    readonly requestId: string
  },
): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_hold (id, definition, step, side, actor, reason, created_at, request_id, names)
     values ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, ${schema}.now(), $7::text, $8::text[])
     on conflict (request_id) do nothing returning id`,
    [hold.id, hold.definition, hold.step, hold.side, hold.actor, hold.reason, hold.requestId, hold.names],
  )
  return rows[0]?.id as string | undefined
}

/** Its step has got more names. Index: primary key. */
export async function renameHold(db: Db, schema: string, id: string, names: readonly string[]): Promise<void> {
  await db.executeSql(`update ${schema}.saga_hold set names = $2::text[] where id = $1::uuid`, [id, names])
}

/** The hold with this id, in force or not. Index: primary key. */
export async function readHold(db: Db, schema: string, id: string): Promise<HoldRow | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga_hold where id = $1::uuid`, [id])
  return rows[0] as HoldRow | undefined
}

/** The hold that a request has placed, in force or not. Index: `saga_hold_request`. */
export async function holdByRequest(db: Db, schema: string, requestId: string): Promise<HoldRow | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga_hold where request_id = $1::text`, [
    requestId,
  ])
  return rows[0] as HoldRow | undefined
}

/** @returns whether it was in force, or released by this very request. */
export async function releaseHold(
  db: Db,
  schema: string,
  id: string,
  act: { readonly actor: string; readonly reason: string; readonly requestId: string },
): Promise<boolean> {
  const { rows } = await db.executeSql(
    `update ${schema}.saga_hold set released_at = ${schema}.now(), released_by = $2::text, release_reason = $3::text,
       release_request_id = $4::text
     where id = $1::uuid and (released_at is null or release_request_id = $4::text) returning id`,
    [id, act.actor, act.reason, act.requestId],
  )
  return rows.length > 0
}
