/** What a batch of transitions asks of the world: jobs, timers and dead letters, by kind. */
import { type Command, SIDE_TIMERS, timersOver, timerTarget } from '../core/command.ts'
import { errorGroupOf } from '../core/fingerprint.ts'
import type { SagaState } from '../core/state.ts'
import type { LockedRow } from '../store/sagas.ts'
import type { Timer } from '../store/timers.ts'
import type { Applier, Transition } from './apply.ts'
import type { DeadLetter, NewJob } from './ports.ts'

export type Work = {
  jobs: NewJob[]
  clear: string[]
  timers: Timer[]
  /** What they were for has happened, or will not happen any more. */
  over: Timer[]
  letters: DeadLetter[]
  settledLetters: string[]
  /** Sagas by what they do in their lines: each is in one of these. */
  joined: string[]
  front: string[]
  left: string[]
}

const LINES = { join_line: 'joined', take_front: 'front', leave_line: 'left' } as const

/** Commands of all sagas by kind: each kind is one statement. A later command of a saga overrules its earlier ones. */
export function gather(applier: Applier, transitions: readonly Transition[]): Work {
  const work: Work = {
    jobs: [],
    clear: [],
    timers: [],
    over: [],
    letters: [],
    settledLetters: [],
    joined: [],
    front: [],
    left: [],
  }
  for (const { row, before, after, commands, write } of transitions) {
    if (write === undefined) continue
    for (const { timer, dueAt } of timersOver(before, after, write.events))
      work.over.push({ sagaId: row.id, timer, dueAt })
    const revision = write.revision + write.events.length
    const timers = new Map<string, Timer>()
    const line = new Set<keyof typeof LINES>()
    for (const command of commands) {
      if (command.type === 'insert_job') work.jobs.push(jobOf(applier, row, after, command, revision))
      else if (command.type === 'set_timer') {
        timers.set(command.timer, { sagaId: row.id, timer: command.timer, dueAt: command.dueAt })
      } else if (command.type === 'clear_timers') {
        for (const name of timers.keys()) if (!SIDE_TIMERS.includes(name)) timers.delete(name)
        work.clear.push(row.id)
      } else if (command.type === 'insert_dead_letter') {
        work.letters.push(letterOf(row, after, command.jobId))
      } else if (command.type === 'remove_dead_letter') {
        work.settledLetters.push(command.jobId)
      } else {
        // Whoever leaves is gone, whatever came before it.
        if (command.type === 'leave_line') line.clear()
        line.add(command.type)
      }
    }
    // In one batch with what it was for, it need not be set at all.
    for (const timer of timers.values()) if (isStillDue(after, timer.timer)) work.timers.push(timer)
    for (const place of line) work[LINES[place]].push(row.id)
  }
  return work
}

function isStillDue({ steps }: SagaState, timer: string): boolean {
  const target = timerTarget(timer)
  return target === undefined || steps[target.step]?.[target.side]?.due !== undefined
}

/** What somebody who watches the queue needs to know of it without reading the saga. */
export function letterOf(row: LockedRow, state: SagaState, jobId: string): DeadLetter {
  const { deadLetter, steps, failure } = state
  const reason = deadLetter?.reason ?? ''
  const stepName = deadLetter?.step
  const step = stepName === undefined ? undefined : steps[stepName]
  const undoing =
    reason === 'compensation_exhausted' || (reason === 'no_code' && step?.compensation?.withheld === 'code')
  return {
    jobId,
    sagaId: row.id,
    definition: row.definition,
    reason,
    errorGroup: errorGroupOf(row.definition, state),
    step: stepName ?? null,
    phase: undoing ? 'compensation' : stepName?.startsWith('@') === true ? 'hook' : 'action',
    attempts: (undoing ? step?.compensation : step?.action)?.attempts ?? 0,
    error: step?.error ?? failure?.error ?? null,
  }
}

/** Sagas of a higher priority come first; of equals, undoing before going on before starting. */
export function jobPriority(ofSaga: number, ofKind: Extract<Command, { type: 'insert_job' }>['priority']): number {
  return ofSaga * 3 + ofKind
}

/** The limit goes by the tier: a group has but one. */
export function grouped(group: string | undefined): Pick<NewJob, 'group'> {
  return group === undefined ? {} : { group: { id: group, tier: group } }
}

function jobOf(
  applier: Applier,
  row: LockedRow,
  { blueprint }: SagaState,
  command: Extract<Command, { type: 'insert_job' }>,
  revision: number,
): NewJob {
  const { jobId, step, side, attempt } = command
  return {
    id: jobId,
    priority: jobPriority(row.priority, command.priority),
    expireInSeconds: applier.expiry({ ...row, blueprint }, step, side),
    ...grouped(applier.group({ ...row, blueprint }, step)),
    data: { job: jobId, saga: row.id, step, side, attempt, revision },
  }
}
