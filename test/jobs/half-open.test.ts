/** Sessions of our own: what they notice of the other end, and what a worker does about it (rules 1 and 11). */
import type { Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isConnectionError } from '../../src/engine/store/db.ts'
import { type Logger, sagasFor } from '../../src/index.ts'
import { defaultTransaction } from '../../src/jobs/default-transaction.ts'
import { inTransaction, openPool, poolDb } from '../../src/jobs/pools.ts'
import { keepsItsLock } from '../../src/jobs/session-probe.ts'
import { inSessionTransaction, Session } from '../../src/jobs/sessions.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { type Line, openLine } from './line.ts'
import { refuseConnections } from './refusing.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

let database: TestDatabase
let line: Line

beforeAll(async () => {
  database = await testDatabase()
  line = await openLine(database.connectionString)
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await line.close()
  await database.drop()
})

describe('a session', () => {
  test('whose server owes an answer for too long is lost, and says so once', async () => {
    const lost: string[] = []
    const session = new Session(line.connectionString, 'half-open', {
      answerWithinMs: 100,
      onLost: (error) => lost.push(error.message),
    })
    const db = await session.db()
    await db.executeSql('select 1')
    line.goDead()
    const error = await db.executeSql('select 2').catch((reason: unknown) => reason)
    expect(isConnectionError(error)).toBe(true)
    expect(await (await session.db()).executeSql('select 3 as three')).toEqual({ rows: [{ three: 3 }] })
    expect(lost).toHaveLength(1)
    await session.close()
  })

  test('that several ask for at once opens one connection', async () => {
    const session = new Session(database.connectionString, 'asked for')
    const [one, two] = await Promise.all([session.client(), session.client()])
    expect(one).toBe(two)
    const { rows } = await database.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and application_name = 'asked for'`,
    )
    expect(rows).toHaveLength(1)
    await session.close()
    expect(isConnectionError(await session.client().catch((reason: unknown) => reason))).toBe(true)
  })

  test('can be closed on a dead line', async () => {
    const session = new Session(line.connectionString, 'half-open')
    await (await session.db()).executeSql('select 1')
    line.goDead()
    void session.db().then((db) => db.executeSql('select 2').catch(() => {}))
    await session.close()
  })

  test('whose other end is gone is noticed by the server within seconds, if that is asked for', async () => {
    const session = new Session(database.connectionString, 'owner', { noticedSoon: true })
    const { rows } = await (await session.db()).executeSql(
      `select current_setting('tcp_keepalives_idle') as idle, inet_client_addr() is null as local`,
    )
    if (rows[0]?.['local'] === false) expect(rows[0]).toMatchObject({ idle: '5' })
    await session.close()
  })

  test('tells by itself that a connection cannot be opened or is lost, whatever is said of it', async () => {
    using refusal = refuseConnections('unlucky', 2)
    const session = new Session(database.connectionString, 'unlucky')
    const refused = await session.client().catch((reason: unknown) => reason)
    expect(isConnectionError(refused)).toBe(true)
    const pool = openPool(database.connectionString, 1, 'unlucky', SILENT)
    expect(isConnectionError(await inTransaction(pool, async () => {}).catch((reason: unknown) => reason))).toBe(true)
    expect(refusal.refused).toBe(2)

    const cut = (client: pg.ClientBase) =>
      (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy(new Error('bad record mac'))
    const db = await session.db()
    const asked = db.executeSql('select pg_sleep(60)').catch((reason: unknown) => reason)
    cut(await session.client())
    expect(isConnectionError(await asked)).toBe(true)
    const failed = inTransaction(pool, async (tx) => {
      const answer = tx.executeSql('select pg_sleep(60)')
      for (const client of (pool as unknown as { _clients: pg.Client[] })._clients) cut(client)
      return answer
    }).catch((reason: unknown) => reason)
    expect(isConnectionError(await failed)).toBe(true)

    // Of a connection that lives, an error is what it says.
    const wrong = async () => (await session.db()).executeSql('select 1', 'no list' as never)
    expect(isConnectionError(await wrong().catch((reason: unknown) => reason))).toBe(false)
    await session.close()
    await pool.end()
  })

  test('throws when its COMMIT was answered with a rollback', async () => {
    const session = new Session(database.connectionString, 'aborted')
    const swallowed = inSessionTransaction(session, async (db) => {
      await db.executeSql('select 1 / 0').catch(() => {})
    })
    await expect(swallowed).rejects.toThrow('rolled back')
    await session.close()
    const pool = openPool(database.connectionString, 1, 'aborted', SILENT)
    await expect(inTransaction(pool, (db) => db.executeSql('select 1 / 0').catch(() => {}))).rejects.toThrow(
      'rolled back',
    )
    await pool.end()
  })
})

describe('a pool', () => {
  test('whose server owes an answer for too long gives that connection up, and opens another', async () => {
    const pool = openPool(line.connectionString, 1, 'half-open pool', SILENT)
    const db = poolDb(pool, 100)
    await db.executeSql('select 1')
    line.goDead()
    expect(isConnectionError(await db.executeSql('select 2').catch((reason: unknown) => reason))).toBe(true)
    expect(await db.executeSql('select 3 as three')).toEqual({ rows: [{ three: 3 }] })
    expect(pool.totalCount).toBe(1)
    await pool.end()
  })

  test('limits what the engine asks in the transaction of a step, not what the step asks', async () => {
    const pool = openPool(line.connectionString, 1, 'half-open pool', SILENT)
    const open = defaultTransaction(pool, 1, { answerWithinMs: 100 })
    const long = open(async (tx, db) => {
      await (tx as pg.ClientBase).query('select pg_sleep(0.3)')
      return db.executeSql('select 1 as one')
    })
    expect(await long).toEqual({ rows: [{ one: 1 }] })
    const cut = open(async () => line.goDead()).catch((reason: unknown) => reason)
    expect(isConnectionError(await cut)).toBe(true)
    expect(await open(async (_, db) => db.executeSql('select 2 as two'))).toEqual({ rows: [{ two: 2 }] })
    await pool.end()
  })
})

describe('the probe of sessions', () => {
  test('tells a session of its own from one that a pooler lends for a transaction', async () => {
    const backends = [new pg.Client(database.connectionString), new pg.Client(database.connectionString)]
    await Promise.all(backends.map((client) => client.connect()))
    const [one, two] = backends as [pg.Client, pg.Client]
    const on = (pick: (text: string) => pg.Client) => ({
      executeSql: async (text: string) => ({ rows: (await pick(text).query(text)).rows as Record<string, unknown>[] }),
    })
    expect(
      await keepsItsLock(
        on(() => one),
        on(() => two),
      ),
    ).toBe(true)
    // In transaction mode whoever has a transaction open has the first one, and the others get what is free.
    let isTaken = false
    const pooled = on(() => (isTaken ? two : one))
    const rival = on((text) => {
      if (text === 'begin') isTaken = true
      if (text === 'rollback') isTaken = false
      return one
    })
    expect(await keepsItsLock(pooled, rival)).toBe(false)
    await Promise.all(backends.map((client) => client.end()))
  })
})

describe('a worker', () => {
  let gate = Promise.withResolvers<void>()
  let runs = 0
  const gated = defineSaga('gated', { version: 1, input: z.object({}) }).step('wait', {
    action: async ({ attempt }) => {
      runs += 1
      await gate.promise
      return attempt
    },
    compensation: () => {},
    retry: QUICK,
    timeout: '5 minutes',
  })
  const quick = defineSaga('quick', { version: 1, input: z.object({}) }).step('run', { action: () => 'done' })

  afterEach(() => gate.resolve())

  test('whose old session lives on in the server goes on under a new id, and keeps what it runs', async () => {
    gate = Promise.withResolvers<void>()
    const engine = await startEngine(database.connectionString, [gated, quick], {
      directConnectionString: line.connectionString,
    })
    const old = engine.workerId
    const running = await engine.enqueue(gated, {})
    await until('the action runs', async () => runs === 1)
    line.goDead()
    await until('it has another name', async () => engine.workerId !== old)
    const next = await engine.enqueue(quick, {})
    expect((await engine.outcome(next.id)).status).toBe('completed')
    const { rows: workers } = await database.pool.query('select id from saga.saga_worker')
    expect(workers).toEqual([{ id: engine.workerId }])
    const { rows: claims } = await database.pool.query('select distinct worker_id from saga.saga_claim')
    expect(claims).toEqual([{ worker_id: engine.workerId }])
    gate.resolve()
    expect(await engine.outcome(running.id)).toMatchObject({ status: 'completed', results: { wait: 1 } })
    expect(runs).toBe(1)
    await until('no claim is left', async () => {
      const { rows } = await database.pool.query('select 1 from saga.saga_claim')
      return rows.length === 0
    })
  })
})
