/**
 * Filters as text: the command line's options and the parameters of an address are the same words with the same meaning.
 */
import { parseDuration } from './core/duration.ts'
import { SagaError } from './errors.ts'
import { checkFilter } from './filter.ts'
import type { CompensatedStep, SagaFilter } from './store/conditions.ts'

/** Word, and what it takes, for a help text. */
export const FILTER_WORDS = {
  id: 'one or several, with commas between',
  definition: 'name of a definition',
  'definition-version': 'number of its version',
  status: 'one or several, with commas between',
  'dead-reason': 'why it is a dead letter',
  key: 'a whole key',
  'key-prefix': 'how a key begins',
  tag: 'a tag',
  step: 'a step that it has reached',
  'started-after': 'a moment, or a length of time ago',
  'started-before': 'a moment, or a length of time ago',
  'rerun-of': 'id of a saga',
  'correction-of': 'id of a saga',
  'error-group': 'id of an error group',
  'min-attempts': 'attempts of one step at least',
  build: 'a build that has run an attempt',
  'compensated-step': 'a step that was compensated',
  'compensated-from': 'a moment, or a length of time ago',
  'compensated-to': 'a moment, or a length of time ago',
  'compensated-by': 'the build that compensated it',
} as const

export type FilterWord = keyof typeof FILTER_WORDS

/**
 * @param words each with its text; others than the known ones are refused.
 * @param now for lengths of time, as the caller's clock has it.
 * @throws SagaError `FILTER_INVALID`, naming the word.
 */
export function filterFromText(words: Iterable<readonly [string, string]>, now: Date = new Date()): SagaFilter {
  const given = new Map<FilterWord, string>()
  for (const [word, text] of words) {
    if (!Object.hasOwn(FILTER_WORDS, word)) throw invalid(`there is no ${JSON.stringify(word)}`)
    given.set(word as FilterWord, text)
  }
  const number = (word: FilterWord) => numberOf(word, given.get(word))
  const moment = (word: FilterWord) => momentOf(word, given.get(word), now)
  const status = given.get('status')?.split(',')
  const filter = {
    ids: given.get('id')?.split(','),
    definition: given.get('definition'),
    version: number('definition-version'),
    status: status?.length === 1 ? status[0] : status,
    reason: given.get('dead-reason'),
    key: given.get('key'),
    keyPrefix: given.get('key-prefix'),
    tag: given.get('tag'),
    step: given.get('step'),
    startedAfter: moment('started-after'),
    startedBefore: moment('started-before'),
    rerunOf: given.get('rerun-of'),
    correctionOf: given.get('correction-of'),
    errorGroup: given.get('error-group'),
    minAttempts: number('min-attempts'),
    build: given.get('build'),
    compensatedStep: compensatedStep(given, moment),
  }
  const parts = Object.entries(filter).filter(([, value]) => value !== undefined)
  return checkFilter(Object.fromEntries(parts) as SagaFilter)
}

function compensatedStep(
  given: ReadonlyMap<FilterWord, string>,
  moment: (word: FilterWord) => Date | undefined,
): CompensatedStep | undefined {
  const parts = {
    step: given.get('compensated-step'),
    from: moment('compensated-from'),
    to: moment('compensated-to'),
    build: given.get('compensated-by'),
  }
  const known = Object.entries(parts).filter(([, value]) => value !== undefined)
  if (known.length === 0) return undefined
  if (parts.step === undefined && !given.has('definition')) {
    throw invalid('compensated-from, compensated-to and compensated-by go with compensated-step, or with definition')
  }
  return Object.fromEntries(known) as CompensatedStep
}

function numberOf(word: FilterWord, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,10}$/.test(text)) throw invalid(`${word} is a whole number, not ${JSON.stringify(text.slice(0, 60))}`)
  return Number(text)
}

function momentOf(word: FilterWord, text: string | undefined, now: Date): Date | undefined {
  if (text === undefined) return undefined
  const at = momentFromText(text, 'ago', now)
  if (at !== undefined) return at
  throw invalid(
    `${word} is a moment such as 2026-11-21T09:00Z, or a length of time ago such as '2 hours', not ${JSON.stringify(text.slice(0, 60))}`,
  )
}

/**
 * A moment such as `2026-11-21T09:00Z`, or a length of time such as `2 hours`.
 *
 * @param direction where a length of time leads from now.
 * @param now as the caller's clock has it.
 * @returns `undefined` for everything else.
 */
export function momentFromText(text: string, direction: 'ago' | 'ahead', now: Date = new Date()): Date | undefined {
  const lengthMs = parseDuration(text)
  if (lengthMs !== undefined) return new Date(now.getTime() + (direction === 'ago' ? -lengthMs : lengthMs))
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? new Date(text) : new Date(Number.NaN)
  return Number.isNaN(at.getTime()) ? undefined : at
}

function invalid(what: string): SagaError {
  return new SagaError('FILTER_INVALID', `Such sagas cannot be looked for: ${what}.`)
}
