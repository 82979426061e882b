/** Who may do what by SQL: the database enforces it. */
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { grantsFor, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { dropRoles, loginAs, roleName } from '../support/sql-users.ts'
import { until } from '../support/waiting.ts'

const order = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('order', {
  version: 1,
  input: z.object({ secret: z.string().optional() }),
}).step('one', { action: () => {}, compensation: () => {} })

const roles = { starter: roleName('starter'), viewer: roleName('viewer'), operator: roleName('operator') }
const [web, otherWeb, eyes, night, nobody, canceller] = [
  roleName('web'),
  roleName('other_web'),
  roleName('eyes'),
  roleName('night'),
  roleName('nobody'),
  roleName('canceller'),
] as const

const STARTS = [`enqueue('order', '{}')`]
const ORDERS = ['retry', 'compensate', 'cancel', 'pause', 'resume'].map((verb) => `${verb}('$saga', 'a test')`)
const DUTIES = ['recover_stuck()', 'cleanup()']
const ADMIN = [`compensate_past_pivot('$saga', 'a test')`]
const INNER = [
  `order_saga('cancel', '$saga', 'a test', null, '{}')`,
  `order_duty('cleanup', 'keepMs', null)`,
  `input_problems('{}', '{}')`,
  'new_id()',
]
const VIEWS = ['overview', 'step', 'dead_letter', 'stuck', 'command', 'own_command']

let database: TestDatabase
let tables: readonly string[]
let saga: string

beforeAll(async () => {
  database = await testDatabase()
  const { pool } = database
  for (const text of [...grantsFor(roles), ...grantsFor(roles)]) await pool.query(text)
  await pool.query(`create role ${web} login in role ${roles.starter}; create role ${otherWeb} login in role ${roles.starter};
    create role ${eyes} login in role ${roles.viewer}; create role ${night} login in role ${roles.operator};
    create role ${nobody} login; create role ${canceller} login; grant usage on schema saga to ${canceller};
    grant execute on function saga.cancel(uuid, text, text) to ${canceller}; grant select on saga.own_command to ${canceller}`)
  const { rows } = await pool.query(
    `select relname as name from pg_class where relnamespace = 'saga'::regnamespace and relkind = 'r'`,
  )
  tables = rows.map(({ name }) => String(name))
  const engine = await startEngine(database.connectionString, [order])
  saga = (await engine.enqueue(order, {}, { startAt: new Date(Date.now() + 3_600_000) })).id
})
afterAll(async () => {
  await dropRoles(database)
  await database.drop()
})

/** The SQLSTATE of each statement; `undefined` of one that was done. Nothing of it stays. */
async function states(role: string, statements: readonly string[]): Promise<readonly (string | undefined)[]> {
  await using login = await loginAs(database, role)
  const given = []
  for (const text of statements) {
    await login.ask('begin')
    given.push(
      await login.ask(text.replace('$saga', saga)).then(
        () => undefined,
        (error: { code: string }) => error.code,
      ),
    )
    await login.ask('rollback')
  }
  return given
}
const calls = (functions: readonly string[]) => functions.map((call) => `select saga.${call}`)
const reads = (names: readonly string[]) => names.map((name) => `select 1 from saga.${name}`)
const DENIED = '42501'

describe('a role', () => {
  const everything = [...STARTS, ...ORDERS, ...DUTIES, ...ADMIN, ...INNER]
  test.each([
    ['that starts', () => web, STARTS, ['own_command']],
    ['that views', () => eyes, [], VIEWS],
    ['that operates', () => night, [...ORDERS, ...DUTIES], VIEWS],
    ['with the right to one function', () => canceller, ORDERS.slice(2, 3), ['own_command']],
    ['without rights', () => nobody, [], []],
  ])('%s may do that, and the database refuses everything else', async (_what, role, functions, views) => {
    const given = await states(role(), calls(everything))
    expect(everything.filter((_call, at) => given[at] === undefined)).toEqual(functions)
    expect(new Set(given)).toEqual(new Set(functions.length > 0 ? [undefined, DENIED] : [DENIED]))
    const seen = await states(role(), reads(VIEWS))
    expect(VIEWS.filter((_name, at) => seen[at] === undefined)).toEqual(views)
    const read = await states(role(), reads(tables))
    const readable = tables.filter((_name, at) => read[at] === undefined)
    // An offset for tests, which the view of stuck sagas needs.
    expect(readable).toEqual(views === VIEWS ? ['saga_clock'] : [])
    const writes = tables.flatMap((name) => [`delete from saga.${name}`, `insert into saga.${name} default values`])
    expect(new Set(await states(role(), writes))).toEqual(new Set([DENIED]))
  })

  test('with rights cannot be lent more of them by its search_path', async () => {
    await using login = await loginAs(database, web)
    await login.ask(
      `create temp table saga_command (id uuid); create function pg_temp.now() returns timestamptz language sql as 'select null::timestamptz'`,
    )
    await login.ask('set search_path = pg_temp, public')
    const id = await login.askOne<string>(`select saga.enqueue('order', '{}')`)
    expect(await login.askOne('select count(*)::int from saga_command')).toBe(0)
    expect(await login.askOne('select count(*)::int from saga.own_command where id = $1', [id])).toBe(1)
  })
})

describe('the commands of a role', () => {
  test('are shown to itself, signed by its login, and to those who may see all of them', async () => {
    await using one = await loginAs(database, web)
    await using other = await loginAs(database, otherWeb)
    await using viewer = await loginAs(database, eyes)
    const id = await one.askOne<string>(`select saga.enqueue('order', '{"secret": "secret"}')`)
    expect(await one.askOne('select actor from saga.own_command where id = $1', [id])).toBe(`sql:${web}`)
    expect(await viewer.askOne('select actor from saga.command where id = $1', [id])).toBe(`sql:${web}`)
    expect(await other.ask('select id from saga.own_command where id = $1', [id])).toEqual([])
    // Another role's hat is not another login.
    await one.ask(`set role ${roles.starter}`)
    const again = await one.askOne<string>(`select saga.enqueue('order', '{}')`)
    expect(await one.askOne('select actor from saga.own_command where id = $1', [again])).toBe(`sql:${web}`)
  })

  test('of others are not leaked by a condition of the reader’s', async () => {
    await using one = await loginAs(database, web)
    await using other = await loginAs(database, otherWeb)
    await one.ask(`select saga.enqueue('order', '{}', key => 'a secret key')`)
    await other.ask(`create function pg_temp.leak(text) returns boolean language plpgsql cost 0.0001 as $$
      begin raise exception 'leaked %', $1; end $$`)
    expect(await other.ask('select id from saga.own_command where pg_temp.leak(key)')).toEqual([])
  })

  test('show no input', async () => {
    await using viewer = await loginAs(database, eyes)
    const { rows } = await database.pool.query(`insert into saga.saga_command
      (id, verb, saga_id, definition, version, input, options, actor, request_id, requested_at, state, try_at)
      values ('0190b0b0-0000-7000-8000-000000000001', 'enqueue', '0190b0b0-0000-7000-8000-000000000001', 'none', 1, '"secret"', '{}', 'x', 'x', now(),
        'waiting', now()) returning id`)
    const shown = await viewer.ask('select to_jsonb(c)::text as row from saga.command c where id = $1', [rows[0].id])
    expect(shown).toHaveLength(1)
    expect(JSON.stringify(shown)).not.toContain('secret')
    await database.pool.query('delete from saga.saga_command where id = $1', [rows[0].id])
  })
})

describe('from psql alone', () => {
  test('a trigger starts a saga, which completes; another is cancelled by one who may, and by nobody else', async () => {
    const engine = await startEngine(database.connectionString, [order])
    await database.pool.query(`create table public.orders (nr int primary key);
      create function public.start_order() returns trigger language plpgsql as $$ begin
        perform saga.enqueue('order', '{}', key => 'order-' || new.nr); return null; end $$;
      create trigger start_order after insert on public.orders for each row execute function public.start_order();
      grant insert on public.orders to ${web}, ${eyes}`)
    await using starter = await loginAs(database, web)
    await using viewer = await loginAs(database, eyes)
    await using operator = await loginAs(database, night)
    await starter.ask('insert into public.orders values (1)')
    await expect(viewer.ask('insert into public.orders values (2)')).rejects.toMatchObject({ code: DENIED })
    const status = async (id: string) => viewer.askOne('select status from saga.overview where id = $1', [id])
    await until('it is seen to complete', async () => {
      const [row] = await viewer.ask(`select status from saga.overview where key = 'order-1'`)
      return row?.['status'] === 'completed'
    })
    for (const login of [starter, viewer])
      await expect(login.ask(`select saga.cancel($1, 'a test')`, [saga])).rejects.toMatchObject({ code: DENIED })
    expect(await status(saga)).toBe('pending')
    await operator.ask(`select saga.cancel($1, 'a test')`, [saga])
    await until('it is undone', async () => (await status(saga)) === 'compensated')
    expect((await engine.journal(saga)).some(({ event }) => JSON.stringify(event).includes(`sql:${night}`))).toBe(true)
  })
})

describe('the statements that grant', () => {
  test('name another schema and other roles where they are told to', () => {
    const text = grantsFor({ schema: 'shop', starter: 'web', viewer: 'eyes', operator: 'hands' }).join('\n')
    expect(text).not.toMatch(/saga\.|saga_starter|saga_viewer|saga_operator/)
    expect(text).toContain('grant usage on schema shop to web')
  })

  test.each([{ schema: 'a b' }, { starter: 'x; drop table y' }, { viewer: 'pg_monitor' }, { operator: '' }])(
    'refuse the name in %o',
    (options) => {
      expect(() => grantsFor(options)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
    },
  )

  test('are for all functions of the schema that the migrations bring, but for one that an admin gives by name', async () => {
    const { rows } = await database.pool.query(
      `select p.proname as name from pg_proc p where p.pronamespace = 'saga'::regnamespace order by 1`,
    )
    const granted = grantsFor().join('\n')
    const left = rows.map(({ name }) => String(name)).filter((name) => !granted.includes(`saga.${name}(`))
    expect(left).toEqual(['compensate_past_pivot', 'input_problems', 'new_id', 'order_duty', 'order_saga'])
    const open = await database.pool.query(
      `select p.proname as name from pg_proc p where p.pronamespace = 'saga'::regnamespace and has_function_privilege('${nobody}', p.oid, 'execute')`,
    )
    expect(open.rows).toEqual([{ name: 'now' }])
  })
})
