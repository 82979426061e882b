import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { BUDGETED, COUNTED, measureBudgets, readBudgets, TOLERANCE } from '../../bench/budgets.ts'
import { locateBinaries } from '../../src/cli/postgres/binaries.ts'

const folder = mkdtempSync(join(tmpdir(), 'pg-saga-budgets-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** On a server of its own, because WAL is counted for all databases of a server together. */
describe.skipIf(!hasBinaries())('the budgets of a saga', () => {
  test('are kept: commits, statements, WAL and dead tuples have not grown by a quarter', async () => {
    const allowed = readBudgets()
    const measured = await measureBudgets(join(folder, 'data'))
    const exceeded = BUDGETED.flatMap(({ name }) =>
      COUNTED.flatMap((what) => {
        const [is, was] = [measured[name]?.[what] ?? Number.NaN, allowed[name]?.[what] ?? 0]
        return is <= was * TOLERANCE ? [] : [`${name}: ${what} ${is.toPrecision(4)} instead of ${was}`]
      }),
    )
    // Meant to be so? Then `npm run budgets -- --write` records it.
    expect(exceeded).toEqual([])
  }, 180_000)
})

function hasBinaries(): boolean {
  try {
    locateBinaries()
    return true
  } catch {
    return false
  }
}
