/** Parts of a history: each has an end, and together they are the whole. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaEngine, type PayloadCodec, type SagaEngine, StepNotApplied, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'

const define = sagasFor<{ services: unknown; tx: unknown }>()

const letters = define('letters', { version: 1, input: z.object({ to: z.array(z.string()) }) })
  .step('print', { action: () => ({ pages: 2 }), compensation: () => {} })
  .map('send', { over: ({ input }) => input.to, concurrency: 20, action: ({ item }) => `sent to ${item}` })
  .step('file', {
    action: ({ attempt }) => {
      if (attempt < 3) throw new StepNotApplied('Not yet.')
      return 'filed'
    },
    retry: { backoff: 'fixed', initialInterval: '10ms' },
  })

let database: TestDatabase
let engine: SagaEngine
let id: string

beforeAll(async () => {
  database = await testDatabase()
  engine = createSagaEngine({ connectionString: database.connectionString, definitions: [letters], services: {} })
  await engine.start()
  id = (await engine.enqueue(letters, { to: Array.from({ length: 60 }, (_, index) => `n${index}`) })).id
  await engine.outcome(id)
})
afterAll(async () => {
  await engine.stop()
  await database.drop()
})

describe('the outline of a saga', () => {
  test('has the steps and what happened to them, without items and payloads', async () => {
    const [outline, saga] = await Promise.all([engine.excerpts.outline(id), engine.get(id)])
    expect(outline?.saga).toMatchObject({ id, status: 'completed', input: undefined })
    expect(outline?.saga.steps.map(({ name, state, attempts }) => [name, state, attempts])).toEqual(
      saga?.steps.map(({ name, state, attempts }) => [name, state, attempts]),
    )
    expect(outline?.saga.steps[1]?.items).toEqual({ count: 60, byState: { completed: 60 } })
    const whole = await engine.journal(id)
    const own = whole.filter(({ event }) => !('step' in event && event.step?.endsWith(']')))
    expect(outline?.lines.map(({ sequence, event }) => [sequence, event])).toEqual(
      own.map(({ sequence, event }) => [sequence, event]),
    )
    expect(outline?.events).toBe(whole.length)
    expect(outline?.hasOlder).toBe(false)
    expect(outline?.items).toEqual([
      { map: 'send', side: 'action', from: expect.any(Date), to: expect.any(Date), events: 60 },
    ])
  })

  test('says how long the function of each attempt ran', async () => {
    const outline = await engine.excerpts.outline(id)
    const ends = outline?.lines.filter(({ event: { type } }) => type === 'step_completed' || type === 'attempt_failed')
    expect(ends).toHaveLength(4)
    for (const { ranMs } of ends ?? []) expect(ranMs).toBeGreaterThanOrEqual(0)
    const { rows } = await database.pool.query(
      'select count(*)::int as n from saga.saga_event where worker is null and ran_ms is not null',
    )
    expect(rows[0].n).toBe(0)
  })

  test('is undefined for what is no saga', async () => {
    expect(await engine.excerpts.outline('nonsense')).toBeUndefined()
    expect(await engine.excerpts.outline('01a1fce1-8814-7000-aad7-833589d72686')).toBeUndefined()
  })
})

describe('the journal in pages', () => {
  test.each([7, 100])('has each event once, in order: %i at a time', async (limit) => {
    const whole = await engine.journal(id)
    const pages: number[][] = []
    for (let before: number | undefined; before !== 1; before = pages[0]?.[0]) {
      const lines = await engine.excerpts.journal(id, { limit, ...(before === undefined ? {} : { before }) })
      expect(lines.length).toBeLessThanOrEqual(limit)
      pages.unshift(lines.map(({ sequence }) => sequence))
    }
    expect(pages.flat()).toEqual(whole.map(({ sequence }) => sequence))
  })
})

describe('payloads', () => {
  test('are the text that is stored, to the digit', async () => {
    const exact = '{"id": 12345678901234567890, "share": 0.30000000000000004, "price": 1.10}'
    await database.pool.query(`update saga.saga_event set payload = $2 where saga_id = $1 and sequence = 1`, [
      id,
      exact,
    ])
    const [input] = await engine.excerpts.payloads(id, [1], 1_000)
    expect(JSON.parse(input?.text ?? '')).toBeTypeOf('object')
    expect(input?.text).toContain('12345678901234567890')
    expect(input?.text).toContain('0.30000000000000004')
    expect(input?.text).toContain('1.10')
    expect(input).toMatchObject({ sequence: 1, type: 'saga_started', step: null, characters: input?.text?.length })
  })

  test('are cut, and say how long they are', async () => {
    const [input] = await engine.excerpts.payloads(id, [1], 10)
    expect(input?.text).toHaveLength(10)
    expect(input?.characters).toBeGreaterThan(60)
    expect(input?.isWhole).toBe(false)
  })

  const faces = JSON.stringify('😀'.repeat(20))
  test.each([
    [4, '"😀😀😀', false],
    [11, `"${'😀'.repeat(10)}`, false],
    [21, faces.slice(0, -1), false],
    [22, faces, true],
    [23, faces, true],
  ])(
    'are cut between characters, never through one, and say whether that is all: %i of 22',
    async (most, text, isWhole) => {
      await database.pool.query(`update saga.saga_event set payload = $2 where saga_id = $1 and sequence = 1`, [
        id,
        faces,
      ])
      expect(await engine.excerpts.payloads(id, [1], most)).toMatchObject([{ text, isWhole, characters: 22 }])
    },
  )

  test('of items are found by the names of these', async () => {
    const found = await engine.excerpts.results(id, ['send[0]', 'send[59]', 'send[60]'])
    expect(new Set(found.keys())).toEqual(new Set(['send[0]', 'send[59]']))
    const texts = await engine.excerpts.payloads(id, [...found.values()], 100)
    expect(new Set(texts.map(({ text }) => text))).toEqual(new Set(['"sent to n0"', '"sent to n59"']))
  })

  test('go through the codec, and say why they cannot be read without it', async () => {
    const codec: PayloadCodec = {
      encode: (json) => Buffer.from(json).toString('base64'),
      decode: (stored) => Buffer.from(String(stored), 'base64').toString(),
    }
    const { connectionString } = database
    await using encoding = createSagaEngine({ connectionString, definitions: [letters], services: {}, codec })
    const started = await encoding.enqueue(letters, { to: ['ada'] }, { startAt: new Date(Date.now() + 3_600_000) })
    expect(await encoding.excerpts.payloads(started.id, [1], 6)).toMatchObject([
      { text: '{"to":', characters: 14, isWhole: false },
    ])
    const faces = await encoding.enqueue(letters, { to: ['😀😀'] }, { startAt: new Date(Date.now() + 3_600_000) })
    expect(await encoding.excerpts.payloads(faces.id, [1], 9)).toMatchObject([
      { text: '{"to":["😀', characters: 13, isWhole: false },
    ])
    expect(await encoding.excerpts.payloads(faces.id, [1], 13)).toMatchObject([
      { text: '{"to":["😀😀"]}', characters: 13, isWhole: true },
    ])
    expect(await engine.excerpts.payloads(started.id, [1], 6)).toMatchObject([
      { text: undefined, isWhole: false, unreadable: 'CODEC_MISSING' },
    ])
  })
})
