/** The sagas of `pg-saga dev` where there is no config file: those that `pg-saga init` writes, and a few of them begun. */
import { z } from 'zod'
import { type SagaClient, StepRejected, sagasFor } from '../index.ts'

const TRAVELLERS = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Margaret']

export const trip = sagasFor<{ services: unknown; tx: unknown }>()('trip', {
  version: 1,
  input: z.object({ traveller: z.string(), nr: z.int() }),
})
  .step('book-flight', { action: ({ input }) => ({ flight: `FL-${input.nr}` }), compensation: () => {} })
  .step('book-hotel', {
    action: ({ input }) => {
      if (input.nr % 3 === 0) throw new StepRejected('The hotel is full.', { code: 'HOTEL_FULL' })
      return { room: input.nr }
    },
    compensation: () => {},
  })
  .step('send-itinerary', { action: ({ input }) => `sent to ${input.traveller}` })

export async function beginTrips(client: SagaClient): Promise<void> {
  const items = TRAVELLERS.map((traveller, at) => ({ input: { traveller, nr: at + 1 }, key: `trip-${at + 1}` }))
  await client.enqueueMany(trip, items, { actor: 'pg-saga dev' })
}
