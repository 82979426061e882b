/** A rolling upgrade: the next release migrates the schema while this one still runs, and is started, on it. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, createSagaEngine, migrate, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { atRest, until } from '../support/waiting.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()
const input = z.object({ ends: z.enum(['well', 'undone', 'dead']).default('well') })
const quick = { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' } as const
const order = (name: string) =>
  defineSaga(name, { version: 1, input })
    .step('reserve', { action: () => 'R', compensation: () => {} })
    .branch('way', () => 'air', { air: (way) => way.step('fly', { action: () => 'F', compensation: () => {} }) })
    .transactionalStep('book', { action: () => 'B', compensation: () => {} })
    .step('send', {
      action: ({ input: { ends }, attempt }) => {
        if (ends === 'undone') throw new StepRejected('refused')
        if (ends === 'dead' && attempt < 3) throw new StepNotApplied('the mailer is down')
        return 'S'
      },
      retry: quick,
      whenExhausted: 'dead_letter',
    })
    .onCompleted(() => {})

/**
 * What a later release may add: nullable columns, with names that this release uses for other things; a table; an index;
 * types of events, and the row that says so.
 */
const ADDITIVE = [
  'alter table saga.saga add column added int, add column at timestamptz, add column finished boolean, add column side text',
  'alter table saga.saga_event add column data_format int, add column state json, add column revision int, add column id uuid',
  ...['blueprint', 'timer', 'worker', 'claim', 'hold'].map(
    (table) => `alter table saga.saga_${table} add column added text, add column name text, add column saga uuid`,
  ),
  'create table saga.saga_group (id uuid primary key, saga_id uuid references saga.saga (id), note text)',
  'create index saga_added on saga.saga (added) where added is not null',
  `do $$ declare known text; begin
     select replace(pg_get_constraintdef(oid), 'ARRAY[', 'ARRAY[''saga_migrated''::text, ') into strict known
       from pg_constraint where conname = 'saga_event_type_known' and conrelid = 'saga.saga_event'::regclass;
     execute 'alter table saga.saga_event drop constraint saga_event_type_known, add constraint saga_event_type_known ' || known;
   end $$`,
  `insert into saga.saga_migration (version, hash) select max(version) + 1, 'later' from saga.saga_migration`,
]

const LATER_BOSS = [
  'alter table pgboss.job add column later int',
  'alter table pgboss.queue add column later int',
  'update pgboss.version set version = version + 1',
]

const by = { actor: 'tester', reason: 'an upgrade' }

/** Everything once: starting, running, undoing, all verbs, reading. */
async function useAll(connectionString: string, name: string, options: { readonly migrate: boolean }): Promise<void> {
  const definition = order(name)
  const engine = await startEngine(connectionString, [definition], options)
  await using client = createSagaClient({ connectionString })
  const ids = await Promise.all(
    (['well', 'undone', 'dead', 'dead', 'dead'] as const).map(async (ends, at) => {
      return (await client.enqueue(definition, { ends }, { key: `key ${at}`, tags: ['upgrade'] })).id
    }),
  )
  const [well = '', undone = '', dead = '', resolved = '', turned = ''] = ids
  const statuses = await Promise.all(ids.map(async (id) => (await client.outcome(id)).status))
  expect(statuses).toEqual(['completed', 'compensated', 'dead_lettered', 'dead_lettered', 'dead_lettered'])
  const plan = await client.operator.plan(dead, 'retry')
  await client.operator.retry(dead, { ...by, plan: plan.hash })
  await client.operator.resolve(resolved, { ...by, as: 'completed' })
  await client.operator.compensate(turned, by)
  expect((await client.outcome(dead)).status).toBe('completed')
  expect((await client.outcome(resolved)).status).toBe('resolved')
  expect((await client.outcome(turned)).status).toBe('compensated')
  const hold = await client.operator.hold({ definition: name, step: 'send' }, by)
  const held = await client.enqueue(definition, {})
  await until('it is held', async () => (await client.get(held.id))?.waiting === 'hold')
  await client.operator.pause(held.id, by)
  await client.operator.resume(held.id, by)
  expect(await client.operator.holds()).toMatchObject([{ id: hold }])
  await client.operator.release(hold, by)
  expect((await client.outcome(held.id)).status).toBe('completed')
  const again = await client.operator.rerun(undone, by)
  expect((await client.outcome(again.newSagaId)).status).toBe('compensated')
  const later = await client.enqueue(definition, {}, { startAt: new Date(Date.now() + 3_600_000) })
  await client.operator.cancel(later.id, by)
  expect((await client.outcome(later.id)).status).toBe('compensated')
  expect((await client.list({ definition: name, tag: 'upgrade' })).sagas).toHaveLength(5)
  expect((await client.count({ definition: name })).completed).toBe(3)
  expect((await client.journal(well)).at(-1)?.event.type).toBe('saga_completed')
  await stopEngine(engine)
}

describe('this release on the schema of the next', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    await migrate({ connectionString: database.connectionString })
    for (const statement of ADDITIVE) await database.pool.query(statement)
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test.each([true, false])('starts, runs, undoes and operates sagas: migrate: %s', async (migrates) => {
    await useAll(database.connectionString, `on-the-next-${String(migrates)}`, { migrate: migrates })
  })

  test('is not started on the schema of the one after that', async () => {
    const { connectionString } = database
    await database.pool.query(
      `insert into saga.saga_migration (version, hash) select max(version) + 1, 'two later' from saga.saga_migration`,
    )
    try {
      for (const migrates of [true, false]) {
        await using engine = createSagaEngine({ connectionString, definitions: [order('two')], migrate: migrates })
        await expect(engine.start()).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
      }
      await expect(migrate({ connectionString })).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
    } finally {
      await database.pool.query(`delete from saga.saga_migration where hash = 'two later'`)
    }
  })
})

/** Applied and not committed. As the engine repeats a migration that meets a deadlock, so does this. */
async function isApplied(migration: pg.Client, statements: readonly string[]): Promise<boolean> {
  await migration.query('begin')
  try {
    for (const statement of statements) await migration.query(statement)
    return true
  } catch (error) {
    await migration.query('rollback')
    if ((error as { code?: string }).code === '40P01') return false
    throw error
  }
}

describe('a worker that runs', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    await migrate({ connectionString: database.connectionString })
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test('goes on while the schema is migrated under it, and no attempt is lost to that', async () => {
    const { connectionString, pool } = database
    const gate = Promise.withResolvers<void>()
    let running = 0
    const definition = defineSaga('meanwhile', { version: 1, input })
      .step('wait', {
        action: () => {
          running += 1
          return gate.promise
        },
        compensation: () => {},
      })
      .transactionalStep('book', { action: () => 'B', compensation: () => {} })
      .step('send', { action: () => 'S' })
    const engine = await startEngine(connectionString, [definition])
    const many = Array.from({ length: 100 }, () => ({ input: {} }))
    await engine.enqueueMany(definition, many)
    await until('all are at their first step', async () => running === 100)
    const migration = new pg.Client({ connectionString })
    await migration.connect()
    await until('the migration has all its locks', () => isApplied(migration, ADDITIVE))
    gate.resolve()
    // It keeps them for longer than a batch waits for a lock: until one and the same committer has given up and come again.
    const waits = new Map<number, Set<string>>()
    await until('a committer has run out of patience', async () => {
      const { rows } = await pool.query<{ pid: number; began: string }>(
        `select pid, xact_start::text as began from pg_stat_activity
         where datname = current_database() and application_name like 'pg-saga committer%' and wait_event_type = 'Lock'`,
      )
      for (const { pid, began } of rows) waits.set(pid, (waits.get(pid) ?? new Set()).add(began))
      return [...waits.values()].some((begun) => begun.size > 1)
    })
    await migration.query('commit')
    await migration.end()
    await engine.enqueueMany(definition, many)
    await atRest(pool, 200)
    expect((await engine.count({ definition: 'meanwhile' })).completed).toBe(200)
    const { rows } = await pool.query(
      `select type, count(*)::int as n from saga.saga_event where type in ('attempt_failed', 'attempt_lost', 'late_report') group by 1`,
    )
    expect(rows).toEqual([])
  })
})

describe('a later schema of pg-boss', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase()
    await migrate({ connectionString: database.connectionString })
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test('is worked on by what runs, and by engines that start; clients say that they are too old', async () => {
    const { connectionString, pool } = database
    const definition = order('on-later-jobs')
    const engine = await startEngine(connectionString, [definition])
    await using client = createSagaClient({ connectionString })
    await client.enqueue(definition, {})
    const migration = new pg.Client({ connectionString })
    await migration.connect()
    await until('pg-boss is migrated', () => isApplied(migration, LATER_BOSS))
    await migration.query('commit')
    await migration.end()
    const ends = async (id: string) => expect((await client.outcome(id)).status).toBe('completed')
    await ends((await client.enqueue(definition, {})).id)
    await stopEngine(engine)
    for (const migrates of [true, false]) {
      const another = await startEngine(connectionString, [definition], { migrate: migrates })
      await ends((await another.enqueue(definition, {})).id)
      await stopEngine(another)
    }
    await using fresh = createSagaClient({ connectionString })
    await expect(fresh.enqueue(definition, {})).rejects.toMatchObject({
      code: 'SCHEMA_TOO_NEW',
      message: expect.stringContaining('pg-boss'),
    })
    await pool.query('update pgboss.version set version = version - 1')
  })

  test('that is older is brought up to date by an engine that may, and by no other', async () => {
    const { connectionString, pool } = database
    const definition = order('on-older-jobs')
    const version = async () => Number((await pool.query('select version from pgboss.version')).rows[0].version)
    const known = await version()
    await pool.query('update pgboss.version set version = version - 1')
    await using strict = createSagaEngine({ connectionString, definitions: [definition], migrate: false })
    await expect(strict.start()).rejects.toMatchObject({ code: 'SCHEMA_TOO_OLD' })
    expect(await version()).toBe(known - 1)
    await pool.query('update pgboss.version set version = version + 1')
    await using nowhere = createSagaEngine({
      connectionString,
      definitions: [definition],
      migrate: false,
      bossSchema: 'no_boss',
    })
    await expect(nowhere.start()).rejects.toMatchObject({ code: 'SCHEMA_TOO_OLD' })
  })
})
