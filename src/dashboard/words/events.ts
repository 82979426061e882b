/** The journal's events as sentences. The names of steps stand in a column of their own. */
import type { Act, SagaEvent } from '../../engine/core/events.ts'
import type { Side } from '../../engine/core/machine.ts'
import { exact } from '../partials/time.ts'
import { failing } from './causes.ts'
import { inOrder } from './position.ts'

const OF: Readonly<Record<Side, string>> = { action: 'action', compensation: 'compensation', verify: 'verification' }

const WITHHELD = { pause: 'the saga is paused', hold: 'there is a hold', code: 'no live worker knows it' } as const

export function inWords(event: SagaEvent): string {
  switch (event.type) {
    case 'saga_started':
      return event.startAt === undefined
        ? 'Saga started'
        : `Saga started, to begin at ${exact(new Date(event.startAt))}`
    case 'line_joined':
      return 'Start time reached: it stands in line'
    case 'saga_begun':
      return 'Begun: its start time has come, or its place in line'
    case 'blueprint_chosen':
      return 'A worker with the code has taken it'
    case 'attempt_scheduled':
      return `${nth(event)} queued${(event.round ?? 1) > 1 ? `, round ${event.round}` : ''}`
    case 'step_withheld':
      return `${capital(OF[event.side])} withheld: ${WITHHELD[event.why]}`
    case 'attempt_returned':
      return `${nth(event)} not executed: ${event.why === 'turned' ? 'the saga has turned' : WITHHELD[event.why]}`
    case 'attempt_failed':
      return `${nth(event)} ${failing(event)}${event.retryAt === undefined ? '' : `, next at ${exact(new Date(event.retryAt))}`}`
    case 'attempt_lost':
      return `${nth(event)} ${failing(event)}`
    case 'late_report':
      return `${nth(event)} reported late: ${event.outcome}`
    case 'late_effect_found':
      return `${event.inDoubt === true ? 'May have taken effect late' : 'Late effect'}${
        event.round === null ? ', and nothing undoes it' : `: round ${event.round} of undoing`
      }`
    case 'step_completed':
      return `${nth(event)} succeeded`
    case 'branch_chosen':
      return event.option === null ? 'No branch chosen' : `Branch ${event.option} chosen`
    case 'map_started':
      return `${event.count} items, ${event.concurrency} at a time`
    case 'item_collected':
      return 'Its failure is its result'
    case 'fallback_taken':
      return `Falls back on ${event.to}`
    case 'step_checkpointed':
      return `${nth(event)} has come some way`
    case 'hook_completed':
      return 'Hook done'
    case 'step_ended':
      return event.as === 'failed' ? 'Given up, not applied' : 'Given up, in doubt'
    case 'step_verified':
      return `Verified: ${event.outcome.replace('_', ' ')}`
    case 'child_started':
      return `Child saga ${event.childId} started`
    case 'child_undo_asked':
      return `Child saga ${event.childId} asked to undo itself`
    case 'child_ended':
      return `Child saga ${event.childId} ${event.outcome}`
    case 'step_compensated':
      return event.needless === true ? `${nth(event)} found nothing to undo` : `${nth(event)} succeeded: undone`
    case 'compensation_gave_up':
      return 'Compensation gave up'
    case 'step_skipped':
      return 'Done, and nothing undoes it'
    case 'step_left_in_doubt':
      return 'Left in doubt'
    case 'saga_turned':
      return `Turned back: ${turning(event.cause)}`
    case 'undo_started':
      return event.order.length === 0 ? 'Nothing to undo' : `Undoing ${inOrder(event.order).join(', then ')}`
    case 'turn_recorded':
      return event.cause.kind === 'parent'
        ? 'To be undone for its parent, when it has come to its end'
        : `To be turned back (${turning(event.cause)}), if the pivot is not applied`
    case 'turn_dropped':
      return 'The pivot is done: it is not turned back'
    case 'saga_stopping':
      return `Stops for a person (${event.reason.replaceAll('_', ' ')})`
    case 'saga_completed':
      return 'Saga completed'
    case 'saga_compensated':
      return 'Saga compensated'
    case 'saga_dead_lettered':
      return `Dead-lettered (${event.reason.replaceAll('_', ' ')})`
    case 'saga_retried':
      return `Retried, going ${event.direction}`
    case 'backoff_skipped':
      return `Retried without waiting: ${OF[event.side]}`
    case 'step_settled_by_hand':
      return event.side === 'action' ? 'Done by hand' : 'Undone by hand'
    case 'input_edited':
      return 'Input edited'
    case 'saga_paused':
      return 'Paused'
    case 'saga_resumed':
      return 'Resumed'
    case 'hold_released':
      return 'Hold released'
    case 'code_found':
      return 'A live worker knows it again'
    case 'saga_resolved':
      return `Resolved as ${event.as}`
    case 'saga_rerun':
      return `Rerun as ${event.newSagaId}`
    case 'saga_erased':
      return 'Payloads and messages erased'
    default:
      return ofALaterRelease(event)
  }
}

/** While a later release runs beside this one, it may write types that this one does not know. */
function ofALaterRelease(event: never): string {
  return capital((event as SagaEvent).type.replaceAll('_', ' '))
}

function turning(cause: Extract<SagaEvent, { type: 'saga_turned' }>['cause']): string {
  return cause.kind === 'compensate' ? 'compensation ordered' : cause.kind
}

function nth(event: { readonly side: Side; readonly attempt: number }): string {
  return `${capital(OF[event.side])}, attempt ${event.attempt},`.replace(/,$/, '')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** How an attempt ended, without its name, which stands beside it. */
export function endInWords(event: SagaEvent): string {
  if (event.type === 'late_report') return `Reported late: ${event.outcome}`
  if (event.type === 'attempt_failed' || event.type === 'attempt_lost') return capital(failing(event))
  if (event.type === 'attempt_returned') {
    return `Not executed: ${event.why === 'turned' ? 'the saga has turned' : WITHHELD[event.why]}`
  }
  if (event.type === 'step_completed') return 'Succeeded'
  if (event.type === 'step_compensated') return event.needless === true ? 'Nothing to undo' : 'Undone'
  return inWords(event)
}

/** Who did it by hand, and why; `undefined` for what happened by itself. */
export function actOf(event: SagaEvent): Act | undefined {
  return 'act' in event ? event.act : undefined
}
