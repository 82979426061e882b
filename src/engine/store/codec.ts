/**
 * How states and events lie in the database: without what says nothing. The hot row is written with each transition,
 * so each byte of it is paid for five times in a saga of five steps.
 */
import type { SagaEvent } from '../core/events.ts'
import { SIDES } from '../core/machine.ts'
import type { SagaState, SideState, StepState } from '../core/state.ts'

/** The state as stored: zero counts and first rounds are left out. */
export function packState(state: SagaState): object {
  const steps: Record<string, object> = {}
  for (const name of Object.keys(state.steps)) {
    const step = state.steps[name]
    if (step !== undefined) steps[name] = packStep(step)
  }
  return { ...state, steps }
}

function packStep(step: StepState): object {
  const { round, action, compensation, verify, ...rest } = step
  const packed: Record<string, unknown> = { ...rest, action: packSide(action) }
  if (round !== 1) packed.round = round
  if (compensation !== undefined) packed.compensation = packSide(compensation)
  if (verify !== undefined) packed.verify = packSide(verify)
  return packed
}

function packSide({ failures, lost, since, ...rest }: SideState): object {
  const packed: Record<string, unknown> = rest
  if (failures !== 0) packed.failures = failures
  if (lost !== 0) packed.lost = lost
  if (since !== 0) packed.since = since
  return packed
}

const FIRST_ROUND: Partial<StepState> = { round: 1 }
const EMPTY_COUNTS: Partial<SideState> = { failures: 0, lost: 0, since: 0 }

/** The inverse of `packState`. */
export function unpackState(stored: unknown): SagaState {
  const state = stored as SagaState
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(state.steps)) {
    const entry: Record<string, unknown> = { ...FIRST_ROUND, ...step }
    for (const side of SIDES) {
      const part = step[side]
      if (part !== undefined) entry[side] = { ...EMPTY_COUNTS, ...part }
    }
    steps[name] = entry as unknown as StepState
  }
  return { ...state, steps }
}

/** What of an event has a column of its own; the rest is `data`. */
export type EventColumns = {
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  readonly attempt: number | null
  readonly data: object | null
}

/** An event as one JSON object of the columns that it fills. */
export function packEvent(event: SagaEvent): Record<string, unknown> {
  const { type, step, side, attempt, ...data } = event as SagaEvent & Partial<EventColumns>
  const packed: Record<string, unknown> = { type }
  if (step !== undefined) packed.step = step
  if (side !== undefined) packed.side = side
  if (attempt !== undefined) packed.attempt = attempt
  for (const _key in data) {
    packed.data = data
    break
  }
  return packed
}

/** The inverse of `packEvent`. */
export function unpackEvent({ type, step, side, attempt, data }: EventColumns): SagaEvent {
  return {
    type,
    ...(step === null ? {} : { step }),
    ...(side === null ? {} : { side }),
    ...(attempt === null ? {} : { attempt }),
    ...data,
  } as SagaEvent
}
