/** Filters as conditions on `saga s`, written so that its indexes serve them. */
import { definedName } from '../core/blueprint.ts'
import type { DeadLetterReason, Status } from '../core/machine.ts'
import { plainColumn } from './columns.ts'
import { keyedDefinitions } from './definition-names.ts'
import { firstIdAt } from './first-ids.ts'
import { beginsWith } from './keys.ts'

/** Filters add up. Times are of the saga's start. */
export type SagaFilter = {
  /** These, up to a hundred. */
  readonly ids?: readonly string[]
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
  /** Any step of the definition, when absent: then the filter names that, and this a moment or a build. */
  readonly step?: string
  readonly from?: Date
  readonly to?: Date
  readonly build?: string
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

/** Ids have the moment of the process that made them, starts that of the database. */
const CLOCKS_APART_MS = 15 * 60_000
/** What SQL starts has its id when it is asked for, and its start when a worker takes it in. */
const ID_BEFORE_START_MS = 24 * 60 * 60_000

/** The smallest id of that moment, moved. */
function idAround(moment: Date | undefined, byMs: number): string | undefined {
  return moment === undefined ? undefined : firstIdAt(moment.getTime() + byMs)
}

export type Conditions = {
  /** All of them. */
  readonly where: string[]
  /** Those to which an index leads, or which go along with one that does. */
  readonly led: readonly string[]
  /** Those that have to be looked up saga by saga. */
  readonly looked: readonly string[]
  /** All of them, for sagas that are known: written so that no index leads to others. */
  readonly ofOne: readonly string[]
  /**
   * Where the look may end, for whoever looks at a page: without what waited for more than a day between its id and its start. What
   * is changed by a filter goes without this. No parameter is in it.
   */
  readonly near: readonly string[]
  readonly values: unknown[]
}

/** The names of all that a definition's shapes hold, old names of renamed steps included. Index: `saga_blueprint_shapes`. */
function stepsOf(schema: string, definition: string): string {
  return `array(select distinct jsonb_path_query(b.blueprint, 'strict $.**.name') #>> '{}'
    from ${schema}.saga_blueprint b where b.definition = ${definition}::text)`
}

/** @param values of the statement so far; the filter's are added. */
export function conditions(schema: string, filter: SagaFilter, values: unknown[] = []): Conditions {
  const where: string[] = []
  const looked: string[] = []
  const addTo = (parts: string[]) => (condition: (parameter: string) => string, value: unknown) => {
    if (value !== undefined) parts.push(condition(`$${values.push(value)}`))
  }
  const add = addTo(where)
  const addLooked = addTo(looked)
  const statuses = filter.status === undefined ? undefined : [filter.status].flat()
  add((p) => `s.id = any(${p}::uuid[])`, filter.ids === undefined ? undefined : plainColumn(filter.ids))
  add((p) => `s.definition = ${p}::text`, filter.definition)
  addLooked((p) => `s.version = ${p}::int`, filter.version)
  if (statuses?.length === 1) add((p) => `s.status = ${p}::text`, statuses[0])
  else add((p) => `s.status = any(${p}::text[])`, statuses)
  // Lets the partial index serve what it holds; it holds everything but the completed ones.
  if (statuses !== undefined && !statuses.includes('completed')) where.push(`s.status <> 'completed'`)
  add((p) => `s.dead_reason = ${p}::text`, filter.reason)
  // Only they have one: the index of what is not completed leads to them.
  if (filter.reason !== undefined) where.push(`s.status = 'dead_lettered' and s.status <> 'completed'`)
  add((p) => `s.key = ${p}::text`, filter.key)
  if (filter.keyPrefix !== undefined) where.push(...beginsWith(filter.keyPrefix, (value) => `$${values.push(value)}`))
  // Keys are in the index by definition.
  const hasKey = filter.key !== undefined || filter.keyPrefix !== undefined
  if (hasKey && filter.definition === undefined) where.push(`s.definition = any(array(${keyedDefinitions(schema)}))`)
  add((p) => `s.tags @> ${p}::text[]`, filter.tag === undefined ? undefined : [filter.tag])
  addLooked((p) => `s.state -> 'steps' -> ${p}::text is not null`, filter.step)
  add((p) => `s.created_at < ${p}::timestamptz`, filter.startedBefore)
  add((p) => `s.created_at >= ${p}::timestamptz`, filter.startedAfter)
  // No index has the moment, and ids are in the order of it: so the primary key leads there. It is made before the start.
  add((p) => `s.id < ${p}::uuid`, idAround(filter.startedBefore, CLOCKS_APART_MS))
  const first = idAround(filter.startedAfter, -ID_BEFORE_START_MS)
  addLooked((p) => `s.rerun_of = ${p}::uuid`, filter.rerunOf)
  add((p) => `s.correction_of = ${p}::uuid`, filter.correctionOf)
  add((p) => `s.error_group = ${p}::text`, filter.errorGroup)
  addLooked((p) => `exists (select from (${STEPS}) e where ${ATTEMPTS} >= ${p}::int)`, filter.minAttempts)
  const event = `select from ${schema}.saga_event e where e.saga_id = s.id and e.type`
  // What was given back has not run.
  addLooked((p) => `exists (${event} <> 'attempt_returned' and e.build = ${p}::text)`, filter.build)
  /** The same condition, for all sagas and for one at a time. */
  const undone: { readonly forAll: string[]; readonly forOne: string[] } = { forAll: [], forOne: [] }
  if (filter.compensatedStep !== undefined) {
    const { step, from, to, build } = filter.compensatedStep
    const about: string[] = [`e.data ->> 'needless' is null`]
    const addAbout = addTo(about)
    addAbout((p) => `e.step = ${p}::text`, step === undefined || definedName(step) === step ? undefined : step)
    addAbout((p) => `e.at >= ${p}::timestamptz`, from)
    addAbout((p) => `e.at < ${p}::timestamptz`, to)
    addAbout((p) => `e.build = ${p}::text`, build)
    const named = `$${values.push(step === undefined ? filter.definition : definedName(step))}`
    const name = step === undefined ? `any(${stepsOf(schema, named)})` : `${named}::text`
    // Of a map: any of its items. By the expression of the index, or by one that is not: of one saga, its journal is shorter.
    const isIn = (expression: string) =>
      `exists (${event} = 'step_compensated' and ${[...about, `${expression} = ${name}`].join(' and ')})`
    const [byIndex, byJournal] = [isIn(`split_part(e.step, '[', 1)`), isIn(`split_part(e.step || '', '[', 1)`)]
    // Whatever was undone has one of these statuses, so that the partial index serves.
    where.push(`s.status in ('compensating', 'compensated', 'dead_lettered', 'resolved') and s.status <> 'completed'`)
    undone.forAll.push(byIndex)
    undone.forOne.push(byJournal)
  }
  // From a moment on, `saga_event_compensated` leads there; all that ever were may be too many to be put in order.
  const isLed = filter.compensatedStep?.from !== undefined
  return {
    where: [...where, ...looked, ...undone.forAll],
    led: isLed ? [...where, ...undone.forAll] : where,
    looked: isLed ? looked : [...looked, ...undone.forOne],
    ofOne: [...where, ...looked, ...undone.forOne],
    near: first === undefined ? [] : [`s.id >= '${first}'::uuid`],
    values,
  }
}
