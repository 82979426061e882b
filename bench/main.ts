/**
 * `npm run bench`: the product, the same-rows floor and the rivals, interleaved, on one server with durable commits.
 *
 * What counts are the medians of the ratios within a round: absolute figures belong to the machine. A whole run of at
 * least five rounds writes its tables into docs/performance.md.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Contender } from './contenders/contender.ts'
import { floor } from './contenders/floor.ts'
import { ours } from './contenders/ours.ts'
import { installRivals, linkServer, RIVALS, type Rival, runRival } from './contenders/rivals.ts'
import type { Figures } from './figures.ts'
import { record } from './floor/record.ts'
import { type Tape, tapeOf } from './floor/tape.ts'
import { run } from './kinds/run.ts'
import type { Statement } from './measure.ts'
import { machine, markdown, type Report, type Row, ratio, type Section, writeBetween, writeJson } from './report.ts'
import { type BenchServer, startBenchServer } from './server.ts'
import { WORKLOADS, workloadNamed } from './workloads/all.ts'
import type { Workload } from './workloads/app.ts'

const FULL_ROUNDS = 5
const QUICK_SHARE = 0.1
const SHARE_OF_FEW_SLOTS = 0.5
const DATA = join(import.meta.dirname, '.postgres', 'data')
const PAGE = join(import.meta.dirname, '..', 'docs', 'performance.md')

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(FULL_ROUNDS) },
    /** Only these workloads. */
    workload: { type: 'string', multiple: true },
    /** Only these contenders. The first of them is the one that the others are compared with. */
    only: { type: 'string', multiple: true },
    /** A tenth of the sagas, one round. */
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: join(import.meta.dirname, 'results', 'last.json') },
    /** Prints the statements that took most of the server's time. */
    statements: { type: 'boolean', default: false },
    /** Writes the page, whatever was left out. */
    docs: { type: 'boolean', default: false },
  },
})

const rounds = options.quick ? 1 : Number(options.rounds)
const share = options.quick ? QUICK_SHARE : 1
const workloads = options.workload?.map(workloadNamed) ?? WORKLOADS
const isWanted = ({ name }: { readonly name: string }) => options.only?.includes(name) ?? true
const rivals = RIVALS.filter(isWanted)
if (rivals.length > 0) installRivals()

const server = await startBenchServer(DATA)
try {
  linkServer(DATA)
  const report = await measure()
  writeJson(options.json, report)
  const text = markdown(report)
  console.log(`\n${text}`)
  const isWhole = options.workload === undefined && options.only === undefined && rounds >= FULL_ROUNDS
  if (isWhole || options.docs) writeBetween(PAGE, 'figures', text)
} finally {
  await server.stop()
}

async function measure(): Promise<Report> {
  const tapes = await recordAll(server)
  const contenders: readonly Contender[] = [ours(1_000), ours(100), floor(1_000, tapes), floor(100, tapes)].filter(
    isWanted,
  )
  const sections = workloads.map(
    (workload): Section => ({
      workload: { name: workload.name, title: workload.title, kind: workload.kind },
      rows: rowsFor(workload, contenders),
    }),
  )
  for (let round = 1; round <= rounds; round += 1) {
    for (const [at, workload] of workloads.entries()) {
      const rows = sections[at]?.rows ?? []
      for (const row of rows) {
        const figures = await one(row, workload, contenders)
        row.rounds.push(figures)
        const times = ratio(rows[0], row, workload.kind)
        console.log(`round ${round}: ${workload.title}: ${row.title}: ${brief(figures)}, ×${times?.toFixed(2) ?? '?'}`)
      }
    }
  }
  return {
    at: new Date().toISOString(),
    machine: machine(),
    versions: `Node ${process.versions.node}, Postgres ${await postgresVersion(server)}, pg-boss ${await bossVersion()}`,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    rounds,
    sections,
  }
}

/** Starts alone do not know slots. */
function rowsFor(workload: Workload, contenders: readonly Contender[]): readonly Row[] {
  const own = contenders.filter(({ name }) => !workload.kind.startsWith('enqueue') || name.endsWith('-1000'))
  const others = workload.rivals === undefined ? [] : rivals
  return [...own, ...others].map(({ name, title }) => ({ name, title, rounds: [] }))
}

async function one({ name }: Row, workload: Workload, contenders: readonly Contender[]): Promise<Figures> {
  const rival = rivals.find((found: Rival) => found.name === name)
  if (rival !== undefined) return runRival(rival, workload, server)
  const contender = contenders.find((found) => found.name === name)
  if (contender === undefined) throw new Error(`There is no contender ${name}.`)
  const connectionString = await server.fresh('bench_run')
  const place = { connectionString, postmaster: server.pid, ...(options.statements ? { onStatements: say } : {}) }
  // All are at it for about as long, so that none is measured while it warms up.
  const few = workload.kind === 'drain' && name.endsWith('-100') ? SHARE_OF_FEW_SLOTS : 1
  return run(contender, workload, place, Math.ceil(workload.sagas * share * few))
}

function say(statements: readonly Statement[]): void {
  for (const { ms, calls, rows, walBytes, query } of statements) {
    const figures = `${ms.toFixed(0).padStart(7)} ms ${calls} × ${rows} rows ${(walBytes / 1_024).toFixed(0)} kB of WAL`
    console.log(`  ${figures}  ${query.slice(0, 200)}`)
  }
}

async function recordAll(place: BenchServer): Promise<ReadonlyMap<string, Tape>> {
  const tapes = new Map<string, Tape>()
  const byDefinition = new Map<string, Tape>()
  for (const workload of workloads) {
    const known = byDefinition.get(workload.definition.name)
    const tape = known ?? tapeOf(await record(await place.fresh('bench_record'), workload))
    byDefinition.set(workload.definition.name, tape)
    tapes.set(workload.name, tape)
  }
  return tapes
}

function brief({ perSecond, p50Ms, p99Ms }: Figures): string {
  const rate = perSecond === undefined ? [] : [`${perSecond.toFixed(0)} sagas/s`]
  const times = p50Ms === undefined ? [] : [`p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms?.toFixed(0)} ms`]
  return [...rate, ...times].join(', ')
}

async function postgresVersion(place: BenchServer): Promise<string> {
  const { Observer } = await import('./measure.ts')
  const observer = new Observer(place.url('postgres'))
  await observer.open()
  const [row] = await observer.run(`select current_setting('server_version') as version`)
  await observer.close()
  return String(row?.['version'])
}

async function bossVersion(): Promise<string> {
  const { default: found } = await import('pg-boss/package.json', { with: { type: 'json' } })
  return found.version
}
