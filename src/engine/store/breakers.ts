/** Circuit breakers of steps, as all workers share them. Rows are there for steps that have failed. */
import type { BreakerState, BreakerStatus } from '../core/breaker.ts'
import type { Db, Row } from './db.ts'

export type BreakerRow = {
  readonly definition: string
  readonly step: string
  readonly state: BreakerState
  /** The hold that it has placed, or placed last. */
  readonly holdId: string | null
  /** Whether that one is in force: a person may have released it. */
  readonly isHolding: boolean
  /** `saga.now()`, in ms, when it was read. */
  readonly now: number
}

const COLUMNS = (schema: string) =>
  `b.definition, b.step, b.state, b.failures, b.cooldown_ms, b.hold_id, b.probe_saga,
   extract(epoch from b.probe_at)::float8 * 1000 as probe_at, extract(epoch from b.probe_until)::float8 * 1000 as probe_until,
   exists (select from ${schema}.saga_hold h where h.id = b.hold_id and h.released_at is null) as holding,
   extract(epoch from ${schema}.now())::float8 * 1000 as now`

function breakerRow(row: Row): BreakerRow {
  const { probe_at: probeAt, probe_until: probeUntil, probe_saga: probe } = row
  return {
    definition: String(row['definition']),
    step: String(row['step']),
    holdId: row['hold_id'] as string | null,
    isHolding: row['holding'] === true,
    now: Math.round(Number(row['now'])),
    state: {
      status: row['state'] as BreakerStatus,
      failures: Number(row['failures']),
      cooldownMs: Number(row['cooldown_ms']),
      ...(probeAt === null ? {} : { probeAt: Number(probeAt) }),
      ...(probe === null ? {} : { probe: probe as string }),
      ...(probeUntil === null ? {} : { probeUntil: Number(probeUntil) }),
    },
  }
}

/** Those with something to say: open, or with failures. There are few. */
export async function uneasyBreakers(
  db: Db,
  schema: string,
  definitions: readonly string[],
): Promise<readonly BreakerRow[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS(schema)} from ${schema}.saga_breaker b
     where b.definition = any($1::text[]) and (b.state <> 'closed' or b.failures > 0)`,
    [definitions],
  )
  return rows.map(breakerRow)
}

/** Made if it is not there, and locked. Transaction: required. Index: primary key. */
export async function lockBreaker(
  db: Db,
  schema: string,
  { definition, step, cooldownMs }: { readonly definition: string; readonly step: string; readonly cooldownMs: number },
): Promise<BreakerRow> {
  await db.executeSql(
    `insert into ${schema}.saga_breaker (definition, step, state, failures, cooldown_ms, updated_at)
     values ($1::text, $2::text, 'closed', 0, $3::int8, ${schema}.now()) on conflict do nothing`,
    [definition, step, cooldownMs],
  )
  const found = await lockedBreaker(db, schema, definition, step, { wait: true })
  if (found === undefined) throw new Error(`The breaker of ${definition}, ${step} was deleted by somebody else.`)
  return found
}

/** Locked, if it is there; without waiting, also not if somebody else has it. Transaction: required. Index: primary key. */
export async function lockedBreaker(
  db: Db,
  schema: string,
  definition: string,
  step: string,
  options: { readonly wait: boolean },
): Promise<BreakerRow | undefined> {
  const locked = await db.executeSql(
    `select from ${schema}.saga_breaker b where b.definition = $1::text and b.step = $2::text
     for update${options.wait ? '' : ' skip locked'}`,
    [definition, step],
  )
  if (locked.rows.length === 0) return undefined
  // A statement of its own: it sees what was committed while the lock was waited for.
  const { rows } = await db.executeSql(
    `select ${COLUMNS(schema)} from ${schema}.saga_breaker b where b.definition = $1::text and b.step = $2::text`,
    [definition, step],
  )
  return rows[0] === undefined ? undefined : breakerRow(rows[0])
}

/** @param holdId the hold that it has placed now; `undefined`: it is the one that it was. Index: primary key. */
export async function writeBreaker(
  db: Db,
  schema: string,
  { definition, step }: Pick<BreakerRow, 'definition' | 'step'>,
  state: BreakerState,
  holdId?: string,
): Promise<void> {
  await db.executeSql(
    `update ${schema}.saga_breaker b set state = $3::text, failures = $4::int, cooldown_ms = $5::int8,
       probe_at = to_timestamp($6::float8 / 1000), probe_saga = $7::uuid, probe_until = to_timestamp($8::float8 / 1000),
       hold_id = coalesce($9::uuid, b.hold_id), updated_at = ${schema}.now(),
       opened_at = case when $3::text = 'closed' then null when $9::uuid is not null then ${schema}.now() else b.opened_at end
     where b.definition = $1::text and b.step = $2::text`,
    [
      definition,
      step,
      state.status,
      state.failures,
      state.cooldownMs,
      state.probeAt ?? null,
      state.probe ?? null,
      state.probeUntil ?? null,
      holdId ?? null,
    ],
  )
}

/** Which breaker has placed this hold. */
export async function breakerOfHold(
  db: Db,
  schema: string,
  holdId: string,
): Promise<{ readonly definition: string; readonly step: string } | undefined> {
  const { rows } = await db.executeSql(
    `select b.definition, b.step from ${schema}.saga_breaker b where b.hold_id = $1::uuid`,
    [holdId],
  )
  return rows[0] as { definition: string; step: string } | undefined
}
