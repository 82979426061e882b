/** Definitions and holds in words: what kinds of steps there are, and what a hold stops. */
import type { StepKind } from '../../engine/core/blueprint.ts'
import type { Side } from '../../engine/core/machine.ts'
import type { HoldView } from '../../engine/operator-holds.ts'
import { stepName } from './position.ts'
import type { Sign } from './states.ts'

export const KIND_SIGNS: Readonly<Record<StepKind | 'map' | 'branch', Sign>> = {
  external: { word: 'External', icon: 'play', tone: 'idle' },
  transactional: { word: 'Transactional', icon: 'check', tone: 'idle' },
  child: { word: 'Starts a saga', icon: 'play', tone: 'idle' },
  map: { word: 'For each item', icon: 'play', tone: 'idle' },
  branch: { word: 'Choice', icon: 'doubt', tone: 'idle' },
}

export const KIND_MEANS: Readonly<Record<StepKind | 'map' | 'branch', string>> = {
  external: 'Calls something outside: at least once, with a key.',
  transactional: 'Writes in its own transaction: exactly once, and never in doubt.',
  child: 'Starts another saga, and waits for its end.',
  map: 'Runs once for each item of a list.',
  branch: 'Chooses one of several ways, or none.',
}

export const UNDO_SIGN: Sign = { word: 'Undoes it', icon: 'undone', tone: 'idle' }
export const HELD_SIGN: Sign = { word: 'Held', icon: 'pause', tone: 'care' }
export const RELEASED_SIGN: Sign = { word: 'Letting go', icon: 'play', tone: 'busy' }

/** The sides that people hold. Verifications are held with both. */
export const HOLD_SIDES = ['action', 'compensation'] as const

export type HoldSide = (typeof HOLD_SIDES)[number]

export const SIDE_WORDS: Readonly<Record<Side, string>> = {
  action: 'going forward',
  compensation: 'being undone',
  verify: 'being verified',
}

/** What a hold is on: `charge-card of fulfil-order, going forward`. */
export function scopeInWords({ definition, step, side }: Pick<HoldView, 'definition' | 'step' | 'side'>): string {
  const what = step === null ? `all of ${definition}` : `${stepName(step)} of ${definition}`
  return side === null ? what : `${what}, ${SIDE_WORDS[side]}`
}

/** Whether a hold in force stops that side of the step. */
export function isHeld(holds: readonly HoldView[], step: string, side: HoldSide): boolean {
  return holds.some(
    (hold) =>
      hold.release === null &&
      (hold.step === null || (hold.names ?? [hold.step]).includes(step)) &&
      (hold.side === null || hold.side === side),
  )
}

/** Of more than 10 000 it is not said how many. */
export function waitingInWords(waiting: number): string {
  if (waiting === 0) return 'nothing waits for it'
  if (waiting > 10_000) return 'more than 10 000 sagas wait for it'
  return waiting === 1 ? '1 saga waits for it' : `${waiting} sagas wait for it`
}
