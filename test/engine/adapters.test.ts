/** Starts and transactional steps in the transactions of the libraries that apps use (rules 1 and 6). */
import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex, { type Knex } from 'knex'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  type Db,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPg,
  fromPrisma,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

/** One library: its transactions, a statement on one, and its view without one. */
type Library = {
  readonly transaction: <T>(run: (tx: Tx, db: Db) => Promise<T>) => Promise<T>
  readonly withoutTransaction: Db
}
type Tx = { readonly book: (saga: string) => Promise<unknown> }

const BOOKING = 'insert into public.booking values'

let database: TestDatabase
let knexPool: Knex
let kyselyPool: Kysely<Record<string, never>>
let prismaClient: PrismaLike

/** What `fromPrisma` asks of a Prisma client, on `pg`. */
type PrismaLike = {
  $queryRawUnsafe<T>(text: string, ...values: unknown[]): Promise<T>
  $transaction<T>(run: (tx: PrismaLike) => Promise<T>): Promise<T>
}

function prismaLike(pool: pg.Pool): PrismaLike {
  const on = (client: pg.Pool | pg.PoolClient): PrismaLike => ({
    $queryRawUnsafe: async <T>(text: string, ...values: unknown[]) => (await client.query(text, values)).rows as T,
    $transaction: async (run) => {
      const own = await pool.connect()
      await own.query('begin')
      try {
        const result = await run(on(own))
        await own.query('commit')
        return result
      } catch (error) {
        await own.query('rollback')
        throw error
      } finally {
        own.release()
      }
    },
  })
  return on(pool)
}

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query('create table public.booking (saga text not null)')
  knexPool = knex({ client: 'pg', connection: database.connectionString, pool: { min: 0, max: 5 } })
  const kyselyOwn = new pg.Pool({ connectionString: database.connectionString })
  // Its last words may come after the database is dropped.
  kyselyOwn.on('connect', (client) => client.on('error', () => {}))
  kyselyPool = new Kysely({ dialect: new PostgresDialect({ pool: kyselyOwn }) })
  prismaClient = prismaLike(database.pool)
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await knexPool.destroy()
  await kyselyPool.destroy()
  await database.drop()
})

const libraries: Readonly<Record<string, () => Library>> = {
  pg: () => ({
    transaction: async (run) => {
      const client = await database.pool.connect()
      try {
        await client.query('begin')
        const tx = { book: (saga: string) => client.query(`${BOOKING} ($1)`, [saga]) }
        const result = await run(tx, fromPg(client))
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback')
        throw error
      } finally {
        client.release()
      }
    },
    withoutTransaction: { executeSql: (text, values) => database.pool.query(text, values) },
  }),
  Drizzle: () => {
    const db = drizzle(database.pool)
    return {
      transaction: (run) =>
        db.transaction((tx) =>
          run(
            { book: (saga) => tx.execute(drizzleSql`insert into public.booking values (${saga})`) },
            fromDrizzle(tx, drizzleSql),
          ),
        ),
      withoutTransaction: fromDrizzle(db, drizzleSql),
    }
  },
  Knex: () => ({
    transaction: (run) =>
      knexPool.transaction((trx) => run({ book: async (saga) => trx('booking').insert({ saga }) }, fromKnex(trx))),
    withoutTransaction: fromKnex(knexPool),
  }),
  Kysely: () => ({
    transaction: (run) =>
      kyselyPool
        .transaction()
        .execute((trx) =>
          run(
            { book: (saga) => sql`insert into public.booking values (${saga})`.execute(trx) },
            fromKysely(trx as never),
          ),
        ),
    withoutTransaction: fromKysely(kyselyPool as never),
  }),
  'the shape of Prisma': () => ({
    transaction: (run) =>
      prismaClient.$transaction((tx) =>
        run({ book: (saga) => tx.$queryRawUnsafe(`${BOOKING} ($1)`, saga) }, fromPrisma(tx)),
      ),
    withoutTransaction: fromPrisma(prismaClient),
  }),
}

const defineSaga = sagasFor<{ services: unknown; tx: Tx }>()
const input = z.object({ note: z.string(), refuse: z.boolean().default(false) })
/** With what a library could take for its own: placeholders, quotes, braces, and arrays. */
const NOTE = `? $1 :note \\? 'a' "b" {c} [d] ’n €`

const book = defineSaga('book', { version: 1, input })
  .transactionalStep('book', {
    action: async ({ tx, sagaId, input: { note } }) => {
      await tx.book(sagaId)
      return { note, list: ['a', 'b'] }
    },
    compensation: async ({ tx, sagaId }) => {
      await tx.book(`undo ${sagaId}`)
    },
  })
  .transactionalStep('check', {
    action: async ({ tx, sagaId, input: { refuse } }) => {
      await tx.book(`check ${sagaId}`)
      if (refuse) throw new StepRejected('No.')
    },
  })

describe.each(Object.keys(libraries))('through %s', (name) => {
  const library = () => (libraries[name] as () => Library)()

  test('a start commits with the caller, and leaves nothing behind when they roll back', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { transaction } = library()
    const key = `${name}-1`
    const { id } = await transaction(async (tx, db) => {
      await tx.book(key)
      return client.enqueue(book, { note: NOTE }, { key, db, tags: ['one', 'two'] })
    })
    const rolledBack = transaction(async (_tx, db) => {
      await client.enqueueMany(book, [{ input: { note: NOTE } }, { input: { note: NOTE }, key: `${name}-2` }], { db })
      throw new Error('Changed my mind.')
    })
    await expect(rolledBack).rejects.toThrow('Changed my mind.')
    expect(await client.get(id)).toMatchObject({ key, input: { note: NOTE }, tags: ['one', 'two'] })
    expect((await client.list({ key: `${name}-2` })).sagas).toEqual([])
    const again = await transaction((_tx, db) => client.enqueue(book, { note: NOTE }, { key, db }))
    expect(again).toEqual({ id, created: false })
    const other = transaction((_tx, db) => client.enqueue(book, { note: 'another' }, { key, db }))
    await expect(other).rejects.toMatchObject({ code: 'KEY_REUSED' })
    const { rows } = await database.pool.query('select count(*)::int as n from public.booking where saga = $1', [key])
    expect(rows).toEqual([{ n: 1 }])
  })

  test('a start without a transaction is refused', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const started = client.enqueue(book, { note: NOTE }, { db: library().withoutTransaction })
    await expect(started).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' })
  })

  test('what a step writes takes effect once, and is taken back when it throws (rule 6)', async () => {
    const { transaction } = library()
    const engine = await startEngine(database.connectionString, [book], {
      transaction: ((run: Parameters<typeof transaction>[0]) => transaction(run)) as never,
    })
    const [done, undone] = await Promise.all([
      engine.enqueue(book, { note: NOTE }),
      engine.enqueue(book, { note: NOTE, refuse: true }),
    ])
    expect(await engine.outcome(done.id)).toMatchObject({
      status: 'completed',
      results: { book: { note: NOTE, list: ['a', 'b'] } },
    })
    expect((await engine.outcome(undone.id)).status).toBe('compensated')
    const { rows } = await database.pool.query<{ saga: string }>(
      'select saga from public.booking where saga like any($1) order by saga',
      [[`%${done.id}`, `%${undone.id}`]],
    )
    expect(rows.map((row) => row.saga)).toEqual(
      [done.id, `check ${done.id}`, undone.id, `undo ${undone.id}`].sort((a, b) => (a < b ? -1 : 1)),
    )
  })
})
