/** Operations over many sagas in words: which sagas, how far, and what became of each. */
import type { Operation, OperationCounts } from '../../engine/operation-order.ts'
import type { OperationPreview } from '../../engine/operation-preview.ts'
import type { OperationResult } from '../../engine/store/operation-items.ts'
import type { ItemOutcome, ItemState, OperationChange, OperationState } from '../../engine/store/operations.ts'
import { count } from '../partials/markup.ts'
import { type Sign, STATUS_SIGNS } from './states.ts'

export const OPERATION_SIGNS: Readonly<Record<OperationState, Sign>> = {
  running: { word: 'Running', icon: 'play', tone: 'busy' },
  paused: { word: 'Paused', icon: 'pause', tone: 'care' },
  aborted: { word: 'Aborted', icon: 'dash', tone: 'idle' },
  done: { word: 'Done', icon: 'check', tone: 'good' },
}

export const CHANGE_NAMES = ['pause', 'resume', 'abort'] as const

export type ChangeName = (typeof CHANGE_NAMES)[number]

type ChangeWords = {
  readonly label: string
  readonly does: string
  readonly done: string
  /** Said where it does not fit. */
  readonly needs: string
  readonly fits: readonly OperationState[]
}

export const CHANGE_WORDS: Readonly<Record<ChangeName, ChangeWords>> = {
  pause: {
    label: 'Pause',
    does: 'Orders no further sagas until somebody resumes it. Those that are ordered go on.',
    done: 'Paused.',
    needs: 'Only an operation that is running can be paused.',
    fits: ['running'],
  },
  resume: {
    label: 'Resume',
    does: 'Goes on with the sagas that are left. What made it pause itself counts no more: it has been seen.',
    done: 'Resumed.',
    needs: 'Only an operation that is paused can be resumed.',
    fits: ['paused'],
  },
  abort: {
    label: 'Abort',
    does: 'Orders no further sagas, for good. What has been done is not undone.',
    done: 'Aborted.',
    needs: 'It has ended: there is nothing left to abort.',
    fits: ['running', 'paused'],
  },
}

const CHANGED: Readonly<Record<OperationChange['change'], string>> = {
  started: 'Started',
  paused: 'Paused',
  resumed: 'Resumed',
  aborted: 'Aborted',
  done: 'Done: all are ordered',
}

export function changedInWords({ change }: OperationChange): string {
  return CHANGED[change]
}

/** What stands beside the state: that it waits, or that not everything is known yet. */
export function besideOperation({
  state,
  canary,
  counts,
}: Pick<Operation, 'state' | 'canary' | 'counts'>): string | undefined {
  const ordered = counts.total - counts.waiting
  if (state === 'running' && canary > 0 && counts.waiting > 0 && ordered <= canary) {
    return counts.underWay > 0 ? 'waits for its canary' : 'canary first'
  }
  return counts.underWay > 0 && state !== 'running' ? `${counts.underWay} under way` : undefined
}

/** How many of them it is known of what became of them. */
export function endedOf({ total, waiting, underWay }: OperationCounts): number {
  return total - waiting - underWay
}

/** `30 completed, 2 dead letters again, 5 under way, 375 not ordered yet`. */
export function progressInWords({ counts, state }: Pick<Operation, 'counts' | 'state'>): string {
  const left = state === 'aborted' ? 'never ordered' : 'not ordered yet'
  const parts: readonly (readonly [number, string])[] = [
    [counts.completed, 'completed'],
    [counts.compensated, 'compensated'],
    [counts.resolved, 'resolved'],
    [counts.paused, 'paused'],
    [counts.deadLettered, counts.deadLettered === 1 ? 'dead letter' : 'dead letters'],
    [counts.refused, 'refused'],
    [counts.failed, 'could not be ordered'],
    [counts.gone, 'not stored any more'],
    [counts.underWay, 'under way'],
    [counts.waiting, left],
  ]
  const said = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return said.length === 0 ? 'no saga was in its scope' : said.join(', ')
}

/** What became of one saga of it. */
export function signOfResult({ state, outcome }: Pick<OperationResult, 'state' | 'outcome'>): Sign {
  if (state !== 'done') return RESULT_SIGNS[state]
  return outcome === null ? { word: 'Under way', icon: 'play', tone: 'busy' } : RESULT_SIGNS[outcome]
}

export const RESULT_SIGNS: Readonly<Record<Exclude<ItemState, 'done'> | ItemOutcome, Sign>> = {
  waiting: { word: 'Not ordered', icon: 'clock', tone: 'idle' },
  refused: { word: 'Refused', icon: 'dash', tone: 'care' },
  failed: { word: 'Not possible', icon: 'alert', tone: 'bad' },
  completed: STATUS_SIGNS.completed,
  compensated: STATUS_SIGNS.compensated,
  dead_lettered: STATUS_SIGNS.dead_lettered,
  resolved: STATUS_SIGNS.resolved,
  paused: { word: 'Paused', icon: 'pause', tone: 'care' },
  gone: { word: 'Not stored', icon: 'dash', tone: 'idle' },
}

/** Why a saga would refuse the verb. */
export const REFUSAL_WORDS: Readonly<Record<OperationPreview['refused'][number]['reason'], string>> = {
  duplicate: 'that is done already',
  unknown_attempt: 'there is no such attempt',
  not_due: 'there is nothing to do',
  already_so: 'it is so already',
  does_not_fit: 'the verb is not for this state',
  past_pivot: 'the pivot is passed: it goes only forward',
  finishing: 'all steps are done, and the last hook runs',
  needs_admin: 'the pivot is passed, or may be: that is for an admin to order',
  unknown_step: 'there is no such step',
  too_late: 'the time in which it could be is over',
  erased: 'the payloads have been erased',
  in_doubt: 'nobody knows whether a step has taken effect',
  blueprint_unknown: 'no worker with the code has taken it yet',
}

/** `50 sagas`, `more than 2000 sagas`. */
export function manySagas(number: number, more: boolean): string {
  return more ? `more than ${number} sagas` : count(number, 'saga')
}
