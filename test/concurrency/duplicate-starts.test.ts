/** Hundreds of connections that start the same saga at once: one is stored, and everybody gets its id (rule 1). */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, fromPg, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const CONNECTIONS = 200

let runs = 0
const once = sagasFor<{ services: unknown; tx: unknown }>()('once', {
  version: 1,
  input: z.object({ order: z.string() }),
}).step('charge', { action: () => void (runs += 1) })

let database: TestDatabase
let clients: pg.Client[] = []

beforeAll(async () => {
  database = await testDatabase()
  clients = Array.from({ length: CONNECTIONS }, () => {
    const client = new pg.Client({ connectionString: database.connectionString })
    client.on('error', () => {})
    return client
  })
  await Promise.all(clients.map((client) => client.connect()))
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()))
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('a start from two hundred connections at once', () => {
  test('is one start: the key is taken once, everybody gets the same id, and its step runs once', async () => {
    await startEngine(database.connectionString, [once])
    await using sagas = createSagaClient({ connectionString: database.connectionString })
    // Every tenth changes its mind: what it has started is as if it never was, unless somebody else has it too.
    const outcomes = await Promise.all(
      clients.map(async (client, number) => {
        await client.query('begin')
        const started = await sagas.enqueue(once, { order: 'A-1' }, { key: 'order-A-1', db: fromPg(client) })
        await client.query(number % 10 === 0 ? 'rollback' : 'commit')
        return { ...started, isKept: number % 10 !== 0 }
      }),
    )
    const kept = outcomes.filter(({ isKept }) => isKept)
    expect(new Set(kept.map(({ id }) => id)).size).toBe(1)
    expect(kept.filter(({ created }) => created)).toHaveLength(1)
    expect((await sagas.outcome(kept[0]?.id ?? '')).status).toBe('completed')
    const { rows } = await database.pool.query('select count(*)::int as sagas from saga.saga')
    expect(rows[0].sagas).toBe(1)
    expect(runs).toBe(1)
  })

  test('of a line has one at its front, whoever comes first', async () => {
    let running = 0
    let most = 0
    const line = sagasFor<{ services: unknown; tx: unknown }>()('line', { version: 1, input: z.object({}) }).step(
      'work',
      {
        action: async () => {
          running += 1
          most = Math.max(most, running)
          await new Promise((resolve) => setImmediate(resolve))
          running -= 1
        },
      },
    )
    await startEngine(database.connectionString, [line])
    await using sagas = createSagaClient({ connectionString: database.connectionString })
    const started = await Promise.all(
      clients.map(async (client) => {
        await client.query('begin')
        const { id } = await sagas.enqueue(line, {}, { concurrencyKey: 'account-1', db: fromPg(client) })
        await client.query('commit')
        return id
      }),
    )
    for (const id of started) expect((await sagas.outcome(id)).status).toBe('completed')
    expect(most).toBe(1)
  })
})
