/** The shipping provider: which carrier goes there, shipments, and cancellations by the shipment's key. */
import { Hono } from 'hono'
import type { FaultPlan } from '../faults.ts'
import { Keyed } from './keyed.ts'
import { fallSilent, work } from './pace.ts'

export type Shipment = { readonly trackingNumber: string; readonly orderId: number }

export type ShippingLedger = {
  readonly shipments: readonly (Shipment & { readonly cancelled: boolean })[]
  readonly repeated: number
}

const CARRIERS = ['Speedy Express', 'United Package', 'Federal Shipping'] as const

export function shippingProvider(faults: FaultPlan): Hono {
  const shipments = new Keyed<Shipment>()
  const app = new Hono()

  app.post('/carriers', async (c) => {
    const { orderId, address } = await c.req.json<{ orderId: number; address: string }>()
    const fault = faults.of(orderId)
    await work(orderId)
    if (fault === 'carriers_down') return c.json({ message: 'The list of carriers is not there.' }, 500)
    if (fault === 'address_unknown' || fault === 'refund_down') {
      return c.json({ message: `No carrier goes to ${address}.` }, 422)
    }
    return c.json({ carrier: CARRIERS[orderId % CARRIERS.length] })
  })

  app.post('/shipments', async (c) => {
    const key = c.req.header('idempotency-key')
    if (key === undefined) return c.json({ message: 'A shipment needs an Idempotency-Key.' }, 400)
    const { orderId } = await c.req.json<{ orderId: number; carrier: string; address: string }>()
    await work(orderId)
    const made = shipments.once(key, () => ({ trackingNumber: `NW${orderId}`, orderId }))
    if (made === undefined) return c.json({ message: 'This shipment was cancelled.' }, 409)
    if (faults.of(orderId) === 'shipment_unanswered') await fallSilent()
    return c.json(made, 201)
  })

  app.post('/cancellations', async (c) => {
    const { key } = await c.req.json<{ key: string }>()
    return c.json({ stopped: shipments.cancel(key) !== undefined })
  })

  app.get('/ledger', (c) =>
    c.json({ shipments: shipments.all(), repeated: shipments.repeated } satisfies ShippingLedger),
  )
  return app
}
