/** Sessions of our own: what they notice of the other end, and what a worker does about it (rules 1 and 11). */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isConnectionError } from '../../src/engine/store/db.ts'
import { type Logger, sagasFor } from '../../src/index.ts'
import { keepsItsLock } from '../../src/jobs/session-probe.ts'
import { inSessionTransaction, inTransaction, openPool, Session } from '../../src/jobs/sessions.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { type Line, openLine } from './line.ts'

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
