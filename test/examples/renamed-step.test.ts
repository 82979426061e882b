import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/05-renamed-step.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the library', () => {
  let database: TestDatabase
  let ran: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ran = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('is not let in with a step that has another name, unless it says so', () => {
    expect(ran.refusal).toMatchObject({
      code: 'DEFINITION_CHANGED',
      details: {
        differences: [
          `the step "fetch" stands where "take-from-shelf" stood (if it is the same one, give it formerly: ['take-from-shelf'])`,
        ],
      },
    })
  })

  test('ends old loans under their old name, and new ones under the new', () => {
    const results = { fetch: { shelf: 'B7' }, 'hand-out': 'from B7' }
    expect(ran.ends).toMatchObject([
      { outcome: { status: 'completed', results }, steps: ['reserve', 'take-from-shelf', 'hand-out'] },
      { outcome: { status: 'completed', results }, steps: ['reserve', 'fetch', 'hand-out'] },
    ])
    expect([...ran.register].sort()).toEqual([
      'Emma is fetched, key <id>:take-from-shelf',
      'Ulysses is fetched, key <id>:fetch',
    ])
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
