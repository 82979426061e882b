/**
 * One lock order: saga, jobs, journal (rule 3). While everybody is at work, what each session waits for and already holds
 * is read from the server, again and again.
 */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, SagaError, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest } from '../support/waiting.ts'

const SAGAS = 300

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const work = defineSaga('work', { version: 1, input: z.object({ nr: z.number() }) })
  .transactionalStep('book', {
    action: ({ tx, input }) => write(tx, 'update till set cents = cents + 1 where id = $1', [input.nr % 30]),
    compensation: ({ tx, input }) => write(tx, 'update till set cents = cents - 1 where id = $1', [input.nr % 30]),
  })
  .parallel('both', (both) =>
    both.step('left', { action: () => 1, compensation: () => {} }).step('right', { action: () => 2 }),
  )
  .step('end', {
    action: ({ input }) => {
      if (input.nr % 4 === 0) throw new StepRejected('No.')
    },
  })

async function write(tx: pg.ClientBase, statement: string, values: unknown[]): Promise<void> {
  await tx.query(statement, values)
}

/** Who waits, for what, and what it may have locked: relations that it has written to in this transaction. */
const WAITS = `
  select a.pid, pg_blocking_pids(a.pid) as blockers, a.application_name as who, a.query,
    array(select distinct l.relation::regclass::text from pg_locks l
      where l.pid = a.pid and l.granted and l.mode = 'RowExclusiveLock' and l.relation is not null) as written
  from pg_stat_activity a
  where a.datname = current_database() and cardinality(pg_blocking_pids(a.pid)) > 0`

type Wait = { pid: number; blockers: number[]; who: string; query: string; written: string[] }

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
  await database.pool.query('create table till (id int primary key, cents int not null)')
  await database.pool.query('insert into till select id, 0 from generate_series(0, 29) id')
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('locks', () => {
  test('are taken in one order: sessions wait for each other, never in a ring, and none waits for a saga with a job in its hand', async () => {
    const options = { watchdogEvery: 10, concurrency: 50 } as const
    for (const _worker of [1, 2]) await startEngine(database.connectionString, [work], options)
    await using client = createSagaClient({ connectionString: database.connectionString })
    let isOver = false
    const waits: Wait[] = []
    const rings: Wait[][] = []
    const watching = (async () => {
      while (!isOver) {
        const { rows } = await database.pool.query<Wait>(WAITS)
        waits.push(...rows)
        if (hasRing(rows)) rings.push(rows)
      }
    })()
    const ids: string[] = []
    for (let from = 0; from < SAGAS; from += 50) {
      const started = await client.enqueueMany(
        work,
        Array.from({ length: 50 }, (_, at) => ({ input: { nr: from + at } })),
      )
      ids.push(...started.flatMap((one) => (one.ok ? [one.id] : [])))
      // People at the same sagas as the workers, and in another order.
      await Promise.all(
        ids
          .slice(-50)
          .toReversed()
          .map((id, at) => interfere(client, id, at)),
      )
    }
    await Promise.all(ids.map((id) => interfere(client, id, 1)))
    await atRest(database.pool, SAGAS)
    isOver = true
    await watching
    expect(rings).toEqual([])
    const wrong = waits.filter(({ query, written }) => waitsForSaga(query) && written.some(comesAfterSaga))
    expect(wrong).toEqual([])
    // Somebody did wait: otherwise all this would say little.
    expect(waits.length).toBeGreaterThan(0)
    const { rows } = await database.pool.query(
      `select deadlocks::int from pg_stat_database where datname = current_database()`,
    )
    expect(rows[0].deadlocks).toBe(0)
  })
})

type Client = ReturnType<typeof createSagaClient>

async function interfere(client: Client, id: string, at: number): Promise<void> {
  const by = { actor: 'ada', reason: 'because' }
  try {
    if (at % 3 === 0) await client.operator.cancel(id, by)
    else {
      await client.operator.pause(id, by)
      await client.operator.resume(id, by)
    }
  } catch (error) {
    if (!(error instanceof SagaError) || error.code !== 'ORDER_REFUSED') throw error
    // What was paused goes on, also where it could not be resumed at once.
  }
}

function waitsForSaga(query: string): boolean {
  return query.includes('for no key update of s')
}

function comesAfterSaga(relation: string): boolean {
  return relation.startsWith('pgboss.') || relation.endsWith('saga_event')
}

/** Whether somebody waits, over whatever others, for itself. */
function hasRing(waits: readonly Wait[]): boolean {
  const blockers = new Map(waits.map((wait) => [wait.pid, wait.blockers]))
  return waits.some(({ pid }) => {
    const seen = new Set<number>()
    const next = [...(blockers.get(pid) ?? [])]
    while (next.length > 0) {
      const one = next.pop() ?? 0
      if (one === pid) return true
      if (seen.has(one)) continue
      seen.add(one)
      next.push(...(blockers.get(one) ?? []))
    }
    return false
  })
}
