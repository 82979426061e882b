/** Postgres is restarted under load: in order, or as after a crash. */
import type { Fault } from '../fault.ts'
import { allBack, busyMember, namesOf } from './victims.ts'

function restart(mode: 'fast' | 'immediate'): Fault {
  return {
    name: `restart-${mode}`,
    says:
      mode === 'fast' ? 'Postgres is stopped (fast) and started again' : 'Postgres crashes (immediate) and recovers',
    isShort: true,
    keepsWorkers: true,
    async strike(scene) {
      await busyMember(scene)
      const names = namesOf(scene)
      const since = performance.now()
      await scene.server.restart(mode)
      scene.measured(`Postgres away, ${mode}`, performance.now() - since)
      const wrong = await allBack(scene, since, names)
      scene.measured(`all workers back after a ${mode} restart`, performance.now() - since)
      return wrong
    },
  }
}

export const restartFast = restart('fast')
export const restartImmediate = restart('immediate')
