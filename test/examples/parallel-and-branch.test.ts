import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/03-parallel-and-branch.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the exhibition', () => {
  let database: TestDatabase
  let ends: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ends = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('is announced with what all its halls show, and opens where the city lets it', () => {
    expect(ends[0]?.outcome).toMatchObject({
      status: 'completed',
      results: { announce: { works: 50, lanterns: 12 }, lanterns: { lanterns: 12 } },
    })
    expect(ends[0]?.happened.slice(-1)).toEqual(['railing checked'])
  })

  test('opens without a party where there is no permit', () => {
    expect(ends[1]?.outcome).toMatchObject({ status: 'completed', results: { announce: { works: 50, lanterns: 0 } } })
    expect(ends[1]?.happened).not.toContain('tents pitched')
  })

  test('is taken down when one hall cannot be set up, the halls last, whatever was done meanwhile', () => {
    const { outcome, happened = [] } = ends[2] ?? {}
    expect(outcome).toMatchObject({ status: 'compensated', failure: { step: 'cellar' } })
    expect(happened[0]).toBe('halls rented')
    expect(happened.at(-1)).toBe('halls given back')
    const pairs = [
      ['paintings hung', 'paintings taken down'],
      ['pedestals placed', 'pedestals removed'],
      ['sculptures placed', 'sculptures removed'],
    ] as const
    for (const [done, undone] of pairs) expect(happened.includes(undone)).toBe(happened.includes(done))
    expect(happened).not.toContain('cellar cleared')
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
