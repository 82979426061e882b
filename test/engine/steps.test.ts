/** What a single step may say, and what is made of it: time limits, schemas, hooks, other kinds of transaction. */
import { sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, fromDrizzle, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const input = z.object({})
const ONCE = { ...QUICK, maxAttempts: 1 }

describe('a step', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
    await database.pool.query('create table note (text text not null)')
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const start = (...definitions: Parameters<typeof startEngine>[1]) =>
    startEngine(database.connectionString, definitions)
  const notes = async (text: string) =>
    (await database.pool.query('select text from note where text = $1', [text])).rows.length

  test('that is transactional and takes too long has not been applied, also when its statement would go on', async () => {
    const saga = defineSaga('slow-tx', { version: 1, input }).transactionalStep('write', {
      action: async ({ tx }) => {
        await tx.query(`insert into note values ('slow')`)
        await tx.query('select pg_sleep(60)')
      },
      timeout: '100ms',
      retry: ONCE,
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      failure: { error: { code: 'STEP_TIMEOUT' } },
      leftInDoubt: [],
    })
    expect(await notes('slow')).toBe(0)
    await until('its statement is ended in the database as well', async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`,
      )
      return rows.length === 0
    })
  })

  test('whose compensation takes too long is tried again, and then waits for a person', async () => {
    const attempts: number[] = []
    const saga = defineSaga('slow-undo', { version: 1, input })
      .step('one', {
        action: () => 1,
        compensation: {
          run: async ({ attempt, signal }) => {
            attempts.push(attempt)
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
            throw new Error('Stopped half way.')
          },
          timeout: '30ms',
          retry: { ...QUICK, maxAttempts: 2 },
        },
      })
      .step('two', {
        action: () => {
          throw new StepRejected('No.')
        },
      })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'dead_lettered',
      reason: 'compensation_exhausted',
      notUndone: ['one'],
      failure: { step: 'two' },
    })
    expect(attempts).toEqual([1, 2])
    const { rows } = await database.pool.query('select phase, attempts, step from saga.dead_letter where id = $1', [id])
    expect(rows).toEqual([{ phase: 'compensation', attempts: 2, step: 'one' }])
  })

  test('keeps its result as its output schema parsed it, asynchronous schemas included', async () => {
    const output = z.object({ cents: z.coerce.number() }).refine(async ({ cents }) => cents > 0)
    const saga = defineSaga('output', { version: 1, input })
      .step('good', { action: () => ({ cents: '12', more: 'dropped' }) as never, output })
      .step('bad', { action: () => ({ cents: -1 }), output, retry: ONCE })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      failure: { step: 'bad', error: { code: 'PAYLOAD_INVALID' } },
    })
    expect((await engine.get(id))?.steps[0]?.result).toEqual({ cents: 12 })
  })

  test.each([
    ['is no JSON', 10n],
    ['holds U+0000', { note: 'a\u0000b' }],
    ['is too large', 'x'.repeat(1024 * 1024)],
  ])('whose result %s fails with that, in doubt, and nothing of it is stored', async (what, result) => {
    const name = `bad-result-${what.replaceAll(/[^a-z]/gi, '').toLowerCase()}`
    const saga = defineSaga(name, { version: 1, input }).step('one', { action: () => result as never, retry: ONCE })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      failure: { error: { code: expect.stringMatching(/^PAYLOAD_/) } },
      leftInDoubt: ['one'],
    })
    expect((await engine.journal(id)).slice(1).every(({ payload }) => payload === undefined)).toBe(true)
  })

  test('whose author asked to wait for a person does, and goes on or back as that person says', async () => {
    let away = true
    const saga = defineSaga('exhausted', { version: 1, input })
      .step('before', { action: () => 1, compensation: () => {} })
      .step('carrier', {
        action: () => {
          if (away) throw new StepNotApplied('Away.')
        },
        whenExhausted: 'dead_letter',
        retry: { ...QUICK, maxAttempts: 2 },
      })
    const engine = await start(saga)
    const [one, two] = await Promise.all([engine.enqueue(saga, {}), engine.enqueue(saga, {})])
    for (const { id } of [one, two]) {
      expect(await engine.outcome(id)).toMatchObject({ status: 'dead_lettered', reason: 'forward_exhausted' })
    }
    away = false
    await engine.operator.retry(one.id, { actor: 'ada', reason: 'it is back' })
    await engine.operator.compensate(two.id, { actor: 'ada', reason: 'too late' })
    expect((await engine.outcome(one.id)).status).toBe('completed')
    expect(await engine.outcome(two.id)).toMatchObject({ status: 'compensated', undone: ['before'] })
  })

  test('of a saga that was a dead letter still has its deadline', async () => {
    const saga = defineSaga('deadline-kept', { version: 1, input })
      .step('one', { action: () => 1, compensation: () => {} })
      .step('carrier', {
        action: () => {
          throw new StepNotApplied('Away.')
        },
        whenExhausted: 'dead_letter',
        retry: ONCE,
      })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {}, { deadlineAt: new Date(Date.now() + 1_500) })
    expect(await engine.outcome(id)).toMatchObject({ status: 'dead_lettered' })
    const hold = await engine.operator.hold(
      { definition: 'deadline-kept', step: 'carrier' },
      { actor: 'a', reason: 'b' },
    )
    await engine.operator.retry(id, { actor: 'ada', reason: 'once more' })
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['one'] })
    await engine.operator.release(hold, { actor: 'a', reason: 'b' })
  })

  test('is told the result that others saw before, whatever a late attempt says (rule 5)', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const seen: unknown[] = []
    let isOpen = false
    const saga = defineSaga('late-result', { version: 1, input })
      .step('one', {
        action: async ({ attempt }) => {
          if (attempt === 2) return 'second'
          await released
          return 'late'
        },
        timeout: '30ms',
        settleAfter: '10ms',
        retry: QUICK,
      })
      .step('two', {
        action: ({ results }) => {
          seen.push(results.one)
          if (!isOpen) throw new StepNotApplied('Not yet.')
        },
        retry: { maxAttempts: 10_000, backoff: 'fixed', initialInterval: '20ms' },
      })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    await until('the second step has begun', async () => seen.length > 0)
    release()
    await journalled(engine, id, 'late_report')
    isOpen = true
    // Another worker, which has nothing in memory and reads the journal.
    await engine.stop()
    const other = await start(saga)
    expect(await other.outcome(id)).toMatchObject({ status: 'completed', results: { one: 'second' } })
    expect(new Set(seen)).toEqual(new Set(['second']))
  })

  test('keeps its timer while somebody else has its saga, so that a crash in between forgets nothing (rule 11)', async () => {
    let isOpen = false
    const saga = defineSaga('busy', { version: 1, input }).step('one', {
      action: () => {
        if (!isOpen) throw new StepNotApplied('Not yet.')
      },
      retry: { maxAttempts: 10, backoff: 'fixed', initialInterval: '300ms' },
    })
    let tries = 0
    const engine = await startEngine(database.connectionString, [saga], {}, (point) => {
      if (point === 'locked') tries += 1
    })
    const { id } = await engine.enqueue(saga, {})
    await journalled(engine, id, 'attempt_failed')
    const other = await database.pool.connect()
    await other.query('begin')
    await other.query('select from saga.saga where id = $1 for update', [id])
    const before = tries
    await until('the worker has tried to take up the timer', async () => tries > before + 1)
    const { rows } = await database.pool.query('select timer from saga.saga_timer where saga_id = $1', [id])
    expect(rows).toEqual([{ timer: 'one:action' }])
    isOpen = true
    await other.query('rollback')
    other.release()
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('can run in a transaction of the app’s own kind', async () => {
    type Tx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 5 })
    const db = drizzle(pool)
    const define = sagasFor<{ services: unknown; tx: Tx }>()
    const saga = define('drizzled', { version: 1, input })
      .transactionalStep('write', {
        action: async ({ tx }) => void (await tx.execute(sql`insert into note values ('drizzled')`)),
      })
      .transactionalStep('throw', {
        action: async ({ tx }) => {
          await tx.execute(sql`insert into note values ('rolled back')`)
          throw new StepRejected('No.')
        },
      })
      .onCompensated(async ({ tx }) => void (await tx.execute(sql`insert into note values ('hook')`)))
    const engine = await startEngine(database.connectionString, [saga], {
      transaction: <T>(run: (tx: Tx, view: ReturnType<typeof fromDrizzle>) => Promise<T>) =>
        db.transaction((tx) => run(tx, fromDrizzle(tx, sql))),
    })
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect([await notes('drizzled'), await notes('rolled back'), await notes('hook')]).toEqual([1, 0, 1])
    await engine.stop()
    await pool.end()
  })

  test('has all the time it needs where only the starter lacks its code', async () => {
    const saga = defineSaga('long', { version: 1, input }).step('one', { action: () => 1, timeout: '2h' })
    await using client = createSagaClient({ connectionString: database.connectionString })
    const { id } = await client.enqueue(saga, {})
    const { rows } = await database.pool.query(
      `select expire_seconds as seconds from pgboss.job where data ->> 'saga' = $1`,
      [id],
    )
    expect(rows[0].seconds).toBeGreaterThan(2 * 60 * 60)
    await client.operator.cancel(id, { actor: 'ada', reason: 'a test' })
    await start(saga)
    expect((await client.outcome(id)).status).toBe('compensated')
  })
})

describe('a hook', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    await database.pool.query('create table note (text text not null)')
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test('that fails for good keeps its saga from being final, until a person retries it', async () => {
    let frozen = true
    const saga = defineSaga('hook-fails', { version: 1, input })
      .step('one', { action: () => 1 })
      .onCompleted({
        run: () => {
          if (frozen) throw new StepRejected('The account is frozen.')
        },
        retry: QUICK,
      })
    const engine = await startEngine(database.connectionString, [saga])
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'dead_lettered', reason: 'hook', notUndone: ['one'] })
    const { rows } = await database.pool.query('select phase, error_message from saga.dead_letter where id = $1', [id])
    expect(rows).toEqual([{ phase: 'hook', error_message: 'The account is frozen.' }])
    frozen = false
    await engine.operator.retry(id, { actor: 'ada', reason: 'thawed' })
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('runs when a person has resolved the saga', async () => {
    const saga = defineSaga('hook-resolved', { version: 1, input })
      .step('ship', { action: () => 1 })
      .pivot()
      .step('mail', {
        action: () => {
          throw new StepRejected('No address.')
        },
      })
      .onResolved(({ tx, sagaId }) => tx.query('insert into note values ($1)', [sagaId]))
    const engine = await startEngine(database.connectionString, [saga])
    const { id } = await engine.enqueue(saga, {})
    await engine.outcome(id)
    await engine.operator.resolve(id, { actor: 'ada', reason: 'sent by hand', as: 'completed' })
    await until('the hook has run', async () => {
      return (await database.pool.query('select from note where text = $1', [id])).rows.length === 1
    })
    await journalled(engine, id, 'hook_completed')
  })
})

describe('a worker that is not told by NOTIFY', () => {
  test('finds its work by polling', async () => {
    const database = await testDatabase()
    const saga = defineSaga('polled', { version: 1, input }).step('one', { action: () => 1 })
    const engine = await startEngine(database.connectionString, [saga], { notify: false })
    await using client = createSagaClient({ connectionString: database.connectionString, notify: false })
    const { id } = await client.enqueue(saga, {})
    expect((await client.outcome(id)).status).toBe('completed')
    await engine.stop()
    await database.drop()
  })
})
