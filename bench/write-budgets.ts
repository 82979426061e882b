/** `npm run budgets`: what a saga costs now, beside what it may cost; with `--write`, it may cost that from now on. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { COUNTED, measureBudgets, readBudgets, writeBudgets } from './budgets.ts'

const { values: options } = parseArgs({
  options: { write: { type: 'boolean', default: false }, rounds: { type: 'string', default: '3' } },
})

const measured = await measureBudgets(join(import.meta.dirname, '.postgres', 'budgets'), Number(options.rounds))
const recorded = readBudgets()
for (const [name, budget] of Object.entries(measured)) {
  for (const what of COUNTED) {
    const was = recorded[name]?.[what]
    const change = was === undefined ? 'new' : `${was} before, ${(((budget[what] - was) / was) * 100).toFixed(1)} %`
    console.log(`${name}: ${what} ${Number(budget[what].toPrecision(4))} (${change})`)
  }
}
if (options.write) writeBudgets(measured)
