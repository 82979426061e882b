/** Stopping: whenever it is asked for, it comes to an end, starts nothing more and leaves nothing behind (rule 11). */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { composeEngine } from '../../src/compose/engine.ts'
import { createSagaClient, migrate, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
let runs = 0
const quick = defineSaga('quick', { version: 1, input: z.object({}) }).step('run', {
  action: () => {
    runs += 1
    return 'done'
  },
})

describe('an engine', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterEach(() => {
    runs = 0
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const sessions = async () => {
    const { rows } = await database.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and application_name like 'pg-saga%'`,
    )
    return rows.length
  }
  const workers = async () => (await database.pool.query('select 1 from saga.saga_worker')).rows.length

  test.each([0, 1, 10, 100])('that is stopped %i turns after its start began is gone', async (turns) => {
    const engine = composeEngine(
      { connectionString: database.connectionString, services: {}, definitions: [quick] },
      () => {},
    )
    const starting = engine.start().catch(() => {})
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    await engine.stop()
    await starting
    expect(await workers()).toBe(0)
    await until('its sessions are gone', async () => (await sessions()) === 0)
  })

  test('whose start failed halfway leaves no worker behind, and can be started again', async () => {
    let refused = 0
    // The owner's session is let in, the others are not.
    const engine = composeEngine(
      { connectionString: database.connectionString, services: {}, definitions: [quick], committers: 2 },
      () => {},
    )
    const connect = Object.getOwnPropertyDescriptor(pg.Client.prototype, 'connect')?.value as (
      ...args: unknown[]
    ) => Promise<pg.Client>
    pg.Client.prototype.connect = function (this: pg.Client, ...args: unknown[]) {
      const { application_name: name } = (this as unknown as { connectionParameters: { application_name: string } })
        .connectionParameters
      if (name.startsWith('pg-saga committer') && refused < 1) {
        refused += 1
        return Promise.reject(Object.assign(new Error('sorry, too many clients already'), { code: '53300' }))
      }
      return connect.apply(this, args)
    } as typeof connect
    try {
      await expect(engine.start()).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      expect(refused).toBe(1)
      expect(await workers()).toBe(0)
      await engine.start()
      expect(await workers()).toBe(1)
      const { id } = await engine.enqueue(quick, {})
      expect((await engine.outcome(id)).status).toBe('completed')
    } finally {
      Object.assign(pg.Client.prototype, { connect })
      await engine.stop()
    }
    expect(await workers()).toBe(0)
  })

  test('that is stopped while a fetch is under way runs nothing of it', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(quick, {})
    let stopping: Promise<void> | undefined
    const engine = composeEngine(
      { connectionString: database.connectionString, services: {}, definitions: [quick] },
      (point) => {
        if (point === 'fetched') stopping ??= engine.stop()
      },
    )
    await engine.start()
    await until('it is stopped', async () => stopping !== undefined)
    await stopping
    expect(runs).toBe(0)
    expect(await workers()).toBe(0)
    const { rows } = await database.pool.query(
      `select state::text, retry_count from pgboss.job where data ->> 'saga' = $1`,
      [id],
    )
    expect(rows).toEqual([{ state: 'created', retry_count: 0 }])
    const next = await startEngine(database.connectionString, [quick])
    expect((await next.outcome(id)).status).toBe('completed')
  })

  test('that is stopped while a fetch commits hands back what it fetched', async () => {
    await database.pool.query(`
      create function wait_at_commit() returns trigger language plpgsql as $$ begin
        perform pg_advisory_xact_lock_shared(7); return null; end $$;
      create constraint trigger wait_at_commit after insert on saga.saga_claim deferrable initially deferred
        for each row execute function wait_at_commit()`)
    const gatekeeper = await database.pool.connect()
    await gatekeeper.query('select pg_advisory_lock(7)')
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(quick, {})
    const engine = await startEngine(database.connectionString, [quick])
    await until('a fetch waits in its commit', async () => {
      const { rows } = await database.pool.query(
        `select 1 from pg_stat_activity where application_name = 'pg-saga fetch' and datname = current_database()
           and wait_event_type = 'Lock'`,
      )
      return rows.length === 1
    })
    const stopping = stopEngine(engine)
    // Told to stop by now: what follows are its own waits.
    await new Promise(setImmediate)
    await gatekeeper.query('select pg_advisory_unlock(7)')
    gatekeeper.release()
    await stopping
    expect(runs).toBe(0)
    expect((await database.pool.query('select 1 from saga.saga_claim')).rows).toEqual([])
    expect(await workers()).toBe(0)
    expect((await client.journal(id)).map(({ event }) => event.type)).toContain('attempt_returned')
    await database.pool.query('drop function wait_at_commit cascade')
    const next = await startEngine(database.connectionString, [quick])
    expect((await next.outcome(id)).status).toBe('completed')
    expect(runs).toBe(1)
  })

  test('does not wait for a transactional step longer than the grace period, and hands it over unharmed', async () => {
    const never = Promise.withResolvers<void>()
    let attempts = 0
    const stubborn = defineSaga('stubborn', { version: 1, input: z.object({}) }).transactionalStep('wait', {
      action: async ({ tx }) => {
        attempts += 1
        if (attempts === 1) {
          await tx.query('select pg_sleep(0)')
          await Promise.race([never.promise, tx.query('select pg_sleep(50)')])
        }
        return attempts
      },
      timeout: '1 minute',
      retry: { maxAttempts: 1 },
    })
    const engine = await startEngine(database.connectionString, [stubborn], { drainGrace: '100ms' })
    const { id } = await engine.enqueue(stubborn, {})
    await until('it runs', async () => attempts === 1)
    const beganAt = performance.now()
    await stopEngine(engine)
    // The sleep on the server takes 50 s.
    expect(performance.now() - beganAt).toBeLessThan(20_000)
    const next = await startEngine(database.connectionString, [stubborn])
    expect(await next.outcome(id)).toEqual({ status: 'completed', results: { wait: 2 } })
    const types = (await next.journal(id)).map(({ event }) => event.type)
    expect(types).toContain('attempt_returned')
    expect(types).not.toContain('attempt_lost')
  })

  test('does not wait for the maintenance of pg-boss, nor does a client, nor does a migration', async () => {
    const { connectionString } = database
    await using client = createSagaClient({ connectionString })
    const engine = await startEngine(connectionString, [quick])
    const { id } = await client.enqueue(quick, {})
    expect((await client.outcome(id)).status).toBe('completed')
    const stop = vi.spyOn(PgBoss.prototype, 'stop').mockImplementation(() => new Promise(() => {}))
    try {
      await Promise.all([stopEngine(engine), client.close(), migrate({ connectionString })])
      expect(stop).toHaveBeenCalledTimes(3)
    } finally {
      stop.mockRestore()
    }
  })

  test('does not wait for a statement that is not answered, nor does a client', async () => {
    const client = createSagaClient({ connectionString: database.connectionString })
    const engine = await startEngine(database.connectionString, [quick])
    const { id } = await client.enqueue(quick, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    const blocker = await database.pool.connect()
    await blocker.query('begin; lock table saga.saga in access exclusive mode')
    const reading = Promise.allSettled([client.get(id), engine.get(id)])
    await until('both wait', async () => {
      const { rows } = await database.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and application_name = 'pg-saga'
           and wait_event_type = 'Lock' and query like '%saga.saga %'`,
      )
      return rows.length >= 2
    })
    await Promise.all([stopEngine(engine), client.close()])
    await blocker.query('rollback')
    blocker.release()
    await reading
  })
})
