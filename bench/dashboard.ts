/**
 * `npm run bench:dashboard`: how soon each page of the dashboard comes with a million sagas stored, how long its statements
 * take and how they are planned, and what ten open dashboards cost the engine.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { migrate } from '../src/index.ts'
import { type Address, addressesIn } from './dashboard/addresses.ts'
import { countShop, fillShop } from './dashboard/filling.ts'
import { type Loads, loadPages } from './dashboard/loading.ts'
import { watched } from './dashboard/watching.ts'
import { machine, writeBetween, writeJson } from './report.ts'
import { startBenchServer } from './server.ts'

const { values: options } = parseArgs({
  options: {
    sagas: { type: 'string', default: '1000000' },
    /** Times that each page is loaded. */
    loads: { type: 'string', default: '40' },
    /** Pairs of a run without and with ten dashboards. */
    rounds: { type: 'string', default: '5' },
    /** Writes the page. */
    docs: { type: 'boolean', default: false },
  },
})
const FOLDER = import.meta.dirname
const server = await startBenchServer(join(FOLDER, '.postgres', 'data'))

try {
  const url = await server.fresh('bench_dashboard')
  await migrate({ connectionString: url })
  const stored = await fillShop(url, Number(options.sagas))
  await countShop(url)
  console.log(`stored: ${stored.sagas} sagas with ${stored.events} events`)
  const addresses = await addressesIn(url)
  const own = new pg.Client({ connectionString: url })
  await own.connect()
  const pages = await loadPages(url, own, addresses, Number(options.loads))
  await own.end()
  // Nothing of it is to be vacuumed or written out while others are measured.
  await server.drop('bench_dashboard')
  const pairs = await watched(server, Number(options.rounds))
  const text = report(stored, pages, pairs)
  console.log(`\n${text}`)
  writeJson(join(FOLDER, 'results', 'dashboard.json'), { machine: machine(), stored, pages, pairs })
  if (options.docs) writeBetween(join(FOLDER, '..', 'docs', 'performance.md'), 'dashboard', text)
} finally {
  await server.stop()
}

function report(
  { sagas, events }: { readonly sagas: number; readonly events: number },
  pages: readonly { readonly address: Address; readonly loads: Loads }[],
  pairs: readonly number[],
): string {
  const worst = (of: (loads: Loads) => number, isList?: boolean) =>
    pages
      .filter(({ address }) => isList === undefined || address.isList === isList)
      .toSorted((a, b) => of(b.loads) - of(a.loads))[0]
  const line = (what: string, of: (loads: Loads) => number, isList?: boolean) => {
    const found = worst(of, isList)
    return `| ${what} | ${found === undefined ? '–' : of(found.loads).toFixed(1)} ms | \`${found?.address.path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')}\` |`
  }
  const scanned = pages.filter(({ loads }) => loads.scanned.length > 0)
  const middle = pairs.toSorted((a, b) => a - b)[Math.floor(pairs.length / 2)]
  return [
    `With ${sagas} sagas and ${events} events stored, ${pages.length} addresses:`,
    '',
    '| the slowest | | at |',
    '|---|---|---|',
    line('list, first byte, 95th percentile', ({ p95Ms }) => p95Ms, true),
    line('list, first byte, median', ({ p50Ms }) => p50Ms, true),
    line('other page, first byte, 95th percentile', ({ p95Ms }) => p95Ms, false),
    line('statement, by the server', ({ statementMs }) => statementMs),
    '',
    `Sequential scans of \`saga\` or \`saga_event\`: ${scanned.length === 0 ? 'none' : scanned.map(({ address }) => address.path).join(', ')}.`,
    `With ten open dashboards the engine has ${middle?.toFixed(2) ?? '–'} of its throughput without (median of ${pairs.length} pairs: ${pairs.map((one) => one.toFixed(2)).join(', ')}).`,
  ].join('\n')
}
