/** What goes wrong around a worker, and that nothing is lost by it (rules 1, 3, 4, 5, 11). */
import type pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { newId } from '../../src/engine/runtime/ids.ts'
import { insertClaim, registerWorker } from '../../src/engine/store/workers.ts'
import { createSagaClient, sagasFor, type WorkerEvent } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'
import { refuseConnections } from './refusing.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()

/** What an action waits for, by saga. */
let gate = Promise.withResolvers<void>()
let runs = 0

const gated = defineSaga('gated', { version: 1, input: z.object({}) })
  .step('wait', {
    action: async ({ attempt }) => {
      runs += 1
      await gate.promise
      return attempt
    },
    compensation: () => {},
    retry: QUICK,
    timeout: '1 minute',
  })
  .step('after', { action: () => 'done' })

describe('a worker', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterEach(() => gate.resolve())
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  function reset(): void {
    gate = Promise.withResolvers<void>()
    runs = 0
  }

  const workers = async () => (await database.pool.query('select id from saga.saga_worker')).rows

  /** The saga's job is fetched by a worker that has not been heard of for an hour. */
  async function die(sagaId: string): Promise<void> {
    const db = { executeSql: async (text: string, values?: unknown[]) => database.pool.query(text, values) }
    const id = newId()
    const row = { id, host: 'there', pid: 1, build: null, holdsLock: false, definitions: [] }
    const { epoch } = await registerWorker(db, 'saga', row)
    await database.pool.query(
      `update saga.saga_worker set heartbeat_at = saga.now() - '1 hour'::interval where id = $1`,
      [id],
    )
    const { rows } = await database.pool.query(
      `update pgboss.job set state = 'active', started_on = now() where name = 'saga_step' and data ->> 'saga' = $1
       returning id, data`,
      [sagaId],
    )
    await insertClaim(db, 'saga', {
      id: newId(),
      workerId: id,
      epoch,
      jobs: [{ ...rows[0].data, id: rows[0].id, retryCount: 0 }],
    })
  }

  const endSessions = (names: string) =>
    database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like $1`,
      [names],
    )

  test('whose session is ended comes back under its own name, and nothing runs twice', async () => {
    reset()
    const events: string[] = []
    const { promise: back, resolve: isBack } = Promise.withResolvers<void>()
    const engine = await startEngine(database.connectionString, [gated], {
      onEvent: (event: WorkerEvent) => {
        events.push(event.type)
        if (event.type === 'session_back') isBack()
      },
    })
    const { workerId } = engine
    const { id } = await engine.enqueue(gated, {})
    await until('the action runs', async () => runs === 1)
    await endSessions('pg-saga owner')
    await back
    expect(engine.workerId).toBe(workerId)
    gate.resolve()
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { wait: 1 } })
    expect(runs).toBe(1)
    expect(events).toContain('session_lost')
    expect(events).not.toContain('was_taken_over')
  })

  test('keeps its results while all its connections are cut, and runs no action twice', async () => {
    reset()
    const engine = await startEngine(database.connectionString, [gated], { concurrency: 50 })
    const started = await engine.enqueueMany(
      gated,
      Array.from({ length: 50 }, () => ({ input: {} })),
    )
    await until('all actions run', async () => runs === 50)
    await endSessions('pg-saga%')
    gate.resolve()
    await endSessions('pg-saga%')
    for (const one of started) if (one.ok) expect((await engine.outcome(one.id)).status).toBe('completed')
    expect(runs).toBe(50)
  })

  test('counts no attempt of a transactional step when its connection is cut, and it takes effect once (rule 6)', async () => {
    reset()
    await database.pool.query('create table effect (key text primary key, times int not null)')
    const local = defineSaga('local', { version: 1, input: z.object({}) }).transactionalStep('write', {
      action: async ({ tx, idempotencyKey, attempt }) => {
        runs += 1
        if (runs === 1) await gate.promise
        await tx.query('insert into effect values ($1, 1)', [idempotencyKey])
        return attempt
      },
    })
    const engine = await startEngine(database.connectionString, [local])
    const { id } = await engine.enqueue(local, {})
    await until('the step runs', async () => runs === 1)
    await endSessions('pg-saga transactions')
    gate.resolve()
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { write: 1 } })
    expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('attempt_failed')
    expect((await database.pool.query('select times from effect where key = $1', [`${id}:write`])).rows).toEqual([
      { times: 1 },
    ])
    expect(runs).toBe(2)
  })

  test('counts no attempt of a transactional step whose connection cannot be opened, for whatever reason (rule 6)', async () => {
    reset()
    const patient = defineSaga('patient', { version: 1, input: z.object({}) }).transactionalStep('write', {
      action: ({ attempt }) => {
        runs += 1
        return attempt
      },
      retry: { maxAttempts: 1 },
    })
    using refusal = refuseConnections('pg-saga transactions', 3)
    const engine = await startEngine(database.connectionString, [patient])
    const { id } = await engine.enqueue(patient, {})
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { write: 1 } })
    expect({ runs, refused: refusal.refused }).toEqual({ runs: 1, refused: 3 })
  })

  test('hands over what it did not finish when it stops, and what it finished is recorded', async () => {
    reset()
    const leaving = await startEngine(database.connectionString, [gated], { drainGrace: '50ms' })
    const { id } = await leaving.enqueue(gated, {})
    await until('the action runs', async () => runs === 1)
    const stopping = stopEngine(leaving)
    gate.resolve()
    await stopping
    const staying = await startEngine(database.connectionString, [gated])
    expect((await staying.outcome(id)).status).toBe('completed')
    const { rows } = await database.pool.query('select 1 from saga.saga_claim')
    expect(rows).toEqual([])
  })

  test('whose job pg-boss gave up on is told by the queue of lost jobs', async () => {
    reset()
    const engine = await startEngine(database.connectionString, [gated])
    const { id } = await engine.enqueue(gated, {})
    await until('the action runs', async () => runs === 1)
    const { rows } = await database.pool.query(
      `select id from pgboss.job where name = 'saga_step' and data ->> 'saga' = $1`,
      [id],
    )
    await failByHand(database.connectionString, rows[0].id)
    await journalled(engine, id, 'attempt_lost')
    await until('it runs again', async () => runs === 2)
    gate.resolve()
    expect((await engine.outcome(id)).status).toBe('completed')
    const types = (await engine.journal(id)).map(({ event }) => event.type)
    expect(types.filter((type) => type === 'step_completed')).toHaveLength(2)
  })

  test('that was taken over while it stood still records what it did as late, and goes on as a new one', async () => {
    reset()
    const { promise: taken, resolve: isTaken } = Promise.withResolvers<void>()
    const slow = await startEngine(database.connectionString, [gated], {
      onEvent: (event: WorkerEvent) => event.type === 'was_taken_over' && isTaken(),
    })
    const { workerId } = slow
    const { id } = await slow.enqueue(gated, {})
    await until('the action runs', async () => runs === 1)
    // As if it had stood still for longer than the lease: its heartbeat is old, whatever its lock says.
    await database.pool.query(
      `update saga.saga_worker set heartbeat_at = heartbeat_at - interval '1 hour' where id = $1`,
      [workerId],
    )
    await startEngine(database.connectionString, [gated])
    await journalled(slow, id, 'attempt_lost')
    await taken
    gate.resolve()
    expect(await slow.outcome(id)).toMatchObject({ status: 'completed', results: { wait: 2 } })
    await journalled(slow, id, 'late_report')
    expect(slow.workerId).not.toBe(workerId)
  })

  test('takes over what is free although the saga of another dead worker stays locked, and the rest when it is not', async () => {
    reset()
    gate.resolve()
    await using client = createSagaClient({ connectionString: database.connectionString })
    const locked = await client.enqueue(gated, {})
    const free = await client.enqueue(gated, {})
    await die(locked.id)
    await die(free.id)
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    await blocker.query('select from saga.saga where id = $1 for no key update', [locked.id])
    const engine = await startEngine(database.connectionString, [gated])
    expect(await engine.outcome(free.id)).toMatchObject({ status: 'completed', results: { wait: 2 } })
    expect((await engine.get(locked.id))?.status).toBe('running')
    await blocker.query('rollback')
    blocker.release()
    expect(await engine.outcome(locked.id)).toMatchObject({ status: 'completed', results: { wait: 2 } })
    const types = (await engine.journal(locked.id)).map(({ event }) => event.type)
    expect(types.filter((type) => type === 'attempt_lost')).toHaveLength(1)
    await until('nobody is left to be taken over', async () => (await workers()).length === 1)
  })

  test('sets going what a release has left behind although one of its sagas stays locked', async () => {
    reset()
    gate.resolve()
    const skipped = new Set<string>()
    const engine = await startEngine(database.connectionString, [gated], {
      onEvent: (event: WorkerEvent) => {
        if (event.type === 'committed') for (const { sagaId } of event.batch.skipped) skipped.add(sagaId)
      },
    })
    // As if whoever released it had died before it came to the sagas.
    const strand = async () => {
      await engine.operator.hold({ definition: 'gated', step: 'after' }, { actor: 'tester', reason: 'provider down' })
      const { id } = await engine.enqueue(gated, {})
      await until('it is held', async () => (await engine.get(id))?.waiting === 'hold')
      return id
    }
    const release = () => database.pool.query('update saga.saga_hold set released_at = saga.now()')
    const locked = await strand()
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    await blocker.query('select from saga.saga where id = $1 for no key update', [locked])
    await release()
    await until('it has met the lock', async () => skipped.has(locked))
    const free = await strand()
    await release()
    expect((await engine.outcome(free)).status).toBe('completed')
    expect((await engine.get(locked))?.status).toBe('running')
    await blocker.query('rollback')
    blocker.release()
    expect((await engine.outcome(locked)).status).toBe('completed')
  })

  test('splits a batch that cannot be written, and records the one that poisons it as failed', async () => {
    const picky = defineSaga('picky', { version: 1, input: z.object({ name: z.string() }) }).step('say', {
      action: ({ input: { name } }) => ({ name }),
      retry: { ...QUICK, maxAttempts: 1 },
    })
    // Only the database knows what it refuses: a trigger stands in for data that no check of ours has foreseen.
    await database.pool.query(`
      create function refuse_poison() returns trigger language plpgsql as $$ begin
        if new.payload ->> 'name' = 'poison' and new.type = 'step_completed' then raise exception 'poison' using errcode = '22P05'; end if;
        return new; end $$;
      create trigger refuse_poison before insert on saga.saga_event for each row execute function refuse_poison()`)
    const engine = await startEngine(database.connectionString, [picky])
    const items = Array.from({ length: 40 }, (_, index) => ({
      input: { name: index === 17 ? 'poison' : `name ${index}` },
    }))
    const started = await engine.enqueueMany(picky, items)
    const outcomes = await Promise.all(started.map(async (one) => (one.ok ? engine.outcome(one.id) : undefined)))
    expect(outcomes.filter((outcome) => outcome?.status === 'completed')).toHaveLength(39)
    expect(outcomes[17]).toMatchObject({
      status: 'compensated',
      failure: { error: { code: 'PAYLOAD_INVALID' } },
      leftInDoubt: ['say'],
    })
    await database.pool.query('drop trigger refuse_poison on saga.saga_event')
  })

  test('counts no failure of a delivery whose return cannot be written: it is lost when pg-boss says so', async () => {
    reset()
    gate.resolve()
    await database.pool.query(`
      create function refuse_returns() returns trigger language plpgsql as $$ begin
        if new.type = 'attempt_returned' then raise exception 'no returns' using errcode = '22P05'; end if;
        return new; end $$;
      create trigger refuse_returns before insert on saga.saga_event for each row execute function refuse_returns()`)
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(gated, {})
    await client.operator.pause(id, { actor: 'tester', reason: 'not now' })
    const { promise: refused, resolve: isRefused } = Promise.withResolvers<void>()
    const logger = { debug() {}, info() {}, warn() {}, error: () => isRefused() }
    const engine = await startEngine(database.connectionString, [gated], { logger })
    await refused
    // What the refused one would come to is committed before this one.
    const next = await engine.enqueue(gated, {})
    expect((await engine.outcome(next.id)).status).toBe('completed')
    expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('attempt_failed')
    await database.pool.query('drop function refuse_returns cascade')
    const { rows } = await database.pool.query(
      `select id from pgboss.job where name = 'saga_step' and data ->> 'saga' = $1`,
      [id],
    )
    await failByHand(database.connectionString, rows[0].id)
    await journalled(engine, id, 'attempt_lost')
  })

  test.each([
    ['a function', () => () => {}],
    ['U+0000', () => ({ text: 'a\u0000' })],
    ['a bigint', () => 1n],
    ['infinity', () => ({ deep: [1, Number.POSITIVE_INFINITY] })],
    ['a map', () => new Map()],
  ])('fails an attempt whose result is %s, and says where', async (what, result) => {
    const name = `bad-result-${String(what)
      .toLowerCase()
      .replace(/[^a-z]+/g, '-')}`
    const bad = defineSaga(name, { version: 1, input: z.object({}) }).step('make', {
      action: result as () => unknown,
      retry: { ...QUICK, maxAttempts: 1 },
    })
    const engine = await startEngine(database.connectionString, [bad])
    const { id } = await engine.enqueue(bad, {})
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({
      status: 'compensated',
      failure: { step: 'make', error: { code: 'PAYLOAD_INVALID' } },
    })
    expect(outcome.status === 'compensated' && outcome.failure?.error.message).toContain('step "make"')
  })

  test('finds its jobs in the queue after sixty days in which nobody has worked', async () => {
    reset()
    gate.resolve()
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(gated, {})
    await database.pool.query(
      `update pgboss.job set created_on = created_on - interval '60 days', start_after = start_after - interval '60 days',
         keep_until = keep_until - interval '60 days' where name = 'saga_step'`,
    )
    await withBoss(database.connectionString, (boss) => boss.supervise())
    const engine = await startEngine(database.connectionString, [gated])
    expect((await engine.outcome(id)).status).toBe('completed')
  })
})

/** As pg-boss does when a job expires: failed, with its copy in the queue of lost jobs. */
function failByHand(connectionString: string, job: string): Promise<unknown> {
  return withBoss(connectionString, (boss) => boss.fail('saga_step', job, { reason: 'by hand' }))
}

async function withBoss(connectionString: string, work: (boss: PgBoss) => Promise<unknown>): Promise<void> {
  const boss = new PgBoss({ connectionString, supervise: false, schedule: false, migrate: false })
  boss.on('error', () => {})
  await boss.start()
  await work(boss)
  await boss.stop({ graceful: false })
}
