/**
 * The audit: what people did, over all sagas and beside them, and what they were refused.
 *
 * An act on a saga is an event in its journal, and is read from there. Everything else that people do is a row of
 * `saga_audit`, written in the transaction of its effect; and so are the acts of a saga when clean-up deletes it. The two
 * have one order: moment, id, sequence.
 */
import { plainColumn } from './columns.ts'
import type { Db, Row } from './db.ts'
import { IS_OWN_ACT } from './own-requests.ts'

/** What an act was about, beside a saga, a definition or an error group. */
export type AuditAbout = {
  readonly step?: string
  readonly side?: string
  readonly verb?: string
  readonly operationId?: string
  /** The error group that an operation is for. */
  readonly ofGroup?: string
  readonly holdId?: string
  /** Of a hold that is released: sagas a second. */
  readonly rate?: number
  readonly duty?: string
  readonly schedule?: string
  /** Nothing was to be done: only what would be. */
  readonly isDry?: boolean
  readonly as?: string
  readonly pastPivot?: boolean
  readonly newSagaId?: string
  /** Of triage: what was said of the group. */
  readonly state?: string
  readonly version?: number
  readonly until?: string
  readonly untilMore?: number
  /** The event that it is in the journal. */
  readonly event?: string
}

export type AuditEntry = {
  readonly at: Date
  /** With `sequence`, what names it. Of an act on a saga: the saga's. */
  readonly id: string
  readonly sequence: number
  readonly actor: string
  /** The verb, or what was asked for: `retry`, `hold`, `triage`. Of what was refused beyond counting: `several`. */
  readonly action: string
  readonly reason: string | null
  readonly requestId: string | null
  readonly sagaId: string | null
  readonly definition: string | null
  readonly errorGroup: string | null
  readonly about: AuditAbout
  /** It was refused for want of a right, so many times in that minute; `null`: it was done. */
  readonly deniedTimes: number | null
}

export type AuditFilter = {
  readonly actor?: string
  readonly action?: string
  readonly definition?: string
  /** Of one saga: also what operations and maintenance have ordered of it. */
  readonly sagaId?: string
  readonly errorGroup?: string
  /** From that moment on. */
  readonly from?: Date
  /** Before that moment. */
  readonly to?: Date
  /** Only what was refused for want of a right. */
  readonly deniedOnly?: boolean
}

export type AuditPlace = { readonly at: Date; readonly id: string; readonly sequence: number }

/** Denied of one actor in one minute: so many rows, and one more for all others. */
const MOST_DENIED = 20
/** What each of two sources is looked through for one page. */
export const LOOKED_THROUGH = 5_000

export type NewAct = {
  readonly id: string
  readonly action: string
  readonly actor: string
  readonly reason?: string | undefined
  readonly requestId?: string | undefined
  readonly definition?: string | undefined
  readonly sagaId?: string | undefined
  readonly errorGroup?: string | undefined
  readonly about?: AuditAbout
}

/**
 * Writes down an act. Transaction: that of its effect.
 *
 * @returns false where an act on an error group has the same request id: that one was done before.
 */
export async function recordAct(db: Db, schema: string, act: NewAct): Promise<boolean> {
  const { id, action, actor, reason, requestId, definition, sagaId, errorGroup, about = {} } = act
  const { rows } = await db.executeSql(
    `insert into ${schema}.saga_audit (at, id, action, actor, reason, request_id, definition, saga_id, error_group, about)
     values (${schema}.now(), $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::uuid, $8::text, ($9::text)::jsonb)
     on conflict do nothing returning id`,
    [
      id,
      action,
      actor,
      reason ?? null,
      requestId ?? null,
      definition ?? null,
      sagaId ?? null,
      errorGroup ?? null,
      JSON.stringify(about),
    ],
  )
  return rows.length > 0
}

/** What a request has made of an error group. Index: `saga_audit_request`. */
export async function actByRequest(
  db: Db,
  schema: string,
  requestId: string,
): Promise<Pick<AuditEntry, 'action' | 'reason' | 'errorGroup' | 'about'> | undefined> {
  const { rows } = await db.executeSql(
    `select a.action, a.reason, a.error_group as "errorGroup", a.about from ${schema}.saga_audit a
     where a.request_id = $1::text and a.error_group is not null`,
    [requestId],
  )
  return rows[0] as AuditEntry | undefined
}

/**
 * Writes down that somebody was refused something. The same in the same minute is counted; of one actor there are some 20 rows
 * a minute (more by as many as try at the very same moment), and one for all that is beyond them.
 *
 * Transaction: any, best none: it is to stay whatever becomes of the caller's. Index: `saga_audit_actor`, `saga_audit_denied_key`.
 */
export async function recordDenied(
  db: Db,
  schema: string,
  denied: Omit<NewAct, 'reason' | 'requestId'>,
): Promise<void> {
  const { id, action, actor, definition, sagaId, errorGroup, about = {} } = denied
  await db.executeSql(
    `with n as materialized (select ${schema}.now() as at), m as materialized (
       select n.at, date_trunc('minute', n.at) as minute, floor(extract(epoch from n.at) / 60)::bigint as epoch from n
     ), k as materialized (
       select m.at, m.minute, md5(jsonb_build_array(m.epoch, $3::text, $2::text, $4::text, $5::text, $6::text, $7::text)::text) as own,
         md5(jsonb_build_array(m.epoch, $3::text)::text) as others
       from m
     ), r as materialized (
       select k.at, k.own, k.others, exists (select from ${schema}.saga_audit a where a.denied_key = k.own) or (
         select count(*) from ${schema}.saga_audit a where a.actor = $3::text and a.at >= k.minute and a.times is not null) < ${MOST_DENIED} as fits
       from k
     )
     insert into ${schema}.saga_audit (at, id, action, actor, definition, saga_id, error_group, about, times, denied_key)
     select r.at, $1::uuid, case when r.fits then $2::text else 'several' end, $3::text, case when r.fits then $4::text end,
       case when r.fits then $5::uuid end, case when r.fits then $6::text end, case when r.fits then ($7::text)::jsonb else '{}' end,
       1, case when r.fits then r.own else r.others end
     from r on conflict (denied_key) where denied_key is not null do update set times = saga_audit.times + 1`,
    [id, action, actor, definition ?? null, sagaId ?? null, errorGroup ?? null, JSON.stringify(about)],
  )
}

/** Keeps the acts of sagas that are about to be deleted. Transaction: that of the deletion. Index: `saga_event_request`. */
export async function keepActs(db: Db, schema: string, sagaIds: readonly string[]): Promise<void> {
  await db.executeSql(
    `insert into ${schema}.saga_audit (at, id, sequence, action, actor, reason, request_id, definition, saga_id, about)
     select e.at, e.saga_id, e.sequence, ${ACTION}, ${ACTOR}, ${REASON}, e.request_id, s.definition, e.saga_id, ${ABOUT}
     from ${schema}.saga_event e join ${schema}.saga s on s.id = e.saga_id
     where e.saga_id = any($1::uuid[]) and e.request_id is not null and ${IS_OWN_ACT.replaceAll('request_id', 'e.request_id')} and ${ACTOR} is not null
     on conflict do nothing`,
    [plainColumn(sagaIds)],
  )
}

/** Forgets what was refused so long ago. @returns how many. Index: `saga_audit_denied`. */
export async function deleteDenied(db: Db, schema: string, keptMs: number, limit: number): Promise<number> {
  const { rows } = await db.executeSql(
    `with d as (
       delete from ${schema}.saga_audit a using (
         select o.at, o.id, o.sequence from ${schema}.saga_audit o
         where o.times is not null and o.at < (select ${schema}.now()) - $1::float8 * interval '1 millisecond'
         order by o.at, o.id, o.sequence limit $2::int) x
       where (a.at, a.id, a.sequence) = (x.at, x.id, x.sequence) returning 1)
     select count(*)::int as count from d`,
    [keptMs, limit],
  )
  return Number(rows[0]?.['count'])
}

const ACTOR = `(e.data #>> '{act,actor}')`
const REASON = `(e.data #>> '{act,reason}')`
/** Which verb an event has come of. */
const ACTION = `case e.type when 'saga_retried' then 'retry' when 'backoff_skipped' then 'retry'
  when 'saga_turned' then e.data #>> '{cause,kind}' when 'turn_recorded' then e.data #>> '{cause,kind}'
  when 'step_settled_by_hand' then 'complete' when 'input_edited' then 'edit_input' when 'saga_paused' then 'pause'
  when 'saga_resumed' then 'resume' when 'saga_resolved' then 'resolve' when 'saga_rerun' then 'rerun'
  when 'saga_erased' then 'erase' else e.type end`
const ABOUT = `jsonb_strip_nulls(jsonb_build_object('event', e.type, 'step', e.step, 'side', e.side, 'as', e.data -> 'as',
  'newSagaId', e.data -> 'newSagaId'))`

const SHOWN = `x.at, x.id, x.sequence, x.actor, x.action, x.reason, x."requestId", x."sagaId", x.definition, x."errorGroup", x.about,
  x."deniedTimes"`

/** What was looked through, in order; those that fit say so. */
export type AuditRows = {
  readonly entries: readonly AuditEntry[]
  /** Where looking ended before all of that source was seen. */
  readonly stoppedAt?: AuditPlace
}

/**
 * The next of the acts on sagas that are stored, the newest first.
 *
 * Index: `saga_event_act`; with an actor `saga_event_actor`; with a saga `saga_event_request`.
 */
export async function readEventActs(
  db: Db,
  schema: string,
  filter: AuditFilter,
  page: { readonly limit: number; readonly after?: AuditPlace },
): Promise<AuditRows> {
  // None of these is an act on one saga.
  if (filter.deniedOnly === true || filter.errorGroup !== undefined) return { entries: [] }
  const { values, add } = parameters()
  const where = [`${ACTOR} is not null`]
  if (filter.sagaId === undefined) where.push(IS_OWN_ACT.replaceAll('request_id', 'e.request_id'))
  else where.push('e.request_id is not null', `e.saga_id = ${add(filter.sagaId)}::uuid`)
  if (filter.actor !== undefined) where.push(`${ACTOR} = ${add(filter.actor)}::text`)
  where.push(...within('e', 'saga_id', filter, page.after, add))
  const fits = fitting('x', filter, add)
  const most = mostOf(filter, page.limit)
  const { rows } = await db.executeSql(
    `select ${SHOWN}, ${fits} as fits from (
       select e.at, e.saga_id as id, e.sequence, ${ACTOR} as actor, ${ACTION} as action, ${REASON} as reason,
         e.request_id as "requestId", e.saga_id as "sagaId",
         (select s.definition from ${schema}.saga s where s.id = e.saga_id) as definition,
         null::text as "errorGroup", ${ABOUT} as about, null::float8 as "deniedTimes"
       from (select e.at, e.saga_id, e.sequence, e.type, e.step, e.side, e.data, e.request_id from ${schema}.saga_event e where ${where.join(' and ')}
         order by e.at desc, e.saga_id desc, e.sequence desc limit ${most}) e) x
     order by x.at desc, x.id desc, x.sequence desc`,
    values,
  )
  return looked(rows, page.limit, most)
}

/**
 * The next of everything else, the newest first.
 *
 * Index: `saga_audit`'s primary key, `saga_audit_actor`, `saga_audit_saga`, `saga_audit_group` or `saga_audit_denied`.
 */
export async function readOtherActs(
  db: Db,
  schema: string,
  filter: AuditFilter,
  page: { readonly limit: number; readonly after?: AuditPlace },
): Promise<AuditRows> {
  const { values, add } = parameters()
  const where = within('a', 'id', filter, page.after, add)
  if (filter.actor !== undefined) where.push(`a.actor = ${add(filter.actor)}::text`)
  if (filter.sagaId !== undefined) where.push(`a.saga_id = ${add(filter.sagaId)}::uuid`)
  if (filter.errorGroup !== undefined) where.push(`a.error_group = ${add(filter.errorGroup)}::text`)
  if (filter.deniedOnly === true) where.push('a.times is not null')
  const fits = fitting('x', filter, add)
  const most = mostOf(filter, page.limit)
  const { rows } = await db.executeSql(
    `select ${SHOWN}, ${fits} as fits from (
       select a.at, a.id, a.sequence, a.actor, a.action, a.reason, a.request_id as "requestId", a.saga_id as "sagaId",
         a.definition, a.error_group as "errorGroup", a.about, a.times::float8 as "deniedTimes"
       from ${schema}.saga_audit a ${where.length === 0 ? '' : `where ${where.join(' and ')}`}
       order by a.at desc, a.id desc, a.sequence desc limit ${most}) x
     order by x.at desc, x.id desc, x.sequence desc`,
    values,
  )
  return looked(rows, page.limit, most)
}

function parameters(): { readonly values: unknown[]; readonly add: (value: unknown) => string } {
  const values: unknown[] = []
  return { values, add: (value) => `$${values.push(value)}` }
}

function within(
  row: string,
  id: string,
  { from, to }: AuditFilter,
  after: AuditPlace | undefined,
  add: (value: unknown) => string,
): string[] {
  return [
    ...(from === undefined ? [] : [`${row}.at >= ${add(from)}::timestamptz`]),
    ...(to === undefined ? [] : [`${row}.at < ${add(to)}::timestamptz`]),
    ...(after === undefined
      ? []
      : [
          `(${row}.at, ${row}.${id}, ${row}.sequence) < (${add(after.at)}::timestamptz, ${add(after.id)}::uuid, ${add(after.sequence)}::int)`,
        ]),
  ]
}

/** What no index knows. */
function fitting(row: string, { action, definition }: AuditFilter, add: (value: unknown) => string): string {
  const all = [
    ...(action === undefined ? [] : [`${row}.action = ${add(action)}::text`]),
    ...(definition === undefined ? [] : [`${row}.definition is not distinct from ${add(definition)}::text`]),
  ]
  return all.length === 0 ? 'true' : all.join(' and ')
}

/** Where an index knows all of it, no more than what is shown. */
function mostOf({ action, definition }: AuditFilter, limit: number): number {
  return action === undefined && definition === undefined ? limit + 1 : LOOKED_THROUGH
}

function looked(rows: readonly Row[], limit: number, most: number): AuditRows {
  const entries: AuditEntry[] = []
  for (const { fits, ...row } of rows) {
    if (fits === true) entries.push(row as unknown as AuditEntry)
    if (entries.length > limit) return { entries }
  }
  const last = rows.at(-1)
  if (rows.length < most || last === undefined) return { entries }
  return { entries, stoppedAt: last as unknown as AuditPlace }
}
