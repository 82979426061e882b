/** Sagas that make no progress although they wait for nothing: which they are, and what becomes of them (rule 11). */
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { unwire, wire } from '../../src/compose/wiring.ts'
import { NO_FAULTS, SILENT } from '../../src/engine/runtime/ports.ts'
import { createSagaClient, type RecoveringOptions, type SagaDefinition, sagasFor } from '../../src/index.ts'
import { MAINTENANCE_QUEUE } from '../../src/jobs/queues.ts'
import { Recovery } from '../../src/jobs/recovery.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const HOUR_MS = 60 * 60 * 1_000
const by = { actor: 'ada', reason: 'test' }

function saga(name: string, options: RecoveringOptions = {}) {
  return defineSaga(name, { version: 1, input: z.object({}), ...options }).step('one', {
    action: () => 1,
    compensation: () => {},
  })
}

const reported = saga('reported')
const resumed = saga('resumed', { whenStuck: 'resume', maxRecoveries: 2 })
const turned = saga('turned', { whenStuck: 'compensate' })
const pivoted = defineSaga('pivoted', { version: 1, input: z.object({}), whenStuck: 'compensate' })
  .step('one', { action: () => 1, compensation: () => {} })
  .pivot()
  .step('two', { action: () => 2 })

let database: TestDatabase
let client: ReturnType<typeof createSagaClient>

beforeAll(async () => {
  database = await testDatabase()
  client = createSagaClient({ connectionString: database.connectionString })
  // Registers the definitions.
  await stopEngine(await startEngine(database.connectionString, [reported, resumed, turned, pivoted]))
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock')
  await database.pool.query(`update pgboss.job set state = 'created' where name = 'saga_step' and state = 'active'`)
  const engine = await startEngine(database.connectionString, [reported, resumed, turned, pivoted])
  const underWay = async () => (await client.list({ status: ['running', 'compensating'] })).sagas
  await until('all is at rest', async () => (await underWay()).length === 0)
  await stopEngine(engine)
  expect(await brokenRules(database.pool)).toEqual([])
})
afterAll(async () => {
  await client.close()
  await database.drop()
})

const later = async (ms: number) => {
  await database.pool.query('delete from saga.saga_clock')
  await database.pool.query('insert into saga.saga_clock values ($1)', [ms])
}
type Definition = SagaDefinition<{ services: unknown; tx: unknown }, z.ZodObject, unknown>
const begun = async (definition: unknown) => (await client.enqueue(definition as Definition, {})).id
/** As if a worker had fetched its job, and somebody had then deleted what says so. */
const forgotten = async (id: string, on: Pick<pg.Pool, 'query'> = database.pool) => {
  const { rowCount } = await on.query(
    `update pgboss.job set state = 'active', started_on = now() where name = 'saga_step' and data ->> 'saga' = $1 and state = 'created'`,
    [id],
  )
  expect(rowCount).toBe(1)
}
const events = async (id: string) => (await client.journal(id)).map(({ event }) => event.type)

describe('a saga of which nobody has anything in hand', () => {
  test('is reported when it has made no progress for an hour, and nothing more where that is all that is wanted', async () => {
    const id = await begun(reported)
    await forgotten(id)
    await later(HOUR_MS - 60_000)
    expect((await client.maintenance.recover()).found).toBe(0)
    await later(HOUR_MS + 60_000)
    const before = await events(id)
    expect(await client.maintenance.recover()).toMatchObject({
      found: 1,
      outcomes: { reported: 1 },
      sagas: [{ sagaId: id, definition: 'reported', outcome: 'reported' }],
      hasMore: false,
    })
    expect(await events(id)).toEqual(before)
  })

  test('is resumed: what nobody works on is tried again, which does not count as a loss', async () => {
    const id = await begun(resumed)
    await forgotten(id)
    await later(2 * HOUR_MS)
    expect((await client.maintenance.recover({ dryRun: true })).outcomes).toEqual({ resumed: 1 })
    expect(await events(id)).toEqual(['saga_started', 'attempt_scheduled'])
    expect((await client.maintenance.recover()).outcomes).toEqual({ resumed: 1 })
    const engine = await startEngine(database.connectionString, [resumed])
    expect((await engine.outcome(id)).status).toBe('completed')
    const lost = (await client.journal(id)).find(({ event }) => event.type === 'attempt_lost')
    expect(lost?.event).toMatchObject({ step: 'one', attempt: 1, uncounted: true })
    await stopEngine(engine)
  })

  test('is turned back by maintenance, which says since when it had made no progress', async () => {
    const id = await begun(turned)
    await forgotten(id)
    await later(2 * HOUR_MS)
    expect((await client.maintenance.recover()).outcomes).toEqual({ compensated: 1 })
    const engine = await startEngine(database.connectionString, [turned])
    expect((await engine.outcome(id)).status).toBe('compensated')
    // Recovery is no person: the audit has its order only where the saga is asked for.
    const ofSaga = (await client.audit.list({ sagaId: id })).entries
    expect(ofSaga).toMatchObject([{ actor: 'maintenance', requestId: expect.stringMatching(/^pg-saga:recovery:/) }])
    expect((await client.audit.list({ actor: 'maintenance' })).entries).toEqual([])
    const turn = (await client.journal(id)).find(({ event }) => event.type === 'saga_turned')
    expect(JSON.stringify(turn?.event)).toMatch(/"actor":"maintenance","reason":"no progress since 20/)
    await stopEngine(engine)
  })

  test('is set going where it cannot be turned back any more', async () => {
    const engine = await startEngine(database.connectionString, [pivoted])
    const hold = await client.operator.hold({ definition: 'pivoted', step: 'two' }, by)
    const id = await begun(pivoted)
    await until('the pivot is passed', async () => (await client.get(id))?.waiting === 'hold')
    await stopEngine(engine)
    await client.operator.release(hold, by)
    await forgotten(id)
    await later(2 * HOUR_MS)
    const { outcomes, sagas } = await client.maintenance.recover()
    expect(outcomes).toEqual({ refused: 1 })
    expect(sagas[0]?.why).toBe('past_pivot')
    const again = await startEngine(database.connectionString, [pivoted])
    expect((await again.outcome(id)).status).toBe('completed')
    await stopEngine(again)
  })

  test('is recovered only so often in a row, and anew when it has made progress in between', async () => {
    const id = await begun(resumed)
    const stuckAgain = async (hours: number) => {
      await forgotten(id)
      await later(hours * HOUR_MS)
      return (await client.maintenance.recover()).outcomes
    }
    expect([await stuckAgain(2), await stuckAgain(4), await stuckAgain(6)]).toEqual([
      { resumed: 1 },
      { resumed: 1 },
      { exhausted: 1 },
    ])
    // Somebody's order is progress too.
    await client.operator.pause(id, by)
    await client.operator.resume(id, by)
    await later(8 * HOUR_MS)
    expect((await client.maintenance.recover()).outcomes).toEqual({ resumed: 1 })
  })

  test('is left when somebody has it locked, until the next time', async () => {
    const id = await begun(resumed)
    await forgotten(id)
    await later(2 * HOUR_MS)
    const holder = await database.pool.connect()
    await holder.query('begin')
    await holder.query('select from saga.saga where id = $1 for update', [id])
    const { outcomes } = await client.maintenance.recover()
    await holder.query('commit')
    holder.release()
    expect(outcomes).toEqual({ left: 1 })
    expect((await client.maintenance.recover()).outcomes).toEqual({ resumed: 1 })
  })

  test('is left when a worker fetches it at that very moment', async () => {
    const id = await begun(turned)
    await later(2 * HOUR_MS)
    const worker = await database.pool.query(
      `insert into saga.saga_worker (id, epoch, host, pid, holds_lock, definitions, started_at, heartbeat_at)
       values (gen_random_uuid(), 1, 'here', 1, false, '{}', now(), now() + interval '1 day') returning id`,
    )
    const fetcher = await database.pool.connect()
    await fetcher.query('begin')
    await fetcher.query('lock table pgboss.job in access exclusive mode')
    const report = client.maintenance.recover()
    await until('recovery asks the queue', async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    })
    await forgotten(id, fetcher)
    await fetcher.query(
      `insert into saga.saga_claim (id, worker_id, jobs, claimed_at) values (gen_random_uuid(), $1, $2, now())`,
      [worker.rows[0].id, JSON.stringify([{ id, saga: id, step: 'one', side: 'action', attempt: 1, retryCount: 0 }])],
    )
    await fetcher.query('commit')
    fetcher.release()
    expect((await report).found).toBe(0)
    await database.pool.query('delete from saga.saga_claim; delete from saga.saga_worker')
    expect((await client.maintenance.recover()).outcomes).toEqual({ compensated: 1 })
  })

  test('is left alone where it has moved on, or got into a worker’s hands, since it was found', async () => {
    const [moved, fetched] = [await begun(turned), await begun(turned)]
    await forgotten(moved)
    await forgotten(fetched)
    await later(2 * HOUR_MS)
    const wiring = wire({ connectionString: database.connectionString }, [], false, NO_FAULTS)
    const { transaction } = wiring.parts
    let calls = 0
    const recovery = new Recovery({
      schema: 'saga',
      bossSchema: 'pgboss',
      applier: wiring.applier,
      logger: SILENT,
      onJobs: () => {},
      onLine: () => {},
      // The first one finds them.
      transaction: async (run) => {
        calls += 1
        if (calls === 2) {
          await database.pool.query('update saga.saga set revision = revision + 1 where id = $1', [moved])
          await database.pool.query(
            `update pgboss.job set state = 'created' where name = 'saga_step' and data ->> 'saga' = $1`,
            [fetched],
          )
        }
        return transaction(run)
      },
    })
    const { outcomes } = await recovery.run({ isDry: false, goesOn: () => true })
    await database.pool.query('update saga.saga set revision = revision - 1 where id = $1', [moved])
    await unwire(wiring)
    expect(outcomes).toEqual({ left: 1, queued: 1 })
    expect(await events(moved)).toEqual(['saga_started', 'attempt_scheduled'])
    expect(await events(fetched)).toEqual(['saga_started', 'attempt_scheduled'])
  })

  test('keeps no other from being recovered when it cannot be', async () => {
    const [bad, good] = [await begun(resumed), await begun(resumed)]
    await forgotten(bad)
    await forgotten(good)
    await later(2 * HOUR_MS)
    await database.pool.query(`
      create function public.refuse() returns trigger language plpgsql as 'begin raise exception ''not this one''; end';
      create trigger refuse before update on saga.saga for each row when (old.id = '${bad}') execute function public.refuse()`)
    const { outcomes, sagas } = await client.maintenance.recover()
    await database.pool.query('drop trigger refuse on saga.saga')
    expect(outcomes).toEqual({ failed: 1, resumed: 1 })
    expect(sagas.find(({ sagaId }) => sagaId === bad)?.why).toContain('not this one')
  })

  test('is found by the worker when recovery is due', async () => {
    const id = await begun(resumed)
    await forgotten(id)
    await later(2 * HOUR_MS)
    const engine = await startEngine(database.connectionString, [resumed])
    await database.pool.query(`insert into pgboss.job (name, data) values ($1, '{"duty":"recovery"}')`, [
      MAINTENANCE_QUEUE,
    ])
    expect((await engine.outcome(id)).status).toBe('completed')
    const [entry] = await client.maintenance.log({ duty: 'recovery' })
    expect(entry).toMatchObject({ by: `worker ${engine.workerId}`, outcome: { found: 1, outcomes: { resumed: 1 } } })
    await stopEngine(engine)
  })
})

describe('a duty that fails', () => {
  test('leaves its job, which comes again when its time is over, and is seen to then', async () => {
    const engine = await startEngine(database.connectionString, [reported])
    await database.pool.query('alter table saga.saga_recovery rename to elsewhere')
    await database.pool.query(`insert into pgboss.job (name, data) values ($1, '{"duty":"recovery"}')`, [
      MAINTENANCE_QUEUE,
    ])
    const entries = () => client.maintenance.log({ duty: 'recovery', limit: 1 })
    await until('it has failed', async () => (await entries())[0]?.error?.includes('saga_recovery') === true)
    const jobs = async () => {
      const { rows } = await database.pool.query('select state from pgboss.job where name = $1', [MAINTENANCE_QUEUE])
      return rows.map(({ state }) => state)
    }
    expect(await jobs()).toEqual(['active'])
    await database.pool.query('alter table saga.elsewhere rename to saga_recovery')
    // What pg-boss does with it when its time is over.
    await database.pool.query(`update pgboss.job set state = 'retry', start_after = now() where name = $1`, [
      MAINTENANCE_QUEUE,
    ])
    await until('it is seen to', async () => (await jobs()).length === 0)
    expect((await entries())[0]).toMatchObject({ error: null, by: `worker ${engine.workerId}` })
    await stopEngine(engine)
  })
})

describe('no progress for an hour is no trouble of a saga', () => {
  test('whose job waits in the queue for a worker: that is said, and nothing is done to it', async () => {
    const id = await begun(turned)
    await later(48 * HOUR_MS)
    expect(await client.maintenance.recover()).toMatchObject({ outcomes: { queued: 1 }, sagas: [{ sagaId: id }] })
    expect(await events(id)).toEqual(['saga_started', 'attempt_scheduled'])
  })

  test('nor of a map whose items wait there', async () => {
    const gate = Promise.withResolvers<void>()
    const { promise: running, resolve } = Promise.withResolvers<void>()
    const map = defineSaga('mapped', { version: 1, input: z.object({}), whenStuck: 'compensate' }).map('each', {
      over: () => [1, 2],
      concurrency: 1,
      action: async () => {
        resolve()
        await gate.promise
      },
    })
    const engine = await startEngine(database.connectionString, [map])
    const { id } = await engine.enqueue(map, {})
    await running
    await client.operator.pause(id, by)
    gate.resolve()
    await until(
      'its first item is done',
      async () => (await events(id)).filter((type) => type === 'step_completed').length === 1,
    )
    await stopEngine(engine)
    await client.operator.resume(id, by)
    await later(2 * HOUR_MS)
    expect((await client.maintenance.recover()).outcomes).toEqual({ queued: 1 })
    await later(0)
    const again = await startEngine(database.connectionString, [map])
    expect((await again.outcome(id)).status).toBe('completed')
    await stopEngine(again)
  })

  test('whose step takes that long, in the hands of a worker that lives', async () => {
    const gate = Promise.withResolvers<void>()
    const { promise: running, resolve } = Promise.withResolvers<void>()
    const long = defineSaga('long', { version: 1, input: z.object({}), whenStuck: 'compensate' }).step('one', {
      action: async () => {
        resolve()
        await gate.promise
      },
      timeout: '5h',
    })
    const engine = await startEngine(database.connectionString, [long])
    const { id } = await engine.enqueue(long, {})
    await running
    await later(4 * HOUR_MS)
    expect((await client.maintenance.recover()).found).toBe(0)
    await later(0)
    gate.resolve()
    expect((await engine.outcome(id)).status).toBe('completed')
    await stopEngine(engine)
  })

  test('that waits for its next attempt, is paused, or held', async () => {
    const engine = await startEngine(database.connectionString, [turned])
    const failing = defineSaga('failing', { version: 1, input: z.object({}), whenStuck: 'compensate' }).step('one', {
      action: () => {
        throw new Error('not now')
      },
      retry: { maxAttempts: 5, backoff: 'fixed', initialInterval: '5h' },
    })
    const other = await startEngine(database.connectionString, [failing])
    const { id: retried } = await other.enqueue(failing, {})
    await until('it waits', async () => (await client.get(retried))?.waiting === 'retry')
    const hold = await client.operator.hold({ definition: 'turned' }, by)
    const held = await begun(turned)
    await until('it is held', async () => (await client.get(held))?.waiting === 'hold')
    await stopEngine(engine)
    const paused = await begun(resumed)
    await client.operator.pause(paused, by)
    await later(2 * HOUR_MS)
    expect((await client.maintenance.recover()).found).toBe(0)
    await later(0)
    await client.operator.cancel(retried, by)
    await client.operator.release(hold, by)
    await client.operator.resume(paused, by)
    await until('it goes back', async () => (await client.get(retried))?.status === 'compensated')
    await stopEngine(other)
  })
})

test.each([
  [{ whenStuck: 'forget' }, 'At whenStuck: it is one of report, resume, compensate'],
  [{ stuckAfter: 'soon' }, 'At stuckAfter: it is "soon"'],
  [{ stuckAfter: 0 }, 'At stuckAfter: it must be longer than zero'],
  [{ maxRecoveries: 0 }, 'At maxRecoveries: it is a whole number from 1'],
])('a definition cannot say %j', (options, problem) => {
  const make = () => saga('bad', options as RecoveringOptions)
  expect(make).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
  expect(make).toThrow(problem)
})
