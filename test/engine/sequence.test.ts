/** Sagas from end to end, through the public API on a real Postgres. */
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { journalled } from '../support/waiting.ts'

type App = { services: { calls: string[] }; tx: pg.ClientBase }

const defineSaga = sagasFor<App>()
const input = z.object({ name: z.string().default('nobody'), fail: z.string().optional() })

describe('a saga', () => {
  let database: TestDatabase
  const calls: string[] = []

  beforeAll(async () => {
    database = await testDatabase()
    await database.pool.query('create table note (text text not null)')
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const start = (...definitions: Parameters<typeof startEngine>[1]) => {
    calls.length = 0
    return startEngine(database.connectionString, definitions, { services: { calls } })
  }

  test('runs its steps in order, and gives each the input and the results before it', async () => {
    const saga = defineSaga('in-order', { version: 1, input })
      .step('one', { action: ({ input: { name } }) => ({ hello: name, at: new Date(0) }) })
      .transactionalStep('two', {
        action: async ({ results, tx }) => {
          await tx.query('insert into note values ($1)', [results.one.hello])
          return results.one.at.slice(0, 4)
        },
      })
      .step('three', {
        action: ({ results, services }) => void services.calls.push(`${results.one.hello} ${results.two}`),
      })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, { name: 'Ada' })
    const outcome = await engine.outcome(id, { definition: saga })
    expect(outcome).toEqual({
      status: 'completed',
      results: { one: { hello: 'Ada', at: '1970-01-01T00:00:00.000Z' }, two: '1970', three: undefined },
    })
    expect(calls).toEqual(['Ada 1970'])
    const { rows } = await database.pool.query(`select text from note where text = 'Ada'`)
    expect(rows).toHaveLength(1)
  })

  test('that fails is undone in reverse, and keeps its first error', async () => {
    const undo =
      (name: string) =>
      ({ services }: { services: App['services'] }) =>
        void services.calls.push(`undo ${name}`)
    const saga = defineSaga('undone', { version: 1, input })
      .step('one', { action: () => 1, compensation: undo('one') })
      .step('silent', { action: () => 2 })
      .transactionalStep('two', { action: () => 2, compensation: undo('two') })
      .step('three', {
        action: () => {
          throw new StepRejected('The bank said no.')
        },
        compensation: undo('three'),
      })
      .step('never', { action: ({ services }) => void services.calls.push('never') })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({
      status: 'compensated',
      failure: { step: 'three', error: { name: 'StepRejected', message: 'The bank said no.' } },
      undone: ['one', 'two'],
      notUndone: ['silent'],
      leftInDoubt: [],
    })
    expect(calls).toEqual(['undo two', 'undo one'])
    const journal = await engine.journal(id)
    expect(journal.map((entry) => entry.event.type)).toContain('step_skipped')
  })

  test('undoes a step in doubt, telling its compensation so, and with its own key', async () => {
    const seen: unknown[] = []
    const saga = defineSaga('doubtful', { version: 1, input }).step('charge', {
      action: ({ idempotencyKey }) => {
        seen.push(idempotencyKey)
        throw new Error('The connection was reset.')
      },
      compensation: ({ action, result, idempotencyKey }) => void seen.push({ action, result, idempotencyKey }),
      retry: { ...QUICK, maxAttempts: 2 },
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: ['charge'] })
    const action = { outcome: 'in_doubt', result: undefined, idempotencyKey: `${id}:charge` }
    expect(seen).toMatchObject([
      `${id}:charge`,
      `${id}:charge`,
      { action, result: undefined, idempotencyKey: `${id}:charge:compensation` },
    ])
  })

  test('does not undo a step that was refused, and leaves one in doubt that opted out', async () => {
    const undone: string[] = []
    const saga = defineSaga('opted-out', { version: 1, input }).step('mail', {
      action: () => {
        throw new Error('No answer.')
      },
      compensation: { run: () => void undone.push('mail'), when: 'completed' },
      retry: { ...QUICK, maxAttempts: 1 },
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', leftInDoubt: ['mail'] })
    expect(undone).toEqual([])
  })

  test('tries again what was not applied, and keeps no trace of it once it succeeds', async () => {
    let attempts = 0
    const saga = defineSaga('patient', { version: 1, input }).step('knock', {
      action: ({ attempt }) => {
        attempts += 1
        if (attempt < 3) throw new StepNotApplied('Nobody there.', { retryAfter: '15ms' })
        return attempt
      },
      retry: QUICK,
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { knock: 3 } })
    expect(attempts).toBe(3)
    const verdicts = (await engine.journal(id)).flatMap(({ event }) =>
      event.type === 'attempt_failed' ? [event.verdict] : [],
    )
    expect(verdicts).toEqual(['not_applied', 'not_applied'])
  })

  test('lets classify decide what an error means', async () => {
    const saga = defineSaga('classified', { version: 1, input }).step('ask', {
      action: () => {
        throw new RangeError('Too much.')
      },
      compensation: ({ services }) => void services.calls.push('undo'),
      classify: (error) => (error instanceof RangeError ? 'rejected' : undefined),
      retry: QUICK,
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', undone: [] })
    expect(calls).toEqual([])
  })

  test('goes only forward after its pivot, and waits for a person when that fails', async () => {
    const saga = defineSaga('past-pivot', { version: 1, input })
      .step('before', { action: () => 1, compensation: ({ services }) => void services.calls.push('undo before') })
      .step('ship', { action: () => 2 })
      .pivot()
      .step('invoice', {
        action: () => {
          throw new StepRejected('No such customer.')
        },
      })
      .onDeadLettered(({ tx, reason }) => tx.query('insert into note values ($1)', [`dead: ${reason}`]))
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'dead_lettered',
      reason: 'past_pivot',
      notUndone: ['before', 'ship'],
    })
    expect(calls).toEqual([])
    const { rows } = await database.pool.query(
      `select data from pgboss.job where name = 'saga_dead_letter' and data ->> 'saga' = $1`,
      [id],
    )
    const letter = { definition: 'past-pivot', reason: 'past_pivot', step: 'invoice', phase: 'action', attempts: 1 }
    const error = { name: 'StepRejected', code: 'STEP_REJECTED', message: 'No such customer.' }
    const errorGroup = (await engine.get(id))?.errorGroup
    expect(errorGroup).toMatch(/^1:[0-9a-f]{16}$/)
    expect(rows).toEqual([{ data: { saga: id, ...letter, error, errorGroup } }])
    const view = await database.pool.query('select * from saga.dead_letter where id = $1', [id])
    expect(view.rows).toMatchObject([
      { ...letter, error_message: error.message, error_code: error.code, error_group: errorGroup },
    ])
  })

  test('is final only with its hook, which commits with it', async () => {
    const saga = defineSaga('hooked', { version: 1, input })
      .step('work', {
        action: ({ input: { fail } }) => {
          if (fail !== undefined) throw new StepRejected(fail)
        },
      })
      .onCompleted(({ tx, sagaId }) => tx.query('insert into note values ($1)', [`completed ${sagaId}`]))
      .onCompensated(({ tx, sagaId, failure }) =>
        tx.query('insert into note values ($1)', [`${failure?.error.message} ${sagaId}`]),
      )
    const engine = await start(saga)
    const good = await engine.enqueue(saga, {})
    const bad = await engine.enqueue(saga, { fail: 'refused' })
    expect((await engine.outcome(good.id)).status).toBe('completed')
    expect((await engine.outcome(bad.id)).status).toBe('compensated')
    const { rows } = await database.pool.query('select text from note where text like $1 or text like $2', [
      `%${good.id}`,
      `%${bad.id}`,
    ])
    expect(new Set(rows.map((row) => row.text))).toEqual(new Set([`completed ${good.id}`, `refused ${bad.id}`]))
  })

  test('takes back what a transactional step wrote when it throws', async () => {
    let tries = 0
    const saga = defineSaga('taken-back', { version: 1, input }).transactionalStep('write', {
      action: async ({ tx, sagaId }) => {
        await tx.query('insert into note values ($1)', [`try ${sagaId}`])
        tries += 1
        if (tries < 2) throw new Error('Halfway.')
      },
      retry: QUICK,
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    const { rows } = await database.pool.query('select 1 from note where text = $1', [`try ${id}`])
    expect(tries).toBe(2)
    expect(rows).toHaveLength(1)
  })

  test('journals what the database said of a statement, not the statement with its parameters', async () => {
    const saga = defineSaga('query-failed', { version: 1, input }).transactionalStep('insert', {
      action: async ({ tx }) => {
        await drizzle(tx as pg.PoolClient).execute(sql`insert into not_there values (${'a secret'})`)
      },
      retry: { ...QUICK, maxAttempts: 1 },
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    const outcome = await engine.outcome(id)
    expect(outcome).toMatchObject({
      failure: { error: { message: 'relation "not_there" does not exist', code: '42P01' } },
    })
    expect(JSON.stringify(await engine.journal(id))).not.toContain('a secret')
  })

  test('revokes the transaction when its step has returned', async () => {
    let kept: pg.ClientBase | undefined
    const saga = defineSaga('revoked', { version: 1, input }).transactionalStep('keep', {
      action: ({ tx }) => {
        kept = tx
      },
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    await engine.outcome(id)
    expect(() => kept?.query('select 1')).toThrow(/revoked/)
  })

  test('aborts an action that takes too long, and counts what it says later as late', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    let aborted = false
    const saga = defineSaga('slow', { version: 1, input }).step('wait', {
      action: async ({ attempt, signal }) => {
        if (attempt > 1) return 'quick'
        signal.addEventListener('abort', () => {
          aborted = true
        })
        await released
        return 'late'
      },
      timeout: '50ms',
      settleAfter: '20ms',
      retry: QUICK,
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect(await engine.outcome(id)).toEqual({ status: 'completed', results: { wait: 'quick' } })
    expect(aborted).toBe(true)
    const seen = engine.watch(id)
    release()
    const late = await journalled(engine, id, 'late_report')
    expect(late).toMatchObject({ step: 'wait', attempt: 1, outcome: 'succeeded' })
    await seen.return(undefined)
    expect((await engine.get(id))?.status).toBe('completed')
  })

  test('starts a new round of compensation when a late effect turns up (rule 5)', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const keys: string[] = []
    const saga = defineSaga('late-effect', { version: 1, input }).step('charge', {
      action: async () => {
        await released
        return 'charged'
      },
      compensation: ({ idempotencyKey }) => void keys.push(idempotencyKey),
      timeout: '30ms',
      settleAfter: '10ms',
      retry: { ...QUICK, maxAttempts: 1 },
    })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    release()
    await journalled(engine, id, 'late_effect_found')
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(keys).toEqual([`${id}:charge:compensation`, `${id}:charge:compensation:2`])
  })

  test('tells its outcome and shows its journal while it runs', async () => {
    const saga = defineSaga('watched', { version: 1, input })
      .step('one', { action: () => 1 })
      .step('two', { action: () => 2 })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    const types: string[] = []
    for await (const entry of engine.watch(id)) types.push(entry.event.type)
    expect(types).toEqual([
      'saga_started',
      'attempt_scheduled',
      'step_completed',
      'attempt_scheduled',
      'step_completed',
      'saga_completed',
    ])
  })

  test('can be watched from any event on: none is missed, and none comes twice', async () => {
    const saga = defineSaga('resumed', { version: 1, input })
      .step('one', { action: () => 1 })
      .parallel('both', (both) => both.step('left', { action: () => 2 }).step('right', { action: () => 3 }))
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    const all = (await engine.journal(id)).map(({ sequence }) => sequence)
    expect(all).toEqual(all.map((_, index) => index + 1))
    for (const after of all) {
      const rest: number[] = []
      for await (const { sequence } of engine.watch(id, { after })) rest.push(sequence)
      expect(rest).toEqual(all.slice(after))
    }
  })

  test('waits for its start time', async () => {
    const saga = defineSaga('delayed', { version: 1, input }).step('one', { action: () => 1 })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {}, { startAt: new Date(Date.now() + 300) })
    expect(await engine.get(id)).toMatchObject({ status: 'pending', waiting: 'start' })
    expect((await engine.outcome(id)).status).toBe('completed')
  })

  test('turns back at its deadline', async () => {
    const saga = defineSaga('deadline', { version: 1, input })
      .step('one', { action: () => 1, compensation: ({ services }) => void services.calls.push('undo one') })
      .step('two', {
        action: () => {
          throw new StepNotApplied('Not yet.')
        },
        retry: { maxAttempts: 1000, backoff: 'fixed', initialInterval: '20ms' },
      })
    const engine = await start(saga)
    const { id } = await engine.enqueue(saga, {}, { deadlineAt: new Date(Date.now() + 200) })
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(calls).toEqual(['undo one'])
  })

  test('is left to workers that have its code, without using up an attempt', async () => {
    const saga = defineSaga('elsewhere', { version: 1, input }).step('one', { action: ({ attempt }) => attempt })
    const without = await start(defineSaga('other', { version: 1, input }).step('one', { action: () => 1 }))
    const { id } = await without.enqueue(saga, {})
    await journalled(without, id, 'attempt_returned')
    const withCode = await startEngine(database.connectionString, [saga], { services: { calls } })
    const outcome = await withCode.outcome(id, { definition: saga })
    expect(outcome.status).toBe('completed')
    expect((await withCode.journal(id)).some(({ event }) => event.type === 'attempt_failed')).toBe(false)
  })

  test('can have steps that are objects of a class, with their own dependencies', async () => {
    class Greet {
      readonly #greeting: string
      constructor(greeting: string) {
        this.#greeting = greeting
      }
      action({ input: { name } }: { input: { name: string } }): string {
        return `${this.#greeting}, ${name}`
      }
      compensation({ services }: { services: App['services'] }): void {
        services.calls.push(`take back ${this.#greeting}`)
      }
    }
    const saga = defineSaga('by-class', { version: 1, input })
      .step('greet', new Greet('Good day'))
      .step('fail', {
        action: ({ input: { fail } }) => {
          if (fail !== undefined) throw new StepRejected(fail)
        },
      })
    const engine = await start(saga)
    const good = await engine.enqueue(saga, { name: 'Ada' })
    expect(await engine.outcome(good.id)).toMatchObject({ results: { greet: 'Good day, Ada' } })
    const bad = await engine.enqueue(saga, { fail: 'no' })
    await engine.outcome(bad.id)
    expect(calls).toEqual(['take back Good day'])
  })
})
