/** Falsifies something that a check looks at, to show that it notices. */
import type pg from 'pg'
import type { Payments } from './providers/clients.ts'

export const FALSIFICATIONS = ['stock', 'effects', 'charge'] as const
export type Falsification = (typeof FALSIFICATIONS)[number]

export async function falsify(what: Falsification, pool: pg.Pool, payments: Payments): Promise<void> {
  if (what === 'stock') await pool.query('update product set in_stock = in_stock + 1 where id = 1')
  else if (what === 'effects') {
    await pool.query(
      `insert into stock_movement (order_id, product_id, kind, pieces)
       select order_id, product_id, kind, pieces from stock_movement limit 1`,
    )
  } else {
    const call = { idempotencyKey: 'falsified', signal: AbortSignal.timeout(5_000) }
    await payments.charge(10248, 1, call)
  }
}
