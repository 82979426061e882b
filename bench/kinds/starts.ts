/** Starts alone: one by one, each in a transaction of the app's with a row of its own, and many at once. */
import pg from 'pg'
import { newId } from '../../src/engine/runtime/ids.ts'
import type { BenchClient, Contender } from '../contenders/contender.ts'
import { each, type Figures, latency, type Place } from '../figures.ts'
import { Observer, serverCpuMs } from '../measure.ts'
import { Timeline } from '../processes/serve.ts'
import type { Workload } from '../workloads/app.ts'
import { APP_WRITE } from '../workloads/app.ts'

/** Who starts sagas at the same time. */
const CALLERS = 10

type Start = (client: BenchClient) => Promise<unknown>

export async function starts(contender: Contender, workload: Workload, sagas: number, place: Place): Promise<Figures> {
  const { connectionString, postmaster } = place
  await contender.prepare(connectionString, workload)
  const observer = new Observer(connectionString)
  await observer.open()
  const client = await contender.client(connectionString, workload)
  const pool = new pg.Pool({ connectionString, max: CALLERS })
  try {
    // Whatever is done once has been done.
    await callers(CALLERS, () => startOf(workload.kind, pool)(client))
    await observer.checkpoint()
    await observer.forgetStatements()
    const before = await observer.count()
    const [cpuBefore, ownBefore] = [serverCpuMs(postmaster), process.cpuUsage()]
    const from = Timeline.now()
    const times =
      workload.kind === 'enqueue-many' ? [] : await callers(sagas, () => startOf(workload.kind, pool)(client))
    if (workload.kind === 'enqueue-many') await client.startMany(sagas)
    const ms = Timeline.now() - from
    const own = process.cpuUsage(ownBefore)
    const cpuMs = cpuBefore === undefined ? undefined : (serverCpuMs(postmaster) ?? 0) - cpuBefore
    await pool.end()
    await client.close()
    await observer.whenAlone()
    const after = await observer.count()
    place.onStatements?.(await observer.topStatements())
    return {
      perSecond: (sagas / ms) * 1_000,
      ...latency(times),
      nodeCpuMs: (own.user + own.system) / 1_000 / sagas,
      ...(cpuMs === undefined ? {} : { postgresCpuMs: cpuMs / sagas }),
      ...each(before, after, sagas),
    }
  } finally {
    await observer.close()
  }
}

function startOf(kind: Workload['kind'], pool: pg.Pool): Start {
  if (kind === 'enqueue-single') return (client) => client.start()
  if (kind === 'enqueue-many') return (client) => client.startMany(1)
  return (client) => inTransaction(pool, client)
}

/** As an app does it: a row of its own, and the saga that goes with it. */
async function inTransaction(pool: pg.Pool, client: BenchClient): Promise<void> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await connection.query(APP_WRITE, [newId(), 'order'])
    await client.startIn(connection)
    await connection.query('commit')
  } finally {
    connection.release()
  }
}

/** So many calls, by as many callers as there are. @returns how long each took, in ms. */
async function callers(count: number, call: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = []
  let left = count
  const caller = async () => {
    while (left > 0) {
      left -= 1
      const at = Timeline.now()
      await call()
      times.push(Timeline.now() - at)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return times
}
