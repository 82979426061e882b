/** Rights in words: what each of them is for. */
import type { Action } from '../../engine/access.ts'
import type { Role } from '../options.ts'
import type { Sign } from './states.ts'

export const MAY_SIGN: Sign = { word: 'You may', icon: 'check', tone: 'good' }
export const MAY_NOT_SIGN: Sign = { word: 'You may not', icon: 'dash', tone: 'idle' }

export const ROLE_WORDS: Readonly<Record<Role, string>> = {
  viewer: 'sees everything, and changes nothing',
  operator: 'orders everything but undoing what is past the pivot, and maintenance',
  admin: 'may do everything',
}

export const ACTION_MEANS: Readonly<Record<Action, { readonly label: string; readonly does: string }>> = {
  read: { label: 'Read', does: 'see sagas, their payloads, and all pages' },
  enqueue: { label: 'Start', does: 'start sagas' },
  retry: { label: 'Retry', does: 'send a saga on from where it stopped' },
  compensate: { label: 'Compensate', does: 'turn a saga back' },
  compensate_past_pivot: { label: 'Compensate past the pivot', does: 'undo what is past the point of no return' },
  cancel: { label: 'Cancel', does: 'stop a live saga and turn it back' },
  pause: { label: 'Pause', does: 'let nothing new of a saga start' },
  resume: { label: 'Resume', does: 'let a paused saga go on' },
  resolve: { label: 'Resolve', does: 'say that a dead letter was handled outside' },
  rerun: { label: 'Rerun', does: 'start a saga again with the same input' },
  revert: { label: 'Revert', does: 'undo a completed saga in the time for that' },
  complete: { label: 'Complete by hand', does: 'say that a step was done outside' },
  edit_input: { label: 'Edit the input', does: 'give a dead letter another input' },
  erase: { label: 'Erase', does: 'remove the payloads of a finished saga' },
  hold: { label: 'Hold', does: 'stop a definition, or a step of it' },
  release: { label: 'Release', does: 'let go what was held' },
  start_operation: {
    label: 'Start an operation',
    does: 'order a verb for many sagas; the verb takes its own right too',
  },
  pause_operation: { label: 'Pause an operation', does: 'order no further sagas for now' },
  resume_operation: { label: 'Resume an operation', does: 'go on with a paused one' },
  abort_operation: { label: 'Abort an operation', does: 'order no further sagas, for good' },
  maintain: { label: 'Maintenance', does: 'have duties of maintenance done, and end schedules' },
  triage: { label: 'Triage', does: 'say how error groups stand, and write notes on them' },
}
