import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/09-events.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the shop', () => {
  let database: TestDatabase
  let board: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    board = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('shows what became of its orders, by events alone', () => {
    expect(board.orders.get('small')).toMatchObject({ status: 'completed' })
    expect(board.orders.get('large')).toMatchObject({ status: 'compensated' })
    const heard = ['large: saga_started', 'large: saga_turned', 'large: saga_compensated', 'small: saga_completed']
    expect(board.heard).toEqual(expect.arrayContaining(heard))
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
