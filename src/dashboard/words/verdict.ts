/** The verdict: what has happened to a saga and what that means, in one sentence for the person on call. */
import type { SagaView, StepView } from '../../engine/saga-client.ts'
import type { JournalMoment } from '../../engine/store/journal.ts'
import { count } from '../partials/markup.ts'
import { exact } from '../partials/time.ts'
import { causeInWords, failing, howItFailed } from './causes.ts'
import { positionOf, stepName } from './position.ts'

export function verdict(saga: SagaView, journal: readonly JournalMoment[]): string {
  switch (saga.status) {
    case 'pending':
      return pending(journal)
    case 'running':
      return running(saga, journal)
    case 'compensating':
      return compensating(saga, journal)
    case 'completed':
      return `Completed: ${stepsDone(saga.steps)}.`
    case 'compensated':
      return sentence('Compensated', causeInWords(saga.state.cause, journal), effects(saga.steps))
    case 'dead_lettered':
      return sentence('Dead-lettered', deadLetter(saga, journal), effects(saga.steps))
    case 'resolved':
      return resolved(saga, journal)
  }
}

function sentence(word: string, why: string, rest: string): string {
  return `${word}: ${why}${rest === '' ? '' : `; ${rest}`}.`
}

function pending(journal: readonly JournalMoment[]): string {
  const startAt = journal.map(({ event }) => (event.type === 'saga_started' ? event.startAt : undefined))[0]
  return startAt === undefined ? 'Pending: it has not begun.' : `Pending: it begins at ${exact(new Date(startAt))}.`
}

function running(saga: SagaView, journal: readonly JournalMoment[]): string {
  const names = saga.steps.map((step) => step.name)
  const position = positionOf(saga.state, names)
  if (position === undefined) return 'Running: its first step is about to start.'
  const of = position.number === undefined ? '' : `, step ${position.number} of ${position.of}`
  const step = `${stepName(position.step)}${of}`
  if (saga.state.recorded !== undefined) {
    return `Running: ${causeInWords(saga.state.recorded, journal)}, which waits for how the pivot ${stepName(position.step)} ends.`
  }
  if (saga.paused) return `Paused before it goes on from ${step}: nothing new of it starts until somebody resumes it.`
  if (saga.state.stopping !== undefined) {
    return `Stopping: ${howItFailed(saga.state.stopping.step, 'action', journal)}; attempts under way end first.`
  }
  switch (saga.waiting) {
    case 'hold':
      return `Held before ${step}: it goes on when the hold is released.`
    case 'code':
      return `Waiting: no live worker knows ${step}; it goes on by itself when one does.`
    case 'child':
      return `Waiting for the saga that ${step} has started.`
    case 'retry':
      return `Running: ${lastTry(position.step, journal)}; the next one comes${dueAt(saga, position.step)} (${step}).`
    default:
      return `Running: ${step}, attempt ${position.attempts}.`
  }
}

function lastTry(step: string, journal: readonly JournalMoment[]): string {
  const event = journal.findLast(
    ({ event }) => (event.type === 'attempt_failed' || event.type === 'attempt_lost') && event.step === step,
  )?.event
  if (event?.type !== 'attempt_failed' && event?.type !== 'attempt_lost') return `${stepName(step)} has failed`
  return `attempt ${event.attempt} of ${stepName(step)} ${failing(event)}`
}

function dueAt(saga: SagaView, step: string): string {
  const entry = saga.state.steps[step]
  const due = entry?.compensation?.due ?? entry?.verify?.due ?? entry?.action.due
  return due === undefined ? '' : ` at ${exact(new Date(due))}`
}

function compensating(saga: SagaView, journal: readonly JournalMoment[]): string {
  const cause = causeInWords(saga.state.cause, journal)
  if (saga.draining) return `Turning back: ${cause}; attempts under way end first, then what is done is undone.`
  if (saga.paused) return `Paused on its way back: ${cause}; ${effects(saga.steps)}.`
  const undoing = saga.steps.find((step) => step.state === 'compensating')
  const now = undoing === undefined ? '' : `${undoing.name} is being undone`
  const waits = saga.waiting === 'retry' && undoing !== undefined ? `, next try${dueAt(saga, undoing.name)}` : ''
  return sentence('Compensating', cause, [now + waits, effects(saga.steps)].filter((part) => part !== '').join('; '))
}

function deadLetter(saga: SagaView, journal: readonly JournalMoment[]): string {
  const step = saga.state.deadLetter?.step ?? saga.failure?.step ?? ''
  const name = stepName(step)
  switch (saga.reason) {
    case 'past_pivot':
      return `${howItFailed(step, 'action', journal)}, past the pivot, so that nothing is undone by itself`
    case 'pivot_in_doubt':
      return `nobody knows whether the pivot ${name} took effect: ${howItFailed(step, 'action', journal)}`
    case 'compensation_exhausted':
      return `${causeInWords(saga.state.cause, journal)}, and then ${howItFailed(step, 'compensation', journal)}`
    case 'late_effect':
      return `${name} took effect after it had been given up, and nothing undoes it`
    case 'hook':
      return `the hook ${howItFailed(step, 'action', journal)}`
    case 'no_code':
      return `no live worker knows ${name}; it goes on by itself when one does`
    case 'forward_exhausted':
    case null:
      return howItFailed(step, 'action', journal)
  }
}

function resolved(saga: SagaView, journal: readonly JournalMoment[]): string {
  const event = journal.findLast(({ event }) => event.type === 'saga_resolved')?.event
  const who = event?.type === 'saga_resolved' ? event.act.actor : 'somebody'
  return `Resolved as ${saga.state.resolvedAs ?? 'completed'}: ${who} said that it was handled outside.`
}

function stepsDone(steps: readonly StepView[]): string {
  const done = steps.filter((step) => step.state === 'completed').length
  return done === steps.length
    ? `all ${count(done, 'step')} are done`
    : `${count(done, 'step')} of ${steps.length} are done`
}

/** What is left in the world: `2 steps are done and not undone (reserve, charge-card)`. */
export function effects(steps: readonly StepView[]): string {
  // A choice has no effect of its own.
  const done = steps.filter((step) => step.chosen === undefined)
  const named = (states: readonly StepView['state'][]) => done.filter((step) => states.includes(step.state))
  const parts = [
    part(named(['completed', 'skipped', 'compensation_failed']), 'done and not undone'),
    part(named(['in_doubt', 'left_in_doubt']), 'in doubt'),
    part(named(['compensated']), 'undone'),
  ]
  const said = parts.filter((text) => text !== '').join(', ')
  return said === '' ? 'nothing is done' : said
}

function part(steps: readonly StepView[], are: string): string {
  if (steps.length === 0) return ''
  const names = steps.length <= 4 ? ` (${steps.map((step) => step.name).join(', ')})` : ''
  return `${count(steps.length, 'step')} ${steps.length === 1 ? 'is' : 'are'} ${are}${names}`
}
