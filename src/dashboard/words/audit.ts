/** The audit in words: what each act is called, and what it was about. */
import type { Action } from '../../engine/access.ts'
import type { AuditEntry } from '../../engine/store/audit.ts'
import { clip } from '../partials/markup.ts'
import { exact } from '../partials/time.ts'
import { scopeInWords } from './definitions.ts'
import { DUTY_WORDS, isLogged } from './duties.ts'
import type { Sign } from './states.ts'

type Words = {
  /** For a filter. */
  readonly label: string
  /** Said of who did it. */
  readonly did: string
}

/** Everything that stands in the audit. */
export const AUDIT_ACTIONS: Readonly<Record<Exclude<Action, 'read'> | 'note', Words>> = {
  retry: { label: 'Retry', did: 'Retried' },
  compensate: { label: 'Compensate', did: 'Ordered compensation' },
  compensate_past_pivot: { label: 'Compensate past the pivot', did: 'Ordered compensation past the pivot' },
  cancel: { label: 'Cancel', did: 'Cancelled' },
  pause: { label: 'Pause', did: 'Paused' },
  resume: { label: 'Resume', did: 'Resumed' },
  resolve: { label: 'Resolve', did: 'Resolved' },
  rerun: { label: 'Rerun', did: 'Reran' },
  revert: { label: 'Revert', did: 'Reverted' },
  complete: { label: 'Complete by hand', did: 'Said that it was done by hand' },
  edit_input: { label: 'Edit the input', did: 'Edited the input' },
  erase: { label: 'Erase', did: 'Erased payloads' },
  hold: { label: 'Hold', did: 'Held' },
  release: { label: 'Release', did: 'Released' },
  start_operation: { label: 'Start an operation', did: 'Started an operation' },
  pause_operation: { label: 'Pause an operation', did: 'Paused an operation' },
  resume_operation: { label: 'Resume an operation', did: 'Resumed an operation' },
  abort_operation: { label: 'Abort an operation', did: 'Aborted an operation' },
  maintain: { label: 'Maintenance', did: 'Had maintenance done' },
  triage: { label: 'Triage', did: 'Said how an error group stands' },
  note: { label: 'Note', did: 'Wrote a note on an error group' },
  enqueue: { label: 'Start', did: 'Started a saga' },
}

export const AUDIT_ACTION_NAMES = Object.keys(AUDIT_ACTIONS) as (keyof typeof AUDIT_ACTIONS)[]

export const DENIED_SIGN: Sign = { word: 'Refused', icon: 'alert', tone: 'care' }

const MAX_CHARACTERS = 200

function wordsOf(action: string): Words {
  const known = (AUDIT_ACTIONS as { readonly [action: string]: Words | undefined })[action]
  const text = clip(action.replaceAll('_', ' '), MAX_CHARACTERS)
  return known ?? { label: text, did: text.charAt(0).toUpperCase() + text.slice(1) }
}

/** `Held post of send-letter, going forward`; of what was refused: what it would have been. */
export function auditInWords(entry: AuditEntry): string {
  const { action, about, deniedTimes } = entry
  if (deniedTimes !== null) return deniedInWords(entry)
  switch (action) {
    case 'resolve':
      return `Resolved as ${about.as ?? 'handled'}`
    case 'complete':
      return about.side === 'compensation'
        ? `Said that ${about.step ?? 'a step'} was undone by hand`
        : `Said that ${about.step ?? 'a step'} was done by hand`
    case 'hold':
    case 'release':
      return `${wordsOf(action).did} ${onWhat(entry)}${about.rate === undefined ? '' : `, ${about.rate} sagas a second`}`
    case 'start_operation':
    case 'pause_operation':
    case 'resume_operation':
    case 'abort_operation':
      return `${wordsOf(action).did}: ${verbOf(entry)}`
    case 'maintain':
      return maintenance(entry)
    case 'triage':
      return triage(entry)
    default:
      return wordsOf(action).did
  }
}

function verbOf({ about }: AuditEntry): string {
  const verb = about.verb === undefined ? 'many sagas' : wordsOf(about.verb).label.toLowerCase()
  return about.pastPivot === true ? `${verb}, past the pivot` : verb
}

function onWhat({ definition, about }: AuditEntry): string {
  if (definition === null) return 'something'
  const { step = null, side = null } = about
  return scopeInWords({ definition, step, side: isSide(side) ? side : null })
}

function isSide(side: string | null): side is 'action' | 'compensation' | 'verify' {
  return side === 'action' || side === 'compensation' || side === 'verify'
}

function maintenance({ about: { duty, schedule, isDry } }: AuditEntry): string {
  if (schedule !== undefined) return `Ended the schedule ${schedule}`
  if (duty === undefined) return wordsOf('maintain').did
  const name = isLogged(duty) ? DUTY_WORDS[duty].label : duty
  return isDry === true ? `Looked what ${name.toLowerCase()} would do` : `${name} by hand`
}

function triage({ about: { state, version, until, untilMore } }: AuditEntry): string {
  switch (state) {
    case 'open':
      return 'Opened an error group'
    case 'resolved':
      return `Resolved an error group${version === undefined ? '' : ` in version ${version}`}`
    default: {
      const ends = [
        ...(until === undefined ? [] : [`until ${exact(new Date(until))}`]),
        ...(untilMore === undefined ? [] : [`until ${untilMore} more have come`]),
      ]
      return `Ignores an error group ${ends.length === 0 ? 'for good' : ends.join(', or ')}`
    }
  }
}

function deniedInWords(entry: AuditEntry): string {
  const { action, deniedTimes, about } = entry
  const times = (deniedTimes ?? 1) > 1 ? `, ${deniedTimes} times in a minute` : ''
  if (action === 'several') return `More than can be told one by one${times}`
  const step = about.step === undefined ? '' : ` of ${about.step}`
  const verb = about.verb === undefined ? '' : ` (${wordsOf(about.verb).label.toLowerCase()})`
  return `${wordsOf(action).label}${step}${verb}${times}`
}
