/** What the shell has to do beside writing the events, in the same transaction: read off the events alone. */
import { HOOK_STEP } from './blueprint.ts'
import type { SagaEvent } from './events.ts'
import { SIDES, type Side } from './machine.ts'
import type { SagaState } from './state.ts'

export type Command =
  | {
      readonly type: 'insert_job'
      readonly jobId: string
      readonly step: string
      readonly side: Side
      readonly attempt: number
      /** Undoing comes before going on, and going on before starting. */
      readonly priority: 0 | 1 | 2
    }
  | { readonly type: 'set_timer'; readonly timer: string; readonly dueAt: number }
  /** All timers of the saga but those of `SIDE_TIMERS`: what they were for does not happen any more. */
  | { readonly type: 'clear_timers' }
  /** To the line of its concurrency key: at its end, or to a front that is known to be free. */
  | { readonly type: 'join_line'; readonly isFront: boolean }
  | { readonly type: 'take_front' }
  | { readonly type: 'leave_line' }
  | { readonly type: 'insert_dead_letter'; readonly jobId: string }
  | { readonly type: 'remove_dead_letter'; readonly jobId: string }

/** Names of the timers that belong to no step. */
export const START_TIMER = '@start'
export const DEADLINE_TIMER = '@deadline'

/** Timers of the hooks that run beside a status: a change of direction does not concern them. */
export const SIDE_TIMERS: readonly string[] = [
  timerName(HOOK_STEP.dead_lettered, 'action'),
  timerName(HOOK_STEP.resolved, 'action'),
]

export function timerName(step: string, side: Side): string {
  return `${step}:${side}`
}

/** The inverse of `timerName`; `undefined` for the timers that belong to no step. */
export function timerTarget(timer: string): { readonly step: string; readonly side: Side } | undefined {
  const at = timer.lastIndexOf(':')
  return at < 0 ? undefined : { step: timer.slice(0, at), side: timer.slice(at + 1) as Side }
}

/** @param before the state that the events were decided on; `undefined` for a start. */
export function commandsOf(before: SagaState | undefined, events: readonly SagaEvent[]): readonly Command[] {
  const commands: Command[] = []
  let deadLetter = before?.deadLetter?.jobId
  let deadlineAt = before?.deadlineAt
  let line = before?.line
  let isFirst = before === undefined || before.starts === 0
  for (const event of events) {
    if (event.type === 'attempt_scheduled') {
      const { jobId, step, side, attempt } = event
      const priority = side === 'compensation' ? 2 : isFirst ? 0 : 1
      commands.push({ type: 'insert_job', jobId, step, side, attempt, priority })
      isFirst = false
    } else if (event.type === 'attempt_failed' && event.retryAt !== undefined) {
      commands.push({ type: 'set_timer', timer: timerName(event.step, event.side), dueAt: event.retryAt })
    } else if (event.type === 'attempt_returned' && event.dueAt !== undefined) {
      commands.push({ type: 'set_timer', timer: timerName(event.step, event.side), dueAt: event.dueAt })
    } else if (event.type === 'saga_started') {
      if (event.startAt !== undefined) commands.push({ type: 'set_timer', timer: START_TIMER, dueAt: event.startAt })
      deadlineAt = event.deadlineAt
      if (deadlineAt !== undefined) commands.push({ type: 'set_timer', timer: DEADLINE_TIMER, dueAt: deadlineAt })
    } else if (event.type === 'saga_dead_lettered') {
      commands.push({ type: 'clear_timers' }, { type: 'insert_dead_letter', jobId: event.jobId })
      deadLetter = event.jobId
    } else if (leavesDeadLetters(event) && deadLetter !== undefined) {
      commands.push({ type: 'remove_dead_letter', jobId: deadLetter })
      deadLetter = undefined
      // Its timer was cleared with the others; one that has passed meanwhile is due at once.
      const goesOn = event.type === 'saga_retried' || event.type === 'code_found'
      if (goesOn && deadlineAt !== undefined)
        commands.push({ type: 'set_timer', timer: DEADLINE_TIMER, dueAt: deadlineAt })
    }
    const moved = lineAfter(line, event)
    if (moved !== line) commands.push(...lineCommands(line, moved))
    line = moved
    if (event.type === 'saga_turned' || event.type === 'saga_completed') {
      commands.push({ type: 'clear_timers' })
      deadlineAt = undefined
    }
  }
  return commands
}

/**
 * The timers of attempts that have started, or will not start any more: some by their timers, some because a person, or a
 * worker that has the code, did not wait for those.
 */
export function timersOver(
  before: SagaState | undefined,
  after: SagaState,
  events: readonly SagaEvent[],
): readonly { readonly timer: string; readonly dueAt: number }[] {
  const over = new Map<string, number>()
  for (const event of events) {
    const step = 'step' in event ? event.step : undefined
    const known = step === undefined ? undefined : before?.steps[step]
    if (step === undefined || known === undefined) continue
    for (const side of SIDES) {
      const due = known[side]?.due
      if (due !== undefined && after.steps[step]?.[side]?.due === undefined) over.set(timerName(step, side), due)
    }
  }
  return over.size === 0 ? NONE : [...over].map(([timer, dueAt]) => ({ timer, dueAt }))
}

const NONE: readonly never[] = []

type Line = SagaState['line']

/** The saga's place in line, as `evolve` has it. */
function lineAfter(line: Line, event: SagaEvent): Line {
  switch (event.type) {
    case 'saga_started':
      return event.line === undefined || event.startAt === undefined ? event.line : 'later'
    case 'line_joined':
      return 'waiting'
    case 'saga_begun':
      return line === undefined ? undefined : 'front'
    case 'saga_turned':
      return line === 'front' ? line : undefined
    case 'saga_completed':
    case 'saga_compensated':
    case 'saga_resolved':
      return undefined
    default:
      return line
  }
}

function lineCommands(from: Line, to: Line): readonly Command[] {
  if (to === 'waiting') return [{ type: 'join_line', isFront: false }]
  if (to === 'front') return [from === 'waiting' ? { type: 'take_front' } : { type: 'join_line', isFront: true }]
  return from === 'waiting' || from === 'front' ? [{ type: 'leave_line' }] : []
}

function leavesDeadLetters(event: SagaEvent): boolean {
  return (
    event.type === 'saga_retried' ||
    event.type === 'saga_turned' ||
    event.type === 'saga_resolved' ||
    (event.type === 'code_found' && event.hooks !== true)
  )
}
