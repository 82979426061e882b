/**
 * The saga of an order: reserve the stock → charge the card → find a carrier → ship (pivot) → send the invoice.
 *
 * Until the parcel is handed over everything can be undone; from then on there is only forward.
 */
import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { StepRejected, sagasFor } from '../../src/index.ts'
import type { Payments, Shipping } from '../providers/clients.ts'
import { bonusAccount, orderLine, orders, product, type ShopTx, stockMovement } from './tables.ts'

export type Shop = { services: { payments: Payments; shipping: Shipping }; tx: ShopTx }

const OrderPlaced = z.object({
  orderId: z.int(),
  customerId: z.string(),
  customer: z.string(),
  totalCents: z.int().positive(),
  city: z.string(),
  country: z.string(),
})

/** Both outlast an outage of ten seconds: sixteen attempts take at least twelve, and so do thirteen a second apart. */
const REFUND = { maxAttempts: 13, backoff: 'fixed', initialInterval: '1s' } as const
const PATIENT = { maxAttempts: 16, backoff: 'exponential', initialInterval: '250ms', maxInterval: '2s' } as const
const BRIEF = { maxAttempts: 4, backoff: 'exponential', initialInterval: '250ms', maxInterval: '1s' } as const

export const fulfilOrder = sagasFor<Shop>()('fulfil-order', { version: 1, input: OrderPlaced })
  .transactionalStep('reserve-stock', {
    action: ({ input, tx }) => reserve(tx, input.orderId),
    compensation: ({ input, tx }) => release(tx, input.orderId),
  })
  .step('charge-card', {
    action: ({ input, services, idempotencyKey, signal }) =>
      services.payments.charge(input.orderId, input.totalCents, { idempotencyKey, signal }),
    compensation: {
      // By the charge's key: this works whether or not the charge has arrived, and keeps it from arriving later.
      run: ({ action, services, idempotencyKey, signal }) =>
        services.payments.cancel(action.idempotencyKey, { idempotencyKey, signal }),
      retry: REFUND,
    },
    retry: PATIENT,
    timeout: '5s',
  })
  .step('find-carrier', {
    action: ({ input, services, idempotencyKey, signal }) =>
      services.shipping.findCarrier(input.orderId, addressOf(input), { idempotencyKey, signal }),
    retry: BRIEF,
    timeout: '5s',
    // That nobody can answer is no reason to send a customer away who has paid: a person decides.
    whenExhausted: 'dead_letter',
  })
  .step('create-shipment', {
    action: ({ input, results, services, idempotencyKey, signal }) => {
      const { carrier } = results['find-carrier']
      return services.shipping.ship(input.orderId, carrier, addressOf(input), { idempotencyKey, signal })
    },
    // Never runs by itself, this being the pivot: only when an operator orders it.
    compensation: ({ action, services, idempotencyKey, signal }) =>
      services.shipping.cancel(action.idempotencyKey, { idempotencyKey, signal }),
    retry: BRIEF,
    timeout: '5s',
  })
  .pivot()
  .step('send-invoice', {
    action: ({ input, results, services, idempotencyKey, signal }) =>
      services.payments.invoice(input.orderId, results['charge-card'].chargeId, { idempotencyKey, signal }),
    retry: PATIENT,
    timeout: '5s',
  })
  .onCompleted({ run: ({ input, tx }) => fulfil(tx, input), retry: BRIEF })
  .onCompensated(({ input, tx }) => mark(tx, input.orderId, 'cancelled'))
  .onDeadLettered(({ input, tx }) => mark(tx, input.orderId, 'needs_a_person'))
  .onResolved(({ input, tx, resolvedAs }) =>
    mark(tx, input.orderId, resolvedAs === 'completed' ? 'fulfilled' : 'cancelled'),
  )

function addressOf({ city, country }: z.infer<typeof OrderPlaced>): string {
  return `${city}, ${country}`
}

async function reserve(tx: ShopTx, orderId: number): Promise<{ lines: number; pieces: number }> {
  const lines = await lockShelves(tx, orderId)
  const short = lines.filter(({ pieces, inStock }) => inStock < pieces)
  if (short.length > 0) throw new StepRejected(`Out of stock: ${short.map(({ name }) => name).join(', ')}.`)
  await move(tx, orderId, 'reserved')
  return { lines: lines.length, pieces: lines.reduce((total, line) => total + line.pieces, 0) }
}

async function release(tx: ShopTx, orderId: number): Promise<void> {
  await lockShelves(tx, orderId)
  await move(tx, orderId, 'released')
}

/** The order's lines with what is in stock. Everybody locks in the same order, so that nobody waits in a circle. */
async function lockShelves(tx: ShopTx, orderId: number) {
  return tx
    .select({ name: product.name, inStock: product.inStock, pieces: orderLine.pieces })
    .from(product)
    .innerJoin(orderLine, eq(orderLine.productId, product.id))
    .where(eq(orderLine.orderId, orderId))
    .orderBy(product.id)
    .for('no key update', { of: product })
}

/** One statement changes the shelves and writes down what it changed. */
async function move(tx: ShopTx, orderId: number, kind: 'reserved' | 'released'): Promise<void> {
  const change = kind === 'reserved' ? sql`in_stock - pieces` : sql`in_stock + pieces`
  await tx.execute(sql`
    with line as (select product_id, pieces from ${orderLine} where order_id = ${orderId}),
    moved as (update ${product} set in_stock = ${change} from line where product_id = id returning id, pieces)
    insert into ${stockMovement} (order_id, product_id, kind, pieces)
    select ${orderId}, id, ${kind}, pieces from moved`)
}

async function fulfil(tx: ShopTx, order: z.infer<typeof OrderPlaced>): Promise<void> {
  await mark(tx, order.orderId, 'fulfilled')
  const credited = await tx
    .update(bonusAccount)
    .set({ points: sql`${bonusAccount.points} + ${bonusPoints(order.totalCents)}` })
    .where(and(eq(bonusAccount.customerId, order.customerId), eq(bonusAccount.frozen, false)))
    .returning()
  if (credited.length === 0) throw new Error(`The bonus account of ${order.customer} is frozen.`)
}

export function bonusPoints(totalCents: number): number {
  return Math.floor(totalCents / 100)
}

async function mark(tx: ShopTx, orderId: number, status: 'fulfilled' | 'cancelled' | 'needs_a_person'): Promise<void> {
  await tx.update(orders).set({ status }).where(eq(orders.id, orderId))
}
