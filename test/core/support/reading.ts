/** Ways to read what happened: event by event, with the states around it. */

import { nodeOf } from '../../../src/engine/core/blueprint.ts'
import type { SagaEvent } from '../../../src/engine/core/events.ts'
import { evolve } from '../../../src/engine/core/evolve.ts'
import type { Side } from '../../../src/engine/core/machine.ts'
import { ERASED_MESSAGE, type SagaState, type StepState } from '../../../src/engine/core/state.ts'
import type { Turn, World } from './world.ts'

export type Fold = {
  readonly event: SagaEvent
  /** `undefined` before the start. */
  readonly before: SagaState | undefined
  readonly after: SagaState
  readonly turn: Turn
}

/** Every event of the journal, with the state before and after it. */
export function* foldsOf(world: World): Generator<Fold> {
  for (const turn of world.turns) {
    let before = turn.before
    for (const event of turn.decision.events) {
      const after = evolve(turn.blueprint, before, event)
      yield { event, before, after, turn }
      before = after
    }
  }
}

export function eventsOf<T extends SagaEvent['type']>(
  world: World,
  type: T,
): readonly Extract<SagaEvent, { type: T }>[] {
  return world.journal.filter((event) => event.type === type) as Extract<SagaEvent, { type: T }>[]
}

/** The steps of the definition, items of maps among them; without the engine's own, choosers of branches and lists of maps. */
export function stepEntries(world: World): readonly (readonly [string, StepState])[] {
  return Object.entries(world.state.steps).filter(
    ([name]) =>
      !name.startsWith('@') &&
      !(name in world.state.branches) &&
      nodeOf(world.settings.blueprint, name)?.node !== 'map',
  )
}

/**
 * For how long, up to a turn, the attempts of a step were free to run since its limit was last raised: without the time
 * in which a hold, a pause or a lack of code withheld them, or the saga was a dead letter.
 */
export function freeTime(world: World, turn: number, step: string, side: Side): number {
  let ms = 0
  for (let index = turn - 1; index >= 0; index -= 1) {
    const { decision, facts } = world.turns[index] as Turn
    const part = decision.state.steps[step]?.[side]
    const next = world.turns[index + 1] as Turn
    const isFree = decision.state.status !== 'dead_lettered' && part?.withheld === undefined
    if (isFree) ms += next.facts().now - facts().now
    const isFirst = part?.failures === 0 && part.lost === 0
    const starts = decision.events.some(
      (event) => event.type === 'attempt_scheduled' && event.step === step && event.side === side,
    )
    if (isFirst && starts) return ms
  }
  return ms
}

/** What a database makes of it. */
export function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

/** As the database keeps a journal whose saga was erased. */
export function withoutMessages(journal: readonly SagaEvent[]): readonly SagaEvent[] {
  return journal.map((event) =>
    'error' in event && event.error !== undefined
      ? { ...event, error: { ...event.error, message: ERASED_MESSAGE } }
      : event,
  )
}
