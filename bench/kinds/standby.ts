/** Worker processes without any sagas, for a while: what they cost by being there. Totals, not per saga. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contenders/contender.ts'
import { each, type Figures, type Place } from '../figures.ts'
import { Observer } from '../measure.ts'
import { Fleet } from '../processes/fleet.ts'
import { Timeline } from '../processes/serve.ts'
import type { Workload } from '../workloads/app.ts'

export async function standby(contender: Contender, workload: Workload, ms: number, place: Place): Promise<Figures> {
  const { connectionString } = place
  await contender.prepare(connectionString, workload)
  const { script, settings } = contender.worker(connectionString, workload)
  const fleet = new Fleet(workload.workers, script, settings)
  const observer = new Observer(connectionString)
  await observer.open()
  try {
    await fleet.ready()
    await observer.settle()
    await observer.forgetStatements()
    const before = await observer.count()
    const goAt = Timeline.now()
    await fleet.go()
    await sleep(ms)
    const workedMs = Timeline.now() - goAt
    await fleet.stop()
    await observer.whenAlone()
    return { ...each(before, await observer.count(), 1), workedMs }
  } finally {
    fleet.kill()
    await observer.close()
  }
}
