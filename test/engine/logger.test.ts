/** A logger of the app's: pino fits as it is. */
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type Logger, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { until } from '../support/waiting.ts'

const order = sagasFor<{ services: unknown; tx: unknown }>()('order', { version: 1, input: z.object({}) }).step('one', {
  action: () => {},
})

describe('a logger', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())

  test('of pino is taken as it is: each line has a level, a message and what it is about', async () => {
    const lines: Record<string, unknown>[] = []
    // No wrapper in between: the compiler takes it too.
    const logger: Logger = pino(
      { level: 'debug', base: { app: 'shop' } },
      { write: (line) => lines.push(JSON.parse(line)) },
    )
    await startEngine(database.connectionString, [order], {
      logger,
      onEvent: () => {
        throw new Error('a listener of the app')
      },
    })
    await using client = createSagaClient({ connectionString: database.connectionString, logger })
    const { id } = await client.enqueue(order, {})
    expect((await client.outcome(id)).status).toBe('completed')
    const told = () => lines.find(({ msg }) => msg === 'onEvent threw')
    await until('the engine has logged', async () => told() !== undefined)
    expect(told()).toEqual({
      level: 50,
      time: expect.any(Number),
      app: 'shop',
      error: 'Error: a listener of the app',
      event: expect.any(String),
      msg: 'onEvent threw',
    })
  })

  test('of pino that has a name of ours bound to it keeps it, and lower levels can be left out', async () => {
    const lines: Record<string, unknown>[] = []
    const logger = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line)) }).child({ part: 'sagas' })
    await startEngine(database.connectionString, [order], { logger })
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and application_name like 'pg-saga%'`,
    )
    await until('a cut connection is told', async () => lines.length > 0)
    expect(
      lines.every(({ part, level, msg }) => part === 'sagas' && Number(level) >= 40 && typeof msg === 'string'),
    ).toBe(true)
  })
})
