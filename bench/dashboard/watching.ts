/** What open dashboards cost the engine: the same work with and without them, one after the other. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ours } from '../contenders/ours.ts'
import { drain } from '../kinds/drain.ts'
import type { BenchServer } from '../server.ts'
import { FIVE_STEPS } from '../workloads/five-steps.ts'

const SCRIPT = join(import.meta.dirname, '..', 'processes', 'viewers.ts')

/** Half a minute of work: dashboards look every few seconds. */
const SAGAS = 60_000

/** @returns of each pair, the throughput with ten dashboards as a part of that without. */
export async function watched(server: BenchServer, rounds: number): Promise<readonly number[]> {
  const contender = ours(1_000)
  const place = async () => ({ connectionString: await server.fresh('bench_watched'), postmaster: server.pid })
  const pairs: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const figures = { alone: 0, beside: 0, looks: 0, cpuMs: 0 }
    const alone = async () => {
      figures.alone = (await drain(contender, FIVE_STEPS, SAGAS, await place())).perSecond ?? 0
    }
    const beside = async () => {
      const seen = await place()
      await contender.prepare(seen.connectionString, FIVE_STEPS)
      const viewers = fork(SCRIPT, [seen.connectionString], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      await once(viewers, 'message')
      figures.beside = (await drain({ ...contender, prepare: async () => {} }, FIVE_STEPS, SAGAS, seen)).perSecond ?? 0
      Object.assign(figures, await ended(viewers))
    }
    // By turns, so that a machine that grows slower or faster favours none of them.
    for (const run of round % 2 === 1 ? [alone, beside] : [beside, alone]) await run()
    pairs.push(figures.beside / figures.alone)
    const rates = `${figures.alone.toFixed(0)} sagas/s, ${figures.beside.toFixed(0)} with ten dashboards`
    console.log(
      `round ${round}: ${rates} that have looked ${figures.looks} times in ${figures.cpuMs.toFixed(0)} ms of CPU`,
    )
  }
  await server.drop('bench_watched')
  return pairs
}

type Looked = { readonly looks: number; readonly cpuMs: number }

async function ended(viewers: ChildProcess): Promise<Looked> {
  const left = once(viewers, 'exit')
  const told = once(viewers, 'message')
  viewers.send('end')
  const [looked] = (await told) as [Looked]
  await left
  return looked
}
