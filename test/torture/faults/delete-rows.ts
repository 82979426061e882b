/** Somebody deletes what the engine relies on, under load: the watchdog puts back what is lacking. */
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'
import { waitFor } from './victims.ts'

const JOBS = `delete from pgboss.job where name like 'saga\\_%' returning state = 'created' as waits`
const NOTICED_WITHIN_MS = 30_000

/** Workers lock the same rows in another order: a deadlock is no reason to give up. */
async function insistOn({ server }: Scene, statement: string): Promise<readonly { waits?: boolean }[]> {
  return waitFor('rows are deleted', async () => {
    try {
      return await server.query<{ waits?: boolean }>(statement)
    } catch (error) {
      if ((error as { readonly code?: string }).code !== '40P01') throw error
      return undefined
    }
  })
}

/** What a worker has in its hands comes to its end without its job: only what waited has to be put back. */
async function deleteWaiting(scene: Scene): Promise<number> {
  return waitFor('jobs that wait are deleted', async () => {
    const since = performance.now()
    const jobs = await insistOn(scene, JOBS)
    return jobs.some(({ waits }) => waits === true) ? since : undefined
  })
}

async function untilMended({ crew }: Scene, since: number): Promise<readonly string[]> {
  const mended = await crew.hear(
    ({ message, at }) => message.type === 'watched' && at > since && Number(message['mended']) > 0,
    NOTICED_WITHIN_MS,
  )
  return mended === undefined ? ['the watchdog found nothing to mend'] : []
}

export const deleteJobs: Fault = {
  name: 'delete-jobs',
  says: 'every row of pg-boss that is a job of ours is deleted',
  isShort: true,
  keepsWorkers: true,
  takesRows: true,
  async strike(scene) {
    for (let time = 0; time < (scene.isLong ? 2 : 1); time += 1) {
      const since = await deleteWaiting(scene)
      const wrong = await untilMended(scene, since)
      if (wrong.length > 0) return wrong
      scene.measured('deleted jobs mended (the watchdog looks each second)', performance.now() - since)
    }
    return []
  },
}

export const deleteTimers: Fault = {
  name: 'delete-timers',
  says: 'all timers and all places in line are deleted, with the jobs',
  isShort: false,
  keepsWorkers: true,
  takesRows: true,
  async strike(scene) {
    const since = await deleteWaiting(scene)
    for (const table of ['saga_timer', 'saga_line']) await insistOn(scene, `delete from saga.${table}`)
    return untilMended(scene, since)
  },
}
