import { describe, expect, test } from 'vitest'
import { FaultPlan, FROZEN_CUSTOMER, faultOf, REASON_OF } from '../../demo/faults.ts'
import { openingStock, readNorthwind } from '../../demo/northwind.ts'

const { orders, products, customers } = readNorthwind()

describe('the Northwind orders', () => {
  test('are 830, with 2155 lines of 77 products for 91 customers', () => {
    const lines = orders.flatMap((order) => order.lines)
    expect([orders.length, lines.length, products.length, customers.length]).toEqual([830, 2155, 77, 91])
  })

  test('find stock for about three quarters of them', () => {
    const stock = new Map(openingStock(orders))
    const served = orders.filter((order) => {
      if (order.lines.some(({ productId, pieces }) => (stock.get(productId) ?? 0) < pieces)) return false
      for (const { productId, pieces } of order.lines) stock.set(productId, (stock.get(productId) ?? 0) - pieces)
      return true
    })
    expect(served.length / orders.length).toBeGreaterThan(0.7)
    expect(served.length / orders.length).toBeLessThan(0.85)
  })

  test('cost what their lines cost, less the discount', () => {
    // 12 × 14.00 + 10 × 9.80 + 5 × 34.80
    expect(orders[0]).toMatchObject({ id: 10248, totalCents: 440_00, country: 'France' })
  })
})

describe('the plan of faults', () => {
  const needing = orders.filter((order) => {
    const fault = faultOf(order.id)
    return (fault !== undefined && REASON_OF[fault] !== undefined) || order.customer.id === FROZEN_CUSTOMER
  })

  test('meets the same orders each time', () => {
    const counts: Record<string, number> = {}
    for (const { id } of orders) {
      const fault = faultOf(id) ?? 'none'
      counts[fault] = (counts[fault] ?? 0) + 1
    }
    expect(counts).toMatchInlineSnapshot(`
      {
        "address_unknown": 13,
        "card_declined": 35,
        "carriers_down": 1,
        "charge_answer_lost": 26,
        "charge_held_up": 3,
        "invoice_refused": 1,
        "none": 749,
        "refund_down": 1,
        "shipment_unanswered": 1,
      }
    `)
  })

  test('leads to four different reasons to need a person, and the frozen account to a fifth', () => {
    const reasons = new Set(Object.values(REASON_OF))
    expect([...reasons].sort()).toEqual(['compensation_exhausted', 'forward_exhausted', 'past_pivot', 'pivot_in_doubt'])
    expect(needing).toHaveLength(5)
  })

  test('spares the one order of the customer whose account is frozen', () => {
    const own = orders.filter((order) => order.customer.id === FROZEN_CUSTOMER)
    expect(own.map((order) => faultOf(order.id))).toEqual([undefined])
  })

  test('needs persons only for orders that find stock, whoever is served first', () => {
    const last = Math.max(...needing.map((order) => order.id))
    const wanted = openingStock(orders)
    const ahead = orders.filter((order) => order.id <= last + 100).flatMap((order) => order.lines)
    const short = needing.filter((order) =>
      order.lines.some(({ productId }) => {
        const asked = ahead.filter((line) => line.productId === productId).reduce((sum, { pieces }) => sum + pieces, 0)
        return asked > (wanted.get(productId) ?? 0)
      }),
    )
    expect(short.map((order) => order.id)).toEqual([])
  })

  test('is empty once everything is repaired', () => {
    const plan = new FaultPlan()
    expect(plan.of(10263)).toBe('refund_down')
    plan.repair()
    expect(plan.of(10263)).toBeUndefined()
  })
})
