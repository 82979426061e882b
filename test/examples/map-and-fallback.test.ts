import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/06-map-and-fallback.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the mailing', () => {
  let database: TestDatabase
  let ends: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ends = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('prints each page once though the printer jams, and reports who could not be written to', () => {
    expect(ends.jams.outcome).toMatchObject({
      status: 'completed',
      results: { report: { sent: 2, returned: ['Zoe has moved away.'], pages: 4 } },
    })
    expect(ends.jams.happened.slice(0, 4)).toEqual(['page 1', 'page 2', 'page 3', 'page 4'])
    expect(ends.jams.happened.slice(4).sort()).toEqual(['letter to Ada (send[0])', 'letter to Eve (send[2])'])
  })

  test('is printed elsewhere where there is no printer', () => {
    expect(ends.gone.outcome).toMatchObject({ status: 'completed', results: { 'copy-shop': { pages: 4 } } })
    expect(ends.gone.happened[0]).toBe('printed at the copy shop')
  })

  test('is reverted in its window: those who got a letter, and what was printed', () => {
    expect(ends.reverted).toMatchObject({ status: 'compensated', undone: ['print', 'send'] })
    expect(ends.undone.slice(0, -1).sort()).toEqual(['apology to Ada', 'apology to Eve'])
    expect(ends.undone.at(-1)).toBe('4 pages shredded')
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
