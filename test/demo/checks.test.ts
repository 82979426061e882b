import { describe, expect, test } from 'vitest'
import { checkAll } from '../../demo/checks.ts'
import type { Facts } from '../../demo/facts.ts'
import { faultOf } from '../../demo/faults.ts'
import { endings, needsYou } from '../../demo/report.ts'

const [SHIPPED, UNSHIPPABLE, OUT_OF_STOCK, REFUND_DOWN] = [10248, 10277, 10249, 10263] as const

const none = { reason: null, failedStep: null, error: null, deadStep: null, deadError: null }

/** Four orders, one for each way to end, and everything fits. */
const facts: Facts = {
  orders: [
    { id: SHIPPED, customerId: 'A', totalCents: 1050, status: 'fulfilled' },
    { id: UNSHIPPABLE, customerId: 'A', totalCents: 2000, status: 'cancelled' },
    { id: OUT_OF_STOCK, customerId: 'B', totalCents: 3000, status: 'cancelled' },
    { id: REFUND_DOWN, customerId: 'B', totalCents: 4000, status: 'needs_a_person' },
  ],
  lines: [
    { orderId: SHIPPED, productId: 1, pieces: 3 },
    { orderId: SHIPPED, productId: 2, pieces: 4 },
    { orderId: UNSHIPPABLE, productId: 1, pieces: 5 },
    { orderId: OUT_OF_STOCK, productId: 2, pieces: 500 },
    { orderId: REFUND_DOWN, productId: 2, pieces: 6 },
  ],
  sagas: [
    { id: 'a', orderId: SHIPPED, status: 'completed', ...none, steps: { 'reserve-stock': 'completed' } },
    {
      id: 'b',
      orderId: UNSHIPPABLE,
      status: 'compensated',
      ...none,
      failedStep: 'find-carrier',
      error: 'No carrier goes there.',
      steps: { 'reserve-stock': 'compensated', 'charge-card': 'compensated', 'find-carrier': 'failed' },
    },
    {
      id: 'c',
      orderId: OUT_OF_STOCK,
      status: 'compensated',
      ...none,
      failedStep: 'reserve-stock',
      error: 'Out of stock: Chang.',
      steps: { 'reserve-stock': 'failed' },
    },
    {
      id: 'd',
      orderId: REFUND_DOWN,
      status: 'dead_lettered',
      ...none,
      reason: 'compensation_exhausted',
      failedStep: 'find-carrier',
      error: 'No carrier goes there.',
      deadStep: 'charge-card',
      deadError: '503: The refund desk is closed.',
      steps: { 'reserve-stock': 'compensated', 'charge-card': 'compensation_failed', 'find-carrier': 'failed' },
    },
  ],
  products: [
    { id: 1, openedWith: 100, inStock: 97 },
    { id: 2, openedWith: 100, inStock: 96 },
  ],
  movements: [
    { orderId: SHIPPED, productId: 1, kind: 'reserved', pieces: 3 },
    { orderId: SHIPPED, productId: 2, kind: 'reserved', pieces: 4 },
    { orderId: UNSHIPPABLE, productId: 1, kind: 'reserved', pieces: 5 },
    { orderId: UNSHIPPABLE, productId: 1, kind: 'released', pieces: 5 },
    { orderId: REFUND_DOWN, productId: 2, kind: 'reserved', pieces: 6 },
    { orderId: REFUND_DOWN, productId: 2, kind: 'released', pieces: 6 },
  ],
  bonusAccounts: [
    { customerId: 'A', points: 10 },
    { customerId: 'B', points: 0 },
  ],
  payment: {
    charges: [
      { chargeId: 'x', orderId: SHIPPED, amountCents: 1050, cancelled: false },
      { chargeId: 'y', orderId: UNSHIPPABLE, amountCents: 2000, cancelled: true },
      { chargeId: 'z', orderId: REFUND_DOWN, amountCents: 4000, cancelled: false },
    ],
    invoices: [{ invoiceId: 'i', orderId: SHIPPED }],
    repeated: 0,
    refused: 0,
  },
  shipping: { shipments: [{ trackingNumber: 't', orderId: SHIPPED, cancelled: false }], repeated: 0 },
  interrupted: 1,
  bestSecond: 4,
}

function brokenClaims(changed: Facts): readonly string[] {
  return checkAll(changed, 4).flatMap(({ claim, holds }) => (holds ? [] : [claim]))
}

const { orders, sagas, products, movements, bonusAccounts, payment, shipping } = facts
const [shipped, unshippable, , refundDown] = sagas
const [firstCharge] = payment.charges
if (!shipped || !unshippable || !refundDown || !firstCharge) throw new Error('The facts are not complete.')

const others = (without: (typeof sagas)[number]) => sagas.filter((saga) => saga !== without)

describe('the checks of the demo', () => {
  test('hold where everything fits', () => {
    expect(faultOf(UNSHIPPABLE)).toBe('address_unknown')
    expect(brokenClaims(facts)).toEqual([])
  })

  test.each<readonly [string, Facts, string]>([
    [
      'an order has no saga',
      { ...facts, orders: [...orders, { id: 1, customerId: 'A', totalCents: 1, status: 'placed' }] },
      'Each order has one saga',
    ],
    ['an order has two sagas', { ...facts, sagas: [...sagas, { ...shipped, id: 'e' }] }, 'Each order has one saga'],
    [
      'a saga goes on',
      { ...facts, sagas: [...others(shipped), { ...shipped, status: 'running' }] },
      'Every saga is at rest',
    ],
    [
      'an order says something else than its saga',
      { ...facts, orders: orders.map((order) => ({ ...order, status: 'fulfilled' })) },
      'Orders say what their sagas say',
    ],
    [
      'a piece is gone from the shelves',
      { ...facts, products: products.map((product) => ({ ...product, inStock: product.inStock - 1 })) },
      'Stock is conserved',
    ],
    [
      'what one product lacks another has too much of',
      {
        ...facts,
        products: [
          { id: 1, openedWith: 100, inStock: 96 },
          { id: 2, openedWith: 100, inStock: 97 },
        ],
      },
      'Stock is conserved',
    ],
    [
      'a reservation was made twice',
      { ...facts, movements: [...movements, ...movements.slice(0, 1)] },
      'Transactional effects happened once',
    ],
    ['a release is missing', { ...facts, movements: movements.slice(0, -1) }, 'Transactional effects happened once'],
    [
      'points were credited twice',
      { ...facts, bonusAccounts: bonusAccounts.map((account) => ({ ...account, points: account.points * 2 })) },
      'Transactional effects happened once',
    ],
    [
      'a card was charged twice',
      { ...facts, payment: { ...payment, charges: [...payment.charges, { ...firstCharge, chargeId: 'again' }] } },
      'No card was charged twice',
    ],
    [
      'a charge has neither shipment nor refund',
      {
        ...facts,
        payment: { ...payment, charges: payment.charges.map((charge) => ({ ...charge, cancelled: false })) },
      },
      'Each charge has a shipment or a refund, or its saga is a dead letter',
    ],
    [
      'a parcel was sent that nobody pays for',
      {
        ...facts,
        shipping: {
          ...shipping,
          shipments: [...shipping.shipments, { trackingNumber: 'u', orderId: UNSHIPPABLE, cancelled: false }],
        },
      },
      'Each shipment is paid for and each completed order invoiced, once',
    ],
    [
      'an invoice is missing',
      { ...facts, payment: { ...payment, invoices: [] } },
      'Each shipment is paid for and each completed order invoiced, once',
    ],
    [
      'a saga was undone because the provider was away',
      {
        ...facts,
        sagas: [...others(unshippable), { ...unshippable, failedStep: 'charge-card', error: 'charges: ECONNREFUSED' }],
      },
      'Nothing was undone but what was refused',
    ],
    [
      'a saga needs a person for another reason than planned',
      { ...facts, sagas: [...others(refundDown), { ...refundDown, reason: 'late_effect' }] },
      'A person is needed exactly where something failed for good',
    ],
  ])('notice that %s', (_what, changed, claim) => {
    expect(brokenClaims(changed)).toContain(claim)
  })

  test('notice that a planned dead letter is none', () => {
    const undone = { ...refundDown, status: 'compensated' as const, reason: null }
    expect(brokenClaims({ ...facts, sagas: [...others(refundDown), undone] })).toContain(
      'A person is needed exactly where something failed for good',
    )
  })
})

describe('the last page of the demo', () => {
  test('counts how the orders ended, by reason', () => {
    expect(
      endings(facts, 2_000)
        .split('\n')
        .map((line) => line.trim().replace(/ {2,}/g, ': ')),
    ).toEqual([
      'completed: 1',
      'compensated: 2',
      'no carrier: 1',
      'out of stock: 1',
      'dead-lettered: 1',
      'compensation_exhausted: 1',
      'orders per second: 2',
      'in the best second: 4',
    ])
  })

  test('lists what needs a person, with the address to go to', () => {
    expect(needsYou(facts, 'http://127.0.0.1:1')).toBe(
      [
        '1 saga needs you: http://127.0.0.1:1',
        ' order 10263  compensation_exhausted: the other steps are undone, charge-card could not be',
        '     503: The refund desk is closed.',
      ].join('\n'),
    )
  })
})
