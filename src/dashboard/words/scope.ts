/** A filter as the second half of a sentence: `that were dead letters of fulfil-order with the tag “express”`. */
import type { Status } from '../../engine/core/machine.ts'
import type { SagaFilter } from '../../engine/store/conditions.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import { clip } from '../partials/markup.ts'
import { exact } from '../partials/time.ts'
import { groupInWords } from './groups.ts'
import { REASON_WORDS } from './reasons.ts'
import { STATUS_SIGNS } from './states.ts'

const MAX_CHARACTERS = 160

/**
 * @param tense `were`: of what has been pinned.
 * @param group of the filter, where it is known.
 */
export function scopeInWords(
  filter: SagaFilter,
  tense: 'are' | 'were',
  group?: Pick<ErrorGroup, 'message' | 'code' | 'step' | 'reason'>,
): string {
  const { definition, version, status, errorGroup, compensatedStep } = filter
  const statuses = status === undefined ? [] : [status].flat()
  const parts = [
    statuses.length === 0 || errorGroup !== undefined ? '' : `that ${tense} ${statuses.map(inWords).join(' or ')}`,
    errorGroup === undefined ? '' : `that ${tense} dead letters ${ofGroup(errorGroup, group)}`,
    filter.ids === undefined ? '' : 'chosen one by one',
    definition === undefined ? '' : `of ${definition}`,
    version === undefined ? '' : `in version ${version}`,
    filter.reason === undefined || errorGroup !== undefined ? '' : `because ${REASON_WORDS[filter.reason]}`,
    quoted('with the key', filter.key),
    quoted('whose key begins with', filter.keyPrefix),
    quoted('with the tag', filter.tag),
    filter.step === undefined ? '' : `that have reached ${filter.step}`,
    started(filter),
    filter.minAttempts === undefined ? '' : `with at least ${filter.minAttempts} attempts of a step`,
    quoted('that build', filter.build, 'has worked on'),
    filter.rerunOf === undefined ? '' : `that are reruns of ${filter.rerunOf}`,
    filter.correctionOf === undefined ? '' : `that correct ${filter.correctionOf}`,
    compensatedStep === undefined ? '' : `${whatOf(compensatedStep)} was compensated${during(compensatedStep)}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function inWords(status: Status): string {
  return status === 'dead_lettered' ? 'dead letters' : STATUS_SIGNS[status].word.toLowerCase()
}

function ofGroup(id: string, group: Parameters<typeof scopeInWords>[2]): string {
  return group === undefined ? `of the error group ${id}` : `for ${clip(groupInWords(group), MAX_CHARACTERS)}`
}

function started({ startedAfter: from, startedBefore: to }: SagaFilter): string {
  if (from === undefined) return to === undefined ? '' : `started before ${exact(to)}`
  return to === undefined ? `started from ${exact(from)} on` : `started from ${exact(from)} to ${exact(to)}`
}

function quoted(before: string, text: string | undefined, behind = ''): string {
  return text === undefined ? '' : `${before} “${clip(text, MAX_CHARACTERS)}” ${behind}`.trimEnd()
}

function whatOf({ step }: NonNullable<SagaFilter['compensatedStep']>): string {
  return step === undefined ? 'of which some step' : `whose step ${step}`
}

function during({ from, to, build }: NonNullable<SagaFilter['compensatedStep']>): string {
  const parts = [
    from === undefined ? '' : ` from ${exact(from)}`,
    to === undefined ? '' : ` to ${exact(to)}`,
    quoted(' by build', build),
  ]
  return parts.join('')
}
