import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../examples/02-travel-booking.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

describe('the travel booking example', () => {
  let database: TestDatabase
  let ends: Awaited<ReturnType<typeof run>>

  beforeAll(async () => {
    database = await testDatabase()
    ends = await run(database.connectionString, () => {})
  })
  afterAll(() => database.drop())

  test('books everything, issues the ticket, and then sends the itinerary', () => {
    expect(ends[0]?.outcome).toMatchObject({
      status: 'completed',
      results: { 'book-flight': { number: 'flight-1' }, 'issue-ticket': { ticket: 'ticket-4 for flight-1' } },
    })
    expect(ends[0]?.diary).toEqual([
      'flight booked',
      'hotel booked',
      'car booked',
      'ticket booked',
      'itinerary sent to Ada: ticket-4 for flight-1',
    ])
  })

  test('cancels the hotel and then the flight where there is no car', () => {
    expect(ends[1]?.outcome).toMatchObject({
      status: 'compensated',
      failure: { step: 'book-car' },
      undone: ['book-flight', 'book-hotel'],
      notUndone: [],
    })
    expect(ends[1]?.diary).toEqual([
      'flight booked',
      'hotel booked',
      'car refused',
      'hotel cancelled',
      'flight cancelled',
    ])
  })

  test('breaks no rule', async () => {
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
