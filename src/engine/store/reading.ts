/** Reading sagas: one with everything, or many by filter, in pages by key. Nothing here locks. */
import { definedName } from '../core/blueprint.ts'
import type { DeadLetterReason, Status, Wait } from '../core/machine.ts'
import type { SagaState } from '../core/state.ts'
import { unpackState } from './codec.ts'
import type { Db, Row } from './db.ts'

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

/** Filters add up. Times are of the saga's start. */
export type SagaFilter = {
  readonly definition?: string
  readonly version?: number
  readonly status?: Status | readonly Status[]
  readonly reason?: DeadLetterReason
  /** Whole keys only; see `keyPrefix`. */
  readonly key?: string
  readonly keyPrefix?: string
  readonly tag?: string
  /** Sagas that have reached this step. */
  readonly step?: string
  readonly startedBefore?: Date
  readonly startedAfter?: Date
  readonly rerunOf?: string
  /** Sagas that make good what this one has done. */
  readonly correctionOf?: string
  /** Dead letters of one error group, as `errorGroups` lists them. */
  readonly errorGroup?: string
  readonly compensatedStep?: CompensatedStep
  /** Some step has had at least so many attempts, of its action, its compensation or its verification. */
  readonly minAttempts?: number
  /** Some attempt was made by this build: the engine's option of that name. */
  readonly build?: string
}

/**
 * A step whose compensation ran to its end: `from` (included) to `to` (not included), by `build`. Not those that found
 * nothing to undo. Items of a map are named one by one, `name[3]`.
 */
export type CompensatedStep = {
  readonly step: string
  readonly from?: Date
  readonly to?: Date
  readonly build?: string
}

export type Page = {
  readonly sagas: readonly SagaSummary[]
  /** Hand it back for the next page; absent on the last one. */
  readonly cursor?: string
}

const COLUMNS = `s.id, s.definition, s.version, s.key, s.status, s.waiting, s.paused, s.priority, s.dead_reason as reason,
  s.error_group as "errorGroup", s.failure,
  coalesce(s.tags, '{}') as tags, s.rerun_of as "rerunOf", s.concurrency_key as "concurrencyKey",
  s.correction_of as "correctionOf", s.deadline_at as "deadlineAt", s.created_at as "createdAt", s.updated_at as "updatedAt",
  s.finished_at as "finishedAt", s.state`

/** Index: primary key. */
export async function readSummary(db: Db, schema: string, id: string): Promise<SagaSummary | undefined> {
  const { rows } = await db.executeSql(`select ${COLUMNS} from ${schema}.saga s where s.id = $1::uuid`, [id])
  return rows[0] === undefined ? undefined : unpacked(rows[0])
}

function unpacked(row: Row): SagaSummary {
  return { ...row, state: unpackState(row.state) } as SagaSummary
}

/** Newest first, by id: ids are ordered by time. Index: primary key, `saga_open` or `saga_key`, by filter. */
export async function listSummaries(
  db: Db,
  schema: string,
  filter: SagaFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<Page> {
  const { where, values } = conditions(schema, filter)
  if (page.cursor !== undefined) where.push(`s.id < $${values.push(page.cursor)}::uuid`)
  const { rows } = await db.executeSql(
    `select ${COLUMNS} from ${schema}.saga s ${clause(where)} order by s.id desc limit ${page.limit + 1}`,
    values,
  )
  const sagas = rows.slice(0, page.limit).map(unpacked)
  const last = sagas.at(-1)
  return { sagas, ...(rows.length > page.limit && last !== undefined ? { cursor: last.id } : {}) }
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
    const { where } = conditions(schema, { ...filter, status }, values)
    return `(select count(*)::int from (select from ${schema}.saga s ${clause(where)} limit $${values.push(cap)}::int) capped) as s${index}`
  })
  const { rows } = await db.executeSql(`select ${counts.join(', ')}`, values)
  return Object.fromEntries(statuses.map((status, index) => [status, Number(rows[0]?.[`s${index}`] ?? 0)]))
}

export function clause(where: readonly string[]): string {
  return where.length === 0 ? '' : `where ${where.join(' and ')}`
}

/** Of the steps, and of each group of a map's items that are alike. */
const STEPS = `select x.value from json_each(s.state -> 'steps') x
  union all
  select g.value -> 1 from json_each(s.state -> 'items') m cross join json_array_elements(m.value) g`

/** The most attempts of one function of a step, by its number: an action that is not written down has had one. */
const ATTEMPTS = `greatest(coalesce((e.value -> 'action' ->> 'attempts')::int, 1),
  (e.value -> 'compensation' ->> 'attempts')::int, (e.value -> 'verify' ->> 'attempts')::int)`

/** @param values of the statement so far; the filter's are added. */
export function conditions(
  schema: string,
  filter: SagaFilter,
  values: unknown[] = [],
): { where: string[]; values: unknown[] } {
  const where: string[] = []
  const add = (condition: (parameter: string) => string, value: unknown) => {
    if (value !== undefined) where.push(condition(`$${values.push(value)}`))
  }
  const statuses = filter.status === undefined ? undefined : [filter.status].flat()
  add((p) => `s.definition = ${p}::text`, filter.definition)
  add((p) => `s.version = ${p}::int`, filter.version)
  add((p) => `s.status = any(${p}::text[])`, statuses)
  // Lets the partial index serve what it holds; it holds everything but the completed ones.
  if (statuses !== undefined && !statuses.includes('completed')) where.push(`s.status <> 'completed'`)
  add((p) => `s.dead_reason = ${p}::text`, filter.reason)
  add((p) => `s.key = ${p}::text`, filter.key)
  add((p) => `starts_with(s.key, ${p}::text)`, filter.keyPrefix)
  add((p) => `s.tags @> ${p}::text[]`, filter.tag === undefined ? undefined : [filter.tag])
  add((p) => `s.state -> 'steps' -> ${p}::text is not null`, filter.step)
  add((p) => `s.created_at < ${p}::timestamptz`, filter.startedBefore)
  add((p) => `s.created_at >= ${p}::timestamptz`, filter.startedAfter)
  add((p) => `s.rerun_of = ${p}::uuid`, filter.rerunOf)
  add((p) => `s.correction_of = ${p}::uuid`, filter.correctionOf)
  add((p) => `s.error_group = ${p}::text`, filter.errorGroup)
  add((p) => `exists (select from (${STEPS}) e where ${ATTEMPTS} >= ${p}::int)`, filter.minAttempts)
  const event = `select from ${schema}.saga_event e where e.saga_id = s.id and e.type`
  // What was given back has not run.
  add((p) => `exists (${event} <> 'attempt_returned' and e.build = ${p}::text)`, filter.build)
  const { step, from, to, build } = filter.compensatedStep ?? {}
  if (step !== undefined) {
    const about: string[] = [`e.data ->> 'needless' is null`]
    const addAbout = (condition: (parameter: string) => string, value: unknown) => {
      if (value !== undefined) about.push(condition(`$${values.push(value)}`))
    }
    // Of a map: any of its items. By the expression of the index.
    addAbout((p) => `split_part(e.step, '[', 1) = ${p}::text`, definedName(step))
    addAbout((p) => `e.step = ${p}::text`, definedName(step) === step ? undefined : step)
    addAbout((p) => `e.at >= ${p}::timestamptz`, from)
    addAbout((p) => `e.at < ${p}::timestamptz`, to)
    addAbout((p) => `e.build = ${p}::text`, build)
    // Whatever was undone has one of these statuses, so that the partial index serves.
    where.push(`s.status in ('compensating', 'compensated', 'dead_lettered', 'resolved') and s.status <> 'completed'`)
    where.push(`exists (${event} = 'step_compensated' and ${about.join(' and ')})`)
  }
  return { where, values }
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
