/**
 * What a saga may cost, counted and not timed: commits, statements, WAL bytes and dead tuples. `npm run budgets` says
 * what it costs now, `npm run budgets -- --write` records that in budgets.json, and test/budgets fails when it has grown
 * by more than a quarter.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ours } from './contenders/ours.ts'
import type { Figures } from './figures.ts'
import { run } from './kinds/run.ts'
import { standby } from './kinds/standby.ts'
import { median } from './measure.ts'
import { type BenchServer, startBenchServer } from './server.ts'
import { workloadNamed } from './workloads/all.ts'

export const COUNTED = ['commits', 'statements', 'walBytes', 'deadTuples'] as const
export type Budget = { readonly [counted in (typeof COUNTED)[number]]: number }
export type Budgets = { readonly [name: string]: Budget }

/** By what the budgets may be exceeded before the build fails. */
export const TOLERANCE = 1.25

export const BUDGETED = [
  { name: 'five-steps, 1 000 slots', workload: 'five-steps', slots: 1_000 },
  { name: 'five-steps, 100 slots', workload: 'five-steps', slots: 100 },
  { name: 'undo, 1 000 slots', workload: 'undo', slots: 1_000 },
] as const

const SAGAS = 2_000
const FILE = join(import.meta.dirname, 'budgets.json')
/** What is committed is in the WAL, whether it is on the disk or not: this is about how much. */
const SETTINGS = { fsync: 'off', max_wal_size: '8GB', checkpoint_timeout: '1h' }

/** @param dataDir of a server that nobody else uses. */
export async function measureBudgets(dataDir: string, rounds = 1): Promise<Budgets> {
  const server = await startBenchServer(dataDir, SETTINGS)
  try {
    const idle = await idleCost(server)
    const budgets: Record<string, Budget> = {}
    for (const { name, workload, slots } of BUDGETED) {
      const figures: Figures[] = []
      for (let round = 0; round < rounds; round += 1) {
        const place = { connectionString: await server.fresh('bench_budgets') }
        figures.push(await run(ours(slots), workloadNamed(workload), place, SAGAS))
      }
      const middle = (of: (one: Figures) => number | undefined) => median(figures.map((one) => of(one) ?? Number.NaN))
      const beyondIdle = (what: 'commits' | 'statements') =>
        middle((one) => (one[what] ?? Number.NaN) - idle[what](one.workedMs ?? Number.NaN) / SAGAS)
      budgets[name] = {
        commits: beyondIdle('commits'),
        statements: beyondIdle('statements'),
        walBytes: middle((one) => one.walBytes),
        deadTuples: middle((one) => one.deadTuples),
      }
    }
    return budgets
  } finally {
    await server.stop()
  }
}

type IdleCost = { readonly [what in 'commits' | 'statements']: (ms: number) => number }

/**
 * What a worker does by being there: to start and to stop, and twice a second. It is no part of what a saga costs, and
 * there is more of it on a slow machine.
 */
async function idleCost(server: BenchServer): Promise<IdleCost> {
  const [short, long] = [
    await standby(ours(1_000), workloadNamed('five-steps'), 500, {
      connectionString: await server.fresh('bench_budgets'),
    }),
    await standby(ours(1_000), workloadNamed('five-steps'), 2_500, {
      connectionString: await server.fresh('bench_budgets'),
    }),
  ]
  const line = (what: keyof IdleCost) => {
    const [from, to, fromMs, toMs] = [short[what] ?? 0, long[what] ?? 0, short.workedMs ?? 0, long.workedMs ?? 1]
    return (ms: number) => from + ((to - from) / (toMs - fromMs)) * (ms - fromMs)
  }
  return { commits: line('commits'), statements: line('statements') }
}

export function readBudgets(): Budgets {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Budgets
}

export function writeBudgets(budgets: Budgets): void {
  const rounded = Object.entries(budgets).map(([name, budget]) => [
    name,
    Object.fromEntries(Object.entries(budget).map(([what, value]) => [what, Number(value.toPrecision(4))])),
  ])
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`)
}
