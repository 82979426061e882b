/**
 * A shop: another part of the app hears of its orders, by events in a pg-boss queue.
 *
 * Each event is inserted by the transaction in which it happens, so that none is told which did not happen, and none is
 * missed. A consumer gets it at least once, and in any order: the sequence says which is newer.
 *
 *     npx node examples/09-events.ts
 */
import { PgBoss } from 'pg-boss'
import { z } from 'zod'
import { createSagaEngine, type EventMessage, StepRejected, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const QUEUE = 'order-events'

const order = sagasFor<{ services: unknown; tx: unknown }>()('order', {
  version: 1,
  input: z.object({ cents: z.int() }),
})
  .step('reserve', { action: () => 'reserved', compensation: () => {} })
  .step('pay', {
    action: ({ input }) => {
      if (input.cents > 10_000) throw new StepRejected('The card is refused.', { code: 'CARD_REFUSED' })
      return 'paid'
    },
  })

/** What a page shows of an order: made of events alone. */
class OrderBoard {
  readonly orders = new Map<string, { readonly sequence: number; readonly status: string }>()
  /** As they came, repetitions included. */
  readonly heard: string[] = []

  hear({ key, sequence, status, type }: EventMessage): void {
    this.heard.push(`${key}: ${type}`)
    const name = key ?? ''
    // An older one that comes late, or comes again, changes nothing.
    if ((this.orders.get(name)?.sequence ?? 0) < sequence) this.orders.set(name, { sequence, status })
  }
}

/** @returns what the board shows when all orders are at rest. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const engine = createSagaEngine({ connectionString, definitions: [order], events: { queue: QUEUE } })
  const boss = new PgBoss({ connectionString, supervise: false, schedule: false })
  boss.on('error', (error) => say(error.message))
  const board = new OrderBoard()
  const done = Promise.withResolvers<void>()
  try {
    await engine.start()
    await boss.start()
    await boss.work<EventMessage>(QUEUE, { pollingIntervalSeconds: 0.5 }, async ([job]) => {
      if (job !== undefined) board.hear(job.data)
      const ended = [...board.orders.values()].filter(
        ({ status }) => status === 'completed' || status === 'compensated',
      )
      if (ended.length === 2) done.resolve()
      return Promise.resolve()
    })
    await engine.enqueue(order, { cents: 4_200 }, { key: 'small' })
    await engine.enqueue(order, { cents: 99_000 }, { key: 'large' })
    await done.promise
    for (const [key, { status }] of board.orders) say(`${key} is ${status}`)
    return board
  } finally {
    await boss.stop({ graceful: false })
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
