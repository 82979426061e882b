/** Reading sagas: one with everything, or many by filter, in pages by key. Nothing here locks. */
import type { DeadLetterReason, Status, Wait } from '../core/machine.ts'
import type { SagaState } from '../core/state.ts'
import { unpackState } from './codec.ts'
import { plainColumn } from './columns.ts'
import { clause, conditions, type SagaFilter } from './conditions.ts'
import type { Db, Row } from './db.ts'
import { finishedDefinitions } from './definition-names.ts'
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
  /** Of a filter that no index serves: how many sagas are looked at for one page. */
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

function unpacked({ cut: _cut, last: _last, ...row }: Row): SagaSummary {
  return { ...row, state: unpackState(row['state']) } as SagaSummary
}

/** Newest first, by id: ids are ordered by time. Index: primary key or one of `saga`'s others, by filter. */
export async function listSummaries(db: Db, schema: string, filter: SagaFilter, page: PageOrder): Promise<Page> {
  if (page.looks !== undefined) return listLooking(db, schema, filter, { ...page, looks: page.looks })
  const { where, values } = conditions(schema, filter)
  if (page.cursor !== undefined) where.push(`s.id < $${values.push(page.cursor)}::uuid`)
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga s ${clause(where)} order by s.id desc limit ${page.limit + 1}`,
    values,
  )
  return pageOf(rows, page.limit, undefined)
}

/** The same with no more looks than it may: what no index finds in order is looked up among the newest, one by one. */
async function listLooking(
  db: Db,
  schema: string,
  { keyPrefix, ...others }: SagaFilter,
  { limit, cursor, looks }: PageOrder & { readonly looks: number },
): Promise<Page> {
  // The index on keys has its own order: those that it finds are put in ours, where they are few.
  const few = keyPrefix === undefined ? undefined : await idsByKeyPrefix(db, schema, { ...others, keyPrefix }, looks)
  const { led, looked, near, values } = conditions(schema, others)
  const add = (value: unknown) => `$${values.push(value)}`
  const from = [...led, ...near, ...(cursor === undefined ? [] : [`s.id < ${add(cursor)}::uuid`])]
  const each = [...looked, ...(keyPrefix === undefined || few !== undefined ? [] : beginsWith(keyPrefix, add))]
  const order = `order by s.id desc limit`
  if (few === undefined && each.length === 0) {
    const { rows } = await db.executeSql(
      `select ${COLUMNS} from ${schema}.saga s ${clause(from)} ${order} ${limit + 1}`,
      values,
    )
    return pageOf(rows, limit, undefined)
  }
  const most = `${add(looks)}::int`
  const [candidates, conditionsOfEach] =
    few === undefined
      ? [`select s.id from ${schema}.saga s ${clause(from)} ${order} ${most}`, each]
      : [`select i.id from unnest(${add(plainColumn(few))}::uuid[]) i(id)`, [...from, ...each]]
  const { rows } = await db.executeSql(
    `with c as materialized (${candidates}),
     l as (select (select count(*) from c) = ${most} as cut, (select c.id from c order by c.id limit 1) as last),
     -- One by one: joined, the whole table might be read for them.
     f as (select ${columnsOf('x')} from c cross join lateral (
         select ${COLUMNS} from ${schema}.saga s ${clause(['s.id = c.id', ...conditionsOfEach])} limit 1) x
       order by x.id desc limit ${limit + 1})
     select l.cut, l.last, ${columnsOf('f')} from l left join f on true order by f.id desc`,
    values,
  )
  const isCut = few === undefined && rows[0]?.['cut'] === true
  return pageOf(rows, limit, isCut ? (rows[0]?.['last'] as string) : undefined)
}

/** @param lookedTo the last one that was looked at, where more lie behind it. */
function pageOf(rows: readonly Row[], limit: number, lookedTo: string | undefined): Page {
  const found = rows.filter(({ id }) => id !== null)
  const sagas = found.slice(0, limit).map(unpacked)
  if (found.length <= limit && lookedTo !== undefined) return { sagas, cursor: lookedTo, endedEarly: true }
  const last = sagas.at(-1)
  return { sagas, ...(found.length > limit && last !== undefined ? { cursor: last.id } : {}) }
}

/**
 * Counts by status, each no further than `cap`: counting a million rows would take a sixth of a second. One statement,
 * so that the counts are of one moment.
 */
export async function countByStatus(
  db: Db,
  schema: string,
  filter: SagaFilter,
  statuses: readonly Status[],
  cap: number,
): Promise<Readonly<Record<string, number>>> {
  if (statuses.length === 0) return {}
  const values: unknown[] = []
  const counts = statuses.map((status, index) => {
    if (status === 'completed' && isOfDefinition(filter)) {
      return `(${completedCount(schema, filter.definition, values, cap)}) as s${index}`
    }
    const { where } = conditions(schema, { ...filter, status }, values)
    // The order leads to an index: without it the planner would rather read the table until it has found enough.
    return `(select count(*)::int from (select from ${schema}.saga s ${clause(where)} order by s.id desc limit $${values.push(cap)}::int) capped) as s${index}`
  })
  const { rows } = await db.executeSql(`select ${counts.join(', ')}`, values)
  return Object.fromEntries(statuses.map((status, index) => [status, Number(rows[0]?.[`s${index}`] ?? 0)]))
}

/** Of all sagas, or of a definition's. */
function isOfDefinition({ definition: _definition, status: _status, ...others }: SagaFilter): boolean {
  return Object.keys(others).length === 0
}

/** The primary key has them behind all that live, which may be a long way. Index: `saga_finished`. */
function completedCount(schema: string, definition: string | undefined, values: unknown[], cap: number): string {
  const most = `$${values.push(cap)}::int`
  const names = definition === undefined ? finishedDefinitions(schema) : `select $${values.push(definition)}::text`
  return `select count(*)::int from (select from (${names}) d(name) cross join lateral (
      select from ${schema}.saga s where s.definition = d.name and s.status = 'completed' and s.finished_at is not null
      order by s.finished_at desc limit ${most}) x limit ${most}) capped`
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
