/**
 * How states and events lie in the database: without what says nothing. The hot row is written with each transition,
 * so each byte of it is paid for five times in a saga of five steps.
 */
import type { SagaEvent } from '../core/events.ts'
import { SIDES } from '../core/machine.ts'
import type { SagaState, SideState, StepState } from '../core/state.ts'

/** The state as stored: zero counts, first rounds, branches that there are none of and a single attempt are left out. */
export function packState(state: SagaState): object {
  const steps: Record<string, object> = {}
  for (const name of Object.keys(state.steps)) {
    const step = state.steps[name]
    if (step !== undefined) steps[name] = packStep(step)
  }
  const { branches, ...rest } = state
  return Object.keys(branches).length === 0 ? { ...rest, steps } : { ...rest, branches, steps }
}

function packStep(step: StepState): object {
  const { round, action, compensation, verify, ...rest } = step
  const packed: Record<string, unknown> = rest
  const packedAction = packSide(action)
  if (!isOneAttempt(packedAction)) packed.action = packedAction
  if (round !== 1) packed.round = round
  if (compensation !== undefined) packed.compensation = packSide(compensation)
  if (verify !== undefined) packed.verify = packSide(verify)
  return packed
}

function packSide({ failures, lost, since, ...rest }: SideState): Record<string, unknown> {
  const packed: Record<string, unknown> = rest
  if (failures !== 0) packed.failures = failures
  if (lost !== 0) packed.lost = lost
  if (since !== 0) packed.since = since
  return packed
}

/** What most steps have to say of their action: `attempts: 1`. The views know it too. */
function isOneAttempt(packed: Record<string, unknown>): boolean {
  return packed.attempts === 1 && Object.keys(packed).length === 1
}

const EMPTY_COUNTS = { failures: 0, lost: 0, since: 0 }
const USUAL = { round: 1, action: { attempts: 1, ...EMPTY_COUNTS } }

/** The inverse of `packState`. */
export function unpackState(stored: unknown): SagaState {
  const state = stored as SagaState
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(state.steps)) {
    const entry: Record<string, unknown> = { ...USUAL, ...step }
    for (const side of SIDES) {
      const part = step[side]
      if (part !== undefined) entry[side] = { ...EMPTY_COUNTS, ...part }
    }
    steps[name] = entry as unknown as StepState
  }
  return { ...state, branches: state.branches ?? {}, steps }
}

/** What of an event has a column of its own; the rest is `data`. */
export type EventColumns = {
  readonly type: string
  readonly step: string | null
  readonly side: string | null
  readonly attempt: number | null
  readonly data: object | null
}

export type PackedEvent = { type: string; step?: string; side?: string; attempt?: number; data?: object }

/** The columns that an event fills. */
export function packEvent(event: SagaEvent): PackedEvent {
  const { type, step, side, attempt, ...data } = event as SagaEvent & Partial<EventColumns>
  const packed: PackedEvent = { type }
  if (typeof step === 'string') packed.step = step
  if (typeof side === 'string') packed.side = side
  if (typeof attempt === 'number') packed.attempt = attempt
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
