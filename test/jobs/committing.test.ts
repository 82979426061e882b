/** What a commit meets, and that it costs nobody an attempt and keeps nobody waiting (rules 3 and 11). */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Logger, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { refuseConnections } from './refusing.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()

/** What the actions wait for, by name. */
const gates = new Map<string, PromiseWithResolvers<void>>()
const ran: string[] = []
function gate(name: string): PromiseWithResolvers<void> {
  const known = gates.get(name) ?? Promise.withResolvers<void>()
  gates.set(name, known)
  return known
}

const gated = defineSaga('gated', { version: 1, input: z.object({ name: z.string() }) }).step('wait', {
  action: async ({ input: { name } }) => {
    ran.push(name)
    await gate(name).promise
    return name
  },
  compensation: () => {},
  retry: QUICK,
  timeout: '5 minutes',
})

describe('a commit', () => {
  let database: TestDatabase
  const clients: pg.Client[] = []

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterEach(async () => {
    for (const { resolve } of gates.values()) resolve()
    gates.clear()
    ran.length = 0
    await Promise.all(clients.splice(0).map((client) => client.end()))
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  /** Somebody else's transaction, which holds what it has taken until it is told to end. */
  async function elsewhere(text: string, values: unknown[] = []): Promise<() => Promise<unknown>> {
    const client = new pg.Client({ connectionString: database.connectionString })
    clients.push(client)
    await client.connect()
    await client.query('begin')
    await client.query(text, values)
    return () => client.query('rollback')
  }
  const rollbacks = async () => {
    await database.pool.query('select pg_stat_clear_snapshot()')
    const { rows } = await database.pool.query(
      'select xact_rollback::int as count from pg_stat_database where datname = current_database()',
    )
    return rows[0].count as number
  }

  test('leaves out the saga that somebody else has locked: the others are written meanwhile, and it is tried rarely', async () => {
    const engine = await startEngine(database.connectionString, [gated], { committers: 1 })
    const locked = await engine.enqueue(gated, { name: 'locked' })
    const free = await engine.enqueue(gated, { name: 'free' })
    const later = await engine.enqueue(gated, { name: 'later' })
    await until('all run', async () => ran.length === 3)
    const unlock = await elsewhere('select from saga.saga where id = $1 for no key update', [locked.id])
    const before = await rollbacks()
    gate('locked').resolve()
    gate('free').resolve()
    expect((await engine.outcome(free.id)).status).toBe('completed')
    for (let more = 0; more < 20; more += 1) {
      const one = await engine.enqueue(gated, { name: 'free' })
      expect((await engine.outcome(one.id)).status).toBe('completed')
    }
    gate('later').resolve()
    expect((await engine.outcome(later.id)).status).toBe('completed')
    expect((await engine.get(locked.id))?.status).toBe('running')
    await unlock()
    expect((await engine.outcome(locked.id)).status).toBe('completed')
    expect((await rollbacks()) - before).toBeLessThan(200)
    expect(ran.filter((name) => name === 'locked')).toHaveLength(1)
  })

  test('leaves out the saga that somebody else has locked together with its job: the others do not wait for it', async () => {
    const engine = await startEngine(database.connectionString, [gated], { committers: 1 })
    const names = ['free', 'free', 'locked', 'free', 'free']
    const started = []
    for (const name of names) started.push({ name, ...(await engine.enqueue(gated, { name })) })
    await until('all run', async () => ran.length === names.length)
    const locked = started.find(({ name }) => name === 'locked')?.id ?? ''
    const unlock = await elsewhere('select from saga.saga where id = $1 for no key update', [locked])
    const unlockJob = await elsewhere(
      `select from pgboss.job where name = 'saga_step' and data ->> 'saga' = $1 for update`,
      [locked],
    )
    // At once, so that they are committed together.
    gate('locked').resolve()
    gate('free').resolve()
    for (const { name, id } of started) if (name === 'free') expect((await engine.outcome(id)).status).toBe('completed')
    for (let more = 0; more < 20; more += 1) {
      const one = await engine.enqueue(gated, { name: 'free' })
      expect((await engine.outcome(one.id)).status).toBe('completed')
    }
    expect((await engine.get(locked))?.status).toBe('running')
    await unlock()
    await unlockJob()
    expect((await engine.outcome(locked)).status).toBe('completed')
    expect((await engine.journal(locked)).map(({ event }) => event.type)).not.toContain('attempt_failed')
    expect(ran.filter((name) => name === 'locked')).toHaveLength(1)
  })

  test.each([
    ['one of it', 1, `(select count(*) from added where type = 'step_completed' and payload #>> '{}' = 'odd') > 0`],
    ['so many at once', 6, `(select count(distinct saga_id) from added where type = 'step_completed') > 2`],
  ])(
    'that the database cannot write because of %s is made smaller: all the others are written',
    async (_, odd, when) => {
      const engine = await startEngine(database.connectionString, [gated], { committers: 1 })
      const names = ['even', 'even', 'even', 'even', 'even', ...Array.from({ length: odd }, () => 'odd')]
      const started = []
      for (const name of names) started.push({ name, ...(await engine.enqueue(gated, { name })) })
      await until('all run', async () => ran.length === names.length)
      await database.pool.query(`
      create function too_much() returns trigger language plpgsql as $$ begin
        if ${when} then raise exception 'too much' using errcode = '53200'; end if; return null; end $$;
      create trigger too_much after insert on saga.saga_event referencing new table as added
        for each statement execute function too_much()`)
      gate('even').resolve()
      gate('odd').resolve()
      for (const { name, id } of started)
        if (odd > 1 || name === 'even') expect((await engine.outcome(id)).status).toBe('completed')
      await database.pool.query('drop function too_much cascade')
      for (const { id } of started) {
        expect((await engine.outcome(id)).status).toBe('completed')
        expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('attempt_failed')
      }
      expect(ran).toHaveLength(names.length)
    },
  )

  test.each(['55P03', '57014', '53100', '53200', '25006', '58030', '42501'])(
    'that the database refuses with %s keeps all results, and no action runs twice',
    async (state) => {
      const warnings: string[] = []
      const logger: Logger = {
        debug() {},
        info() {},
        warn: (details) => warnings.push(JSON.stringify(details)),
        error: (details) => warnings.push(JSON.stringify(details)),
      }
      const engine = await startEngine(database.connectionString, [gated], { logger })
      const sagas = [await engine.enqueue(gated, { name: 'a' }), await engine.enqueue(gated, { name: 'b' })]
      await until('both run', async () => ran.length === 2)
      await database.pool.query(`
        create function in_trouble() returns trigger language plpgsql as $$ begin
          raise exception 'trouble' using errcode = '${state}'; end $$;
        create trigger in_trouble before insert on saga.saga_event for each row execute function in_trouble()`)
      gate('a').resolve()
      gate('b').resolve()
      await until('it is refused twice', async () => warnings.filter((text) => text.includes('trouble')).length >= 2)
      await database.pool.query('drop function in_trouble cascade')
      for (const { id } of sagas) {
        expect((await engine.outcome(id)).status).toBe('completed')
        expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('attempt_failed')
      }
      expect(ran).toHaveLength(2)
    },
  )

  test('whose connection cannot be opened, for whatever reason, keeps all results, and no action runs twice', async () => {
    const engine = await startEngine(database.connectionString, [gated])
    const sagas = [await engine.enqueue(gated, { name: 'a' }), await engine.enqueue(gated, { name: 'b' })]
    await until('both run', async () => ran.length === 2)
    using refusal = refuseConnections('pg-saga committer', 5)
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'pg-saga committer%'`,
    )
    gate('a').resolve()
    gate('b').resolve()
    await until('it was refused often enough', async () => refusal.refused === 5)
    for (const { id } of sagas) {
      expect((await engine.outcome(id)).status).toBe('completed')
      expect((await engine.journal(id)).map(({ event }) => event.type)).not.toContain('attempt_failed')
    }
    expect(ran).toHaveLength(2)
  })
})
