/** What a transactional step may do with its transaction, and what becomes of one that does not end (rule 6). */
import { getEventListeners } from 'node:events'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runTimed } from '../../src/engine/runtime/run-attempt.ts'
import { type Logger, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const nothing = z.object({})

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

/** What the engine says, as text. */
function listener(): { readonly logger: Logger; readonly said: { warn: string[]; error: string[] } } {
  const said = { warn: [] as string[], error: [] as string[] }
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (_, message) => said.warn.push(message),
    error: (_, message) => said.error.push(message),
  }
  return { logger, said }
}

describe('a transactional step', () => {
  test('whose transaction the database ends for its idleness has failed, and is not repeated for ever', async () => {
    let runs = 0
    const idle = defineSaga('idle', { version: 1, input: nothing }).transactionalStep('dawdle', {
      action: async ({ tx }) => {
        runs += 1
        const { rows } = await tx.query('select pg_backend_pid() as pid')
        await tx.query('set local idle_in_transaction_session_timeout = 50')
        await until('its session is ended', async () => {
          const sessions = await database.pool.query('select 1 from pg_stat_activity where pid = $1', [rows[0].pid])
          return sessions.rows.length === 0
        })
      },
      retry: { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' },
    })
    const engine = await startEngine(database.connectionString, [idle])
    const { id } = await engine.enqueue(idle, {})
    expect(await engine.outcome(id)).toMatchObject({
      status: 'compensated',
      failure: { step: 'dawdle', error: { code: 'STEP_TIMEOUT' } },
      leftInDoubt: [],
    })
    expect(runs).toBe(2)
  })

  test('that ends its own session each time has failed after a while, and each repeat is told', async () => {
    let runs = 0
    const { logger, said } = listener()
    const fatal = defineSaga('fatal', { version: 1, input: nothing }).transactionalStep('end', {
      action: async ({ tx }) => {
        runs += 1
        await tx.query('select pg_terminate_backend(pg_backend_pid())')
      },
      retry: { maxAttempts: 1 },
    })
    const engine = await startEngine(database.connectionString, [fatal], { logger })
    const { id } = await engine.enqueue(fatal, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'compensated', failure: { step: 'end' }, leftInDoubt: [] })
    expect(runs).toBe(10)
    expect(said.warn.filter((message) => message.includes('is repeated'))).toHaveLength(9)
  })

  test.each([
    ['a full disk', '53100'],
    ['too little memory', '53200'],
    ['a read-only server', '25006'],
    ['a broken disk', '58030'],
  ])('whose own statement meets %s is repeated, and that is no attempt', async (what, code) => {
    let runs = 0
    const name = `met-${what.replaceAll(' ', '-')}`
    const met = defineSaga(name, { version: 1, input: nothing }).transactionalStep('write', {
      action: async ({ tx, attempt }) => {
        runs += 1
        if (runs < 4) await tx.query(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`)
        return attempt
      },
      retry: { maxAttempts: 1 },
    })
    const engine = await startEngine(database.connectionString, [met])
    const { id } = await engine.enqueue(met, {})
    expect(await engine.outcome(id)).toMatchObject({ status: 'completed', results: { write: 1 } })
    expect(runs).toBe(4)
  })

  test('cannot use what it has kept of its transaction, its methods included', async () => {
    let kept: { tx: pg.ClientBase; query: (text: string) => Promise<unknown> } | undefined
    const keeper = defineSaga('keeper', { version: 1, input: nothing }).transactionalStep('keep', {
      action: async ({ tx }) => {
        const { query } = tx as unknown as { readonly query: (text: string) => Promise<unknown> }
        kept = { tx, query }
        await kept.query('select 1')
      },
    })
    const engine = await startEngine(database.connectionString, [keeper])
    const { id } = await engine.enqueue(keeper, {})
    expect((await engine.outcome(id)).status).toBe('completed')
    expect(() => kept?.tx.query('select 1')).toThrow(/revoked/)
    expect(() => kept?.query('select 1')).toThrow(/revoked/)
  })

  test('that ignores its signal counts among those at which the worker fetches nothing more, and reports nothing', async () => {
    const gate = Promise.withResolvers<string>()
    const { logger, said } = listener()
    const stubborn = defineSaga('stubborn', { version: 1, input: nothing }).transactionalStep('hang', {
      action: () => gate.promise,
      timeout: '50ms',
      retry: { maxAttempts: 1 },
    })
    let ran = false
    const quick = defineSaga('quick', { version: 1, input: nothing }).step('run', {
      action: () => {
        ran = true
      },
    })
    const engine = await startEngine(database.connectionString, [stubborn, quick], { logger, maxStragglers: 1 })
    const { id } = await engine.enqueue(stubborn, {})
    expect((await engine.outcome(id)).status).toBe('compensated')
    expect(said.error).toContain('too many functions ignore their abort signal: this worker fetches nothing more')
    const next = await engine.enqueue(quick, {})
    expect(ran).toBe(false)
    gate.resolve('done after all')
    expect((await engine.outcome(next.id)).status).toBe('completed')
    expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('late_report')
  })
})

describe('an attempt', () => {
  test.each([0, 20])('that is given up on listens to nobody any more, after %i ms to settle', async (settleAfterMs) => {
    const stop = new AbortController()
    const gate = Promise.withResolvers<string>()
    const { first, late } = runTimed(() => gate.promise, new AbortController(), 20, settleAfterMs, stop.signal)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
    expect(await first).toMatchObject({ type: 'error', timedOut: true })
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
    gate.resolve('late')
    expect(await late).toEqual({ type: 'value', value: 'late' })
  })
})
