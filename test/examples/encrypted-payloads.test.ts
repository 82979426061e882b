import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/08-encrypted-payloads.ts'
import { Unreadable } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the clinic', () => {
  let database: TestDatabase
  let ran: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ran = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('treats its patients as without encryption', () => {
    expect(ran.log).toEqual(['admits Ada'])
    expect(ran.outcome).toMatchObject({ status: 'completed', results: { bill: 'an invoice for a bed for Ada' } })
    expect(ran.clinic).toEqual({ patient: 'Ada' })
  })

  test('is the only one that can read of them, for as long as there is the key', () => {
    expect(ran.withoutKey).toEqual(new Unreadable('CODEC_MISSING'))
    expect(ran.shredded).toEqual(new Unreadable('CODEC_FAILED'))
    expect(ran.erased).toMatchObject({ status: 'completed', erased: true, input: new Unreadable('PAYLOAD_ERASED') })
  })

  test('leaves no name in the database, and breaks no rule', async () => {
    const { rows } = await database.pool.query('select json_agg(e)::text as all from saga.saga_event e')
    expect(rows[0].all).not.toContain('Ada"')
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
