/** A client for those who only look: every verb of it is refused, and leaves nothing behind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createSagaClient,
  createSagaEngine,
  fromPg,
  type SagaClient,
  type SagaEngine,
  sagasFor,
} from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const note = sagasFor<{ services: unknown; tx: unknown }>()('note', {
  version: 1,
  input: z.object({ text: z.string() }),
}).step('write', { action: () => 'written' })

let database: TestDatabase
let engine: SagaEngine
let looking: SagaClient
let saga: string

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [note], services: {} })
  await engine.start()
  saga = (await engine.enqueue(note, { text: 'one' })).id
  await engine.outcome(saga)
  await engine.stop()
  // It is old enough for clean-up, and nobody is there to do that.
  await database.pool.query(
    `update saga.saga set finished_at = finished_at - interval '40 days', updated_at = updated_at - interval '40 days'`,
  )
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [note], services: {} })
  looking = engine.forReading({ maxAtOnce: 2, withinMs: 2_000 })
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

const by = { actor: 'ada', reason: 'a test' }
const none = '01a1fce1-8814-7000-aad7-833589d72686'

/** By object and name, with what would be done by the client that it was made of. */
const VERBS: Readonly<Record<string, (client: SagaClient) => Promise<unknown>>> = {
  enqueue: (client) => client.enqueue(note, { text: 'two' }),
  enqueueMany: (client) => client.enqueueMany(note, [{ input: { text: 'two' } }]),
  'operator.retry': ({ operator }) => operator.retry(saga, by),
  'operator.compensate': ({ operator }) => operator.compensate(saga, by),
  'operator.cancel': ({ operator }) => operator.cancel(saga, by),
  'operator.pause': ({ operator }) => operator.pause(saga, by),
  'operator.resume': ({ operator }) => operator.resume(saga, by),
  'operator.resolve': ({ operator }) => operator.resolve(saga, { ...by, as: 'completed' }),
  'operator.revert': ({ operator }) => operator.revert(saga, by),
  'operator.complete': ({ operator }) => operator.complete(saga, { ...by, step: 'write' }),
  'operator.editInput': ({ operator }) => operator.editInput(saga, { ...by, input: { text: 'two' } }),
  'operator.rerun': ({ operator }) => operator.rerun(saga, by),
  'operator.erase': ({ operator }) => operator.erase(saga, by),
  'operator.hold': ({ operator }) => operator.hold({ definition: 'note' }, by),
  'operator.release': ({ operator }) => operator.release(none, by),
  'operator.triage': ({ operator }) => operator.triage('a group', { state: 'open' }, { ...by, seen: 0 }),
  'operator.note': ({ operator }) => operator.note('a group', 'a note', { actor: 'ada', seen: 0 }),
  'operations.start': ({ operations }) => operations.start({ verb: 'pause', filter: { definition: 'note' }, ...by }),
  'operations.pause': ({ operations }) => operations.pause(none, by),
  'operations.resume': ({ operations }) => operations.resume(none, by),
  'operations.abort': ({ operations }) => operations.abort(none, by),
  'maintenance.cleanup': ({ maintenance }) => maintenance.cleanup(),
  'maintenance.recover': ({ maintenance }) => maintenance.recover(),
  'maintenance.count': ({ maintenance }) => maintenance.count(),
  'maintenance.analyze': ({ maintenance }) => maintenance.analyze(),
  'system.unschedule': ({ system }) => system.unschedule('nightly'),
  'audit.denied': ({ audit }) => audit.denied({ actor: 'eve', action: 'retry' }),
}

/** What only reads, so that each method stands in one of the two. */
const READING: Readonly<Record<'operator' | 'operations' | 'maintenance' | 'system' | 'audit', readonly string[]>> = {
  operator: ['plan', 'holds'],
  operations: ['preview', 'get', 'list', 'results'],
  maintenance: ['log'],
  system: [
    'workers',
    'queues',
    'check',
    'pulse',
    'attention',
    'deadLettersByHour',
    'definitions',
    'blueprint',
    'schedules',
    'statistics',
    'recent',
    'countedTo',
  ],
  audit: ['list'],
}

async function rows(): Promise<unknown> {
  const { rows: found } = await database.pool.query(
    `select relname, (xpath('/row/c/text()', query_to_xml('select count(*) as c from saga.' || quote_ident(relname), false, true, '')))[1]::text as count
     from pg_stat_user_tables where schemaname = 'saga' order by 1`,
  )
  return found
}

describe('a client for reading', () => {
  test.each(Object.entries(VERBS))('refuses %s, and leaves nothing behind', async (name, verb) => {
    const before = await rows()
    // What is not there is looked for first, and there is no other.
    const isLookedFor = /operations\.(?:pause|resume|abort)|operator\.(?:triage|note)/.test(name)
    const code = isLookedFor ? /READ_ONLY|_NOT_FOUND/ : /^READ_ONLY$/
    await expect(verb(looking)).rejects.toMatchObject({ name: 'SagaError', code: expect.stringMatching(code) })
    expect(await rows()).toEqual(before)
    expect((await looking.get(saga))?.status).toBe('completed')
  })

  test('refuses a start in a transaction of the caller’s, which it could write by', async () => {
    const own = await database.pool.connect()
    await own.query('begin')
    const started = looking.enqueue(note, { text: 'two' }, { db: fromPg(own) })
    await expect(started).rejects.toMatchObject({ code: 'READ_ONLY' })
    await own.query('commit')
    own.release()
    expect((await looking.list()).sagas).toHaveLength(1)
  })

  test('has no method that is not known here to read or to change', () => {
    for (const [part, reading] of Object.entries(READING)) {
      const object = looking[part as keyof typeof READING]
      const names = Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => name !== 'constructor')
      const known = Object.keys(VERBS).flatMap((name) =>
        name.startsWith(`${part}.`) ? name.slice(part.length + 1) : [],
      )
      expect(names.toSorted()).toEqual([...reading, ...known].toSorted())
    }
  })

  test('leaves two connections of the pool to others, and has one where there are not so many', async () => {
    for (const [poolSize, most] of [
      [1, 1],
      [3, 1],
      [5, 3],
      [10, 4],
    ] as const) {
      const client = createSagaClient({ connectionString: database.connectionString, poolSize })
      const reader = client.forReading({ maxAtOnce: 4, withinMs: 500 })
      await reader.list()
      const locker = await database.pool.connect()
      await locker.query('begin')
      await locker.query('lock table saga.saga in access exclusive mode')
      const asked = Array.from({ length: 8 }, () => reader.list().catch((error: unknown) => error))
      let seen = 0
      let isOver = false
      void Promise.all(asked).finally(() => {
        isOver = true
      })
      while (!isOver) {
        const { rows: found } = await database.pool.query(
          `select count(*)::int as count from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and application_name = 'pg-saga'`,
        )
        seen = Math.max(seen, found[0].count)
      }
      expect([poolSize, seen]).toEqual([poolSize, most])
      await locker.query('rollback')
      locker.release()
      await client.close()
    }
  })
})
