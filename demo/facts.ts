/** What the demo's checks are made on: the shop's tables and the sagas by SQL, the providers' ledgers by HTTP. */
import type pg from 'pg'
import type { DeadLetterReason, Status, StepStatus } from '../src/index.ts'
import type { Payments, Shipping } from './providers/clients.ts'
import type { PaymentLedger } from './providers/payment.ts'
import type { ShippingLedger } from './providers/shipping.ts'

export type SagaFact = {
  readonly id: string
  readonly orderId: number
  readonly status: Status
  readonly reason: DeadLetterReason | null
  readonly failedStep: string | null
  readonly error: string | null
  /** Where a dead letter stopped, and what happened there. */
  readonly deadStep: string | null
  readonly deadError: string | null
  /** The states of the steps that were reached. */
  readonly steps: Readonly<Partial<Record<string, StepStatus>>>
}

export type OrderFact = {
  readonly id: number
  readonly customerId: string
  readonly totalCents: number
  readonly status: 'placed' | 'fulfilled' | 'cancelled' | 'needs_a_person'
}

export type LineFact = { readonly orderId: number; readonly productId: number; readonly pieces: number }

export type Facts = {
  readonly orders: readonly OrderFact[]
  readonly lines: readonly LineFact[]
  readonly sagas: readonly SagaFact[]
  readonly products: readonly { readonly id: number; readonly openedWith: number; readonly inStock: number }[]
  readonly movements: readonly (LineFact & { readonly kind: 'reserved' | 'released' })[]
  readonly bonusAccounts: readonly { readonly customerId: string; readonly points: number }[]
  readonly payment: PaymentLedger
  readonly shipping: ShippingLedger
  /** Orders that were rolled back once, each with its saga, before they were placed. */
  readonly interrupted: number
  /** Sagas at rest in the best second. */
  readonly bestSecond: number
}

export async function collectFacts(
  pool: pg.Pool,
  payments: Payments,
  shipping: Shipping,
  interrupted: number,
): Promise<Facts> {
  const read = async <Row>(text: string) => (await pool.query(text)).rows as Row[]
  const [best] = await read<{ sagas: number }>(
    `select count(*)::int as sagas from saga.overview where finished_at is not null
     group by date_trunc('second', finished_at) order by 1 desc limit 1`,
  )
  return {
    orders: await read(
      `select id, customer_id as "customerId", total_cents as "totalCents", status from orders order by id`,
    ),
    lines: await read(`select order_id as "orderId", product_id as "productId", pieces from order_line`),
    sagas: await read(
      `select o.id, split_part(o.key, '-', 2)::int as "orderId", o.status, o.dead_reason as reason,
         o.failed_step as "failedStep", o.error_message as error,
         d.step as "deadStep", d.error_message as "deadError",
         coalesce((select jsonb_object_agg(s.step, s.state) from saga.step s where s.saga_id = o.id), '{}') as steps
       from saga.overview o left join saga.dead_letter d using (id) order by o.key`,
    ),
    products: await read(`select id, opened_with as "openedWith", in_stock as "inStock" from product order by id`),
    movements: await read(`select order_id as "orderId", product_id as "productId", kind, pieces from stock_movement`),
    bonusAccounts: await read(`select customer_id as "customerId", points from bonus_account`),
    payment: await payments.ledger(),
    shipping: await shipping.ledger(),
    interrupted,
    bestSecond: best?.sagas ?? 0,
  }
}
