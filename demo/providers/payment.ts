/** The payment provider: charges, cancellations by the charge's key, invoices. */
import { Hono } from 'hono'
import type { FaultPlan } from '../faults.ts'
import { Keyed } from './keyed.ts'
import { fallSilent, work } from './pace.ts'

export type Charge = { readonly chargeId: string; readonly orderId: number; readonly amountCents: number }
export type Invoice = { readonly invoiceId: string; readonly orderId: number }

export type PaymentLedger = {
  readonly charges: readonly (Charge & { readonly cancelled: boolean })[]
  readonly invoices: readonly Invoice[]
  /** Requests that came again under the same key. */
  readonly repeated: number
  /** Charges that arrived after their cancellation. */
  readonly refused: number
}

/** A request that is held up arrives this much later, when its order has long been cancelled. */
const HELD_UP_MS = 6_000

export function paymentProvider(faults: FaultPlan): Hono {
  const charges = new Keyed<Charge>()
  const invoices = new Keyed<Invoice>()
  const orderByKey = new Map<string, number>()
  const heldUp = new Set<string>()
  const app = new Hono()

  app.post('/charges', async (c) => {
    const key = c.req.header('idempotency-key')
    if (key === undefined) return c.json({ message: 'A charge needs an Idempotency-Key.' }, 400)
    const { orderId, amountCents } = await c.req.json<{ orderId: number; amountCents: number }>()
    const charge = () =>
      charges.once(key, () => ({ chargeId: `ch_${orderId}_${charges.all().length}`, orderId, amountCents }))
    const fault = faults.of(orderId)
    orderByKey.set(key, orderId)
    await work(orderId)
    if (fault === 'charge_held_up' && !heldUp.has(key)) {
      heldUp.add(key)
      setTimeout(charge, HELD_UP_MS).unref()
      await fallSilent()
    }
    if (fault === 'card_declined' || fault === 'charge_held_up')
      return c.json({ message: 'The card was declined.' }, 402)
    const isFirst = !charges.has(key)
    const made = charge()
    if (made === undefined) return c.json({ message: 'This charge was cancelled.' }, 409)
    if (fault === 'charge_answer_lost' && isFirst) await fallSilent()
    return c.json(made, 201)
  })

  app.post('/cancellations', async (c) => {
    const { key } = await c.req.json<{ key: string }>()
    const orderId = orderByKey.get(key) ?? 0
    await work(orderId)
    if (faults.of(orderId) === 'refund_down') return c.json({ message: 'The refund desk is closed.' }, 503)
    return c.json({ refundedCents: charges.cancel(key)?.amountCents ?? 0 })
  })

  app.post('/invoices', async (c) => {
    const key = c.req.header('idempotency-key') ?? ''
    const { orderId } = await c.req.json<{ orderId: number }>()
    await work(orderId)
    if (faults.of(orderId) === 'invoice_refused') {
      return c.json({ message: 'The tax number of this customer is not valid.' }, 422)
    }
    return c.json(invoices.once(key, () => ({ invoiceId: `in_${orderId}`, orderId })) ?? {}, 201)
  })

  app.get('/ledger', (c) => {
    const { repeated, refused } = charges
    return c.json({ charges: charges.all(), invoices: invoices.all(), repeated, refused } satisfies PaymentLedger)
  })
  return app
}
