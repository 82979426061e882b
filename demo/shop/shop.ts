/** The shop: opens with its stock, and stores each order together with the start of its saga. */
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { fromDrizzle, type SagaClient } from '../../src/index.ts'
import { FROZEN_CUSTOMER } from '../faults.ts'
import { type Northwind, type Order, openingStock } from '../northwind.ts'
import { fulfilOrder } from './fulfil-order.ts'
import { bonusAccount, orderLine, orders, product, type ShopDatabase, type ShopTx, TABLES } from './tables.ts'

/** Every so many customers lose their connection at the last moment, and place their order again. */
const INTERRUPTED_EACH = 83

class Interrupted extends Error {}

export class Shop {
  readonly #pool: pg.Pool
  readonly #database: ShopDatabase
  readonly #sagas: SagaClient
  /** Orders that were rolled back with their saga, before they were placed again. */
  interrupted = 0
  placed = 0

  constructor(connectionString: string, sagas: SagaClient) {
    this.#pool = new pg.Pool({ connectionString, max: 8 })
    this.#pool.on('error', () => {})
    this.#database = drizzle(this.#pool)
    this.#sagas = sagas
  }

  get pool(): pg.Pool {
    return this.#pool
  }

  async open({ products, customers, orders: all }: Northwind): Promise<void> {
    await this.#pool.query(TABLES)
    const stock = openingStock(all)
    await this.#database.insert(product).values(
      products.map(({ id, name }) => {
        const pieces = stock.get(id) ?? 0
        return { id, name, openedWith: pieces, inStock: pieces }
      }),
    )
    const accounts = customers.map(({ id }) => ({ customerId: id, points: 0, frozen: id === FROZEN_CUSTOMER }))
    await this.#database.insert(bonusAccount).values(accounts)
  }

  /** Customers come one after the other, so many in a second, and don't wait for each other. */
  async place(all: readonly Order[], ordersPerSecond: number, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    const placing: Promise<void>[] = []
    for (const [index, order] of all.entries()) {
      const dueMs = startedAt + (index / ordersPerSecond) * 1000 - performance.now()
      if (dueMs > 0) await delay(dueMs, undefined, { signal })
      placing.push(this.#place(order, index % INTERRUPTED_EACH === 0))
    }
    await Promise.all(placing)
  }

  async #place(order: Order, interrupted: boolean): Promise<void> {
    if (interrupted) {
      const attempt = this.#database.transaction(async (tx) => {
        await this.#store(tx, order)
        throw new Interrupted('The customer is gone.')
      })
      await attempt.catch((error: unknown) => {
        if (!(error instanceof Interrupted)) throw error
      })
      this.interrupted += 1
    }
    await this.#database.transaction((tx) => this.#store(tx, order))
    this.placed += 1
  }

  /** One transaction: the order, its lines, and its saga; or nothing of it. */
  async #store(tx: ShopTx, order: Order): Promise<void> {
    const { id: orderId, customer, totalCents, city, country, lines } = order
    await tx.insert(orders).values({ id: orderId, customerId: customer.id, totalCents, status: 'placed' })
    await tx.insert(orderLine).values(lines.map((line) => ({ ...line, orderId, discount: String(line.discount) })))
    const input = { orderId, customerId: customer.id, customer: customer.name, totalCents, city, country }
    await this.#sagas.enqueue(fulfilOrder, input, { key: `order-${orderId}`, db: fromDrizzle(tx, sql) })
  }

  /** What was broken on the shop's own side works again. */
  async repair(): Promise<void> {
    await this.#database.update(bonusAccount).set({ frozen: false })
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
