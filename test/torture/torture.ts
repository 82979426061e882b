/** Plays the rounds of a seed, one after the other, on one crew of workers. */

import type { Fault } from './fault.ts'
import { COMPANIONS } from './faults/all.ts'
import { droppedPackets } from './faults/dropped-packets.ts'
import { playRound, type RoundPlan, type RoundResult } from './round.ts'
import { Scene } from './scene.ts'
import { scheduled } from './schedule.ts'

export type TortureOptions = {
  readonly seed: number
  readonly faults: readonly Fault[]
  readonly workers: number
  /** Whether faults may take their time. */
  readonly isLong: boolean
  /** Asked before each round. */
  readonly goesOn: (elapsedMs: number, rounds: number) => boolean
  /** What has to be left out, and why. */
  readonly notice: (text: string) => void
}

export async function* torture(options: TortureOptions): AsyncGenerator<RoundResult> {
  const { faults, notice, goesOn, seed, workers, isLong } = options
  const possible = faults.filter((fault) => {
    const why = fault.missing?.()
    if (why !== undefined) notice(`left out: ${fault.name} (${why})`)
    return why === undefined
  })
  if (possible.length === 0) return
  const hasNetwork = possible.some((fault) => fault.name === droppedPackets.name)
  const scene = await Scene.open({ workers, hasNetwork, isLong })
  try {
    const beganAt = performance.now()
    let rounds = 0
    // One fault alone is asked for to be looked at: nothing else is to happen beside it.
    for (const plan of scheduled(seed, possible, possible.length === 1 ? [] : COMPANIONS)) {
      if (!goesOn(performance.now() - beganAt, rounds)) return
      rounds += 1
      const result = await playRound(scene, plan).catch((error: unknown) => unfinished(plan, error))
      yield result
      // What it has left behind would be found by the next one.
      if (result.sagas === 0) return
    }
  } finally {
    await scene.close()
  }
}

function unfinished(plan: RoundPlan, error: unknown): RoundResult {
  const violations = [`the round could not be brought to its end: ${String(error)}`]
  return { plan, sagas: 0, calls: 0, deadLetters: 0, repeated: 0, violations, figures: [], seconds: 0 }
}
