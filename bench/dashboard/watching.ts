/** What open dashboards cost the engine: the same work with and without them, one after the other. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ours } from '../contenders/ours.ts'
import { drain } from '../kinds/drain.ts'
import type { BenchServer } from '../server.ts'
import { FIVE_STEPS } from '../workloads/five-steps.ts'

const SCRIPT = join(import.meta.dirname, '..', 'processes', 'viewers.ts')

/** @returns of each pair, the throughput with ten dashboards as a part of that without. */
export async function watched(server: BenchServer, rounds: number): Promise<readonly number[]> {
  const contender = ours(1_000)
  const place = async () => ({ connectionString: await server.fresh('bench_watched'), postmaster: server.pid })
  const pairs: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const alone = await drain(contender, FIVE_STEPS, FIVE_STEPS.sagas, await place())
    const seen = await place()
    await contender.prepare(seen.connectionString, FIVE_STEPS)
    const viewers = fork(SCRIPT, [seen.connectionString], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    await once(viewers, 'message')
    const beside = await drain({ ...contender, prepare: async () => {} }, FIVE_STEPS, FIVE_STEPS.sagas, seen)
    const looks = await ended(viewers)
    const share = (beside.perSecond ?? 0) / (alone.perSecond ?? 0)
    pairs.push(share)
    const [without, with_] = [alone.perSecond?.toFixed(0), beside.perSecond?.toFixed(0)]
    console.log(`round ${round}: ${without} sagas/s, ${with_} with ten dashboards that have looked ${looks} times`)
  }
  await server.drop('bench_watched')
  return pairs
}

async function ended(viewers: ChildProcess): Promise<number> {
  const left = once(viewers, 'exit')
  const told = once(viewers, 'message')
  viewers.send('end')
  const [{ looks }] = (await told) as [{ looks: number }]
  await left
  return looks
}
