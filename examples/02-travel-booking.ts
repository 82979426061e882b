/**
 * A journey: flight → hotel → car → ticket (pivot) → itinerary.
 *
 * Until the ticket is issued every booking can be cancelled, and is, in reverse order, when a later one is refused.
 * A ticket cannot be taken back: from there on the saga only goes forward.
 *
 *     npx node examples/02-travel-booking.ts
 */
import { z } from 'zod'
import { createSagaEngine, StepRejected, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const Journey = z.object({ traveller: z.string(), to: z.string(), car: z.enum(['compact', 'cabriolet']) })

/** The companies that are booked with, in one. All of them know their bookings by the key that they came with. */
class Companies {
  /** What happened, in order. */
  readonly diary: string[] = []
  readonly #bookings = new Map<string, string>()
  readonly #cancelled = new Set<string>()

  /** The same key again is the same booking. */
  async book(what: string, key: string): Promise<{ number: string }> {
    if (this.#cancelled.has(key)) throw new StepRejected(`This ${what} was cancelled.`)
    const known = this.#bookings.get(key)
    if (known !== undefined) return { number: known }
    const number = `${what}-${this.#bookings.size + 1}`
    this.#bookings.set(key, number)
    this.diary.push(`${what} booked`)
    return { number }
  }

  async bookCar(car: string, key: string): Promise<{ number: string }> {
    if (car === 'compact') return this.book('car', key)
    this.diary.push('car refused')
    throw new StepRejected(`There is no ${car} left.`)
  }

  /** Works whether or not the booking has arrived, and keeps it from taking effect later. Twice is once. */
  async cancel(what: string, key: string): Promise<void> {
    if (this.#cancelled.has(key)) return
    this.#cancelled.add(key)
    this.diary.push(`${what} cancelled`)
  }

  async issueTicket(flight: string, key: string): Promise<{ ticket: string }> {
    const { number } = await this.book('ticket', key)
    return { ticket: `${number} for ${flight}` }
  }

  async sendItinerary(traveller: string, ticket: string, key: string): Promise<void> {
    if (this.#bookings.has(key)) return
    this.#bookings.set(key, 'sent')
    this.diary.push(`itinerary sent to ${traveller}: ${ticket}`)
  }
}

type Agency = { services: { companies: Companies }; tx: unknown }

const bookJourney = sagasFor<Agency>()('book-journey', { version: 1, input: Journey })
  .step('book-flight', {
    action: ({ services, idempotencyKey }) => services.companies.book('flight', idempotencyKey),
    compensation: ({ services, action }) => services.companies.cancel('flight', action.idempotencyKey),
  })
  .step('book-hotel', {
    action: ({ services, idempotencyKey }) => services.companies.book('hotel', idempotencyKey),
    compensation: ({ services, action }) => services.companies.cancel('hotel', action.idempotencyKey),
  })
  .step('book-car', {
    action: ({ input, services, idempotencyKey }) => services.companies.bookCar(input.car, idempotencyKey),
    compensation: ({ services, action }) => services.companies.cancel('car', action.idempotencyKey),
  })
  .step('issue-ticket', {
    action: ({ results, services, idempotencyKey }) =>
      services.companies.issueTicket(results['book-flight'].number, idempotencyKey),
  })
  .pivot()
  .step('send-itinerary', {
    action: ({ input, results, services, idempotencyKey }) =>
      services.companies.sendItinerary(input.traveller, results['issue-ticket'].ticket, idempotencyKey),
    // The ticket is issued, so this is tried for as long as it takes.
    retry: { maxAttempts: 100, maxInterval: '5m' },
  })

const JOURNEYS = [
  { traveller: 'Ada', to: 'Lisbon', car: 'compact' },
  { traveller: 'Grace', to: 'Oslo', car: 'cabriolet' },
] as const

/** Books the journeys one after the other. @returns how each ended, and what the companies wrote down. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const companies = new Companies()
  const engine = createSagaEngine({ connectionString, definitions: [bookJourney], services: { companies } })
  await engine.start()
  try {
    const ends = []
    for (const journey of JOURNEYS) {
      const { id } = await engine.enqueue(bookJourney, journey)
      const outcome = await engine.outcome(id, { definition: bookJourney })
      const diary = companies.diary.splice(0)
      ends.push({ outcome, diary })
      say(`${journey.traveller} to ${journey.to}: ${outcome.status}`)
      for (const entry of diary) say(`  ${entry}`)
    }
    return ends
  } finally {
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
