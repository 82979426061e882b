/**
 * A ferry: who comes first, how many at once, one at a time for each customer, and by when.
 *
 *     npx node examples/04-limits.ts
 */
import { z } from 'zod'
import { createSagaEngine, migrate, SagaError, StepNotApplied, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const Trip = z.object({ customer: z.string(), lorry: z.string(), hasPapers: z.boolean().default(true) })

type Port = { services: { log: string[]; loading: number; mostLoading: number }; tx: unknown }

const ship = sagasFor<Port>()('ship', {
  version: 1,
  input: Trip,
  // One lorry of a customer at a time: the next ones wait in line.
  concurrency: { key: ({ customer }) => `customer:${customer}` },
  // On the other side or back home within a day. The last two hours are kept for going back.
  deadline: '1 day',
  timeForUndo: '2h',
})
  .step('load', {
    // The ramp takes two, however many workers there are.
    maxConcurrent: 2,
    action: async ({ input, services }) => {
      services.loading += 1
      services.mostLoading = Math.max(services.mostLoading, services.loading)
      await new Promise((resolve) => setTimeout(resolve, 20))
      services.loading -= 1
      services.log.push(`${input.lorry} loaded`)
    },
    compensation: ({ input, services }) => void services.log.push(`${input.lorry} unloaded`),
  })
  .step('clear', {
    action: ({ input }) => {
      if (!input.hasPapers) throw new StepNotApplied('The papers are not there yet.')
    },
    retry: { maxAttempts: 1_000, backoff: 'fixed', initialInterval: '50ms' },
  })
  .step('cross', { action: ({ input, services }) => void services.log.push(`${input.lorry} crossed`) })

/** Ships some lorries. @returns what happened, in order. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const services = { log: [] as string[], loading: 0, mostLoading: 0 }
  await migrate({ connectionString })
  const engine = createSagaEngine({ connectionString, definitions: [ship], services })

  // All of this waits, for no worker has been started yet.
  const ids: string[] = []
  const start = async (trip: z.input<typeof Trip>, options: Parameters<typeof engine.enqueue>[2] = {}) =>
    void ids.push((await engine.enqueue(ship, trip, options)).id)
  for (const customer of ['Ada', 'Bert', 'Cleo', 'Dora']) await start({ customer, lorry: `${customer} 1` })
  await start({ customer: 'Ada', lorry: 'Ada 2' })
  // Fish does not wait behind furniture.
  await start({ customer: 'Finn', lorry: 'fish' }, { priority: 10 })
  // This one has to be home two hours and two seconds from now: it turns after two seconds, for its papers do not come.
  const deadlineAt = new Date(Date.now() + 2 * 60 * 60 * 1000 + 2_000)
  await start({ customer: 'Gus', lorry: 'Gus 1', hasPapers: false }, { deadlineAt })

  await engine.start()
  try {
    // This one would rather not wait for the other lorry of its customer.
    const refused = await engine.enqueue(ship, { customer: 'Gus', lorry: 'Gus 2' }, { whenBusy: 'refuse' }).then(
      () => 'started',
      (error: unknown) => (error instanceof SagaError ? error.code : 'something else'),
    )
    const outcomes = []
    for (const id of ids) outcomes.push((await engine.outcome(id)).status)
    for (const line of services.log) say(line)
    say(`At most ${services.mostLoading} were loaded at once. The second lorry of Gus: ${refused}.`)
    return { log: services.log, mostLoading: services.mostLoading, outcomes, refused }
  } finally {
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
