/** Reading sagas: one with everything, or many by filter, in pages by key. Nothing here locks. */
import type { DeadLetterReason, Status, Wait } from '../core/machine.ts'
import type { SagaState } from '../core/state.ts'
import { unpackState } from './codec.ts'
import { clause, conditions, type SagaFilter } from './conditions.ts'
import type { Db, Row } from './db.ts'
import { isInOrder, NEWEST_OF_STATUS, ofStatus } from './in-order.ts'
import { beginsWith, idsByKeyPrefix } from './keys.ts'

/** A saga as the overview shows it. */
export type SagaSummary = {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly key: string | null
  readonly status: Status
  readonly waiting: Wait | null
  readonly paused: boolean
  /** From -1000 to 1000: what is due of sagas of a higher one starts first. */
  readonly priority: number
  readonly reason: DeadLetterReason | null
  /** Of a dead letter: the same for all that are dead letters for the same error. */
  readonly errorGroup: string | null
  /** The step that failed first, and how. */
  readonly failure: SagaState['failure'] | null
  readonly tags: readonly string[]
  readonly rerunOf: string | null
  /** Of sagas with this key one runs at a time; the others wait in line. */
  readonly concurrencyKey: string | null
  /** The saga whose harm this one makes good. */
  readonly correctionOf: string | null
  /** When it is to be at rest, undoing included. */
  readonly deadlineAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly finishedAt: Date | null
  readonly state: SagaState
}

export type Page = {
  readonly sagas: readonly SagaSummary[]
  /** Hand it back for the next page; absent on the last one. */
  readonly cursor?: string
  /** The look ended before the page was full: nothing is known of what lies behind the cursor. */
  readonly endedEarly?: true
}

export type PageOrder = {
  readonly limit: number
  readonly cursor?: string
  /** Of a filter that no index serves in this order: how many sagas are looked at for one page. */
  readonly looks?: number
}

/** By the name that they have in a summary. */
const SOURCES = {
  id: 's.id',
  definition: 's.definition',
  version: 's.version',
  key: 's.key',
  status: 's.status',
  waiting: 's.waiting',
  paused: 's.paused',
  priority: 's.priority',
  reason: 's.dead_reason',
  errorGroup: 's.error_group',
  failure: 's.failure',
  tags: `coalesce(s.tags, '{}')`,
  rerunOf: 's.rerun_of',
  concurrencyKey: 's.concurrency_key',
  correctionOf: 's.correction_of',
  deadlineAt: 's.deadline_at',
  createdAt: 's.created_at',
  updatedAt: 's.updated_at',
  finishedAt: 's.finished_at',
  state: 's.state',
} as const satisfies Readonly<Record<keyof SagaSummary, string>>

const COLUMNS = Object.entries(SOURCES)
  .map(([name, source]) => `${source} as "${name}"`)
  .join(', ')

/** The same of what has selected them. */
const columnsOf = (alias: string) =>
  Object.keys(SOURCES)
    .map((name) => `${alias}."${name}"`)
    .join(', ')

/** Index: primary key. */
export async function readSummary(db: Db, schema: string, id: string): Promise<SagaSummary | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga s where s.id = $1::uuid`, [id])
  return rows[0] === undefined ? undefined : unpacked(rows[0])
}

/** How many events a saga has, and in whose trace it was started. Index: primary key. */
export async function readTrace(
  db: Db,
  schema: string,
  id: string,
): Promise<{ readonly revision: number; readonly traceparent: string | null }> {
  const { rows } = await db.executeSql(`select s.revision, s.traceparent from ${schema}.saga s where s.id = $1::uuid`, [
    id,
  ])
  const { revision = 0, traceparent = null } = (rows[0] ?? {}) as { revision?: number; traceparent?: string | null }
  return { revision, traceparent }
}

function unpacked({ cut: _cut, last: _last, many: _many, ...row }: Row): SagaSummary {
  return { ...row, state: unpackState(row['state']) } as SagaSummary
}

/** Newest first, by id: ids are ordered by time. Index: primary key or one of `saga`'s others, by filter. */
export async function listSummaries(db: Db, schema: string, filter: SagaFilter, page: PageOrder): Promise<Page> {
  const { status } = filter
  if (typeof status === 'string' && status !== 'completed' && isInOrder(filter))
    return listOfStatus(db, schema, status, page)
  if (page.looks !== undefined) return listLooking(db, schema, filter, { ...page, looks: page.looks })
  const { where, values } = conditions(schema, filter)
  return listAll(db, schema, { where, values }, page)
}

type Sought = { readonly where: readonly string[]; readonly values: unknown[] }

/** What an index has in this order, or is put in it. */
async function listAll(db: Db, schema: string, { where, values }: Sought, { limit, cursor }: PageOrder): Promise<Page> {
  const all = cursor === undefined ? where : [...where, `s.id < $${values.push(cursor)}::uuid`]
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga s ${clause(all)} order by s.id desc limit ${limit + 1}`,
    values,
  )
  return pageOf(rows, limit, undefined)
}

/** Index: `saga_open`. */
async function listOfStatus(db: Db, schema: string, status: string, { limit, cursor }: PageOrder): Promise<Page> {
  const below = cursor === undefined ? '' : 'and (s.status, s.id) < ($1::text, $2::uuid)'
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga s where ${ofStatus('$1::text')} ${below} order by ${NEWEST_OF_STATUS} limit ${limit + 1}`,
    cursor === undefined ? [status] : [status, cursor],
  )
  return pageOf(rows, limit, undefined)
}

type LookingOrder = PageOrder & { readonly looks: number }

/** No more looks than it may: what no index has in this order is looked up among the newest, one by one. */
async function listLooking(db: Db, schema: string, filter: SagaFilter, page: LookingOrder): Promise<Page> {
  const { keyPrefix, ...others } = filter
  const keyed = keyPrefix === undefined ? undefined : await listByKeys(db, schema, { ...filter, keyPrefix }, page)
  if (keyed !== undefined) return keyed
  const { led, looked, near, values } = conditions(schema, others)
  const add = (value: unknown) => `$${values.push(value)}`
  const each = [...looked, ...(keyPrefix === undefined ? [] : beginsWith(keyPrefix, add))]
  const from = [...led, ...near]
  if (each.length === 0) return listAll(db, schema, { where: from, values }, page)
  if (page.cursor !== undefined) from.push(`s.id < ${add(page.cursor)}::uuid`)
  const newest = `select s.id from ${schema}.saga s ${clause(from)} order by s.id desc limit ${page.looks}`
  return (await listCandidates(db, schema, { candidates: newest, each, values }, page)).page
}

/** So many keys are read for each saga that may be looked at: of a key it is only the id that is put in order. */
const KEYS_PER_LOOK = 10

/**
 * By the index on keys, which has an order of its own.
 *
 * @returns `undefined` where more keys begin so than are put in ours.
 */
async function listByKeys(
  db: Db,
  schema: string,
  filter: SagaFilter & { readonly keyPrefix: string },
  page: LookingOrder,
): Promise<Page | undefined> {
  const { keyPrefix: _led, ...others } = filter
  const { ofOne, values } = conditions(schema, others)
  const add = (value: unknown) => `$${values.push(value)}`
  const most = page.looks * KEYS_PER_LOOK
  const keyed = `k as materialized (${idsByKeyPrefix(schema, filter, most + 1, add)}),`
  const tooMany = `(select count(*) from k) > ${most}`
  const below = page.cursor === undefined ? '' : `and k.id < ${add(page.cursor)}::uuid`
  const candidates = `select k.id from k where not (${tooMany}) ${below} order by k.id desc limit ${page.looks}`
  const sought = { keyed, tooMany, candidates, each: ofOne, values }
  const found = await listCandidates(db, schema, sought, page)
  return found.isTooMany ? undefined : found.page
}

async function listCandidates(
  db: Db,
  schema: string,
  {
    keyed = '',
    tooMany = 'false',
    candidates,
    each,
    values,
  }: {
    readonly keyed?: string
    readonly tooMany?: string
    /** A statement for their ids. */
    readonly candidates: string
    readonly each: readonly string[]
    readonly values: readonly unknown[]
  },
  { limit, looks }: LookingOrder,
): Promise<{ readonly page: Page; readonly isTooMany: boolean }> {
  const { rows } = await db.executeSql(
    `with ${keyed} c as materialized (${candidates}),
     l as (select (select count(*) from c) = ${looks} as cut, (select c.id from c order by c.id limit 1) as last, ${tooMany} as many),
     -- One by one: joined, the whole table might be read for them.
     f as (select ${columnsOf('x')} from c cross join lateral (
         select ${COLUMNS} from ${schema}.saga s ${clause(['s.id = c.id', ...each])} limit 1) x
       order by x.id desc limit ${limit + 1})
     select l.cut, l.last, l.many, ${columnsOf('f')} from l left join f on true order by f.id desc`,
    [...values],
  )
  const [first] = rows
  const page = pageOf(rows, limit, first?.['cut'] === true ? (first['last'] as string) : undefined)
  return { page, isTooMany: first?.['many'] === true }
}

/** @param lookedTo the last one that was looked at, where more lie behind it. */
function pageOf(rows: readonly Row[], limit: number, lookedTo: string | undefined): Page {
  const found = rows.filter(({ id }) => id !== null)
  const sagas = found.slice(0, limit).map(unpacked)
  if (found.length <= limit && lookedTo !== undefined) return { sagas, cursor: lookedTo, endedEarly: true }
  const last = sagas.at(-1)
  return { sagas, ...(found.length > limit && last !== undefined ? { cursor: last.id } : {}) }
}

/** Those of the sagas that are at rest, or dead letters, with their status: what a waiter wants to know. Index: primary key. */
export async function readSettled(
  db: Db,
  schema: string,
  ids: readonly string[],
): Promise<readonly { id: string; status: Status }[]> {
  const { rows } = await db.executeSql(
    `select s.id, s.status from ${schema}.saga s
     where s.id = any($1::uuid[]) and s.status not in ('pending', 'running', 'compensating')`,
    [ids],
  )
  return rows as unknown as { id: string; status: Status }[]
}
