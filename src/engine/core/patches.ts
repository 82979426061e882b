/**
 * Small changes of a state, of which the folding of events is made. Each gives a new object and leaves what it was
 * given, but for the steps of a fold that is under way: they are copied once and then changed in place, for a decision
 * can have ten thousand events.
 */
import { isSideHook } from './blueprint.ts'
import { SIDES, type Side } from './machine.ts'
import { EMPTY_SIDE, MAX_REMEMBERED_ATTEMPTS, type SagaState, type SideState, type StepState } from './state.ts'

type Steps = { [step: string]: StepState }

/**
 * The copy that belongs to the fold under way: nobody else has seen it yet. One is enough, for folds are synchronous; one
 * that was interrupted by another only copies once more.
 */
let owned: SagaState['steps'] | undefined

export function withStep(state: SagaState, name: string, step: StepState): SagaState {
  if (state.steps === owned) {
    ;(state.steps as Steps)[name] = step
    return state
  }
  const steps: Steps = { ...state.steps, [name]: step }
  owned = steps
  return { ...state, steps }
}

/** Ends a fold: from here on its state is as unchangeable as every other. */
export function handOver(state: SagaState): SagaState {
  if (state.steps === owned) owned = undefined
  return state
}

export function patchStep(state: SagaState, name: string, patch: (step: StepState) => StepState): SagaState {
  const step = state.steps[name]
  return step === undefined ? state : withStep(state, name, patch(step))
}

export function patchSide(
  state: SagaState,
  name: string,
  side: Side,
  patch: (side: SideState) => SideState,
): SagaState {
  return patchStep(state, name, (step) => ({ ...step, [side]: patch(step[side] ?? EMPTY_SIDE) }))
}

/** Takes the attempt out of flight. */
export function settleSide(
  state: SagaState,
  event: { readonly step: string; readonly side: Side },
  patch: Partial<StepState>,
  then: (side: SideState) => SideState = (side) => side,
): SagaState {
  return patchStep(state, event.step, (step) => ({
    ...step,
    ...patch,
    [event.side]: then(quiet(step[event.side] ?? EMPTY_SIDE)),
  }))
}

/** The side with nothing in flight, due or withheld. */
export function quiet(side: SideState): SideState {
  const { flight: _flight, due: _due, withheld: _withheld, ...rest } = side
  return rest
}

/** The side of a function that has done its work: what counted against its limits says nothing any more. */
export function spent(side: SideState): SideState {
  const { withheldAt: _withheldAt, ...rest } = side
  return { ...rest, failures: 0, lost: 0, since: 0 }
}

/** The side with its clock stopped until its next attempt. Before its first failure there is no clock to stop. */
export function stopped(side: SideState, at: number): SideState {
  return side.failures === 0 && side.lost === 0 ? side : { withheldAt: at, ...side }
}

/** The side with its limits raised: attempts keep their numbers, the counts begin again. */
export function raised(side: SideState): SideState {
  const { withheldAt: _withheldAt, ...rest } = quiet(side)
  return { ...rest, failures: 0, lost: 0 }
}

export function remember(side: SideState, attempt: number | undefined): SideState {
  if (attempt === undefined) return side
  return { ...side, open: [...(side.open ?? []), attempt].slice(-MAX_REMEMBERED_ATTEMPTS) }
}

export function clearWithheld(
  state: SagaState,
  why: SideState['withheld'],
  before: SagaState['steps'] = state.steps,
): SagaState {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(before)) {
    let entry = step
    for (const side of SIDES) {
      const part = entry[side]
      if (part !== undefined && part.withheld === why) entry = { ...entry, [side]: quiet(part) }
    }
    steps[name] = entry
  }
  return { ...state, steps }
}

/**
 * A turn and a dead letter take all moments back; what was waiting and is still wanted starts at once when it goes on.
 *
 * @param stoppedAt of a dead letter: how long it is one says nothing of its steps.
 */
export function forgetDueTimes(before: SagaState['steps'], stoppedAt?: number): SagaState['steps'] {
  const steps: Record<string, StepState> = {}
  for (const [name, step] of Object.entries(before)) {
    let entry = step
    for (const side of SIDES) {
      const part = step[side]
      if (part === undefined || isSideHook(name)) continue
      const { due, ...rest } = part
      const now = due === undefined ? part : rest
      const next = stoppedAt === undefined ? now : stopped(now, stoppedAt)
      if (next !== part) entry = { ...entry, [side]: next }
    }
    steps[name] = entry
  }
  return steps
}

export function omit<K extends keyof SagaState>(state: SagaState, key: K): Omit<SagaState, K> & SagaState {
  const { [key]: _omitted, ...rest } = state
  return rest as Omit<SagaState, K> & SagaState
}
