/** Finding the sagas of an incident: what was undone when and by which build, what was tried how often. */
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { filterFromText } from '../../src/engine/filter-text.ts'
import { listSummaries } from '../../src/engine/store/reading.ts'
import { type SagaEngine, type SagaFilter, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { QUICK, startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'

const defineSaga = sagasFor<{ services: unknown; tx: pg.ClientBase }>()

const trip = defineSaga('trip', { version: 1, input: z.object({ refunds: z.boolean(), tries: z.int() }) })
  .transactionalStep('pay', {
    action: () => ({ cents: 1 }),
    compensation: { run: () => {}, onlyIf: ({ input }) => input.refunds },
  })
  .step('fly', {
    action: ({ input, attempt }) => {
      if (attempt < input.tries) throw new StepNotApplied('Later.')
      throw new StepRejected('Sold out.')
    },
    retry: QUICK,
  })

const HOUR_MS = 3_600_000

describe('a filter', () => {
  let database: TestDatabase
  let engine: SagaEngine
  /** By the build that ran it. */
  const sagas: Record<string, string> = {}
  let needless: string
  let between: Date

  beforeAll(async () => {
    database = await testDatabase()
    const compensated = async (build: string | undefined, refunds = true, tries = 1): Promise<string> => {
      engine = await startEngine(database.connectionString, [trip], build === undefined ? {} : { build })
      const { id } = await engine.enqueue(trip, { refunds, tries })
      expect((await engine.outcome(id)).status).toBe('compensated')
      await stopEngine(engine)
      return id
    }
    sagas['one'] = await compensated('one')
    needless = await compensated('one', false)
    await database.pool.query('insert into saga.saga_clock values ($1)', [HOUR_MS])
    const { rows } = await database.pool.query(`select saga.now() - interval '30 minutes' as at`)
    between = rows[0].at
    sagas['two'] = await compensated('two', true, 3)
    sagas['none'] = await compensated(undefined)
  })
  beforeEach(async () => {
    engine = await startEngine(database.connectionString, [trip])
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  const found = async (filter: SagaFilter): Promise<readonly string[]> => {
    const { sagas: page } = await engine.list(filter)
    expect((await engine.count(filter)).compensated).toBe(page.length)
    return page.map(({ id }) => id).reverse()
  }

  test('finds the sagas whose step was compensated between two moments, and by which build', async () => {
    const { one, two, none } = sagas
    expect(await found({ compensatedStep: { step: 'pay' } })).toEqual([one, two, none])
    expect(await found({ compensatedStep: { step: 'pay', from: between } })).toEqual([two, none])
    expect(await found({ compensatedStep: { step: 'pay', to: between } })).toEqual([one])
    expect(await found({ compensatedStep: { step: 'pay', from: between, build: 'two' } })).toEqual([two])
    expect(await found({ compensatedStep: { step: 'pay', to: between, build: 'two' } })).toEqual([])
    expect(await found({ compensatedStep: { step: 'fly' } })).toEqual([])
    const at = (await engine.journal(two ?? '')).find(({ event }) => event.type === 'step_compensated')?.at as Date
    expect(await found({ compensatedStep: { step: 'pay', from: at, to: new Date(at.getTime() + 1) } })).toEqual([two])
    expect(await found({ compensatedStep: { step: 'pay', to: at } })).toEqual([one])
    expect(await found({ status: 'completed', compensatedStep: { step: 'pay' } })).toEqual([])
  })

  test('finds the sagas of a definition of which any step was compensated, by a build', async () => {
    const { one, two, none } = sagas
    const definition = 'trip'
    expect(await found({ definition, compensatedStep: { from: new Date(0) } })).toEqual([one, two, none])
    expect(await found({ definition, compensatedStep: { build: 'one' } })).toEqual([one])
    expect(await found({ definition, compensatedStep: { from: between, build: 'two' } })).toEqual([two])
    expect(await found({ definition, compensatedStep: { to: between, build: 'two' } })).toEqual([])
    expect(await found({ definition: 'another', compensatedStep: { build: 'one' } })).toEqual([])
  })

  test('finds the sagas that a build has worked on', async () => {
    const { one, two } = sagas
    expect(await found({ build: 'one' })).toEqual([one, needless])
    expect(await found({ build: 'two', definition: 'trip' })).toEqual([two])
    expect(await found({ build: 'three' })).toEqual([])
  })

  test('finds the sagas with a step that was tried at least so often', async () => {
    expect(await found({ minAttempts: 3 })).toEqual([sagas['two']])
    expect(await found({ minAttempts: 1 })).toHaveLength(4)
    expect(await found({ minAttempts: 4 })).toEqual([])
  })

  test('looks for compensations by their index, and not in the whole journal', async () => {
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(`insert into saga.saga_event (saga_id, sequence, type, step, side, attempt, at, format)
        select gen_random_uuid(), 2, case n % 10 when 0 then 'step_compensated' else 'step_completed' end, 'pay', 'action',
          1, now() - n * interval '1 minute', 1 from generate_series(1, 30000) n`)
      await client.query(
        `insert into saga.saga
        select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).*
        from saga.saga s cross join generate_series(1, 5000) where s.id = $1`,
        [needless],
      )
      await client.query('analyze saga.saga_event, saga.saga')
      let plan = ''
      const db = {
        executeSql: async (text: string, values: unknown[] = []) => {
          plan = JSON.stringify((await client.query(`explain (format json) ${text}`, values)).rows)
          return { rows: [] }
        },
      }
      const compensatedStep = { step: 'pay', from: new Date(Date.now() - 60_000), build: 'one' }
      await listSummaries(db, 'saga', { compensatedStep }, { limit: 50 })
      expect(plan).toContain('saga_event_compensated')
      const { step: _any, ...ofAnyStep } = compensatedStep
      await listSummaries(db, 'saga', { definition: 'trip', compensatedStep: ofAnyStep }, { limit: 50 })
      expect(plan).toContain('saga_event_compensated')
      // By step and moment, not all of the index.
      expect(plan).toMatch(/"Index Cond":"[^"]*split_part[^"]*ANY[^"]*at >=/)
    } finally {
      await client.query('rollback')
      client.release()
    }
  })

  test.each<SagaFilter>([
    { version: 1 },
    { version: 2 },
    { step: 'fly' },
    { step: 'swim' },
    { minAttempts: 3 },
    { build: 'one' },
    { build: 'one', definition: 'trip', status: 'compensated' },
    { compensatedStep: { step: 'pay', build: 'one' } },
  ])('finds the same by looking at a few sagas for each page: %j', async (filter) => {
    const all = (await engine.list(filter)).sagas.map(({ id }) => id)
    const pieces: string[] = []
    let cursor: string | undefined
    let isEarly = false
    for (let pages = 0; pages <= 8; pages += 1) {
      const page = await engine.list(filter, { limit: 1, looks: 2, ...(cursor === undefined ? {} : { cursor }) })
      pieces.push(...page.sagas.map(({ id }) => id))
      isEarly ||= page.endedEarly === true
      cursor = page.cursor
      if (cursor === undefined) break
    }
    expect(cursor).toBeUndefined()
    expect(pieces).toEqual(all)
    // Four sagas, of which two are looked at: where fewer than two fit, the page ended early.
    if (all.length < 2) expect(isEarly).toBe(true)
  })

  test('leaves out of a look what was started more than a day after it got its id, and of nothing else', async () => {
    const { id } = await engine.enqueue(
      trip,
      { refunds: true, tries: 1 },
      { key: 'late', startAt: new Date(Date.now() + 30 * 24 * HOUR_MS) },
    )
    await database.pool.query(`update saga.saga set created_at = created_at + interval '3 days' where id = $1`, [id])
    const startedAfter = new Date(Date.now() + 2 * 24 * HOUR_MS)
    const ids = async (page: { readonly looks?: number }) =>
      (await engine.list({ startedAfter }, page)).sagas.map((saga) => saga.id)
    expect(await ids({})).toEqual([id])
    expect(await ids({ looks: 100 })).toEqual([])
    expect((await engine.count({ startedAfter })).pending).toBe(1)
    expect(await engine.operations.preview({ verb: 'cancel', filter: { startedAfter } })).toMatchObject({ count: 1 })
    await database.pool.query(`update saga.saga set created_at = created_at - interval '3 days' where id = $1`, [id])
    await engine.operator.cancel(id, { actor: 'ada', reason: 'The test is over.' })
  })

  test('takes a number of looks only where an index does not lead there', async () => {
    expect(await engine.list({ definition: 'trip' }, { limit: 3, looks: 1 })).toMatchObject({ sagas: { length: 3 } })
    await expect(engine.list({}, { looks: 0 })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
  })

  /** All of them, a page of two at a time. */
  async function pieced(filter: SagaFilter, looks: number): Promise<readonly string[]> {
    const pieces: string[] = []
    let cursor: string | undefined
    do {
      const page = await engine.list(filter, { limit: 2, looks, ...(cursor === undefined ? {} : { cursor }) })
      pieces.push(...page.sagas.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== undefined)
    return pieces
  }

  test('knows keys by how they begin, byte by byte, whatever the characters', async () => {
    const keys = ['a', 'ab', 'ab%', 'ab_1', 'aB', 'é1', 'é2', 'z', '\ud7ff1', '\ue000', '\u{10ffff}', '\u{10ffff}x']
    for (const key of keys) {
      const { id } = await engine.enqueue(
        trip,
        { refunds: true, tries: 1 },
        { key, startAt: new Date(Date.now() + 7 * 24 * HOUR_MS) },
      )
      expect((await engine.list({ key })).sagas.map((saga) => saga.id)).toEqual([id])
    }
    for (const keyPrefix of [...keys, 'é', 'ab', 'ab%1', 'ba', '\ud7ff']) {
      const wanted = keys.filter((key) => key.startsWith(keyPrefix))
      const listed = await engine.list({ keyPrefix })
      expect(listed.sagas).toHaveLength(wanted.length)
      expect(new Set(listed.sagas.map(({ key }) => key)), keyPrefix).toEqual(new Set(wanted))
      const ofOne = await engine.list({ keyPrefix, definition: 'trip' })
      expect(ofOne.sagas).toHaveLength(wanted.length)
      // With looks for all that begin so, and for fewer: the newest are looked at then.
      const startedAfter = new Date(Date.now() - 48 * HOUR_MS)
      const filters: SagaFilter[] = [
        { keyPrefix },
        { keyPrefix, definition: 'trip' },
        { keyPrefix, version: 1 },
        { keyPrefix, status: 'pending', startedAfter },
      ]
      for (const filter of filters) {
        const all = (await engine.list(filter)).sagas.map(({ id }) => id)
        expect(all).toHaveLength(wanted.length)
        for (const looks of [1, 2, 3, 16, 100]) {
          expect(await pieced(filter, looks), `${JSON.stringify(filter)} with ${looks} looks`).toEqual(all)
        }
      }
    }
    const noneEarly = await engine.list({ keyPrefix: 'é' }, { limit: 1, looks: 2 })
    expect(noneEarly).toMatchObject({ sagas: [{ key: 'é2' }], cursor: noneEarly.sagas[0]?.id })
    expect(noneEarly.endedEarly).toBeUndefined()
    // Two begin so, and the newest saga of all is none of them: keys lead there.
    const byKey = await engine.list({ keyPrefix: 'é' }, { limit: 1, looks: 1 })
    expect(byKey).toMatchObject({ sagas: [{ key: 'é2' }], endedEarly: true, cursor: byKey.sagas[0]?.id })
    expect(await engine.list({ keyPrefix: 'é', status: 'completed' }, { looks: 3 })).toEqual({ sagas: [] })
    const withKeys = (await engine.list({ keyPrefix: '' })).sagas.map(({ id }) => id)
    expect(withKeys.length).toBeGreaterThan(keys.length)
    for (const looks of [1, 2, 100]) expect(await pieced({ keyPrefix: '' }, looks)).toEqual(withKeys)
    // More than twelve begin so, which is more than ten times a look: the newest are looked at.
    const newest = (await engine.list({}, { limit: 1 })).sagas[0]?.id
    const many = await engine.list({ keyPrefix: '', version: 9 }, { limit: 1, looks: 1 })
    expect(many).toEqual({ sagas: [], cursor: newest, endedEarly: true })
    const undone = { keyPrefix: '', compensatedStep: { step: 'pay', from: new Date(0) } }
    for (const looks of [1, 100]) expect(await engine.list(undone, { looks })).toMatchObject({ sagas: [] })
    for (const { id } of (await engine.list({ status: 'pending' })).sagas) {
      await engine.operator.cancel(id, { actor: 'ada', reason: 'The test is over.' })
    }
  })

  test('takes sagas by their ids', async () => {
    const two = [sagas['one'] ?? '', sagas['two'] ?? '']
    expect(new Set(await found({ ids: two }))).toEqual(new Set(two))
    expect(await found({ ids: [...two, needless], build: 'two' })).toEqual([sagas['two']])
    expect(await found({ ids: ['01a1fce1-8814-7000-aad7-833589d72686'] })).toEqual([])
    expect(await found({ ids: [two[0] ?? '', two[0] ?? ''] })).toEqual([two[0]])
    expect((await engine.count({ ids: two })).compensated).toBe(2)
    const looking = await engine.list({ ids: two, build: 'one' }, { looks: 2 })
    expect(looking.sagas.map(({ id }) => id)).toEqual([two[0]])
    const preview = await engine.operations.preview({ verb: 'retry', filter: { ids: two } })
    expect(preview).toMatchObject({ count: 2, more: false })
    expect(filterFromText([['id', two.join(',')]])).toEqual({ ids: two })
  })

  test('adds up with the others', async () => {
    expect(await found({ minAttempts: 2, build: 'one' })).toEqual([])
    expect(await found({ minAttempts: 2, build: 'two', compensatedStep: { step: 'pay' } })).toEqual([sagas['two']])
  })

  test.each([
    ['ids', { ids: [] }],
    ['ids', { ids: ['1'] }],
    ['ids', { ids: '01a1fce1-8814-7000-aad7-833589d72686' }],
    ['ids', { ids: Array.from({ length: 101 }, () => '01a1fce1-8814-7000-aad7-833589d72686') }],
    ['minAttempts', { minAttempts: 0 }],
    ['minAttempts', { minAttempts: 1.5 }],
    ['build', { build: 7 }],
    ['compensatedStep', { compensatedStep: 'pay' }],
    ['compensatedStep', { compensatedStep: null }],
    ['compensatedStep', { compensatedStep: {} }],
    ['compensatedStep', { compensatedStep: { build: 'one' } }],
    ['compensatedStep', { definition: 'trip', compensatedStep: {} }],
    ['compensatedStep.step', { compensatedStep: { step: 'a\u0000' } }],
    ['compensatedStep.from', { compensatedStep: { step: 'pay', from: '2026-01-01' } }],
    ['compensatedStep.to', { compensatedStep: { step: 'pay', to: new Date('never') } }],
    ['compensatedStep.build', { compensatedStep: { step: 'pay', build: 1 } }],
    ['errorGroup', { errorGroup: 1 }],
  ])('cannot have a %s like this: %j', async (name, filter) => {
    const refused = { code: 'FILTER_INVALID', message: expect.stringContaining(name) }
    await expect(engine.list(filter as unknown as SagaFilter)).rejects.toMatchObject(refused)
    await expect(engine.count(filter as unknown as SagaFilter)).rejects.toMatchObject(refused)
  })
})

describe('a build', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(async () => {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  })

  test('stands in the journal beside the worker, with each attempt that it ran', async () => {
    const engine = await startEngine(database.connectionString, [trip], { build: 'v1 – “é”' })
    const { id } = await engine.enqueue(trip, { refunds: true, tries: 2 })
    await engine.outcome(id)
    const journal = await engine.journal(id)
    const ran = journal.filter(({ build }) => build !== null)
    expect(ran.map(({ event }) => event.type)).toEqual([
      'step_completed',
      'attempt_failed',
      'attempt_failed',
      'step_compensated',
    ])
    expect(new Set(ran.map(({ build }) => build))).toEqual(new Set(['v1 – “é”']))
    expect(journal.filter(({ worker }) => worker !== null)).toEqual(ran)
    const steps = (await engine.get(id))?.steps
    expect(steps?.map(({ builds }) => builds)).toEqual([['v1 – “é”'], ['v1 – “é”']])
    await stopEngine(engine)
  })

  test.each(['', 'a\nb', 'a\u0001', 'x'.repeat(201)])('cannot be called %j', async (build) => {
    await expect(startEngine(database.connectionString, [trip], { build })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  })

  test('is that of the worker that died, for what was lost with it', async () => {
    let isHung: (() => void) | undefined
    const hung = new Promise<void>((resolve) => {
      isHung = resolve
    })
    let release: () => void = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let calls = 0
    const slow = defineSaga('slow', { version: 1, input: z.object({}) }).step('wait', {
      action: async () => {
        calls += 1
        if (calls > 1) return
        isHung?.()
        await released
      },
    })
    const first = await startEngine(database.connectionString, [slow], { build: 'old', drainGrace: '10ms' })
    const { id } = await first.enqueue(slow, {})
    await hung
    const second = await startEngine(database.connectionString, [slow], { build: 'new' })
    // It leaves its claim behind, as a process that ends does.
    await stopEngine(first)
    expect((await second.outcome(id)).status).toBe('completed')
    const lost = (await second.journal(id)).filter(({ build }) => build !== null)
    expect(lost.map(({ event, build }) => [event.type, build])).toEqual([
      ['attempt_lost', 'old'],
      ['step_completed', 'new'],
    ])
    release()
  })
})

describe('counts', () => {
  const define = (name: string) =>
    defineSaga(name, { version: 1, input: z.object({}) }).step('do', { action: () => {} })

  test('of what is completed add up over definitions, up to the cap', async () => {
    const database = await testDatabase()
    const definitions = [define('one'), define('two'), define('never')] as const
    const engine = await startEngine(database.connectionString, definitions)
    const [one, two] = definitions
    const inputs = (number: number) => Array.from({ length: number }, () => ({ input: {} }))
    const started = [...(await engine.enqueueMany(one, inputs(2))), ...(await engine.enqueueMany(two, inputs(3)))]
    for (const result of started) await engine.outcome('id' in result ? result.id : '')
    const completed = async (filter: SagaFilter, cap?: number) =>
      (await engine.count(filter, cap === undefined ? {} : { cap })).completed
    expect(await completed({})).toBe(5)
    expect([await completed({}, 1), await completed({}, 4), await completed({}, 5)]).toEqual([1, 4, 5])
    expect(await completed({ definition: 'two' })).toBe(3)
    expect(await completed({ definition: 'two' }, 2)).toBe(2)
    expect(await completed({ definition: 'never' })).toBe(0)
    expect(await completed({ definition: 'two', status: ['completed', 'running'] })).toBe(3)
    expect(await completed({ status: 'running' })).toBe(0)
    expect(await completed({ definition: 'two', version: 2 })).toBe(0)
    await stopEngine(engine)
    await database.drop()
  })
})
