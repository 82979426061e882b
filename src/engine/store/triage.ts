/**
 * What people make of error groups: open, ignored for a while, resolved; and a note. A row stays as it was said. How a
 * group stands follows from it and from the dead letters that came since, whenever somebody looks: so a regression needs
 * nobody who watches for it.
 */
import type { DeadLetterReason } from '../core/machine.ts'
import type { Db, Row } from './db.ts'

export const TRIAGE_STATES = ['open', 'ignored', 'resolved'] as const

export type TriageState = (typeof TRIAGE_STATES)[number]

export type Triage = {
  readonly errorGroup: string
  readonly definition: string
  readonly step: string | null
  readonly direction: 'forward' | 'backward'
  readonly reason: DeadLetterReason
  /** How it stands now. */
  readonly state: TriageState
  /** As it was said. Where `state` is `open` beside it, it has come back, or its time is over. */
  readonly said: TriageState
  /** Resolved in this version of the definition: sagas of older ones that die of it are no regression. */
  readonly version: number | null
  /** Ignored until then. */
  readonly until: Date | null
  /** Ignored until so many more have come. */
  readonly untilMore: number | null
  /** How many have become dead letters since it was said, where that counts: up to 1 001. */
  readonly came: number
  /** Who said so, why and when; `null` where only a note was written. */
  readonly by: string | null
  readonly why: string | null
  readonly at: Date | null
  readonly note: string | null
  readonly noteBy: string | null
  readonly noteAt: Date | null
  /** From 1, one more with each change. */
  readonly revision: number
}

/** So many of a group are looked at for those that came since, the newest. */
const LOOKED_AT = 10_001
const CAME = 1_001

const COLUMNS = `t.error_group as "errorGroup", t.definition, t.step, t.direction, t.reason, f.state, t.state as said, t.version,
  t.until_at as until, t.until_more as "untilMore", c.came, t.by, t.why, t.at, t.note, t.note_by as "noteBy", t.note_at as "noteAt",
  t.revision`

/**
 * Joined to a row `t` of `saga_triage`: `c.came`, and `f.state`, how it stands now. Index: `saga_error_group`, and the journals
 * of those that may have come since.
 */
export function standing(schema: string): string {
  return `cross join lateral (
      select count(*)::int as came from (
        select from (
          select s.id, s.version, s.updated_at from ${schema}.saga s
          where s.error_group = t.error_group and (t.state = 'resolved' or t.until_more is not null)
          order by s.id desc limit ${LOOKED_AT}) s
        where s.updated_at > t.at and (t.version is null or s.version >= t.version) and exists (
          select from ${schema}.saga_event e where e.saga_id = s.id and e.type = 'saga_dead_lettered' and e.at > t.at)
        limit ${CAME}) x) c
    cross join lateral (
      select case
        when t.state = 'ignored' and coalesce(t.until_at > (select ${schema}.now()), true) and coalesce(c.came < t.until_more, true) then 'ignored'
        when t.state = 'resolved' and c.came = 0 then 'resolved'
        else 'open' end as state) f`
}

/**
 * The groups that are ignored now, as a query. Of those whose time is over, no saga is looked at. Index: `saga_triage_state`.
 */
export function ignoredGroups(schema: string): string {
  return `select t.error_group from (
      select i.error_group, i.state, i.version, i.until_at, i.until_more, i.at from ${schema}.saga_triage i
      where i.state = 'ignored' and coalesce(i.until_at > (select ${schema}.now()), true)) t ${standing(schema)}
    where f.state = 'ignored'`
}

export async function isToCome(db: Db, schema: string, moment: Date): Promise<boolean> {
  const { rows } = await db.executeSql(`select $1::timestamptz > ${schema}.now() as "isToCome"`, [moment])
  return rows[0]?.['isToCome'] === true
}

/** What was made of a group; `undefined` where nobody has made anything of it. Index: primary key. */
export async function readTriage(db: Db, schema: string, errorGroup: string): Promise<Triage | undefined> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_triage t ${standing(schema)} where t.error_group = $1::text`,
    [errorGroup],
  )
  return rows[0] as Triage | undefined
}

/** Of many groups, by their ids. Index: primary key. */
export async function readTriages(
  db: Db,
  schema: string,
  errorGroups: readonly string[],
): Promise<ReadonlyMap<string, Triage>> {
  if (errorGroups.length === 0) return new Map()
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga_triage t ${standing(schema)} where t.error_group = any($1::text[])`,
    [errorGroups],
  )
  return new Map((rows as unknown as Triage[]).map((triage) => [triage.errorGroup, triage]))
}

/** Those of which no saga is left, what was said last first; those with nothing but a note come last. Index: `saga_triage_state`, `saga_error_group`. */
export async function readTriagesWithoutSagas(
  db: Db,
  schema: string,
  { said, definition, limit }: { readonly said: TriageState; readonly definition?: string; readonly limit: number },
): Promise<readonly Triage[]> {
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from (
       select r.error_group, r.definition, r.step, r.direction, r.reason, r.state, r.version, r.until_at, r.until_more, r.by, r.why, r.at,
         r.note, r.note_by, r.note_at, r.revision
       from ${schema}.saga_triage r
       where r.state = $1::text and ($3::text is null or r.definition = $3::text)
         and not exists (select from ${schema}.saga s where s.error_group = r.error_group)
       order by r.at desc nulls last, r.error_group limit $2::int) t ${standing(schema)}
     order by t.at desc nulls last, t.error_group`,
    [said, limit, definition ?? null],
  )
  return rows as unknown as Triage[]
}

/** Which error it is about, as far as it is no payload. */
export type TriagedGroup = Pick<Triage, 'errorGroup' | 'definition' | 'step' | 'direction' | 'reason'>

export type TriageChange =
  | {
      readonly state: TriageState
      readonly version: number | null
      readonly until: Date | null
      readonly untilMore: number | null
      readonly by: string
      readonly why: string
    }
  | { readonly note: string | null; readonly by: string }

/**
 * Says how a group stands, or what is to be known of it.
 *
 * @param seen the revision that was seen; 0: none. `undefined`: whatever it is.
 * @returns the revision that it has now; `undefined` when another one was seen.
 * Transaction: required. Locks: the group's row. Index: primary key.
 */
export async function writeTriage(
  db: Db,
  schema: string,
  group: TriagedGroup,
  change: TriageChange,
  seen: number | undefined,
): Promise<number | undefined> {
  const { errorGroup, definition, step, direction, reason } = group
  const values: unknown[] = [errorGroup, definition, step, direction, reason, seen ?? null]
  const add = (value: unknown) => `$${values.push(value)}`
  const now = `(select ${schema}.now())`
  const set: Readonly<Record<string, string>> =
    'note' in change
      ? {
          note: `${add(change.note)}::text`,
          note_by: change.note === null ? 'null' : `${add(change.by)}::text`,
          note_at: change.note === null ? 'null' : now,
        }
      : {
          state: `${add(change.state)}::text`,
          version: `${add(change.version)}::int`,
          until_at: `${add(change.until)}::timestamptz`,
          until_more: `${add(change.untilMore)}::int`,
          by: `${add(change.by)}::text`,
          why: `${add(change.why)}::text`,
          at: now,
        }
  const names = Object.keys(set)
  const state = 'note' in change ? [['state'], [`'open'`]] : [[], []]
  const { rows }: { rows: Row[] } = await db.executeSql(
    `insert into ${schema}.saga_triage (error_group, definition, step, direction, reason, revision, ${[...names, ...(state[0] ?? [])].join(', ')})
     values ($1::text, $2::text, $3::text, $4::text, $5::text, 1, ${[...Object.values(set), ...(state[1] ?? [])].join(', ')})
     on conflict (error_group) do update set revision = saga_triage.revision + 1, ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
     where $6::int is null or saga_triage.revision = $6::int
     returning revision`,
    values,
  )
  return rows[0] === undefined ? undefined : Number(rows[0]['revision'])
}
