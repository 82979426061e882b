/** Which faults strike in which round: the same seed gives the same rounds. */
import { Dice } from './dice.ts'
import type { Fault } from './fault.ts'
import type { RoundPlan } from './round.ts'

/** Once each has struck alone, so many of the rounds have a second one. */
const SECOND_ONE = 1 / 3

/**
 * Decks of all faults, shuffled: none comes a second time before all have come. Without an end.
 *
 * @param companions those that may strike beside another.
 */
export function* scheduled(seed: number, faults: readonly Fault[], companions: readonly Fault[]): Generator<RoundPlan> {
  const dice = new Dice(`schedule ${seed}`)
  for (let number = 1; ; ) {
    const isFirstDeck = number === 1
    for (const fault of dice.shuffled(faults)) {
      const others = companions.filter((one) => one !== fault)
      const isAlone = isFirstDeck || others.length === 0 || dice.fraction() >= SECOND_ONE
      const together = isAlone ? [fault] : [fault, dice.one(others)]
      yield { number, seed: `${seed}/${number}`, faults: together }
      number += 1
    }
  }
}
