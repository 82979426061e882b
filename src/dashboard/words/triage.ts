/** Triage in words: how an error group stands, who said so, and why it is open again. */
import type { Triage, TriageState } from '../../engine/store/triage.ts'
import { exact } from '../partials/time.ts'
import type { Sign } from './states.ts'

export const TRIAGE_SIGNS: Readonly<Record<TriageState, Sign>> = {
  open: { word: 'Open', icon: 'alert', tone: 'bad' },
  ignored: { word: 'Ignored', icon: 'pause', tone: 'idle' },
  resolved: { word: 'Resolved', icon: 'check', tone: 'good' },
}

export const BACK_SIGN: Sign = { word: 'Back', icon: 'back', tone: 'bad' }

type TriageWords = {
  readonly label: string
  readonly does: string
  readonly button: string
}

export const TRIAGE_WORDS: Readonly<Record<TriageState, TriageWords>> = {
  open: {
    label: 'Open again',
    does: 'The group needs somebody: it is counted and told of as any other.',
    button: 'Open it',
  },
  ignored: {
    label: 'Ignore',
    does: 'The group needs nobody for now: it is not counted where attention is asked for, and makes no alerts. Its sagas stay dead letters.',
    button: 'Ignore it',
  },
  resolved: {
    label: 'Resolve',
    does: 'The error is mended. A saga that dies of it from now on opens the group again. Its sagas stay dead letters until somebody sends them on.',
    button: 'Resolve it',
  },
}

/** How it stands, in a sentence. */
export function triageInWords(triage: Triage): string {
  const { state, said, version, until, untilMore, came, by } = triage
  if (by === null) return 'Nobody has said how it stands.'
  const inVersion = version === null ? '' : ` in version ${version}`
  if (said === 'resolved') {
    if (state === 'resolved') return `Resolved${inVersion} by ${by}.`
    return `Open again: it was resolved${inVersion} by ${by}, and ${cameSince(came)} since.`
  }
  if (said === 'ignored') {
    const ends = [
      ...(until === null ? [] : [`until ${exact(until)}`]),
      ...(untilMore === null ? [] : [`until ${untilMore} more have come, of which ${came} did`]),
    ]
    if (state === 'ignored') return `Ignored by ${by} ${ends.length === 0 ? 'for good' : ends.join(', or ')}.`
    return `Open again: ${by} ignored it ${ends.join(', or ')}.`
  }
  return `Opened by ${by}.`
}

export function cameSince(came: number): string {
  if (came === 1) return '1 saga has died of it'
  return `${came > 1_000 ? 'more than 1000' : came} sagas have died of it`
}
