import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/01-money-transfer.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the money transfer example', () => {
  let database: TestDatabase
  let ends: Awaited<ReturnType<typeof run>>
  const lines: string[] = []

  beforeAll(async () => {
    database = await testDatabase()
    ends = await run(database.connectionString, (line) => lines.push(line))
  })
  afterAll(() => database.drop())

  test('moves the money of a transfer that succeeds', () => {
    expect(ends[0]?.outcome.status).toBe('completed')
    expect(ends[0]?.accounts).toEqual([
      { owner: 'Alice', cents: 800_00 },
      { owner: 'Bob', cents: 700_00 },
      { owner: 'Charlie', cents: 750_00 },
    ])
  })

  test('undoes nothing where the money is not there', () => {
    expect(ends[1]?.outcome).toMatchObject({ status: 'compensated', failure: { step: 'debit' }, undone: [] })
    expect(ends[1]?.accounts).toEqual(ends[0]?.accounts)
  })

  test('gives the money back where a later step is refused', () => {
    expect(ends[2]?.outcome).toMatchObject({ status: 'compensated', failure: { step: 'clear' }, undone: ['debit'] })
    expect(ends[2]?.accounts).toEqual(ends[0]?.accounts)
  })

  test('holds 2250.00 after each transfer', () => {
    const totals = ends.map(({ accounts }) => accounts.reduce((total, { cents }) => total + cents, 0))
    expect(totals).toEqual([2250_00, 2250_00, 2250_00])
  })

  test('says what happened', () => {
    expect(lines).toEqual([
      '200.00 from ACC-001 to ACC-002: completed',
      '  Alice 800.00, Bob 700.00, Charlie 750.00',
      '5000.00 from ACC-002 to ACC-001: compensated',
      '  ACC-002 does not have 5000.00. Undone: nothing.',
      '  Alice 800.00, Bob 700.00, Charlie 750.00',
      '100.00 from ACC-001 to ACC-003: compensated',
      '  The clearing house has frozen ACC-003. Undone: debit.',
      '  Alice 800.00, Bob 700.00, Charlie 750.00',
    ])
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
