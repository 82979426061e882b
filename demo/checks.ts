/**
 * The demo checks itself: what the shop's tables, the sagas and the providers say must fit together.
 *
 * Each check compares two sides that were written independently of each other, and says both numbers.
 */
import type { Facts, SagaFact } from './facts.ts'
import { FROZEN_CUSTOMER, faultOf, REASON_OF } from './faults.ts'
import { bonusPoints } from './shop/fulfil-order.ts'

export type Check = { readonly claim: string; readonly holds: boolean; readonly numbers: string }

export function checkAll(facts: Facts, expectedOrders: number): readonly Check[] {
  return [
    oneSagaPerOrder(facts, expectedOrders),
    everySagaAtRest(facts),
    ordersSayWhatSagasSay(facts),
    stockConserved(facts),
    effectsOnce(facts),
    chargesFit(facts),
    chargesMatched(facts),
    shipmentsPaid(facts),
    outageUndidNothing(facts),
    onlyPlannedDeadLetters(facts),
  ]
}

function oneSagaPerOrder({ orders, sagas, interrupted }: Facts, expected: number): Check {
  const withSaga = new Set(sagas.map((saga) => saga.orderId))
  const alone = orders.filter((order) => !withSaga.has(order.id)).length
  return {
    claim: 'Each order has one saga',
    holds: orders.length === expected && sagas.length === expected && withSaga.size === expected && alone === 0,
    numbers: `${orders.length} orders, ${sagas.length} sagas; ${interrupted} transactions rolled back left neither`,
  }
}

function everySagaAtRest({ sagas }: Facts): Check {
  const live = sagas.filter(({ status }) => ['pending', 'running', 'compensating'].includes(status)).length
  return { claim: 'Every saga is at rest', holds: live === 0, numbers: `${live} of ${sagas.length} under way` }
}

function ordersSayWhatSagasSay({ orders, sagas }: Facts): Check {
  const said = { completed: 'fulfilled', compensated: 'cancelled', dead_lettered: 'needs_a_person' } as const
  const statuses = new Map(orders.map((order) => [order.id, order.status]))
  const differ = sagas.filter(({ orderId, status }) => statuses.get(orderId) !== said[status as keyof typeof said])
  const count = (status: string) => orders.filter((order) => order.status === status).length
  return {
    claim: 'Orders say what their sagas say',
    holds: differ.length === 0,
    numbers: `${count('fulfilled')} fulfilled, ${count('cancelled')} cancelled, ${count('needs_a_person')} for a person; ${differ.length} differ`,
  }
}

/** On the shelves plus what sagas hold, product by product, is what the shop opened with. */
function stockConserved({ products, lines, sagas }: Facts): Check {
  const holding = new Set(
    sagas.filter((saga) => saga.steps['reserve-stock'] === 'completed').map((saga) => saga.orderId),
  )
  const held = new Map<number, number>()
  for (const { orderId, productId, pieces } of lines) {
    if (holding.has(orderId)) held.set(productId, (held.get(productId) ?? 0) + pieces)
  }
  const off = products.filter(({ id, openedWith, inStock }) => inStock + (held.get(id) ?? 0) !== openedWith)
  const onShelves = sum(products, ({ inStock }) => inStock)
  const opened = sum(products, ({ openedWith }) => openedWith)
  return {
    claim: 'Stock is conserved',
    holds: off.length === 0 && products.length > 0,
    numbers: `${onShelves} pieces on the shelves + ${sum([...held.values()])} with orders = ${opened}; ${off.length} of ${products.length} products off`,
  }
}

/** Rows that transactional steps and hooks wrote, against the steps' states. */
function effectsOnce({ sagas, lines, movements, bonusAccounts, orders }: Facts): Check {
  const lineCount = countBy(lines, (line) => line.orderId)
  const reserved = countBy(movements, (movement) => (movement.kind === 'reserved' ? movement.orderId : 0))
  const released = countBy(movements, (movement) => (movement.kind === 'released' ? movement.orderId : 0))
  const wrong = sagas.filter(({ orderId, steps }) => {
    const state = steps['reserve-stock']
    const expected = lineCount.get(orderId) ?? 0
    const took = state === 'completed' || state === 'compensated' ? expected : 0
    const gave = state === 'compensated' ? expected : 0
    return (reserved.get(orderId) ?? 0) !== took || (released.get(orderId) ?? 0) !== gave
  })
  const completed = new Set(sagas.filter(({ status }) => status === 'completed').map(({ orderId }) => orderId))
  const earned = sum(orders, (order) => (completed.has(order.id) ? bonusPoints(order.totalCents) : 0))
  const credited = sum(bonusAccounts, (account) => account.points)
  return {
    claim: 'Transactional effects happened once',
    holds: wrong.length === 0 && earned === credited,
    numbers: `${movements.length} stock movements, ${wrong.length} orders off; ${credited} bonus points credited, ${earned} earned`,
  }
}

function chargesFit({ payment, orders }: Facts): Check {
  const totals = new Map(orders.map((order) => [order.id, order.totalCents]))
  const twice = [...countBy(payment.charges, (charge) => charge.orderId).values()].filter((count) => count > 1).length
  const wrong = payment.charges.filter((charge) => totals.get(charge.orderId) !== charge.amountCents).length
  return {
    claim: 'No card was charged twice',
    holds: twice === 0 && wrong === 0,
    numbers: `${payment.charges.length} charges, ${twice} double, ${wrong} of a wrong amount; ${payment.repeated} requests came again, ${payment.refused} after their cancellation`,
  }
}

/** Paid for is shipped or refunded, or waits for a person. */
function chargesMatched({ payment, shipping, sagas }: Facts): Check {
  const shipped = new Set(shipping.shipments.filter(({ cancelled }) => !cancelled).map(({ orderId }) => orderId))
  const dead = new Set(sagas.filter(({ status }) => status === 'dead_lettered').map(({ orderId }) => orderId))
  const refunded = payment.charges.filter(({ cancelled }) => cancelled)
  const standing = payment.charges.filter(({ cancelled }) => !cancelled)
  const unshipped = standing.filter(({ orderId }) => !shipped.has(orderId))
  const unmatched = unshipped.filter(({ orderId }) => !dead.has(orderId))
  return {
    claim: 'Each charge has a shipment or a refund, or its saga is a dead letter',
    holds: unmatched.length === 0,
    numbers: `${payment.charges.length} charges: ${standing.length - unshipped.length} shipped, ${refunded.length} refunded, ${unshipped.length - unmatched.length} dead letters, ${unmatched.length} unmatched`,
  }
}

function shipmentsPaid({ payment, shipping, sagas }: Facts): Check {
  const paid = new Set(payment.charges.filter(({ cancelled }) => !cancelled).map(({ orderId }) => orderId))
  const sent = shipping.shipments.filter(({ cancelled }) => !cancelled)
  const unpaid = sent.filter(({ orderId }) => !paid.has(orderId)).length
  const twice = [...countBy(sent, ({ orderId }) => orderId).values()].filter((count) => count > 1).length
  const invoiced = countBy(payment.invoices, (invoice) => invoice.orderId)
  const completed = sagas.filter(({ status }) => status === 'completed')
  const uninvoiced = completed.filter(({ orderId }) => invoiced.get(orderId) !== 1).length
  return {
    claim: 'Each shipment is paid for and each completed order invoiced, once',
    holds: unpaid === 0 && twice === 0 && uninvoiced === 0,
    numbers: `${sent.length} shipments, ${unpaid} unpaid, ${twice} double; ${payment.invoices.length} invoices, ${uninvoiced} missing or double`,
  }
}

/** What was undone was refused: out of stock, declined, no carrier. An outage only makes a saga wait. */
function outageUndidNothing({ sagas }: Facts): Check {
  const compensated = sagas.filter(({ status }) => status === 'compensated')
  const without = compensated.filter((saga) => refusalOf(saga) === undefined).length
  return {
    claim: 'Nothing was undone but what was refused',
    holds: without === 0,
    numbers: `${compensated.length} compensated, ${without} of them for the outage or the killed worker`,
  }
}

/** In words, why a saga was undone; `undefined` when nobody had refused anything. */
export function refusalOf({ failedStep, error, orderId }: SagaFact): string | undefined {
  const fault = faultOf(orderId)
  if (failedStep === 'reserve-stock' && error?.startsWith('Out of stock') === true) return 'out of stock'
  if (failedStep === 'charge-card' && (fault === 'card_declined' || fault === 'charge_held_up')) return 'card declined'
  if (failedStep === 'find-carrier' && fault === 'address_unknown') return 'no carrier'
  return undefined
}

/** A person is needed where a provider failed for good, for the reason that fits, and nowhere else. */
function onlyPlannedDeadLetters({ sagas, orders }: Facts): Check {
  const frozen = new Set(orders.filter((order) => order.customerId === FROZEN_CUSTOMER).map((order) => order.id))
  const planned = (orderId: number) => {
    if (frozen.has(orderId)) return 'hook'
    const fault = faultOf(orderId)
    return fault === undefined ? undefined : REASON_OF[fault]
  }
  const expected = sagas.filter(({ orderId }) => planned(orderId) !== undefined).length
  const dead = sagas.filter(({ status }) => status === 'dead_lettered')
  const unplanned = dead.filter(({ orderId, reason }) => planned(orderId) !== reason).length
  return {
    claim: 'A person is needed exactly where something failed for good',
    holds: dead.length === expected && unplanned === 0,
    numbers: `${dead.length} dead letters, ${expected} expected, ${unplanned} for another reason`,
  }
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => number): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
  return counts
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number = Number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
