/** The acts that the dashboard offers: what each is called, what it does, and why it does not fit. */
import type { Plan, PlanStep } from '../../engine/core/plan.ts'
import type { SagaView } from '../../engine/saga-client.ts'
import { signOf } from './states.ts'

export const ACTION_NAMES = [
  'retry',
  'compensate',
  'compensate_past_pivot',
  'cancel',
  'pause',
  'resume',
  'resolve',
  'rerun',
] as const

export type ActionName = (typeof ACTION_NAMES)[number]

export type ActionWords = {
  readonly label: string
  readonly does: string
  /** Said when it is done. */
  readonly done: string
  /** The engine's order whose plan is shown first; the other acts do one thing only. */
  readonly plan?: Plan['order']
}

export const ACTION_WORDS: Readonly<Record<ActionName, ActionWords>> = {
  retry: {
    label: 'Retry',
    does: 'Goes on at once from where the saga stopped or waits, in the direction in which it was going.',
    done: 'Retry ordered.',
    plan: 'retry',
  },
  compensate: {
    label: 'Compensate',
    does: 'Turns the saga back: what is done is undone in reverse order. It cannot go forward again.',
    done: 'Compensation ordered.',
    plan: 'compensate',
  },
  compensate_past_pivot: {
    label: 'Compensate past the pivot',
    does: 'Undoes what can be undone although the point of no return is passed. What cannot be undone stays done.',
    done: 'Compensation past the pivot ordered.',
    plan: 'compensate',
  },
  cancel: {
    label: 'Cancel',
    does: 'Stops a live saga and turns it back: what is done is undone in reverse order. It cannot go forward again.',
    done: 'Cancellation ordered.',
    plan: 'cancel',
  },
  pause: {
    label: 'Pause',
    does: 'Nothing new of this saga starts until somebody resumes it. What is under way ends.',
    done: 'Paused.',
  },
  resume: { label: 'Resume', does: 'The saga goes on from where it was paused.', done: 'Resumed.' },
  resolve: {
    label: 'Resolve',
    does: 'Says that this was handled outside. Nothing is run or undone, and it is final.',
    done: 'Resolved.',
  },
  rerun: {
    label: 'Rerun',
    does: 'Starts a new saga with the same input, linked to this one.',
    done: 'A new saga is started.',
  },
}

/** The acts in the order of the page, with why not for each that does not fit. */
export function actionsFor(saga: SagaView): readonly { readonly name: ActionName; readonly whyNot?: string }[] {
  const fits = new Set<string>(saga.fits)
  return ACTION_NAMES.filter((name) => name !== 'compensate_past_pivot' || isPastPivot(saga)).map((name) => {
    if (name === 'compensate_past_pivot') return { name }
    if (name === 'compensate' && isPastPivot(saga)) {
      return { name, whyNot: 'The pivot is passed, or may be: that is for an admin to order.' }
    }
    return fits.has(name) ? { name } : { name, whyNot: whyNot(name, saga) }
  })
}

/** A dead letter that only an admin can turn back. */
export function isPastPivot({ status, direction, state, reason }: SagaView): boolean {
  return (
    status === 'dead_lettered' && direction === 'forward' && (state.pivoted === true || reason === 'pivot_in_doubt')
  )
}

function whyNot(name: ActionName, saga: SagaView): string {
  const word = signOf(saga).word.toLowerCase()
  const isLive = ['pending', 'running', 'compensating'].includes(saga.status)
  switch (name) {
    case 'retry':
      if (saga.reason === 'late_effect') return 'There is nothing left to try.'
      return isLive ? 'It goes on by itself, and waits for no retry.' : `It is ${word}: there is nothing to retry.`
    case 'compensate':
    case 'compensate_past_pivot':
    case 'cancel':
      if (saga.status === 'compensating') return 'It is on its way back already.'
      if (saga.status === 'running')
        return saga.state.pivoted === true ? PIVOTED : 'It is finishing, or was told so already.'
      if (saga.status === 'dead_lettered') {
        return name === 'cancel' ? 'It has stopped. Compensate turns it back.' : 'There is nothing left to undo.'
      }
      return `It is ${word}, and at rest.`
    case 'pause':
      return saga.paused ? 'It is paused already.' : 'It is not live: nothing of it would start.'
    case 'resume':
      return 'It is not paused.'
    case 'resolve':
      return 'Only a dead letter can be resolved.'
    case 'rerun':
      return 'Only a saga that was undone can be run again.'
  }
}

const PIVOTED = 'It has passed its pivot, and goes only forward.'

/** What a plan says of a step. */
export const WILL_WORDS: Readonly<Record<PlanStep['will'], { readonly word: string; readonly means: string }>> = {
  finish: { word: 'Finish', means: 'is under way and is waited for' },
  run: { word: 'Run', means: 'its action runs' },
  compensate: { word: 'Undo', means: 'its compensation runs' },
  verify: { word: 'Verify', means: 'is in doubt: a verification finds out first' },
  stay_done: { word: 'Stays done', means: 'nothing undoes it' },
  stay_in_doubt: { word: 'Stays in doubt', means: 'nobody knows whether it took effect, and nothing undoes it' },
}
