/** One saga at a time on an idle system: from the call that starts it to its outcome, in another process than the worker's. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contenders/contender.ts'
import { type Figures, latency, type Place } from '../figures.ts'
import { Fleet } from '../processes/fleet.ts'
import { Timeline } from '../processes/serve.ts'
import type { Workload } from '../workloads/app.ts'

const WARM_UP = 5
/** Between two of them, as with the rivals. */
const GAP_MS = 20

export async function idle(
  contender: Contender,
  workload: Workload,
  samples: number,
  { connectionString }: Place,
): Promise<Figures> {
  await contender.prepare(connectionString, workload)
  const { script, settings } = contender.worker(connectionString, workload)
  const fleet = new Fleet(workload.workers, script, settings)
  const client = await contender.client(connectionString, workload)
  try {
    await fleet.ready()
    await fleet.go()
    const times: number[] = []
    for (let sample = 0; sample < samples + WARM_UP; sample += 1) {
      const at = Timeline.now()
      await client.outcome(await client.start())
      if (sample >= WARM_UP) times.push(Timeline.now() - at)
      await sleep(GAP_MS)
    }
    await fleet.stop()
    return latency(times)
  } finally {
    fleet.kill()
    await client.close()
  }
}
