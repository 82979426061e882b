/**
 * `npm run bench:scale`: five no-op steps with a lot stored, waiting, queued or in the way, against the same with nothing,
 * and what pg-boss's fetch does after a burst. Interleaved; what counts are the medians of the ratios.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ours, prepare } from './contenders/ours.ts'
import type { Figures } from './figures.ts'
import { drain } from './kinds/drain.ts'
import { median, Observer } from './measure.ts'
import { machine, writeBetween, writeJson } from './report.ts'
import { type Fetches, fetches } from './scale/fetches.ts'
import { drained, queueCopies } from './scale/filling.ts'
import { BASE, type Scenario, scenarios } from './scale/scenarios.ts'
import { startBenchServer } from './server.ts'
import { workloadNamed } from './workloads/all.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    /** Of the sizes, for a smaller run. */
    share: { type: 'string', default: '1' },
    /** Writes the page. */
    docs: { type: 'boolean', default: false },
  },
})
const FOLDER = import.meta.dirname
const BURST = 1_000_000
const workload = workloadNamed('five-steps')
const contender = ours(1_000)
const again = { ...contender, prepare: async () => {} }
const share = Number(options.share)
const wanted = scenarios(share).filter((one) => one === BASE || (options.only?.includes(one.name) ?? true))
const server = await startBenchServer(join(FOLDER, '.postgres', 'data'))

type Row = { readonly scenario: Scenario; readonly url: string; readonly fetch: Fetches[]; readonly rounds: Figures[] }

try {
  const rows: Row[] = []
  for (const scenario of wanted) {
    console.log(`preparing: ${scenario.title}`)
    const url = await server.fresh(`bench_scale_${scenario.name.replace('-', '_')}`)
    await prepare(url, workload)
    await scenario.prepare(url, contender, workload)
    rows.push({ scenario, url, fetch: [], rounds: [] })
  }
  for (let round = 1; round <= Number(options.rounds); round += 1) for (const row of rows) await measure(row, round)
  const bursts = options.only === undefined || options.only.includes('burst') ? await burst() : []
  const text = [...table(rows), ...bursts].join('\n')
  console.log(`\n${text}`)
  writeJson(join(FOLDER, 'results', 'scale.json'), { machine: machine(), rows, bursts })
  for (const { url } of rows) await server.drop(new URL(url).pathname.slice(1))
  if (options.docs) writeBetween(join(FOLDER, '..', 'docs', 'performance.md'), 'scale', text)
} finally {
  await server.stop()
}

async function measure({ scenario, url, fetch, rounds }: Row, round: number): Promise<void> {
  const end = (await scenario.around?.(url, contender, workload)) ?? (async () => {})
  const figures = await drain(again, workload, workload.sagas, { connectionString: url, postmaster: server.pid })
  rounds.push(figures)
  const client = await contender.client(url, workload)
  await client.startMany(workload.sagas)
  await client.close()
  fetch.push(await fetches(url, 512))
  // What was queued only to look at fetches is run, so that the next round begins as this one did.
  await drained(url, contender, workload, workload.sagas)
  await end()
  const [rate, ms] = [figures.perSecond?.toFixed(0), fetch.at(-1)?.p50Ms.toFixed(1)]
  console.log(`round ${round}: ${scenario.title}: ${rate} sagas/s, a fetch of 512 in ${ms} ms`)
}

function table(rows: readonly Row[]): readonly string[] {
  const base = rows[0]
  const lines = rows.map(({ scenario, rounds, fetch }) => {
    const share = median(rounds.map((one, at) => (one.perSecond ?? 0) / (base?.rounds[at]?.perSecond ?? 0)))
    const slower = median(fetch.map((one, at) => one.p50Ms / (base?.fetch[at]?.p50Ms ?? 0)))
    const middle = (of: (one: Figures) => number | undefined) => median(rounds.map((one) => of(one) ?? Number.NaN))
    const cells = [
      scenario.title,
      middle((one) => one.perSecond).toFixed(0),
      share.toFixed(2),
      `${median(fetch.map((one) => one.p50Ms)).toFixed(1)} / ${median(fetch.map((one) => one.p99Ms)).toFixed(1)}`,
      slower.toFixed(2),
      middle((one) => one.postgresCpuMs).toFixed(2),
      (middle((one) => one.walBytes) / 1_024).toFixed(1),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const heads = [
    '',
    'sagas/s',
    'of what it is with nothing',
    'fetch of 512, p50 / p99 ms',
    'times as long',
    'CPU ms, Postgres',
    'WAL kB',
  ]
  return [`| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`, ...lines]
}

/** A queue that was analysed while it was empty, and then filled: whether statistics talk the planner into a bad plan. */
async function burst(): Promise<readonly string[]> {
  const url = await server.fresh('bench_scale_burst')
  await prepare(url, workload)
  const client = await contender.client(url, workload)
  const observer = new Observer(url)
  await observer.open()
  await observer.run('analyze')
  await client.start()
  await client.close()
  const jobs = Math.ceil(BURST * share)
  await queueCopies(url, jobs)
  const before = await fetches(url, 512)
  await observer.run('analyze')
  const after = await fetches(url, 512)
  await observer.close()
  console.log(`\nThe fetch after a burst of ${jobs}, before ANALYZE:\n${before.plan}\n\nand after it:\n${after.plan}`)
  const ms = (one: Fetches) => `${one.p50Ms.toFixed(1)} / ${one.p99Ms.toFixed(1)} ms`
  return [
    '',
    `A queue that was analysed while empty and then filled with ${jobs} jobs: a fetch of 512 takes ${ms(before)} (p50 / p99) before the next ANALYZE, ${ms(after)} after it.`,
  ]
}
