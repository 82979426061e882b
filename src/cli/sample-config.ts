/** What `pg-saga init` writes, and what `pg-saga dev` works with where there is no config file. */
export const SAMPLE_CONFIG = `import { sagasFor, StepRejected } from 'pg-saga'
import { defineConfig } from 'pg-saga/cli'
import { z } from 'zod'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()

/** A sample: every third trip finds no hotel, and its flight is cancelled again. */
const trip = defineSaga('trip', { version: 1, input: z.object({ traveller: z.string(), nr: z.int() }) })
  .step('book-flight', {
    action: ({ input }) => ({ flight: \`FL-\${input.nr}\` }),
    compensation: ({ result }) => console.log(\`cancelled \${result?.flight}\`),
  })
  .step('book-hotel', {
    action: ({ input }) => {
      if (input.nr % 3 === 0) throw new StepRejected('The hotel is full.', { code: 'HOTEL_FULL' })
      return { room: input.nr }
    },
    compensation: () => {},
  })
  .step('send-itinerary', { action: ({ input }) => \`sent to \${input.traveller}\` })

export default defineConfig({
  definitions: [trip],
  // connectionString: process.env.DATABASE_URL,
})
`
