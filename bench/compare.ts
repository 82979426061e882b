/**
 * Five no-op steps on one worker, against the rivals, in one run: `npm run bench -- [rounds]`.
 *
 * Each round measures every contender once, interleaved, on the same server with durable commits; what counts are the
 * medians of the ratios within a round. The rivals are measured as they are (see rivals/README.md).
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

const RIVALS = join(import.meta.dirname, 'rivals')
const SERVER = 'postgres://postgres:postgres@127.0.0.1:5499'
const rounds = Number(process.argv[2] ?? 5)

type Figures = {
  readonly sps: number
  readonly commitsPer?: number
  readonly walPer?: number
  readonly cpuMsPer?: number
}

const CONTENDERS = {
  'pg-saga, 1 000 slots': () => ours({ slots: 1000, committers: 2, maxBatch: 250 }),
  'pg-saga, 100 slots': () => ours({ slots: 100, committers: 2, maxBatch: 250 }),
  'pg-boss chain by hand': () =>
    rival({ c: 'raw', w: 'w1', n: 500, procs: 1, opts: { conc: 50, hint: 1, max: 30, pool: 30 } }),
  'OpenWorkflow 0.10.1': () => rival({ c: 'ow', w: 'w1', n: 1000, procs: 1, opts: { conc: 100 } }),
  'bare floor': () =>
    rival({
      c: 'pb',
      w: 'w1',
      n: 5000,
      procs: 1,
      opts: { bare: 2, cache: 1, del: 1, slots: 1000, committers: 2, maxb: 250 },
    }),
} satisfies Record<string, () => Promise<Figures>>

if (!existsSync(join(RIVALS, 'node_modules'))) {
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: RIVALS, stdio: 'inherit' })
}
const server = await startServer()
try {
  const results = new Map<string, Figures[]>(Object.keys(CONTENDERS).map((name) => [name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, measure] of Object.entries(CONTENDERS)) {
      const figures = await measure()
      results.get(name)?.push(figures)
      console.log(`round ${round}: ${name}: ${figures.sps.toFixed(0)} sagas/s`)
    }
  }
  report(results)
} finally {
  server.kill('SIGTERM')
}

async function ours(options: object): Promise<Figures> {
  const admin = new pg.Client({ connectionString: `${SERVER}/postgres` })
  await admin.connect()
  await admin.query('drop database if exists saga_bench with (force)')
  await admin.query('create database saga_bench')
  await admin.end()
  const script = join(import.meta.dirname, 'steps.ts')
  const output = execFileSync(process.execPath, [script, `${SERVER}/saga_bench`, '5000', JSON.stringify(options)], {
    encoding: 'utf8',
  })
  return JSON.parse(output) as Figures
}

async function rival(run: { readonly c: string; readonly n: number }): Promise<Figures> {
  rmSync(join(RIVALS, 'results.jsonl'), { force: true })
  execFileSync(process.execPath, ['run.mjs', JSON.stringify(run)], { cwd: RIVALS, stdio: 'ignore' })
  const line = JSON.parse(readFileSync(join(RIVALS, 'results.jsonl'), 'utf8'))
  const cpu = (line.cpuMs as number[]).reduce((sum, ms) => sum + ms, 0)
  return { sps: line.sps, commitsPer: line.xcPer, walPer: line.walPer, cpuMsPer: cpu / run.n }
}

function startServer(): Promise<{ kill(signal: NodeJS.Signals): void }> {
  const child = spawn(process.execPath, ['start-pg.mjs'], { cwd: RIVALS, stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (data: Buffer) => {
      if (data.toString().includes('up')) resolve(child)
    })
    child.once('exit', (code) => reject(new Error(`The server of the rivals ended with ${code}.`)))
  })
}

function report(results: ReadonlyMap<string, readonly Figures[]>): void {
  const [own] = [...results.values()]
  console.log(
    '\n| contender | sagas/s | ratio of ours | commits per saga | WAL kB per saga | CPU ms per saga (Node) |\n|---|---|---|---|---|---|',
  )
  for (const [name, figures] of results) {
    const ratios = figures.map((one, round) => (own?.[round]?.sps ?? 0) / one.sps)
    const cells = [
      name,
      median(figures.map((one) => one.sps)).toFixed(0),
      median(ratios).toFixed(2),
      median(figures.map((one) => one.commitsPer ?? 0)).toFixed(2),
      (median(figures.map((one) => one.walPer ?? 0)) / 1024).toFixed(1),
      median(figures.map((one) => one.cpuMsPer ?? 0)).toFixed(2),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
