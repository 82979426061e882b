import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/04-limits.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the ferry', () => {
  let database: TestDatabase
  let port: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    port = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('never loads more than two at once, and all but one come across', () => {
    expect(port.mostLoading).toBeLessThanOrEqual(2)
    expect(port.outcomes).toEqual([...Array.from({ length: 6 }, () => 'completed'), 'compensated'])
    expect(port.log.filter((line) => line.endsWith('crossed'))).toHaveLength(6)
  })

  test('ships the second lorry of a customer after the first', () => {
    expect(port.log.indexOf('Ada 2 loaded')).toBeGreaterThan(port.log.indexOf('Ada 1 crossed'))
  })

  test('brings back in time what has no papers, and refuses what would have to wait for it', () => {
    expect(port.log).toContain('Gus 1 unloaded')
    expect(port.refused).toBe('KEY_BUSY')
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
