/** Queued before, then drained by worker processes. */
import type { Contender } from '../contenders/contender.ts'
import { each, type Figures, latency, type Place } from '../figures.ts'
import { Observer, serverCpuMs } from '../measure.ts'
import { Fleet } from '../processes/fleet.ts'
import { Timeline } from '../processes/serve.ts'
import type { Workload } from '../workloads/app.ts'

export async function drain(contender: Contender, workload: Workload, sagas: number, place: Place): Promise<Figures> {
  const { connectionString, postmaster } = place
  await contender.prepare(connectionString, workload)
  const client = await contender.client(connectionString, workload)
  await client.startMany(sagas)
  await client.close()
  const { script, settings } = contender.worker(connectionString, workload)
  const fleet = new Fleet(workload.workers, script, settings)
  const observer = new Observer(connectionString)
  await observer.open()
  try {
    await fleet.ready()
    await observer.settle()
    await observer.forgetStatements()
    const before = await observer.count()
    const cpuBefore = serverCpuMs(postmaster)
    const goAt = Timeline.now()
    const startedAt = await fleet.go()
    await fleet.ended(sagas)
    const cpuMs = cpuBefore === undefined ? undefined : (serverCpuMs(postmaster) ?? 0) - cpuBefore
    const workedMs = Timeline.now() - goAt
    const left = await fleet.stop()
    await observer.whenAlone()
    const after = await observer.count()
    place.onStatements?.(await observer.topStatements())
    const ended = left.flatMap(({ moments }) => moments.ended.map(([, at]) => at))
    const times = spans(left.map(({ moments }) => moments))
    return {
      // More than were asked for, where more were queued.
      perSecond: (ended.length / (Math.max(...ended) - startedAt)) * 1_000,
      ...latency(times),
      nodeCpuMs: left.reduce((sum, one) => sum + one.cpuMs, 0) / sagas,
      ...(cpuMs === undefined ? {} : { postgresCpuMs: cpuMs / sagas }),
      ...each(before, after, sagas),
      workedMs,
    }
  } finally {
    fleet.kill()
    await observer.close()
  }
}

/** From the first step of a saga to its end, whichever workers they were in. */
function spans(moments: readonly Timeline['moments'][]): readonly number[] {
  const began = new Map(moments.flatMap((one) => one.began))
  return moments.flatMap(({ ended }) =>
    ended.flatMap(([id, at]) => {
      const from = began.get(id)
      return from === undefined ? [] : [at - from]
    }),
  )
}
