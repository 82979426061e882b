/** What people make of error groups, and when a group comes back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ignoredGroups } from '../../src/engine/store/triage.ts'
import { type DeadLetterAlert, type SagaEngine, SagaError, type TriageOrder } from '../../src/index.ts'
import { deadLetters, office, sendLetter } from '../dashboard/letters.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'

const HOUR_MS = 60 * 60 * 1_000
const by = { actor: 'ada', reason: 'incident 7' }
const alerts: DeadLetterAlert[] = []

let database: TestDatabase
let engine: SagaEngine
let group: string

const dead = async (count = 1, says?: string) => deadLetters(engine, count, says)
const triaged = () => engine.triage(group)
const inState = async (state: 'open' | 'ignored' | 'resolved') =>
  (await engine.errorGroups({}, { state })).map(({ id }) => id)
const audited = async () => (await engine.audit.list({ errorGroup: group })).entries

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  alerts.length = 0
  await database.pool.query('delete from saga.saga; delete from saga.saga_event; delete from saga.saga_audit')
  await database.pool.query('delete from saga.saga_triage; delete from saga.saga_clock; delete from pgboss.job')
  await database.pool.query('delete from saga.saga_alert; delete from saga.saga_alert_mark')
  engine = await startEngine(database.connectionString, [sendLetter], {
    onDeadLetter: (alert) => void alerts.push(alert),
    alertEvery: '15m',
    authorize: (actor, action, { errorGroup }) => actor !== 'eve' || action !== 'triage' || errorGroup === undefined,
  })
  group = (await dead()).group
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

describe('an error group', () => {
  test('is open until somebody says something else, and is then found as what it is', async () => {
    expect(await inState('open')).toEqual([group])
    expect((await engine.errorGroups())[0]?.triage).toBeNull()
    await engine.operator.triage(group, { state: 'ignored' }, by)
    expect(await inState('open')).toEqual([])
    expect(await inState('ignored')).toEqual([group])
    expect((await engine.errorGroups())[0]?.triage).toMatchObject({
      errorGroup: group,
      definition: 'send-letter',
      step: 'post',
      state: 'ignored',
      said: 'ignored',
      by: 'ada',
      why: 'incident 7',
      note: null,
      revision: 1,
    })
    await engine.operator.triage(group, { state: 'open' }, { ...by, actor: 'grace' })
    expect(await triaged()).toMatchObject({ state: 'open', by: 'grace', revision: 2 })
    expect(await audited()).toMatchObject([
      { action: 'triage', actor: 'grace', about: { state: 'open' }, definition: 'send-letter', errorGroup: group },
      { action: 'triage', actor: 'ada', about: { state: 'ignored' }, reason: 'incident 7' },
    ])
  })

  test('that is resolved is open again when another saga dies of it', async () => {
    await engine.operator.triage(group, { state: 'resolved' }, by)
    expect(await triaged()).toMatchObject({ state: 'resolved', came: 0 })
    await dead(2)
    expect(await triaged()).toMatchObject({ state: 'open', said: 'resolved', came: 2 })
    expect(await inState('open')).toEqual([group])
    // Said again, of those that are there by then.
    await engine.operator.triage(group, { state: 'resolved' }, by)
    expect(await triaged()).toMatchObject({ state: 'resolved', came: 0 })
  })

  test('that is resolved is open again when a saga that was in it is retried, and dies of it once more', async () => {
    const [saga] = (await engine.list({ errorGroup: group })).sagas
    await engine.operator.triage(group, { state: 'resolved' }, by)
    office.says = 'The office is closed.'
    await engine.operator.retry(saga?.id ?? '', by)
    await engine.outcome(saga?.id ?? '')
    expect(await triaged()).toMatchObject({ state: 'open', said: 'resolved', came: 1 })
  })

  test('that is resolved stays so when a dead letter from before only changes', async () => {
    await engine.operator.triage(group, { state: 'resolved' }, by)
    await database.pool.query('update saga.saga set updated_at = clock_timestamp() where error_group = $1', [group])
    expect(await triaged()).toMatchObject({ state: 'resolved', came: 0 })
  })

  test('that is resolved in a version stays so when sagas of older ones die of it', async () => {
    await engine.operator.triage(group, { state: 'resolved', version: 4 }, by)
    await dead()
    expect(await triaged()).toMatchObject({ state: 'resolved', version: 4, came: 0 })
    await engine.operator.triage(group, { state: 'resolved', version: 3 }, by)
    expect(await triaged()).toMatchObject({ state: 'resolved', came: 0 })
    await dead()
    expect(await triaged()).toMatchObject({ state: 'open', said: 'resolved', version: 3, came: 1 })
  })

  test('is ignored until a moment, or until more have come', async () => {
    const until = new Date(Date.now() + HOUR_MS)
    await engine.operator.triage(group, { state: 'ignored', until, untilMore: 2 }, by)
    expect(await triaged()).toMatchObject({ state: 'ignored', until, untilMore: 2, came: 0 })
    await dead()
    expect(await triaged()).toMatchObject({ state: 'ignored', came: 1 })
    await dead()
    expect(await triaged()).toMatchObject({ state: 'open', said: 'ignored', came: 2 })
    await engine.operator.triage(group, { state: 'ignored', until }, by)
    expect((await triaged())?.state).toBe('ignored')
    await database.pool.query('insert into saga.saga_clock values ($1)', [2 * HOUR_MS])
    expect(await triaged()).toMatchObject({ state: 'open', said: 'ignored' })
  })

  test('is not ignored until a moment that is over, but what was said in time may be repeated later', async () => {
    const past = new Date(Date.now() - HOUR_MS)
    const refused = engine.operator.triage(group, { state: 'ignored', until: past }, by)
    await expect(refused).rejects.toMatchObject({ code: 'ACT_INVALID', details: { field: 'until' } })
    expect(await triaged()).toBeUndefined()
    expect(await audited()).toEqual([])
    const order = { state: 'ignored', until: new Date(Date.now() + HOUR_MS) } as const
    await engine.operator.triage(group, order, { ...by, requestId: 'request-1' })
    await database.pool.query('insert into saga.saga_clock values ($1)', [2 * HOUR_MS])
    expect(await engine.operator.triage(group, order, { ...by, requestId: 'request-1' })).toMatchObject({
      state: 'open',
    })
    await expect(engine.operator.triage(group, order, by)).rejects.toMatchObject({ code: 'ACT_INVALID' })
  })

  test('that was ignored until a moment that is over costs no look at its sagas', async () => {
    const until = new Date(Date.now() + HOUR_MS)
    await engine.operator.triage(group, { state: 'ignored', until, untilMore: 1_000 }, by)
    const looks = async () => {
      const { rows } = await database.pool.query(`explain (analyze, format json) ${ignoredGroups('saga')}`)
      const found: number[] = []
      JSON.stringify(rows, (_key, value: unknown) => {
        const node = value as { readonly 'Relation Name'?: string; readonly 'Actual Loops'?: number } | null
        if (node?.['Relation Name'] === 'saga') found.push(node['Actual Loops'] ?? 0)
        return value
      })
      return found
    }
    expect(await looks()).toEqual([1])
    await database.pool.query('insert into saga.saga_clock values ($1)', [2 * HOUR_MS])
    expect(await looks()).toEqual([0])
  })

  test('without sagas is listed by its definition, with those that only have a note behind the others', async () => {
    await database.pool.query(`insert into saga.saga_triage (error_group, definition, direction, reason, state, by, why, at, note,
        note_by, note_at, revision)
      select 'gone-' || n, case when n = 1 then 'send-letter' else 'another' end, 'forward', 'past_pivot', 'open',
        case when n < 4 then 'ada' end, case when n < 4 then 'why' end, case when n < 4 then now() + n * interval '1 second' end,
        'a note', 'ada', now(), 1
      from generate_series(1, 5) n`)
    const ids = async (options: object) =>
      (await engine.goneGroups('open', options)).map(({ errorGroup }) => errorGroup)
    expect(await ids({ limit: 4 })).toEqual(['gone-3', 'gone-2', 'gone-1', 'gone-4'])
    expect(await ids({ limit: 1, definition: 'send-letter' })).toEqual(['gone-1'])
    await expect(engine.goneGroups('open', { definition: '\u0000' })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  })

  test('keeps what was said of it, and its note, when no saga is in it any more', async () => {
    await engine.operator.triage(group, { state: 'resolved' }, by)
    await engine.operator.note(group, 'The office is closed on Sundays.', { actor: 'ada' })
    for (const { id } of (await engine.list({ errorGroup: group })).sagas) {
      await engine.operator.resolve(id, { ...by, as: 'completed' })
    }
    expect(await engine.errorGroups()).toEqual([])
    expect(await engine.goneGroups('resolved')).toMatchObject([{ errorGroup: group, state: 'resolved' }])
    // Without a dead letter in it, it can still be noted down.
    await engine.operator.note(group, 'Also on Mondays.', { actor: 'grace' })
    await dead()
    expect(await engine.goneGroups('resolved')).toEqual([])
    expect((await engine.errorGroups())[0]?.triage).toMatchObject({
      state: 'open',
      said: 'resolved',
      note: 'Also on Mondays.',
      noteBy: 'grace',
    })
    const notes = (await audited()).filter(({ action }) => action === 'note')
    expect(notes.map(({ actor, reason }) => [actor, reason])).toEqual([
      ['grace', 'Also on Mondays.'],
      ['ada', 'The office is closed on Sundays.'],
    ])
    expect(await engine.operator.note(group, null, { actor: 'ada' })).toMatchObject({ note: null, noteBy: null })
  })

  test('takes a request once, and refuses it for something else', async () => {
    const request = { ...by, requestId: 'request-1' }
    await engine.operator.triage(group, { state: 'resolved', version: 4 }, request)
    await Promise.all([
      engine.operator.triage(group, { state: 'resolved', version: 4 }, request),
      engine.operator.triage(group, { state: 'resolved', version: 4 }, request),
    ])
    expect(await audited()).toHaveLength(1)
    for (const other of [{ state: 'open' }, { state: 'resolved', version: 5 }] as const) {
      const refused = engine.operator.triage(group, other, request)
      await expect(refused).rejects.toMatchObject({ code: 'REQUEST_REUSED' })
    }
    await expect(engine.operator.note(group, 'incident 7', request)).rejects.toMatchObject({ code: 'REQUEST_REUSED' })
    expect(await triaged()).toMatchObject({ state: 'resolved', version: 4, revision: 1 })
  })

  test('is changed by one of two who have seen the same', async () => {
    const results = await Promise.allSettled(
      ['ada', 'grace'].map((actor) =>
        engine.operator.triage(group, { state: actor === 'ada' ? 'resolved' : 'ignored' }, { ...by, actor, seen: 0 }),
      ),
    )
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const refused = results.find((result) => result.status === 'rejected')
    expect(refused?.reason).toMatchObject({ code: 'TRIAGE_CHANGED' })
    // What was not done does not stand in the audit.
    expect(await audited()).toHaveLength(1)
    expect((await triaged())?.revision).toBe(1)
  })

  test('is changed by who may, and as far as it can be', async () => {
    const refused = engine.operator.triage(group, { state: 'open' }, { actor: 'eve', reason: 'let me' })
    await expect(refused).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
    expect(await audited()).toMatchObject([{ actor: 'eve', action: 'triage', deniedTimes: 1 }])
    const wrong: readonly object[] = [
      { state: 'closed' },
      { state: 'open', version: 1 },
      { state: 'resolved', version: 0 },
      { state: 'resolved', until: new Date() },
      { state: 'ignored', until: new Date(Number.NaN) },
      { state: 'ignored', untilMore: 1_001 },
    ]
    for (const order of wrong) {
      const invalid = engine.operator.triage(group, order as TriageOrder, by)
      await expect(invalid).rejects.toMatchObject({ code: 'ACT_INVALID' })
    }
    await expect(engine.operator.note(group, '\u0000', by)).rejects.toBeInstanceOf(SagaError)
    await expect(engine.operator.note(group, 'x', { ...by, seen: -1 })).rejects.toMatchObject({ code: 'ACT_INVALID' })
    for (const none of ['1:ffff', "';--", '']) {
      const missing = engine.operator.triage(none, { state: 'open' }, by)
      await expect(missing).rejects.toMatchObject({ code: 'ERROR_GROUP_NOT_FOUND' })
    }
    await expect(engine.errorGroups({}, { state: 'x' as never })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    expect(await triaged()).toBeUndefined()
  })
})

describe('a group that is ignored', () => {
  test('is no reason for attention, and is counted as that', async () => {
    const other = (await dead(2, 'The stamp is missing.')).group
    await engine.operator.triage(group, { state: 'ignored' }, by)
    const { deadLetters: counts, ignored } = await engine.system.attention()
    expect(counts).toMatchObject([{ reason: 'forward_exhausted', count: 2 }])
    expect(ignored).toBe(1)
    expect(await inState('open')).toEqual([other])
  })

  test('makes no alert, and what came before and meanwhile is not told when it ends; others are', async () => {
    const waiting = async () => {
      const { rows } = await database.pool.query('select count from saga.saga_alert where error_group = $1', [group])
      return Number(rows[0]?.count ?? 0)
    }
    const later = async (minutes: number) => {
      await database.pool.query('delete from saga.saga_clock')
      await database.pool.query('insert into saga.saga_clock values ($1)', [minutes * 60_000])
    }
    await until('the first is told', async () => alerts.some(({ errorGroup }) => errorGroup === group))
    await dead()
    await until('one more waits to be told', async () => (await waiting()) === 1)
    await engine.operator.triage(group, { state: 'ignored' }, by)
    alerts.length = 0
    await dead(2)
    const other = (await dead(1, 'The stamp is missing.')).group
    await until('the other is told', async () => alerts.some(({ errorGroup }) => errorGroup === other))
    // Of those that came meanwhile nothing waits to be told.
    expect(await waiting()).toBe(1)
    await later(16)
    await until('nothing waits any more', async () => (await waiting()) === 0)
    expect(alerts.map(({ errorGroup }) => errorGroup)).toEqual([other])
    await engine.operator.triage(group, { state: 'open' }, by)
    await dead(1)
    await later(32)
    await until('one more is told', async () => alerts.some(({ errorGroup }) => errorGroup === group))
    const told = alerts.filter(({ errorGroup }) => errorGroup === group)
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(1)
  })
})
