/**
 * Everybody at one saga at once: two workers, two people who order what comes to their minds, the watchdog, and somebody
 * who deletes its jobs (rules 1, 3, 4, 7, 14).
 */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, type SagaClient, SagaError, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const ROUNDS = 9

/** What has taken effect outside, by key. A repetition is none. */
const effects = new Map<string, 'done' | 'undone'>()

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const step = {
  action: async ({ idempotencyKey, attempt }: { idempotencyKey: string; attempt: number }) => {
    if (effects.get(idempotencyKey) === 'undone') throw new StepRejected('It was cancelled.')
    effects.set(idempotencyKey, 'done')
    if (attempt % 3 === 1) throw new Error('The answer was lost.')
    return attempt
  },
  compensation: ({ action, attempt }: { action: { idempotencyKey: string }; attempt: number }) => {
    effects.set(action.idempotencyKey, 'undone')
    if (attempt % 3 === 1) throw new Error('The answer was lost.')
  },
  retry: { maxAttempts: 4, backoff: 'fixed', initialInterval: '10ms' },
} as const

const busy = defineSaga('busy', { version: 1, input: z.object({ fails: z.boolean() }) })
  .transactionalStep('book', {
    action: ({ tx, idempotencyKey }) => write(tx, 'insert into booking values ($1)', [idempotencyKey]),
    compensation: ({ tx, idempotencyKey }) => write(tx, 'insert into booking values ($1)', [idempotencyKey]),
  })
  .parallel('both', (both) => both.step('left', step).step('right', step))
  .step('end', {
    ...step,
    action: async ({ input, ...context }) => {
      if (input.fails) throw new StepRejected('No.')
      return step.action(context)
    },
  })

async function write(tx: pg.ClientBase, statement: string, values: unknown[]): Promise<void> {
  await tx.query(statement, values)
}

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query('create table booking (key text primary key)')
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('one saga', () => {
  test('with two workers, two operators and the watchdog on it stays true to its journal, and nothing happens twice', async () => {
    const options = { watchdogEvery: 10, concurrency: 20 } as const
    for (const _worker of [1, 2]) await startEngine(database.connectionString, [busy], options)
    await using client = createSagaClient({ connectionString: database.connectionString })
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id } = await client.enqueue(busy, { fails: round % 2 === 1 })
      const isOver = async () => ['completed', 'compensated', 'resolved'].includes((await client.get(id))?.status ?? '')
      const state = { over: false }
      const people = ['ada', 'otto'].map((actor) => operate(client, id, actor, round, state))
      const thief = steal(id, state)
      // Whatever they have left it in, one of them brings it to its end.
      await Promise.all(people)
      state.over = true
      await thief
      await until('the saga is at its end', async () => {
        await order(() => client.operator.resume(id, { actor: 'ada', reason: 'to the end' }))
        await order(() => client.operator.retry(id, { actor: 'ada', reason: 'to the end' }))
        return isOver()
      })
    }
    const counts = await client.count()
    expect(counts.completed).toBeGreaterThan(0)
    expect(counts.compensated).toBeGreaterThan(0)
    expect(await untrue(client)).toEqual([])
    const { rows } = await database.pool.query(
      `select distinct data ->> 'actor' as actor from saga.saga_event where request_id is not null`,
    )
    expect(rows.length).toBeGreaterThan(0)
  })
})

const VERBS = ['pause', 'resume', 'retry', 'cancel', 'compensate', 'pause', 'resume', 'retry'] as const

/** Twenty orders, one after the other: what does not fit is refused, and nothing else goes wrong. */
async function operate(client: SagaClient, id: string, actor: string, seed: number, state: { over: boolean }) {
  for (let at = 0; at < 20 && !state.over; at += 1) {
    const verb = VERBS[(seed * 5 + at * 3 + actor.length) % VERBS.length] ?? 'retry'
    const turns = verb === 'cancel' || verb === 'compensate'
    // Turning it at once would leave the others nothing to do, and turning each would leave none to complete.
    if (turns && (at < 10 || seed % 3 === 0)) continue
    await order(() => client.operator[verb](id, { actor, reason: 'because', requestId: `${actor}-${id}-${at}` }))
  }
}

async function order(give: () => Promise<unknown>): Promise<void> {
  try {
    await give()
  } catch (error) {
    if (!(error instanceof SagaError) || error.code !== 'ORDER_REFUSED') throw error
  }
}

/** Deletes the saga's jobs again and again: the watchdog has something to do. */
async function steal(id: string, state: { readonly over: boolean }): Promise<void> {
  while (!state.over) await database.pool.query(`delete from pgboss.job where data ->> 'saga' = $1`, [id])
}

/** Sagas whose effects are not what they say. */
async function untrue(client: SagaClient): Promise<readonly string[]> {
  const said: string[] = []
  const { rows } = await database.pool.query('select key from booking')
  const booked = new Set(rows.map(({ key }) => key))
  for (const { id, status } of (await client.list({}, { limit: 100 })).sagas) {
    const standing = ['left', 'right', 'end'].filter((name) => effects.get(`${id}:${name}`) === 'done')
    const isBooked = booked.has(`${id}:book`) && !booked.has(`${id}:book:compensation`)
    if (status === 'completed' && !(isBooked && standing.length === 3))
      said.push(`${id} is completed: ${standing.join()}`)
    if (status === 'compensated' && (isBooked || standing.length > 0))
      said.push(`${id} is compensated: ${standing.join()}`)
  }
  return said
}
