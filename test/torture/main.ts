/**
 * The long form: `npm run torture -- [--seed 7] [--minutes 10] [--fault kill] [--workers 4]`.
 *
 * Prints a line a round and tables at the end. Ends with 1 when anything was not as it must be. A seed repeats the
 * schedule, the load and the operators' ideas; what the machine makes of them is its own.
 */
import { parseArgs } from 'node:util'
import { FAULTS } from './faults/all.ts'
import { figuresOf, isBroken, lineOf, tableOf } from './report.ts'
import type { RoundResult } from './round.ts'
import { torture } from './torture.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 999_999)) },
    minutes: { type: 'string', default: '10' },
    fault: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: '4' },
  },
})

const wanted = values.fault.length === 0 ? FAULTS : FAULTS.filter(({ name }) => values.fault.includes(name))
const unknown = values.fault.filter((name) => !FAULTS.some((fault) => fault.name === name))
if (unknown.length > 0) {
  console.error(`There is no fault ${unknown.join(', ')}. There are: ${FAULTS.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

console.log(`seed ${values.seed}, ${values.minutes} minutes, ${values.workers} workers`)
let isInterrupted = false
process.once('SIGINT', () => {
  isInterrupted = true
  console.log('  ends after this round; once more ends at once')
})
const results: RoundResult[] = []
for await (const result of torture({
  seed: Number(values.seed),
  faults: wanted,
  workers: Number(values.workers),
  isLong: true,
  goesOn: (elapsedMs) => !isInterrupted && elapsedMs < Number(values.minutes) * 60_000,
  notice: (text) => console.log(`  ${text}`),
})) {
  results.push(result)
  console.log(lineOf(result))
  for (const violation of result.violations) console.log(`      ${violation}`)
}
console.log(`\n${tableOf(results)}\n\n${figuresOf(results)}`)
const broken = results.filter(isBroken).length
console.log(`\n${results.length} rounds, ${broken} with violations. Again: npm run torture -- --seed ${values.seed}`)
process.exitCode = broken === 0 ? 0 : 1
