/** What was measured, as Markdown and as JSON. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { Figures } from './figures.ts'
import { median } from './measure.ts'
import type { Workload } from './workloads/app.ts'

/** One contender in one workload: its figures by round. */
export type Row = { readonly name: string; readonly title: string; readonly rounds: Figures[] }
export type Section = { readonly workload: Pick<Workload, 'name' | 'title' | 'kind'>; readonly rows: readonly Row[] }

export type Report = {
  readonly at: string
  readonly machine: string
  readonly versions: string
  readonly command: string
  readonly rounds: number
  readonly sections: readonly Section[]
}

export function machine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`
}

/** How often ours is as fast as this one: the median of what the rounds say. `undefined` where it cannot be said. */
export function ratio(ours: Row | undefined, row: Row, kind: Workload['kind']): number | undefined {
  const byLatency = kind === 'idle' || kind === 'arrivals'
  const ratios = row.rounds.flatMap((theirs, round) => {
    const own = ours?.rounds[round]
    const [a, b] = byLatency ? [theirs.p50Ms, own?.p50Ms] : [own?.perSecond, theirs.perSecond]
    return a === undefined || b === undefined ? [] : [a / b]
  })
  return ratios.length === 0 ? undefined : median(ratios)
}

type Column = { readonly head: string; readonly of: (figures: Figures) => number | undefined; readonly digits: number }

const COLUMNS: readonly Column[] = [
  { head: 'sagas/s', of: (one) => one.perSecond, digits: 0 },
  { head: 'p50 ms', of: (one) => one.p50Ms, digits: 0 },
  { head: 'p99 ms', of: (one) => one.p99Ms, digits: 0 },
  { head: 'CPU ms, Node', of: (one) => one.nodeCpuMs, digits: 2 },
  { head: 'CPU ms, Postgres', of: (one) => one.postgresCpuMs, digits: 2 },
  { head: 'commits', of: (one) => one.commits, digits: 2 },
  { head: 'statements', of: (one) => one.statements, digits: 1 },
  { head: 'WAL kB', of: (one) => (one.walBytes === undefined ? undefined : one.walBytes / 1_024), digits: 1 },
  { head: 'dead tuples', of: (one) => one.deadTuples, digits: 1 },
]

export function markdown({ sections, at, machine: where, versions, command, rounds }: Report): string {
  const lines = [`Measured on ${at.slice(0, 10)}: ${where}; ${versions}. \`${command}\`, ${rounds} interleaved rounds.`]
  for (const { workload, rows } of sections) {
    lines.push('', `**${workload.title}**`, '', ...table(workload.kind, rows))
  }
  return lines.join('\n')
}

function table(kind: Workload['kind'], rows: readonly Row[]): readonly string[] {
  // A column that nobody has a figure for says nothing.
  const columns = COLUMNS.filter(({ of }) => rows.some(({ rounds }) => rounds.some((one) => of(one) !== undefined)))
  const ours = rows[0]
  const lines = rows.map((row) => {
    const times = ratio(ours, row, kind)
    const cells = columns.map(({ of, digits }) => {
      const values = row.rounds.flatMap((one) => of(one) ?? [])
      return values.length === 0 ? '' : median(values).toFixed(digits)
    })
    return `| ${[row.title, times?.toFixed(2) ?? '', ...cells].join(' | ')} |`
  })
  const heads = ['', 'ours is faster by', ...columns.map(({ head }) => head)]
  return [`| ${heads.join(' | ')} |`, `|${'---|'.repeat(heads.length)}`, ...lines]
}

export function writeJson(path: string, report: unknown): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`)
}

/** Replaces what stands between the markers `<!-- name -->` and `<!-- /name -->` of a page. */
export function writeBetween(path: string, name: string, text: string): void {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const page = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const [from, to] = [page.indexOf(open), page.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`${path} has no place between ${open} and ${close}.`)
  writeFileSync(path, `${page.slice(0, from + open.length)}\n${text}\n${page.slice(to)}`)
}
