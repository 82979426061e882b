/**
 * The demo: 830 orders through one saga each, while a worker is killed and the payment provider goes down.
 *
 * `npm run demo` stays up, so that the sagas that need a person can be looked at in the dashboard.
 * `npm run demo -- --exit` ends after the checks, with exit code 0 only if all of them hold. `--falsify stock` (or
 * `charge`, `effects`) changes something behind the sagas' back just before the checks, to show that they notice.
 */
import { parseArgs } from 'node:util'
import { createSagaClient, migrate } from '../src/index.ts'
import { checkAll } from './checks.ts'
import { openDashboard } from './dashboard.ts'
import { openDatabase } from './database.ts'
import { collectFacts } from './facts.ts'
import { FALSIFICATIONS, falsify } from './falsify.ts'
import { FaultPlan } from './faults.ts'
import { killOneWorker, outage } from './incidents.ts'
import { readNorthwind } from './northwind.ts'
import { atRest, Progress } from './progress.ts'
import { Payments, Shipping } from './providers/clients.ts'
import { paymentProvider } from './providers/payment.ts'
import { ProviderServer } from './providers/server.ts'
import { shippingProvider } from './providers/shipping.ts'
import { endings, needsYou } from './report.ts'
import { Screen } from './screen.ts'
import { Shop } from './shop/shop.ts'
import { WorkerProcesses } from './worker-processes.ts'

const ORDERS_PER_SECOND = 70
/** At rest before the first incident: by then everybody has seen that it works. */
const WARM_UP = 60
/** On a slow machine it may take long, but not for ever. */
const PATIENCE_MS = 150_000

const { values: options } = parseArgs({ options: { exit: { type: 'boolean' }, falsify: { type: 'string' } } })
const falsification = FALSIFICATIONS.find((what) => what === options.falsify)
if (falsification !== options.falsify) {
  console.error(`--falsify takes one of ${FALSIFICATIONS.join(', ')}.`)
  process.exit(2)
}

const northwind = readNorthwind()
const screen = new Screen(northwind.orders.length)
const faults = new FaultPlan()

/** What has to be closed in the end, the last one first. */
const open: (() => Promise<unknown>)[] = []
const interruption = new AbortController()
let isStaying = false

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
try {
  const { holds, shop } = await demonstrate()
  process.exitCode = holds ? 0 : 1
  if (options.exit !== true) await stay(shop)
  await closeAll()
} catch (error) {
  // Whoever pressed Ctrl-C need not hear of what that cut short: `interrupt` ends the process.
  if (!interruption.signal.aborted) {
    process.exitCode = 1
    screen.endProgress()
    console.error(error)
    await closeAll()
  }
}

async function demonstrate(): Promise<{ holds: boolean; shop: Shop }> {
  screen.print(`pg-saga: ${northwind.orders.length} orders of Northwind, one saga each\n`)
  const { connectionString, sagas, shop } = await openShop()
  const { payment, payments, shipping, urls } = await openProviders()
  const dashboard = await openDashboard(sagas)
  open.push(() => dashboard.close())
  screen.say(`dashboard at ${dashboard.url}`)
  const workers = new WorkerProcesses({ DATABASE_URL: connectionString, ...urls })
  open.push(() => workers.stop())
  workers.listen((worker, message) => {
    if (message.type === 'trouble') screen.say(`worker ${worker.number}: ${message.message}`)
  })
  await Promise.all([workers.start(), workers.start()])
  screen.say('two worker processes started')

  const progress = new Progress(shop.pool, screen)
  open.push(() => progress.end())
  progress.start()
  const startedAt = performance.now()
  screen.say(`customers place ${ORDERS_PER_SECOND} orders a second, each in one transaction with its saga`)
  const placing = shop.place(northwind.orders, ORDERS_PER_SECOND, interruption.signal)
  await Promise.all([placing, incidents(progress, workers, shop, payment)])
  const isDone = await progress.until((counts) => atRest(counts) === northwind.orders.length, PATIENCE_MS)
  const elapsedMs = performance.now() - startedAt
  await progress.end()
  screen.say(`${isDone ? 'all at rest' : 'not all at rest'} ${(elapsedMs / 1000).toFixed(1)} s after the first order`)

  if (falsification !== undefined) await falsify(falsification, shop.pool, payments)
  const facts = await collectFacts(shop.pool, payments, shipping, shop.interrupted)
  const checks = checkAll(facts, northwind.orders.length)
  screen.print()
  for (const { claim, holds, numbers } of checks) screen.print(` ${holds ? '✓' : '✗'} ${claim}\n     ${numbers}`)
  screen.print(`\n${endings(facts, elapsedMs)}`)
  screen.print(`\n${needsYou(facts, dashboard.url)}\n`)
  return { holds: checks.every((check) => check.holds), shop }
}

async function openShop() {
  const database = await openDatabase()
  open.push(() => database.close())
  const { connectionString, description } = database
  await migrate({ connectionString })
  screen.say(`${description}; migrated`)
  const sagas = createSagaClient({ connectionString })
  open.push(() => sagas.close())
  const shop = new Shop(connectionString, sagas)
  open.push(() => shop.close())
  await shop.open(northwind)
  const lines = northwind.orders.reduce((count, order) => count + order.lines.length, 0)
  screen.say(`${northwind.products.length} products in stock, for about three quarters of ${lines} order lines`)
  return { connectionString, sagas, shop }
}

async function openProviders() {
  const payment = await ProviderServer.open(paymentProvider(faults))
  open.push(() => payment.refuse())
  const shipping = await ProviderServer.open(shippingProvider(faults))
  open.push(() => shipping.refuse())
  screen.say(`payment provider at ${payment.url}, shipping provider at ${shipping.url}`)
  const urls = { PAYMENT_URL: payment.url, SHIPPING_URL: shipping.url }
  return { payment, payments: new Payments(payment.url), shipping: new Shipping(shipping.url), urls }
}

async function incidents(
  progress: Progress,
  workers: WorkerProcesses,
  shop: Shop,
  payment: ProviderServer,
): Promise<void> {
  await progress.until((counts) => atRest(counts) >= WARM_UP, PATIENCE_MS)
  await killOneWorker(workers, shop.pool, screen)
  await outage(payment, screen, interruption.signal)
}

/** Everything is repaired now, so that what an operator orders in the dashboard works. */
async function stay(shop: Shop): Promise<never> {
  isStaying = true
  faults.repair()
  await shop.repair()
  screen.print('What had failed for good is repaired now: a retry succeeds. Ctrl-C stops everything.')
  return new Promise<never>(() => {})
}

function interrupt(): void {
  if (interruption.signal.aborted) process.exit(130)
  interruption.abort()
  screen.endProgress()
  screen.print('Stopping …')
  void closeAll().then(() => process.exit(isStaying ? process.exitCode : 130))
}

async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) {
    await close().catch((error: unknown) => console.error(error))
  }
}
