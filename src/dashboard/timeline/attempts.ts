/** The attempts of a saga's steps, put together from its journal: when each was queued, ran and ended, and what came of it. */
import type { Side } from '../../engine/core/machine.ts'
import type { ErrorInfo } from '../../engine/core/state.ts'
import type { JournalLine } from '../../engine/store/journal-parts.ts'
import { endInWords } from '../words/events.ts'

/** `child`: it has started a saga, and the step waits for that one. */
export type AttemptEnd = 'open' | 'succeeded' | 'failed' | 'lost' | 'returned' | 'child'

/** Moments in ms. */
export type Attempt = {
  readonly step: string
  readonly side: Side
  readonly number: number
  /** Of a compensation: from the second on, a late effect has made it necessary. */
  readonly round: number
  /** Absent where that lies before what was read of the journal. */
  readonly queuedAt?: number
  /** When its function began. Absent where none ran, and where nobody has noted it. */
  readonly startedAt?: number
  readonly endedAt?: number
  readonly end: AttemptEnd
  /** What came of it, in words. */
  readonly says: string
  readonly error?: ErrorInfo
  /** When the next one is due. */
  readonly retryAt?: number
  readonly worker: string | null
  readonly build: string | null
  /** It was given up, and has reported all the same. */
  readonly late?: string
}

type Draft = { -readonly [K in keyof Attempt]: Attempt[K] }

/** In the order in which they were queued. */
export function attemptsOf(lines: readonly JournalLine[]): readonly Attempt[] {
  const attempts: Draft[] = []
  const byName = new Map<string, Draft>()
  const draft = (step: string, side: Side, number: number): Draft => {
    const name = `${step} ${side} ${number}`
    const known = byName.get(name)
    if (known !== undefined) return known
    const made: Draft = { step, side, number, round: 1, end: 'open', says: 'Under way', worker: null, build: null }
    byName.set(name, made)
    attempts.push(made)
    return made
  }
  for (const line of lines) {
    const { event, at } = line
    if (!('attempt' in event)) continue
    const { step, side, attempt } = event
    if (event.type === 'attempt_scheduled') {
      const made = draft(step, side, attempt)
      made.queuedAt ??= at.getTime()
      made.round = event.round ?? 1
    } else if (event.type === 'late_report') draft(step, side, attempt).late = endInWords(event)
    else if (event.type !== 'step_checkpointed' && event.type !== 'blueprint_chosen') {
      close(draft(step, side, attempt), line)
      // The same job goes on as the next attempt: nobody queues it anew.
      if (event.type === 'attempt_lost' && event.redelivered === true) {
        draft(step, side, attempt + 1).queuedAt = at.getTime()
      }
    }
  }
  return attempts
}

function close(attempt: Draft, { event, at, ranMs, worker, build }: JournalLine): void {
  // A child that was started ends later, by an event of its own.
  if (attempt.endedAt !== undefined && attempt.end !== 'open') return
  attempt.endedAt = at.getTime()
  attempt.end = endOf(event.type)
  attempt.says = endInWords(event)
  attempt.worker = worker
  attempt.build = build
  if (ranMs !== null) attempt.startedAt = Math.max(attempt.queuedAt ?? 0, at.getTime() - ranMs)
  if (event.type !== 'attempt_failed') return
  attempt.error = event.error
  if (event.retryAt !== undefined) attempt.retryAt = event.retryAt
}

function endOf(type: JournalLine['event']['type']): AttemptEnd {
  switch (type) {
    case 'attempt_failed':
      return 'failed'
    case 'attempt_lost':
      return 'lost'
    case 'attempt_returned':
      return 'returned'
    case 'child_started':
    case 'child_undo_asked':
      return 'child'
    default:
      return 'succeeded'
  }
}
