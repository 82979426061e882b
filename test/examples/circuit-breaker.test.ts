import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/07-circuit-breaker.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the newsletter', () => {
  let database: TestDatabase
  let ran: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ran = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('is held by its breaker, which says why', () => {
    expect(ran.hold).toMatchObject({ step: 'send', side: 'action', actor: 'breaker', release: null })
    expect(ran.hold.reason).toMatch(/^\d+ failures in a row, the last one StepNotApplied \(MAILER_DOWN\)$/)
  })

  test('is sent to everybody in the end, and few calls were made in vain', () => {
    expect(ran.outcomes).toEqual(Array.from({ length: 20 }, () => 'completed'))
    expect(ran.calls - 20).toBeLessThan(20)
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
