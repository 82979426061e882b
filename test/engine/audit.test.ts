/** Who did what and why, over all sagas and beside them; and who was refused what. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Audit } from '../../src/engine/audit.ts'
import { readEventActs, readOtherActs, recordDenied } from '../../src/engine/store/audit.ts'
import type { AuditEntry, AuditFilter, SagaEngine } from '../../src/index.ts'
import { deadLetters, office, sendLetter } from '../dashboard/letters.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { loginAs } from '../support/sql-users.ts'
import { until } from '../support/waiting.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const by = { actor: 'ada', reason: 'incident 7' }

let database: TestDatabase
let engine: SagaEngine
/** Who may nothing. */
let stranger: string | undefined

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  stranger = undefined
  office.says = undefined
  await database.pool.query('delete from saga.saga; delete from saga.saga_event; delete from saga.saga_audit')
  await database.pool.query('delete from pgboss.job; delete from saga.saga_clock')
  engine = await startEngine(database.connectionString, [sendLetter], {
    authorize: (actor) => {
      if (actor === 'nobody') throw new Error('Who is that?')
      return actor !== stranger
    },
  })
})
afterEach(async () => {
  await database.pool.query('delete from saga.saga_clock')
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

const later = (ms: number) =>
  database.pool
    .query('delete from saga.saga_clock')
    .then(() => database.pool.query('insert into saga.saga_clock values ($1)', [ms]))
const all = async (filter: AuditFilter = {}) => (await engine.audit.list(filter, { limit: 1_000 })).entries
const told = (entries: readonly AuditEntry[]) => entries.map(({ action, actor }) => `${actor}: ${action}`)
const dead = async (count = 1) => deadLetters(engine, count)
const settled = (id: string) =>
  until('it has settled', async () => (await engine.operations.get(id)).settledAt !== null)

describe('the audit', () => {
  test('tells each act on a saga, with who, why and by which request', async () => {
    const { ids } = await dead()
    const [id = ''] = ids
    office.says = 'Still closed.'
    await engine.operator.retry(id, { ...by, requestId: 'request-1' })
    await engine.outcome(id)
    await engine.operator.resolve(id, { ...by, actor: 'grace', as: 'completed' })
    expect(await all()).toMatchObject([
      { action: 'resolve', actor: 'grace', sagaId: id, definition: 'send-letter', about: { as: 'completed' } },
      { action: 'retry', ...by, requestId: 'request-1', sagaId: id, deniedTimes: null },
    ])
  })

  test('tells holds, operations, maintenance and orders by SQL beside them, each once', async () => {
    const { group, ids } = await dead(3)
    const hold = await engine.operator.hold(
      { definition: 'send-letter', step: 'stamp' },
      { ...by, requestId: 'hold-12' },
    )
    await engine.operator.hold({ definition: 'send-letter', step: 'stamp' }, { ...by, requestId: 'hold-12' })
    await engine.operator.release(hold, { ...by, rate: 5, requestId: 'release-1' })
    await engine.operator.release(hold, { ...by, rate: 5, requestId: 'release-1' })
    const filter = { errorGroup: group }
    const { id } = await engine.operations.start({ verb: 'retry', filter, ...by, requestId: 'operation-1' })
    await engine.operations.start({ verb: 'retry', filter, ...by, requestId: 'operation-1' })
    await settled(id)
    await engine.maintenance.cleanup({ actor: 'ada', dryRun: true })
    const psql = await loginAs(database)
    await psql.askOne('select saga.recover_stuck()')
    await until('the order is done', async () => (await all({ action: 'maintain' })).length === 2)
    await psql[Symbol.asyncDispose]()
    const entries = await all()
    expect(entries.map(({ action, about }) => [action, about])).toEqual([
      ['maintain', { duty: 'recovery' }],
      ['maintain', { duty: 'cleanup', isDry: true }],
      ['start_operation', { operationId: id, verb: 'retry', ofGroup: group }],
      ['release', { holdId: hold, step: 'stamp', rate: 5 }],
      ['hold', { holdId: hold, step: 'stamp' }],
    ])
    expect(entries[0]?.actor).toMatch(/^sql:/)
    // What an operation has ordered of a saga is told of that saga.
    expect(told(await all({ sagaId: ids[0] ?? '' }))).toEqual(['ada: retry'])
  })

  test('tells what people change of operations, in its transaction or not at all', async () => {
    const { group } = await dead(2)
    const { id } = await engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, rate: 0.001, ...by })
    await engine.operations.pause(id, { ...by, requestId: 'pause-123' })
    await engine.operations.pause(id, { ...by, requestId: 'pause-123' })
    await engine.operations.abort(id, { actor: 'grace', reason: 'enough' })
    expect(told(await all())).toEqual(['grace: abort_operation', 'ada: pause_operation', 'ada: start_operation'])
    await database.pool.query('alter table saga.saga_audit add constraint full_up check (false) not valid')
    try {
      await expect(engine.operator.hold({ definition: 'send-letter' }, by)).rejects.toThrow('full_up')
      await expect(engine.operator.triage(group, { state: 'resolved' }, by)).rejects.toThrow('full_up')
    } finally {
      await database.pool.query('alter table saga.saga_audit drop constraint full_up')
    }
    expect(await engine.operator.holds()).toEqual([])
    expect(await engine.triage(group)).toBeUndefined()
  })

  test('is asked by actor, action, definition and time, and gives pages that overlap nowhere', async () => {
    const { ids } = await dead(4)
    for (const [index, id] of ids.entries()) {
      await engine.operator.resolve(id, { actor: index % 2 === 0 ? 'ada' : 'grace', reason: 'test', as: 'completed' })
    }
    const hold = await engine.operator.hold({ definition: 'send-letter' }, by)
    await engine.operator.release(hold, by)
    expect(told(await all({ actor: 'grace' }))).toEqual(['grace: resolve', 'grace: resolve'])
    expect(told(await all({ actor: 'ada', action: 'release' }))).toEqual(['ada: release'])
    expect(await all({ definition: 'another' })).toEqual([])
    expect(await all({ definition: 'send-letter' })).toHaveLength(6)
    const [newest] = await all()
    expect(await all({ from: newest?.at as Date })).toHaveLength(1)
    expect(await all({ to: newest?.at as Date })).toHaveLength(5)
    const whole = await all()
    const paged: AuditEntry[] = []
    let cursor: string | undefined
    do {
      const page = await engine.audit.list({}, { limit: 2, ...(cursor === undefined ? {} : { cursor }) })
      paged.push(...page.entries)
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(paged).toEqual(whole)
  })

  test('keeps what people did to a saga that clean-up deletes', async () => {
    const { ids } = await dead(2)
    for (const id of ids) await engine.operator.resolve(id, { ...by, as: 'compensated' })
    const before = await all()
    await later(31 * DAY_MS)
    expect((await engine.maintenance.cleanup({ actor: 'ada' })).sagas).toBe(2)
    expect(await engine.get(ids[0] ?? '')).toBeUndefined()
    expect(await all({ action: 'resolve' })).toEqual(before)
    expect(await all({ sagaId: ids[0] ?? '' })).toHaveLength(1)
  })

  test('tells what people did whatever their request ids say, and keeps it when clean-up deletes the saga', async () => {
    const { ids } = await dead(2)
    const [id = '', other = ''] = ids
    await engine.operator.resolve(id, { ...by, as: 'completed', requestId: `resolve-${id}` })
    await engine.operator.resolve(other, { ...by, as: 'completed', requestId: ` pg-saga:operation:${other}` })
    const before = await all()
    expect(before).toHaveLength(2)
    expect(new Set(before.map(({ sagaId }) => sagaId))).toEqual(new Set(ids))
    await later(31 * DAY_MS)
    expect((await engine.maintenance.cleanup({ actor: 'ada' })).sagas).toBe(2)
    expect(await all({ action: 'resolve' })).toEqual(before)
  })

  test.each(['pg-saga:', 'pg-saga:operation:1:2', 'pg-saga:recovery:1:2'])(
    'is evaded by nobody: the request id %s is the engine’s own, in every act',
    async (requestId) => {
      const { group, ids } = await dead()
      const [id = ''] = ids
      const hold = await engine.operator.hold({ definition: 'send-letter' }, by)
      const own = { ...by, requestId }
      const acts = [
        () => engine.operator.retry(id, own),
        () => engine.operator.resolve(id, { ...own, as: 'completed' }),
        () => engine.operator.hold({ definition: 'send-letter' }, own),
        () => engine.operator.release(hold, own),
        () => engine.operator.triage(group, { state: 'resolved' }, own),
        () => engine.operator.note(group, 'x', own),
        () => engine.operations.start({ verb: 'retry', filter: { errorGroup: group }, ...own }),
      ]
      for (const act of acts) {
        await expect(act()).rejects.toMatchObject({ code: 'ACT_INVALID', details: { field: 'requestId' } })
      }
      await engine.operator.release(hold, by)
      expect(told(await all())).toEqual(['ada: release', 'ada: hold'])
    },
  )

  test('has what clean-up moves while it is read once', async () => {
    const { ids } = await dead(2)
    for (const id of ids) await engine.operator.resolve(id, { ...by, as: 'compensated' })
    let asked = 0
    const db = {
      executeSql: async (text: string, values: unknown[] = []) => {
        const { rows } = await database.pool.query(text, values)
        asked += 1
        if (asked === 1) {
          await later(31 * DAY_MS)
          expect((await engine.maintenance.cleanup()).sagas).toBe(2)
        }
        return { rows }
      },
    }
    const quiet = () => {}
    const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
    const { entries } = await new Audit({ db, schema: 'saga', logger }).list({ action: 'resolve' })
    expect(asked).toBe(2)
    expect(entries).toHaveLength(2)
    expect(new Set(entries.map(({ sagaId }) => sagaId))).toEqual(new Set(ids))
  })

  test('is asked within limits', async () => {
    const wrong = [{ actor: 'a\u0000' }, { sagaId: 'x' }, { from: new Date(Number.NaN) }, { who: 'ada' } as AuditFilter]
    for (const filter of wrong) {
      await expect(engine.audit.list(filter)).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    }
    for (const page of [{ limit: 0 }, { limit: 1_001 }, { cursor: 'x' }, { cursor: `1.${'-'.repeat(36)}.1` }]) {
      await expect(engine.audit.list({}, page)).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    }
  })
})

describe('what somebody is refused', () => {
  test('is written down with who, what and about what, also when authorize throws', async () => {
    const { ids } = await dead()
    const [sagaId = ''] = ids
    stranger = 'eve'
    const eve = { actor: 'eve', reason: 'let me' }
    await expect(engine.operator.retry(sagaId, eve)).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    await expect(engine.operator.hold({ definition: 'send-letter', step: 'post' }, eve)).rejects.toThrow('may not')
    await expect(engine.maintenance.cleanup({ actor: 'nobody' })).rejects.toThrow('may not')
    expect(await all({ deniedOnly: true })).toMatchObject([
      { actor: 'nobody', action: 'maintain', deniedTimes: 1, reason: null },
      { actor: 'eve', action: 'hold', definition: 'send-letter', about: { step: 'post' }, deniedTimes: 1 },
      { actor: 'eve', action: 'retry', sagaId, definition: 'send-letter', deniedTimes: 1 },
    ])
    expect(await all({ actor: 'eve' })).toHaveLength(2)
  })

  test('fills no table, however often and with whatever names somebody tries', async () => {
    stranger = 'eve'
    const input = { to: 'ada' }
    const tries = Array.from({ length: 30 }, () => engine.enqueue(sendLetter, input, { actor: 'eve' }))
    await Promise.allSettled(tries)
    for (let index = 0; index < 60; index += 1) {
      await engine.audit.denied({ actor: 'eve', action: 'hold', target: { definition: `made-up-${index}` } })
    }
    await engine.audit.denied({ actor: 'mallory', action: 'hold', target: { definition: '\u0000'.padEnd(9_999, 'x') } })
    const entries = await all({ actor: 'eve' })
    // The minute may have changed meanwhile.
    expect(entries.length).toBeLessThanOrEqual(42)
    expect(entries.reduce((sum, { deniedTimes }) => sum + (deniedTimes ?? 0), 0)).toBe(90)
    expect(entries.find(({ action }) => action === 'several')?.deniedTimes).toBeGreaterThan(10)
    expect((await all({ actor: 'mallory' }))[0]?.definition).toHaveLength(200)
  })

  test('is counted in one row by processes in different time zones', async () => {
    // At the begin of a minute: there is time for both.
    await later(60_000 - (Date.now() % 60_000))
    for (const zone of ['UTC', 'Asia/Kolkata']) {
      const client = await database.pool.connect()
      try {
        await client.query(`set timezone = '${zone}'`)
        const db = { executeSql: (text: string, values?: unknown[]) => client.query(text, values) }
        await recordDenied(db, 'saga', { id: randomUUID(), actor: 'eve', action: 'hold' })
      } finally {
        await client.query('reset timezone')
        client.release()
      }
    }
    expect((await all({ deniedOnly: true })).map(({ deniedTimes }) => deniedTimes)).toEqual([2])
  })

  test('is forgotten after 90 days by clean-up, and nothing else is', async () => {
    await engine.audit.denied({ actor: 'eve', action: 'hold' })
    const hold = await engine.operator.hold({ definition: 'send-letter' }, by)
    await engine.operator.release(hold, by)
    await later(89 * DAY_MS)
    expect((await engine.maintenance.cleanup()).denied).toBeUndefined()
    await later(91 * DAY_MS)
    expect((await engine.maintenance.cleanup()).denied).toBe(1)
    expect(await all({ deniedOnly: true })).toEqual([])
    expect(await all({ actor: 'ada' })).toHaveLength(2)
  })

  test('is refused all the same when it cannot be written down', async () => {
    stranger = 'eve'
    await database.pool.query('alter table saga.saga_audit rename to gone')
    try {
      const refused = engine.operator.hold({ definition: 'send-letter' }, { actor: 'eve', reason: 'let me' })
      await expect(refused).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    } finally {
      await database.pool.query('alter table saga.gone rename to saga_audit')
    }
  })

  test('is no refusal where somebody only reads', async () => {
    await engine.audit.denied({ actor: 'eve', action: 'read' })
    expect(await all()).toEqual([])
  })
})

describe('among half a million events', () => {
  test('the audit is read by its indexes, and steps on their way stand in none of them', async () => {
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`insert into saga.saga_event (saga_id, sequence, type, at, format, data, request_id)
        select ('00000000-0000-7000-8000-' || lpad(to_hex(n / 10), 12, '0'))::uuid, n % 10 + 1,
          case when n % 10 = 0 then 'saga_started' when n % 500 = 7 then 'saga_paused' else 'step_completed' end,
          now() - n * interval '1 second', 1,
          case when n % 500 = 7 then jsonb_build_object('act', jsonb_build_object('actor', 'ada' || n % 3000, 'reason', 'r', 'requestId', 'q')) end,
          case when n % 500 = 7 then 'q' || n end
        from generate_series(1, 500000) n`)
      await client.query(`insert into saga.saga_audit (at, id, action, actor, definition, about, times, denied_key)
        select now() - n * interval '1 second', gen_random_uuid(), 'hold', 'ada' || n % 100, 'd' || n % 10, '{}',
          case when n % 20 = 0 then 1 end, case when n % 20 = 0 then n::text end from generate_series(1, 20000) n`)
      await client.query(`insert into saga.saga (id, definition, version, input_hash, status, revision, format, state, dead_reason,
          error_group, created_at, updated_at)
        select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'order', 1, 'h', 'dead_lettered', 1, 1,
          '{"status":"dead_lettered","steps":{}}', 'past_pivot', '1:0', now(), now() from generate_series(1, 50000) n`)
      await client.query('analyze saga.saga; analyze saga.saga_event; analyze saga.saga_audit')
      const { rows } = await client.query(
        `select indexrelname as name, pg_relation_size(indexrelid)::int as bytes from pg_stat_user_indexes
         where indexrelname in ('saga_event_act', 'saga_event_actor')`,
      )
      // A thousand acts among half a million events.
      for (const { bytes } of rows) expect(bytes).toBeLessThan(512 * 1024)
      expect(rows).toHaveLength(2)
      const plans: string[] = []
      const db = {
        executeSql: async (text: string, values: unknown[] = []) => {
          plans.push(JSON.stringify((await client.query(`explain (format json) ${text}`, values)).rows))
          return { rows: [] }
        },
      }
      const after = { at: new Date(), id: '00000000-0000-7000-8000-000000000001', sequence: 1 }
      const sagaId = after.id
      const filters: AuditFilter[] = [{}, { actor: 'ada7' }, { action: 'pause' }, { sagaId }, { definition: 'd1' }]
      for (const filter of [...filters, { from: new Date(0), to: new Date() }]) {
        await readEventActs(db, 'saga', filter, { limit: 50, after })
        await readOtherActs(db, 'saga', filter, { limit: 50, after })
      }
      await readOtherActs(db, 'saga', { deniedOnly: true }, { limit: 50 })
      expect(plans).toHaveLength(13)
      for (const plan of plans) expect(plan).not.toContain('Seq Scan')
      expect(plans[0]).toContain('saga_event_act')
      expect(plans[2]).toContain('saga_event_actor')
    } finally {
      await client.query('rollback')
      client.release()
    }
  })
})
