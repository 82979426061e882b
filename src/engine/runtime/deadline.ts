/**
 * A deadline is when a saga is to be at rest, undoing included. So it turns earlier, by the time that its definition
 * keeps for that: the core is only told of the turn, and the row keeps the deadline.
 */
import { SagaError } from '../errors.ts'
import type { Starting } from '../starting.ts'
import type { StartOptions } from './start.ts'

export type Deadline = {
  /** In ms. */
  readonly deadlineAt: number
  /** When it turns, in ms. */
  readonly turnAt: number
  /** Why nothing may be started with it now. A start that is repeated later finds its saga all the same. */
  readonly late?: SagaError
}

/**
 * @param now in ms.
 * @throws SagaError `NAME_INVALID` when it turns before it starts, whenever that is asked.
 */
export function deadlineOf(
  definition: string,
  start: Pick<StartOptions, 'startAt' | 'deadlineAt'>,
  { deadlineMs, timeForUndoMs = 0 }: Starting,
  now: number,
): Deadline | undefined {
  const startAt = start.startAt?.getTime()
  const beginsAt = Math.max(startAt ?? now, now)
  const deadlineAt = start.deadlineAt?.getTime() ?? (deadlineMs === undefined ? undefined : beginsAt + deadlineMs)
  if (deadlineAt === undefined) return undefined
  const turnAt = deadlineAt - timeForUndoMs
  if (turnAt > beginsAt) return { deadlineAt, turnAt }
  const kept =
    timeForUndoMs === 0 ? '' : `, and with ${timeForUndoMs} ms kept for undoing it would turn at ${iso(turnAt)}`
  const late = new SagaError(
    'NAME_INVALID',
    `Saga ${definition} was not started: its deadlineAt is ${iso(deadlineAt)}${kept}. It would begin at ${iso(beginsAt)}, so that no time is left. Give a later deadlineAt.`,
  )
  if (startAt !== undefined && turnAt <= startAt) throw late
  return { deadlineAt, turnAt, late }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
