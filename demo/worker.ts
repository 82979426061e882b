/**
 * A worker as a process of its own. Its environment says where the database and the providers are.
 *
 * It tells its parent how many steps it holds and whom it took over, and ends when its parent does.
 */
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { createSagaEngine, fromDrizzle, type WorkerEvent } from '../src/index.ts'
import { Payments, Shipping } from './providers/clients.ts'
import { fulfilOrder } from './shop/fulfil-order.ts'

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'holds'; readonly steps: number }
  | { readonly type: 'taken_over' }
  | { readonly type: 'trouble'; readonly message: string }

const {
  DATABASE_URL: connectionString = '',
  PAYMENT_URL: paymentUrl = '',
  SHIPPING_URL: shippingUrl = '',
} = process.env

const pool = new pg.Pool({ connectionString, max: 10 })
// A connection that is cut tells its listeners, also while a transaction has it; without one the process would end.
pool.on('error', () => {})
pool.on('connect', (client) => client.on('error', () => {}))
const database = drizzle(pool)

let held = 0

const engine = createSagaEngine({
  connectionString,
  definitions: [fulfilOrder],
  services: { payments: new Payments(paymentUrl), shipping: new Shipping(shippingUrl) },
  transaction: (run) => database.transaction((tx) => run(tx, fromDrizzle(tx, sql))),
  concurrency: 100,
  migrate: false,
  drainGrace: '5s',
  onEvent: follow,
  logger: {
    debug() {},
    info() {},
    warn() {},
    error: (details, message) => say({ type: 'trouble', message: `${message} ${JSON.stringify(details)}` }),
  },
})

function follow(event: WorkerEvent): void {
  if (event.type === 'taken_over') say({ type: 'taken_over' })
  if (event.type === 'fetched') held += event.jobs
  else if (event.type === 'committed') held -= event.batch.applied.filter(({ item }) => item.job !== undefined).length
  else return
  say({ type: 'holds', steps: held })
}

function say(message: WorkerMessage): void {
  // The demo may be gone, and its end of the channel not known to be closed yet.
  if (process.connected) process.send?.(message, () => {})
}

// However the demo ends, it leaves no worker behind.
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole group: the demo decides when its workers stop.
process.on('SIGINT', () => {})
process.on('message', (message) => {
  if (message !== 'stop') return
  void engine.stop().then(() => process.exit(0))
})

await engine.start()
say({ type: 'ready' })
