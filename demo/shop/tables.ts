/** The shop's own tables, beside the engine's, in the same database. */
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { bigserial, boolean, integer, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'

export const product = pgTable('product', {
  id: integer().primaryKey(),
  name: text().notNull(),
  openedWith: integer('opened_with').notNull(),
  inStock: integer('in_stock').notNull(),
})

export const orders = pgTable('orders', {
  id: integer().primaryKey(),
  customerId: text('customer_id').notNull(),
  totalCents: integer('total_cents').notNull(),
  status: text({ enum: ['placed', 'fulfilled', 'cancelled', 'needs_a_person'] }).notNull(),
})

export const orderLine = pgTable(
  'order_line',
  {
    orderId: integer('order_id').notNull(),
    productId: integer('product_id').notNull(),
    pieces: integer().notNull(),
    unitCents: integer('unit_cents').notNull(),
    discount: numeric().notNull(),
  },
  (table) => [primaryKey({ columns: [table.orderId, table.productId] })],
)

/** One row for every change of stock. Nothing keeps a row from being there twice: the checks would find it. */
export const stockMovement = pgTable('stock_movement', {
  id: bigserial({ mode: 'number' }).primaryKey(),
  orderId: integer('order_id').notNull(),
  productId: integer('product_id').notNull(),
  kind: text({ enum: ['reserved', 'released'] }).notNull(),
  pieces: integer().notNull(),
})

/** A point for each unit of currency that a customer has spent. */
export const bonusAccount = pgTable('bonus_account', {
  customerId: text('customer_id').primaryKey(),
  points: integer().notNull(),
  frozen: boolean().notNull(),
})

/** The same in SQL. */
export const TABLES = `
  create table product (
    id integer primary key, name text not null, opened_with integer not null,
    in_stock integer not null check (in_stock >= 0)
  );
  create table orders (
    id integer primary key, customer_id text not null, total_cents integer not null, status text not null
  );
  create table order_line (
    order_id integer not null references orders, product_id integer not null references product,
    pieces integer not null, unit_cents integer not null, discount numeric not null,
    primary key (order_id, product_id)
  );
  create table stock_movement (
    id bigserial primary key, order_id integer not null, product_id integer not null, kind text not null,
    pieces integer not null
  );
  create table bonus_account (customer_id text primary key, points integer not null, frozen boolean not null);
`

export type ShopDatabase = NodePgDatabase<Record<string, never>>
/** What steps and hooks are given as `tx`. */
export type ShopTx = Parameters<Parameters<ShopDatabase['transaction']>[0]>[0]
