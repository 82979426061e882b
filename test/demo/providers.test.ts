import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultPlan, faultOf } from '../../demo/faults.ts'
import { Payments, Shipping } from '../../demo/providers/clients.ts'
import { paymentProvider } from '../../demo/providers/payment.ts'
import { ProviderServer } from '../../demo/providers/server.ts'
import { shippingProvider } from '../../demo/providers/shipping.ts'
import { StepRejected } from '../../src/index.ts'

const { signal } = new AbortController()
const call = (idempotencyKey: string) => ({ idempotencyKey, signal })

describe('the payment provider', () => {
  let server: ProviderServer
  let payments: Payments

  beforeAll(async () => {
    server = await ProviderServer.open(paymentProvider(new FaultPlan()))
    payments = new Payments(server.url)
  })
  afterAll(() => server.refuse())

  test('answers a repeated request from memory', async () => {
    const first = await payments.charge(10248, 100, call('repeated'))
    expect(await payments.charge(10248, 100, call('repeated'))).toEqual(first)
    const { charges } = await payments.ledger()
    expect(charges.filter((charge) => charge.orderId === 10248)).toHaveLength(1)
  })

  test('refunds what was charged', async () => {
    await payments.charge(10250, 300, call('refunded'))
    expect(await payments.cancel('refunded', call('r'))).toEqual({ refundedCents: 300 })
    const { charges } = await payments.ledger()
    expect(charges.find((charge) => charge.orderId === 10250)?.cancelled).toBe(true)
  })

  test('takes a cancellation before its charge, and then not the charge', async () => {
    expect(await payments.cancel('early', call('r'))).toEqual({ refundedCents: 0 })
    await expect(payments.charge(10251, 100, call('early'))).rejects.toThrow(StepRejected)
  })

  test('charges although its answer is lost, and gives it to who asks again', async () => {
    const order = 10302
    expect(faultOf(order)).toBe('charge_answer_lost')
    await expect(payments.charge(order, 700, call('lost'))).rejects.toThrow('no answer within')
    expect(await payments.charge(order, 700, call('lost'))).toMatchObject({ orderId: order, amountCents: 700 })
    const { charges } = await payments.ledger()
    expect(charges.filter((charge) => charge.orderId === order)).toHaveLength(1)
  })

  test('refuses connections while it is away, and knows everything when it is back', async () => {
    await payments.charge(10254, 100, call('before'))
    await server.refuse()
    // The first request goes out on a connection that was kept, and finds it cut.
    await expect(payments.charge(10254, 100, call('before'))).rejects.toThrow()
    await expect(payments.charge(10254, 100, call('before'))).rejects.toThrow('ECONNREFUSED')
    await server.accept()
    await payments.charge(10254, 100, call('before'))
    const { charges } = await payments.ledger()
    expect(charges.filter((charge) => charge.orderId === 10254)).toHaveLength(1)
  })
})

describe('the shipping provider', () => {
  test('ships once, and says where no carrier goes', async () => {
    const server = await ProviderServer.open(shippingProvider(new FaultPlan()))
    const shipping = new Shipping(server.url)
    try {
      const first = await shipping.ship(10248, 'Speedy Express', 'Reims, France', call('parcel'))
      expect(await shipping.ship(10248, 'Speedy Express', 'Reims, France', call('parcel'))).toEqual(first)
      await expect(shipping.findCarrier(10263, 'Graz, Austria', call('nowhere'))).rejects.toThrow(StepRejected)
      expect((await shipping.ledger()).shipments).toHaveLength(1)
    } finally {
      await server.refuse()
    }
  })
})
