/**
 * The statuses and the transition table: the one place that the types, the CHECK constraints,
 * the SQL predicates and the diagram in the docs are made from.
 */

export const STATUSES = [
  'pending',
  'running',
  'compensating',
  'completed',
  'compensated',
  'dead_lettered',
  'resolved',
] as const

export type Status = (typeof STATUSES)[number]

/** Live: something happens by itself, sooner or later. */
export const LIVE_STATUSES: readonly Status[] = ['pending', 'running', 'compensating']

/** At rest for good, unless a named event reopens it. Dead letters are neither live nor finished. */
export const FINISHED_STATUSES: readonly Status[] = ['completed', 'compensated', 'resolved']
export type FinishedStatus = Extract<Status, 'completed' | 'compensated' | 'resolved'>

export const STEP_STATES = [
  'pending',
  'running',
  'waiting',
  'completed',
  'failed',
  'in_doubt',
  'left_in_doubt',
  'skipped',
  'compensating',
  'compensated',
  'compensation_failed',
] as const

export type StepStatus = (typeof STEP_STATES)[number]

export const SIDES = ['action', 'compensation', 'verify'] as const

/** Which function of a step an attempt runs. Hooks, choosers and adoption are actions of the engine's own steps. */
export type Side = (typeof SIDES)[number]

export const VERDICTS = ['rejected', 'not_applied', 'in_doubt'] as const

/** What a failed attempt says of its effect. */
export type Verdict = (typeof VERDICTS)[number]

export const DEAD_LETTER_REASONS = [
  'forward_exhausted',
  'past_pivot',
  'pivot_in_doubt',
  'compensation_exhausted',
  'late_effect',
  'hook',
  'no_code',
] as const

export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** What a live saga can wait for while nothing of it is in flight; a pause stands beside it. */
export const WAITS = ['start', 'line', 'retry', 'hold', 'code', 'child', 'timer', 'signal'] as const

export type Wait = (typeof WAITS)[number]

export type Transition = {
  readonly event: string
  readonly from: Status | null
  readonly to: Status
  /** What a person would call it: the arrow's words in the diagram. */
  readonly label: string
}

/** Events that change the status, and from where to where. `evolve` applies them, a test holds it to this table. */
export const TRANSITIONS: readonly Transition[] = [
  { event: 'saga_started', from: null, to: 'pending', label: 'enqueue, with a start time or a concurrency key' },
  { event: 'saga_started', from: null, to: 'running', label: 'enqueue' },
  { event: 'saga_begun', from: 'pending', to: 'running', label: 'start time reached, or at the front of its line' },
  { event: 'saga_completed', from: 'running', to: 'completed', label: 'all steps done' },
  { event: 'saga_turned', from: 'pending', to: 'compensating', label: 'cancel, deadline' },
  { event: 'saga_turned', from: 'running', to: 'compensating', label: 'failure, cancel, deadline' },
  { event: 'saga_turned', from: 'completed', to: 'compensating', label: 'undo asked by a parent, or revert' },
  { event: 'saga_turned', from: 'dead_lettered', to: 'compensating', label: 'compensate' },
  { event: 'saga_compensated', from: 'compensating', to: 'compensated', label: 'all undone' },
  {
    event: 'saga_dead_lettered',
    from: 'running',
    to: 'dead_lettered',
    label: 'attempts used up, and no way back by itself',
  },
  { event: 'saga_dead_lettered', from: 'compensating', to: 'dead_lettered', label: 'gave up somewhere' },
  {
    event: 'saga_dead_lettered',
    from: 'compensated',
    to: 'dead_lettered',
    label: 'a late effect that nothing can undo',
  },
  { event: 'late_effect_found', from: 'compensated', to: 'compensating', label: 'a late effect turned up' },
  { event: 'saga_retried', from: 'dead_lettered', to: 'running', label: 'retry, going forward' },
  { event: 'saga_retried', from: 'dead_lettered', to: 'compensating', label: 'retry, going back' },
  { event: 'code_found', from: 'dead_lettered', to: 'running', label: 'a worker knows it again' },
  { event: 'code_found', from: 'dead_lettered', to: 'compensating', label: 'a worker knows it again' },
  { event: 'saga_resolved', from: 'dead_lettered', to: 'resolved', label: 'resolve' },
]

export function isLive(status: Status): boolean {
  return LIVE_STATUSES.includes(status)
}

export function isFinished(status: Status): boolean {
  return FINISHED_STATUSES.includes(status)
}
