/** A filter as the second half of a sentence: `that were dead letters of fulfil-order with the tag “express”`. */
import type { Status } from '../../engine/core/machine.ts'
import type { ErrorGroup } from '../../engine/store/error-groups.ts'
import type { SagaFilter } from '../../engine/store/reading.ts'
import { clip } from '../partials/markup.ts'
import { exact } from '../partials/time.ts'
import { groupInWords } from './groups.ts'
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
    definition === undefined ? '' : `of ${definition}`,
    version === undefined ? '' : `in version ${version}`,
    filter.reason === undefined || errorGroup !== undefined
      ? ''
      : `for the reason ${filter.reason.replaceAll('_', ' ')}`,
    quoted('with the key', filter.key),
    quoted('whose key begins with', filter.keyPrefix),
    quoted('with the tag', filter.tag),
    filter.step === undefined ? '' : `that have reached ${filter.step}`,
    filter.startedAfter === undefined ? '' : `started from ${exact(filter.startedAfter)}`,
    filter.startedBefore === undefined ? '' : `started before ${exact(filter.startedBefore)}`,
    filter.minAttempts === undefined ? '' : `with at least ${filter.minAttempts} attempts of a step`,
    quoted('that build', filter.build, 'has worked on'),
    filter.rerunOf === undefined ? '' : `that are reruns of ${filter.rerunOf}`,
    filter.correctionOf === undefined ? '' : `that correct ${filter.correctionOf}`,
    compensatedStep === undefined ? '' : `whose step ${compensatedStep.step} was compensated${during(compensatedStep)}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function inWords(status: Status): string {
  return status === 'dead_lettered' ? 'dead letters' : STATUS_SIGNS[status].word.toLowerCase()
}

function ofGroup(id: string, group: Parameters<typeof scopeInWords>[2]): string {
  return group === undefined ? `of the error group ${id}` : `for ${clip(groupInWords(group), MAX_CHARACTERS)}`
}

function quoted(before: string, text: string | undefined, behind = ''): string {
  return text === undefined ? '' : `${before} “${clip(text, MAX_CHARACTERS)}” ${behind}`.trim()
}

function during({ from, to, build }: NonNullable<SagaFilter['compensatedStep']>): string {
  const parts = [
    from === undefined ? '' : ` from ${exact(from)}`,
    to === undefined ? '' : ` to ${exact(to)}`,
    quoted(' by build', build),
  ]
  return parts.join('')
}
