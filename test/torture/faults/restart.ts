/** Postgres is restarted under load: in order, or as after a crash; and once it is away for longer than a lease. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { allBack, busyMember, namesOf } from './victims.ts'

type Restart = Pick<Fault, 'name' | 'says' | 'isShort'> & {
  readonly mode: 'fast' | 'immediate'
  /** How long it stays away in the long form, beside stopping, starting and recovering: from and to. */
  readonly awayMs: readonly [number, number]
}

function restart({ mode, awayMs: [from, to], ...fault }: Restart): Fault {
  return {
    ...fault,
    keepsWorkers: true,
    async strike(scene, dice) {
      await busyMember(scene)
      const names = namesOf(scene)
      const since = performance.now()
      const awayMs = scene.isLong ? dice.whole(from, to) : 0
      await scene.server.restart(mode, { whileAway: () => delay(awayMs) })
      const backAt = performance.now()
      scene.measured(`Postgres away (${fault.name})`, backAt - since)
      const wrong = await allBack(scene, since, names)
      scene.measured(`all workers back, from when Postgres was (${fault.name})`, performance.now() - backAt)
      return wrong
    },
  }
}

/** All of it together is an outage of less than ten seconds. */
const SHORT_MS = [0, 7_000] as const

export const restartFast = restart({
  name: 'restart-fast',
  says: 'Postgres is stopped (fast) and started again, within 10 s',
  isShort: true,
  mode: 'fast',
  awayMs: SHORT_MS,
})

export const restartImmediate = restart({
  name: 'restart-immediate',
  says: 'Postgres crashes (immediate) and recovers, within 10 s',
  isShort: true,
  mode: 'immediate',
  awayMs: SHORT_MS,
})

/** Everybody's sign of life is too old when it comes back. */
export const longOutage = restart({
  name: 'long-outage',
  says: 'Postgres is away for longer than a lease',
  isShort: false,
  mode: 'fast',
  awayMs: [32_000, 45_000],
})
