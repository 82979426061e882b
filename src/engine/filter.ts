/** Filters are often made of what came over the wire: each part is checked before it reaches a statement. */
import { DEAD_LETTER_REASONS, STATUSES } from './core/machine.ts'
import { SagaError } from './errors.ts'
import { isId } from './runtime/ids.ts'
import type { CompensatedStep, SagaFilter } from './store/conditions.ts'
import { TRIAGE_STATES, type TriageState } from './store/triage.ts'

const MAX_CAP = 1_000_000
const MAX_PAGE = 1_000
const MAX_VERSION = 2 ** 31 - 1

const MAX_IDS = 100

const PARTS: { readonly [part in keyof Required<SagaFilter>]: true } = {
  ids: true,
  definition: true,
  version: true,
  status: true,
  reason: true,
  key: true,
  keyPrefix: true,
  tag: true,
  step: true,
  startedBefore: true,
  startedAfter: true,
  rerunOf: true,
  correctionOf: true,
  errorGroup: true,
  compensatedStep: true,
  minAttempts: true,
  build: true,
}

/**
 * What is changed by a filter has to be named by it: one that is empty, or misspelt, gives all sagas.
 *
 * @throws SagaError `FILTER_INVALID`.
 */
export function checkScope(filter: SagaFilter): SagaFilter {
  const isObject = typeof filter === 'object' && filter !== null
  const parts = isObject ? Object.entries(filter).filter(([, value]) => value !== undefined) : []
  const unknown = parts.find(([part]) => !(part in PARTS))
  if (unknown !== undefined) throw invalid(`a filter has no part called ${shown(unknown[0])}`)
  if (parts.length === 0) throw invalid('the filter is empty, which would be every saga; name at least their statuses')
  return filter
}

/** @throws SagaError `FILTER_INVALID`, naming the part that cannot be. */
export function checkFilter(filter: SagaFilter): SagaFilter {
  const { version, status, reason, startedBefore, startedAfter } = filter
  checkIds(filter.ids)
  for (const one of status === undefined ? [] : [status].flat()) oneOf('status', one, STATUSES)
  if (reason !== undefined) oneOf('reason', reason, DEAD_LETTER_REASONS)
  for (const name of ['definition', 'key', 'keyPrefix', 'tag', 'step', 'errorGroup', 'build'] as const) {
    checkText(name, filter[name])
  }
  if (version !== undefined) wholeNumber('version', version, 1, MAX_VERSION)
  for (const name of ['rerunOf', 'correctionOf'] as const) {
    const id = filter[name]
    if (id !== undefined && !isId(id)) throw invalid(`${name} is the id of a saga, not ${shown(id)}`)
  }
  for (const [name, date] of Object.entries({ startedBefore, startedAfter })) checkMoment(name, date)
  if (filter.minAttempts !== undefined) wholeNumber('minAttempts', filter.minAttempts, 1, MAX_VERSION)
  if (filter.compensatedStep !== undefined) checkCompensatedStep(filter.compensatedStep, filter.definition)
  return filter
}

function checkIds(ids: unknown): void {
  if (ids === undefined) return
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > MAX_IDS) {
    throw invalid(
      `ids is a list of one to ${MAX_IDS} ids, not ${Array.isArray(ids) ? `one of ${ids.length}` : shown(ids)}`,
    )
  }
  const wrong: unknown = ids.find((id) => !isId(id))
  if (wrong !== undefined) throw invalid(`ids has ids of sagas, not ${shown(wrong)}`)
}

function checkCompensatedStep(compensated: CompensatedStep, definition: string | undefined): void {
  if (compensated === null || typeof compensated !== 'object') {
    throw invalid(`compensatedStep is { step?, from?, to?, build? }, not ${shown(compensated)}`)
  }
  const { step, from, to, build } = compensated
  // The index on compensations is by step and moment: without a step, it is looked up for each one of the definition.
  if (step === undefined && (definition === undefined || (from ?? to ?? build) === undefined)) {
    throw invalid('compensatedStep names a step; or a moment or a build, where the filter names a definition')
  }
  checkText('compensatedStep.step', step)
  checkText('compensatedStep.build', build)
  checkMoment('compensatedStep.from', from)
  checkMoment('compensatedStep.to', to)
}

/** @throws SagaError `FILTER_INVALID` for a page size or cursor that cannot be. */
export function checkPage(limit: number, cursor: string | undefined): void {
  checkPageSize(limit)
  if (cursor !== undefined && !isId(cursor)) throw invalid(`cursor is what list() returned, not ${shown(cursor)}`)
}

/** @throws SagaError `FILTER_INVALID`. */
export function checkPageSize(limit: number): void {
  wholeNumber('limit', limit, 1, MAX_PAGE)
}

/** @throws SagaError `FILTER_INVALID`. */
export function checkCap(cap: number): number {
  wholeNumber('cap', cap, 1, MAX_CAP)
  return cap
}

/** @throws SagaError `FILTER_INVALID`. */
export function checkTriageState(state: TriageState): void {
  oneOf('state', state, TRIAGE_STATES)
}

function oneOf(name: string, value: unknown, known: readonly string[]): void {
  if (!known.includes(value as string)) throw invalid(`${name} is one of ${known.join(', ')}, not ${shown(value)}`)
}

/** @throws SagaError `FILTER_INVALID`. */
export function checkText(name: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'string' || value.includes('\u0000') || !value.isWellFormed()) {
    throw invalid(`${name} is text without U+0000 or lone surrogates, not ${shown(value)}`)
  }
}

/** @throws SagaError `FILTER_INVALID`. */
export function checkMoment(name: string, value: unknown): void {
  if (value === undefined || (value instanceof Date && !Number.isNaN(value.getTime()))) return
  throw invalid(`${name} is a valid Date, not ${shown(value)}`)
}

function wholeNumber(name: string, value: unknown, from: number, to: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < from || (value as number) > to) {
    throw invalid(`${name} is a whole number from ${from} to ${to}, not ${shown(value)}`)
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : `a ${typeof value}`
}

function invalid(what: string): SagaError {
  return new SagaError('FILTER_INVALID', `Such sagas cannot be looked for: ${what}.`)
}

export function invalidFilter(what: string): SagaError {
  return new SagaError('FILTER_INVALID', `That cannot be looked for: ${what}.`)
}
