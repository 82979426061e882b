/** Holds: a stop on a definition, a step, or a direction of it; and how one that is over lets go what has waited. */
import { definedName } from '../core/blueprint.ts'
import type { Hold } from '../core/input.ts'
import type { Side } from '../core/machine.ts'
import { askPrepared, type Db } from './db.ts'
import { IS_LETTING_GO } from './waiting-sagas.ts'

/** Of a hold that is over, and lets go at a rate what has waited for it. */
export type PacedRelease = {
  readonly actor: string
  readonly reason: string
  readonly at: Date
  /** Sagas a second. */
  readonly rate: number
  /** So many have been let go. */
  readonly letGo: number
}

export type HoldRow = {
  readonly id: string
  readonly definition: string
  readonly step: string | null
  /** Of that step: all names that it has or had, this one included. `null` where the hold names no step. */
  readonly names: readonly string[] | null
  readonly side: Side | null
  /** `breaker`, where a step's circuit breaker has placed it. */
  readonly actor: string
  readonly reason: string
  readonly createdAt: Date
  /** `null` while it is in force. */
  readonly release: PacedRelease | null
}

const COLUMNS = `h.id, h.definition, h.step, h.names, h.side, h.actor, h.reason, h.created_at as "createdAt", h.released_by,
  h.release_reason, h.released_at, h.release_rate, h.let_go`

function holdRow(row: Record<string, unknown>): HoldRow {
  const { released_by, release_reason, released_at, release_rate, let_go, ...hold } = row
  const release =
    release_rate === null
      ? null
      : { actor: released_by, reason: release_reason, at: released_at, rate: release_rate, letGo: let_go }
  return { ...hold, release } as HoldRow
}

/** A hold as a decision is told of it, and the saga that passes it. */
export type StoredHold = Hold & { readonly id: string; readonly probe?: string }

export type HoldsByDefinition = ReadonlyMap<string, readonly StoredHold[]>

const ACTIVE_COLUMNS = `h.id, h.definition, h.step, h.names, h.side, h.probe_saga as probe, ${IS_LETTING_GO} as over`
const IS_ACTIVE = `h.ended_at is null and (h.released_at is null or ${IS_LETTING_GO})`

/** Those in force, and those that let go, by definition. There are few. Index: `saga_hold_open`. */
export async function readActiveHolds(db: Db, schema: string): Promise<HoldsByDefinition> {
  const { rows } = await askPrepared(db, `select ${ACTIVE_COLUMNS} from ${schema}.saga_hold h where ${IS_ACTIVE}`, [])
  return byDefinition(rows as unknown as readonly ActiveRow[])
}

/**
 * What a decision is told beside its saga: the moment, in ms, and the active holds. One statement, because every
 * transaction that changes a saga asks. Index: `saga_hold_open`.
 */
export async function readNowAndHolds(
  db: Db,
  schema: string,
): Promise<{ readonly now: number; readonly holds: HoldsByDefinition }> {
  const { rows } = await askPrepared(
    db,
    `select extract(epoch from ${schema}.now())::float8 * 1000 as now, ${ACTIVE_COLUMNS}
     from (select) as always left join ${schema}.saga_hold h on ${IS_ACTIVE}`,
    [],
  )
  const held = rows.filter((row) => row['id'] !== null) as unknown as readonly ActiveRow[]
  return { now: Math.round(Number(rows[0]?.['now'])), holds: byDefinition(held) }
}

function byDefinition(rows: readonly ActiveRow[]): HoldsByDefinition {
  const holds = new Map<string, StoredHold[]>()
  for (const { id, definition, step, names, side, probe, over } of rows) {
    const rest = {
      id,
      ...(side === null ? {} : { side }),
      ...(probe === null ? {} : { probe }),
      ...(over ? { lettingGo: true as const } : {}),
    }
    const each = step === null ? [rest] : (names ?? [step]).map((name) => ({ ...rest, step: name }))
    holds.set(definition, [...(holds.get(definition) ?? []), ...each])
  }
  return holds
}

type ActiveRow = Pick<HoldRow, 'id' | 'definition' | 'step' | 'names' | 'side'> & {
  readonly probe: string | null
  readonly over: boolean
}

const NONE: readonly StoredHold[] = []

/** What a decision about this saga is told: a breaker's hold does not stop the saga that it looks after. */
export function holdsFor(holds: HoldsByDefinition, definition: string, sagaId: string): readonly StoredHold[] {
  const all = holds.get(definition) ?? NONE
  return all.some(({ probe }) => probe === sagaId) ? all.filter(({ probe }) => probe !== sagaId) : all
}

/** The breaker's hold that lets this step of this saga through. */
export function probedHold(
  holds: HoldsByDefinition,
  definition: string,
  sagaId: string,
  step: string,
): string | undefined {
  const isThis = ({ probe, step: held }: StoredHold) => probe === sagaId && held === definedName(step)
  return holds.get(definition)?.find(isThis)?.id
}

/** Those in force, and those that let go, the oldest first. Index: `saga_hold_open`. */
export async function listHolds(db: Db, schema: string): Promise<readonly HoldRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_hold h
     where h.ended_at is null and (h.released_at is null or ${IS_LETTING_GO}) order by h.created_at`,
  )
  return rows.map(holdRow)
}

export type NewHold = {
  readonly id: string
  readonly definition: string
  readonly step: string | null
  readonly names: readonly string[] | null
  readonly side: Side | null
  readonly actor: string
  readonly reason: string
  readonly requestId: string
}

/**
 * Places a hold. What has waited for one that lets go waits for this one from now on, where this one stops all that the
 * other did.
 *
 * @returns the hold's id; `undefined` when the request has placed one before.
 * Transaction: required. Locks: waits for a round of those that let go.
 */
export async function insertHold(db: Db, schema: string, hold: NewHold): Promise<string | undefined> {
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_hold (id, definition, step, side, actor, reason, created_at, request_id, names)
     values ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, ${schema}.now(), $7::text, $8::text[])
     on conflict (request_id) do nothing returning id`,
    [hold.id, hold.definition, hold.step, hold.side, hold.actor, hold.reason, hold.requestId, hold.names],
  )
  if (rows[0] === undefined) return undefined
  await db.executeSql(
    `update ${schema}.saga_hold h set ended_at = ${schema}.now()
     where h.definition = $1::text and ${IS_LETTING_GO} and ($2::text[] is null or h.step = any($2::text[]))
       and ($3::text is null or h.side = $3::text)`,
    [hold.definition, hold.names, hold.side],
  )
  return rows[0].id as string
}

/** Its step has got more names. Index: primary key. */
export async function renameHold(db: Db, schema: string, id: string, names: readonly string[]): Promise<void> {
  await db.executeSql(`update ${schema}.saga_hold set names = $2::text[] where id = $1::uuid`, [id, names])
}

/** The hold with this id, in force or not. Index: primary key. */
export async function readHold(db: Db, schema: string, id: string): Promise<HoldRow | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga_hold h where h.id = $1::uuid`, [id])
  return rows[0] === undefined ? undefined : holdRow(rows[0])
}

/** The hold that a request has placed, in force or not. Index: `saga_hold_request`. */
export async function holdByRequest(db: Db, schema: string, requestId: string): Promise<HoldRow | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga_hold h where h.request_id = $1::text`, [
    requestId,
  ])
  return rows[0] === undefined ? undefined : holdRow(rows[0])
}

/**
 * Ends a hold, at a rate or at once; one that lets go at a rate gets another, or lets go all of what is left.
 *
 * @param rate sagas a second; `null`: all at once.
 * @returns the rate that holds: the one of the first time, if this very request comes again. `undefined` when there is no
 * such hold any more. Index: primary key. Locks: waits for a round in which it lets go.
 */
export async function releaseHold(
  db: Db,
  schema: string,
  id: string,
  act: { readonly actor: string; readonly reason: string; readonly requestId: string },
  rate: number | null,
): Promise<{ readonly rate: number | null; readonly isRepeated: boolean } | undefined> {
  const { rows } = await db.executeSql(
    `update ${schema}.saga_hold h set released_at = coalesce(h.released_at, ${schema}.now()), released_by = $2::text,
       release_reason = $3::text, release_request_id = $4::text, release_rate = $5::float8, probe_saga = null,
       let_go_at = case when $5::float8 is not null then coalesce(h.let_go_at, ${schema}.now()) end,
       ended_at = case when $5::float8 is null then ${schema}.now() end
     where h.id = $1::uuid and h.ended_at is null and (h.released_at is null or ${IS_LETTING_GO})
       and h.release_request_id is distinct from $4::text
     returning h.release_rate as rate`,
    [id, act.actor, act.reason, act.requestId, rate],
  )
  if (rows[0] !== undefined) return { rate: rows[0]['rate'] as number | null, isRepeated: false }
  const repeated = await db.executeSql(
    `select h.release_rate as rate from ${schema}.saga_hold h
     where h.id = $1::uuid and h.release_request_id = $2::text`,
    [id, act.requestId],
  )
  const [first] = repeated.rows
  return first === undefined ? undefined : { rate: first['rate'] as number | null, isRepeated: true }
}

/** A hold that lets go, locked for one round. */
export type LettingGo = { readonly id: string; readonly definition: string; readonly rate: number }

/** In how many ms the next of them lets go; `undefined` when none does. Index: `saga_hold_open`. */
export async function untilNextRelease(db: Db, schema: string): Promise<number | undefined> {
  const { rows } = await db.executeSql(
    `select extract(epoch from min(h.let_go_at) - ${schema}.now())::float8 * 1000 as ms
     from ${schema}.saga_hold h where ${IS_LETTING_GO}`,
  )
  const ms = rows[0]?.['ms'] ?? null
  return ms === null ? undefined : Number(ms)
}

/** One whose next sagas are due and that nobody else is at. Transaction: required. Index: `saga_hold_open`. */
export async function lockNextRelease(db: Db, schema: string): Promise<LettingGo | undefined> {
  const { rows } = await db.executeSql(
    `select h.id, h.definition, h.release_rate as rate from ${schema}.saga_hold h
     where ${IS_LETTING_GO} and h.let_go_at <= ${schema}.now()
     order by h.let_go_at limit 1 for update skip locked`,
  )
  return rows[0] as LettingGo | undefined
}

/**
 * What a round has come to. A release that was kept waiting makes up for a second at most.
 *
 * @param nextMs until the next ones are due, from when these were.
 */
export async function writeRelease(
  db: Db,
  schema: string,
  id: string,
  { letGo, nextMs, isOver }: { readonly letGo: number; readonly nextMs: number; readonly isOver: boolean },
): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_hold h set let_go = h.let_go + $2::int,
       let_go_at = greatest(h.let_go_at, ${schema}.now() - interval '1 second') + $3::float8 * interval '1 millisecond',
       ended_at = case when $4::boolean then ${schema}.now() end
     where h.id = $1::uuid`,
    [id, letGo, nextMs, isOver],
  )
}

/** Lets one saga pass; `null`: none any more. Index: primary key. */
export async function letProbePass(db: Db, schema: string, id: string, sagaId: string | null): Promise<void> {
  await db.executeSql(`update ${schema}.saga_hold set probe_saga = $2::uuid where id = $1::uuid`, [id, sagaId])
}
