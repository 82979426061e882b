/** Where a saga stands: the step that it is about, and how often that was tried. */
import { definedName } from '../../engine/core/blueprint.ts'
import type { SagaState, StepState } from '../../engine/core/state.ts'

export type Position = {
  readonly step: string
  /** From 1, in the order of the definition; absent while that is not known, and for hooks. */
  readonly number?: number
  readonly of?: number
  /** Of its compensation while that is what runs, else of its action. */
  readonly attempts: number
}

/** @param names The steps of the definition in order, where they are known. */
export function positionOf(state: SagaState, names: readonly string[] | undefined): Position | undefined {
  const step = stepToShow(state)
  if (step === undefined) return undefined
  const entry = state.steps[step]
  const attempts = entry === undefined ? 0 : attemptsOf(entry)
  const index = names?.indexOf(definedName(step)) ?? -1
  if (names === undefined || index < 0) return { step, attempts }
  return { step, number: index + 1, of: names.length, attempts }
}

function attemptsOf({ state, action, compensation }: StepState): number {
  const undoing = state === 'compensating' || state === 'compensation_failed'
  return undoing ? (compensation?.attempts ?? 0) : action.attempts
}

function stepToShow(state: SagaState): string | undefined {
  const { status, deadLetter, failure } = state
  const hasEnded = status === 'dead_lettered' || status === 'compensated' || status === 'resolved'
  const named = status === 'dead_lettered' ? deadLetter?.step : undefined
  return named ?? (hasEnded ? failure?.step : undefined) ?? latest(state, OPEN) ?? latest(state, ANY)
}

const OPEN = (entry: StepState) =>
  ['running', 'waiting', 'in_doubt', 'failed', 'compensating', 'compensation_failed'].includes(entry.state)
const ANY = () => true

/** Of the steps that fit, the one that was started last; the engine's own only where there is no other. */
function latest(state: SagaState, fits: (entry: StepState) => boolean): string | undefined {
  const found = Object.entries(state.steps).filter(([, entry]) => fits(entry))
  const own = found.filter(([name]) => !name.startsWith('@'))
  const [first] = (own.length > 0 ? own : found).sort(([, a], [, b]) => b.order - a.order)
  return first?.[0]
}

/** The engine's own steps have names that no definition can have. */
export function stepName(step: string): string {
  if (step === '@adopt') return 'first worker'
  return step.startsWith('@') ? `on ${step.slice(1).replace('-', ' ')}` : step
}

/** The steps of an undoing in their order, the items of a map as one: nobody reads ten thousand. */
export function inOrder(steps: readonly string[]): readonly string[] {
  const items = new Map<string, number>()
  for (const step of steps) items.set(definedName(step), (items.get(definedName(step)) ?? 0) + 1)
  return [...items].map(([name, count]) =>
    steps.includes(name) ? stepName(name) : `${count} ${count === 1 ? 'item' : 'items'} of ${name}`,
  )
}
