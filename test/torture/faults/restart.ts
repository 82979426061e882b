/** Postgres is restarted under load: in order, or as after a crash. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { allBack, busyMember, namesOf } from './victims.ts'

/** Together with stopping, starting and recovering, an outage of less than ten seconds. */
const LONGEST_MS = 7_000

function restart(mode: 'fast' | 'immediate'): Fault {
  return {
    name: `restart-${mode}`,
    says:
      mode === 'fast' ? 'Postgres is stopped (fast) and started again' : 'Postgres crashes (immediate) and recovers',
    isShort: true,
    keepsWorkers: true,
    async strike(scene, dice) {
      await busyMember(scene)
      const names = namesOf(scene)
      const since = performance.now()
      const awayMs = scene.isLong ? dice.whole(0, LONGEST_MS) : 0
      await scene.server.restart(mode, { whileAway: () => delay(awayMs) })
      scene.measured(`Postgres away, ${mode}`, performance.now() - since)
      const wrong = await allBack(scene, since, names)
      scene.measured(`all workers back after a ${mode} restart`, performance.now() - since)
      return wrong
    },
  }
}

export const restartFast = restart('fast')
export const restartImmediate = restart('immediate')
