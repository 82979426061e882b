/** Why something failed or turned, in words, from what the journal says. */
import type { SagaEvent } from '../../engine/core/events.ts'
import type { Side } from '../../engine/core/machine.ts'
import type { Cause } from '../../engine/core/state.ts'
import type { JournalMoment } from '../../engine/store/journal.ts'
import { count } from '../partials/markup.ts'
import { stepName } from './position.ts'

type Attempted = Extract<SagaEvent, { type: 'attempt_failed' | 'attempt_lost' }>

/** `charge-card was refused after 3 attempts`. */
export function howItFailed(step: string, side: Side, journal: readonly JournalMoment[]): string {
  const attempts = journal
    .map(({ event }) => event)
    .filter((event): event is Attempted => event.type === 'attempt_failed' || event.type === 'attempt_lost')
    .filter((event) => event.step === step && event.side === side)
  const last = attempts.at(-1)
  const name = side === 'compensation' ? `the compensation of ${stepName(step)}` : stepName(step)
  if (last === undefined) return `${name} failed`
  return `${name} ${failing(last)} after ${count(last.attempt, 'attempt')}`
}

/** What an attempt says of itself when it fails: the verb of a sentence about its step. */
export function failing(event: Attempted): string {
  if (event.type === 'attempt_lost') return 'lost its worker'
  if (event.timedOut === true) return 'ran out of time'
  if (event.verdict === 'rejected') return 'was refused'
  return event.verdict === 'not_applied' ? 'could not be done' : 'failed with its effect unknown'
}

/** Why the saga goes back: a sentence without its capital. */
export function causeInWords(cause: Cause | undefined, journal: readonly JournalMoment[]): string {
  switch (cause?.kind) {
    case undefined:
      return 'it was turned back'
    case 'failure':
      return howItFailed(cause.step, 'action', journal)
    case 'cancel':
      return `${cause.actor} cancelled it`
    case 'compensate':
      return `${cause.actor} ordered its compensation`
    case 'revert':
      return `${cause.actor} reverted it`
    case 'deadline':
      return 'its deadline passed'
    case 'parent':
      return 'its parent asked for it to be undone'
  }
}
