/**
 * What must be true of every state that `decide` leaves behind. Tests run it on every saga of a database;
 * the rules that span several states are properties of their own.
 */
import { type Blueprint, HOOK_STEP, isSideHook, stepOf, walk } from './blueprint.ts'
import { isOwnStep } from './frontier.ts'
import { isFinished, isLive } from './machine.ts'
import { flightsOf, type SagaState, type StepState } from './state.ts'

/** Each violation names its rule of DESIGN's list. Empty when the state is sound. */
export function violations(blueprint: Blueprint, state: SagaState): readonly string[] {
  return [
    ...structural(blueprint, state),
    ...alive(state),
    ...inLine(state),
    ...direction(blueprint, state),
    ...atRest(state),
  ]
}

function* structural(blueprint: Blueprint, state: SagaState): Generator<string> {
  const jobs = flightsOf(state).map((inFlight) => inFlight.flight.jobId)
  if (new Set(jobs).size !== jobs.length) yield 'rule 4: one job stands for two attempts'
  for (const [name, step] of Object.entries(state.steps)) {
    for (const side of [step.action, step.compensation, step.verify]) {
      if (side === undefined) continue
      const ways = [side.flight, side.due, side.withheld === 'code' ? undefined : side.withheld]
      if (ways.filter((way) => way !== undefined).length > 1) yield `rule 11: ${name} is on its way and waits`
      if (side.flight !== undefined && side.flight.attempt !== side.attempts) {
        yield `rule 4: ${name} has attempt ${side.flight.attempt} in flight, and numbered ${side.attempts}`
      }
    }
    if (step.state === 'completed' && step.maybeApplied === true) yield `rule 8: ${name} is completed and in doubt`
    if (step.maybeApplied === true && stepOf(blueprint, name)?.kind !== 'external') {
      yield `rule 6: ${name} is in doubt, and only an external step can be`
    }
    // Going back, a late effect can come before an item that waits for its next attempt.
    if (state.direction === 'forward' && (step.items?.open.length ?? 0) > (step.items?.concurrency ?? 0)) {
      yield `rule 8: ${name} has ${step.items?.open.length} items open, and may have ${step.items?.concurrency}`
    }
  }
}

/** Rule 11: a live saga has a job, a timer, a child, a hold or a pause. */
function* alive(state: SagaState): Generator<string> {
  if (state.status !== 'running' && state.status !== 'compensating') return
  const hasReason = Object.values(state.steps).some(
    (step) =>
      [step.action, step.compensation, step.verify].some(
        (side) => side?.flight !== undefined || side?.due !== undefined || side?.withheld !== undefined,
      ) || step.child?.started === true,
  )
  if (!hasReason) yield `rule 11: ${state.status}, and nothing keeps it alive`
  for (const [name, step] of Object.entries(state.steps)) {
    if (step.state === 'running' && step.action.flight === undefined) yield `rule 11: ${name} runs without a job`
    // Its turn comes again when what runs now has ended.
    const comesAgain = state.stopping !== undefined || state.draining === true || name === HOOK_STEP.compensated
    if (step.state === 'waiting' && isLost(step) && !comesAgain) yield `rule 11: ${name} waits for nothing`
  }
}

function isLost(step: StepState): boolean {
  const sides = [step.action, step.verify]
  const waits = sides.some((side) => side?.flight ?? side?.due ?? side?.withheld)
  return !waits && step.child?.started !== true
}

/** Rule 11: who stands in line moves on, and who is at the front leaves it in the end. */
function* inLine({ line, status }: SagaState): Generator<string> {
  if (line === undefined) return
  if (line === 'front' ? status === 'pending' : status !== 'pending') yield `rule 11: ${status}, and ${line} in line`
  if (isFinished(status)) yield `rule 11: ${status}, and still in line`
}

function* direction(blueprint: Blueprint, state: SagaState): Generator<string> {
  const backward = state.direction === 'backward'
  if ((state.status === 'compensating' || state.status === 'compensated') && !backward) {
    yield `rule 9: ${state.status} and going forward`
  }
  if ((state.status === 'running' || state.status === 'completed') && backward)
    yield `rule 9: ${state.status} and going back`
  if (state.draining === true && state.status !== 'compensating') yield `rule 9: ${state.status} and draining`
  for (const [name, step] of Object.entries(state.steps)) {
    if (!backward && step.compensation?.flight !== undefined) yield `rule 9: ${name} is undone while going forward`
    if (state.draining === true && step.compensation?.flight !== undefined)
      yield `rule 9: ${name} is undone while draining`
    const undraining = backward && state.draining !== true && state.status === 'compensating'
    if (undraining && !name.startsWith('@') && step.action.flight !== undefined) {
      yield `rule 9: ${name} runs though the saga is compensating`
    }
  }
  const pivot = [...walk(blueprint.nodes)].find(
    (node) => node.node === 'step' && node.pivot === true && state.steps[node.name]?.state === 'completed',
  )
  if (pivot !== undefined && !backward && state.pivoted !== true)
    yield `rule 9: ${pivot.name} is completed and not passed`
}

function* atRest(state: SagaState): Generator<string> {
  if (isLive(state.status)) return
  const flights = flightsOf(state).filter((inFlight) => !isSideHook(inFlight.step))
  for (const { step } of flights) yield `rule 1: ${state.status} with ${step} in flight`
  if ((state.status === 'dead_lettered') !== (state.deadLetter !== undefined)) {
    yield `rule 14: ${state.status} ${state.deadLetter === undefined ? 'without' : 'with'} a dead letter`
  }
  if (isFinished(state.status) && state.paused === true) yield `rule 11: ${state.status} and paused`
  if (state.status === 'compensated') {
    for (const [name, step] of Object.entries(state.steps)) {
      const open = step.state === 'completed' || step.state === 'in_doubt' || step.state === 'compensation_failed'
      if (open && isOwnStep(state, name)) {
        yield `rule 8: compensated, and ${name} is ${step.state}`
      }
    }
  }
}
