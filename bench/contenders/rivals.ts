/** The rivals and the bare floor, measured by their own unedited program: see bench/rivals/README.md. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures } from '../figures.ts'
import { type BenchServer, linkDataFolder } from '../server.ts'
import type { Workload } from '../workloads/app.ts'

const FOLDER = join(import.meta.dirname, '..', 'rivals')

export type Rival = {
  readonly name: string
  readonly title: string
  /** Of the rivals' own program. */
  readonly program: string
  /** Sagas that it drains in a few seconds. */
  readonly sagas: number
  readonly options: object
}

export const RIVALS: readonly Rival[] = [
  {
    name: 'chain',
    title: 'pg-boss chain by hand',
    program: 'raw',
    sagas: 1_000,
    options: { conc: 50, hint: 1, max: 30, pool: 30 },
  },
  { name: 'openworkflow', title: 'OpenWorkflow 0.10.1', program: 'ow', sagas: 2_500, options: { conc: 100 } },
  {
    name: 'bare-floor',
    title: 'bare floor: no pg-boss, no journal',
    program: 'pb',
    sagas: 5_000,
    options: { bare: 2, cache: 1, del: 1, slots: 1_000, committers: 2, maxb: 250 },
  },
]

/** Installs them, outside the package and its lock file. */
export function installRivals(): void {
  if (existsSync(join(FOLDER, 'node_modules'))) return
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: FOLDER, stdio: 'inherit' })
}

export function linkServer(dataDir: string): void {
  linkDataFolder(dataDir, FOLDER)
}

/** What their program writes of a run. */
type Line = {
  readonly sps?: number
  readonly p50?: number
  readonly p99?: number
  readonly xcPer?: number
  readonly qPer?: number
  readonly walPer?: number
  readonly updPer?: number
  readonly delPer?: number
  readonly pgCpu?: number
  readonly cpuMs?: readonly number[]
  readonly done?: number
}

export function runRival(rival: Rival, workload: Workload, server: BenchServer): Figures {
  const { program, options, sagas } = rival
  const results = join(FOLDER, 'results.jsonl')
  rmSync(results, { force: true })
  const wanted = { c: program, w: workload.rivals, n: sagas, procs: 1, opts: options }
  execFileSync(process.execPath, ['run.mjs', JSON.stringify(wanted)], {
    cwd: FOLDER,
    stdio: 'ignore',
    env: { ...process.env, BPORT: String(server.port) },
  })
  // Their exit code says nothing.
  const line = JSON.parse(readFileSync(results, 'utf8')) as Line
  if (workload.kind !== 'idle' && (line.done ?? 0) < sagas)
    throw new Error(`${rival.title} ended ${line.done} of ${sagas} sagas.`)
  return figuresOf(line, sagas)
}

function figuresOf(line: Line, sagas: number): Figures {
  const { sps, p50, p99, xcPer, qPer, walPer, updPer, delPer, pgCpu, cpuMs } = line
  const figures: { [name in keyof Figures]: number | undefined } = {
    perSecond: sps,
    p50Ms: p50,
    p99Ms: p99,
    nodeCpuMs: cpuMs === undefined ? undefined : cpuMs.reduce((sum, ms) => sum + ms, 0) / sagas,
    postgresCpuMs: pgCpu === undefined ? undefined : pgCpu / sagas,
    commits: xcPer,
    statements: qPer,
    walBytes: walPer,
    deadTuples: updPer === undefined || delPer === undefined ? undefined : updPer + delPer,
  }
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined))
}
