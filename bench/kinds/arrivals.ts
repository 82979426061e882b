/** Sagas arrive at a steady rate while others run: how long each takes from the call that starts it to its end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from '../contenders/contender.ts'
import { each, type Figures, latency, type Place } from '../figures.ts'
import { Observer, serverCpuMs } from '../measure.ts'
import { Fleet } from '../processes/fleet.ts'
import { Timeline } from '../processes/serve.ts'
import type { Workload } from '../workloads/app.ts'

/** Well below what a worker can do, so that what is measured is no backlog. */
const PER_SECOND = 100
const TICK_MS = 10

export async function arrivals(
  contender: Contender,
  workload: Workload,
  sagas: number,
  place: Place,
): Promise<Figures> {
  const { connectionString, postmaster } = place
  await contender.prepare(connectionString, workload)
  const { script, settings } = contender.worker(connectionString, workload)
  const fleet = new Fleet(workload.workers, script, settings)
  const observer = new Observer(connectionString)
  await observer.open()
  const client = await contender.client(connectionString, workload)
  try {
    await fleet.ready()
    await observer.settle()
    await observer.forgetStatements()
    const before = await observer.count()
    await fleet.go()
    const cpuBefore = serverCpuMs(postmaster)
    const started = await startAll((one) => client.start().then(one), sagas)
    await fleet.ended(sagas)
    const cpuMs = cpuBefore === undefined ? undefined : (serverCpuMs(postmaster) ?? 0) - cpuBefore
    const left = await fleet.stop()
    await client.close()
    await observer.whenAlone()
    const after = await observer.count()
    place.onStatements?.(await observer.topStatements())
    const ended = left.flatMap(({ moments }) => moments.ended)
    const times = ended.flatMap(([id, at]) => {
      const from = started.get(id)
      return from === undefined ? [] : [at - from]
    })
    return {
      ...latency(times),
      nodeCpuMs: left.reduce((sum, one) => sum + one.cpuMs, 0) / sagas,
      ...(cpuMs === undefined ? {} : { postgresCpuMs: cpuMs / sagas }),
      ...each(before, after, sagas),
    }
  } finally {
    fleet.kill()
    await client.close()
    await observer.close()
  }
}

/** @returns when each was asked for, by its id. */
async function startAll(
  start: (started: (id: string) => void) => Promise<void>,
  sagas: number,
): Promise<ReadonlyMap<string, number>> {
  const moments = new Map<string, number>()
  const asked: Promise<void>[] = []
  const from = Timeline.now()
  while (asked.length < sagas) {
    const due = Math.min(sagas, Math.ceil(((Timeline.now() - from) / 1_000) * PER_SECOND))
    while (asked.length < due) {
      const at = Timeline.now()
      asked.push(start((id) => moments.set(id, at)))
    }
    await sleep(TICK_MS)
  }
  await Promise.all(asked)
  return moments
}
