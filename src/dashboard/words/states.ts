/** How the states of sagas and steps are called, and which icon and tone go with the word. */
import type { Status, StepStatus, Wait } from '../../engine/core/machine.ts'
import type { SagaSummary } from '../../engine/store/reading.ts'

/** Named after what they say, not after the colour, which differs by theme. */
export type Tone = 'idle' | 'busy' | 'good' | 'back' | 'care' | 'bad'

export type Icon =
  | 'clock'
  | 'play'
  | 'pause'
  | 'back'
  | 'check'
  | 'undone'
  | 'alert'
  | 'flag'
  | 'circle'
  | 'dash'
  | 'doubt'

export type Sign = { readonly word: string; readonly icon: Icon; readonly tone: Tone }

export const STATUS_SIGNS: Readonly<Record<Status, Sign>> = {
  pending: { word: 'Pending', icon: 'clock', tone: 'idle' },
  running: { word: 'Running', icon: 'play', tone: 'busy' },
  compensating: { word: 'Compensating', icon: 'back', tone: 'care' },
  completed: { word: 'Completed', icon: 'check', tone: 'good' },
  compensated: { word: 'Compensated', icon: 'undone', tone: 'back' },
  dead_lettered: { word: 'Dead letter', icon: 'alert', tone: 'bad' },
  resolved: { word: 'Resolved', icon: 'flag', tone: 'idle' },
}

/** What a live saga waits for, as an addition to its state. */
const WAIT_WORDS: Readonly<Record<Wait, string | undefined>> = {
  start: undefined,
  line: 'waits in line',
  retry: 'waits to retry',
  hold: 'held',
  code: 'waits for code',
  child: 'waits for a child',
  timer: 'waits for a timer',
  signal: 'waits for a signal',
}

export function signOf(saga: Pick<SagaSummary, 'status'>): Sign {
  return STATUS_SIGNS[saga.status]
}

/** `paused`, `draining`, `held`: what stands beside the state, if anything does. */
export function besideState(saga: Pick<SagaSummary, 'waiting' | 'paused' | 'state'>): string | undefined {
  if (saga.paused) return 'paused'
  if (saga.waiting !== null) return WAIT_WORDS[saga.waiting]
  return saga.state.draining === true ? 'draining' : undefined
}

/** The two lanes of a step: what became of its action, and of its compensation. */
export function lanesOf(
  state: StepStatus,
  inDoubt: boolean,
): { readonly forward: Sign; readonly back: Sign | undefined } {
  const done: Sign = inDoubt
    ? { word: 'In doubt', icon: 'doubt', tone: 'care' }
    : { word: 'Done', icon: 'check', tone: 'good' }
  switch (state) {
    case 'pending':
      return { forward: { word: 'Not reached', icon: 'circle', tone: 'idle' }, back: undefined }
    case 'running':
      return { forward: { word: 'Running', icon: 'play', tone: 'busy' }, back: undefined }
    case 'waiting':
      return { forward: { word: 'Waiting', icon: 'clock', tone: 'idle' }, back: undefined }
    case 'completed':
      return { forward: done, back: undefined }
    case 'failed':
      return { forward: { word: 'Failed', icon: 'alert', tone: 'bad' }, back: undefined }
    case 'in_doubt':
      return { forward: { word: 'In doubt', icon: 'doubt', tone: 'care' }, back: undefined }
    case 'left_in_doubt':
      return {
        forward: { word: 'In doubt', icon: 'doubt', tone: 'care' },
        back: { word: 'Left in doubt', icon: 'dash', tone: 'care' },
      }
    case 'skipped':
      return { forward: done, back: { word: 'Stays done', icon: 'dash', tone: 'idle' } }
    case 'compensating':
      return { forward: done, back: { word: 'Being undone', icon: 'back', tone: 'busy' } }
    case 'compensated':
      return { forward: done, back: { word: 'Undone', icon: 'undone', tone: 'back' } }
    case 'compensation_failed':
      return { forward: done, back: { word: 'Not undone', icon: 'alert', tone: 'bad' } }
  }
}
