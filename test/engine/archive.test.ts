/** What clean-up deletes of definitions that want it archived. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { type SagaEngine, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine } from '../support/engine.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const defineSaga = sagasFor<{ services: unknown; tx: unknown }>()
const archived = defineSaga('archived', {
  version: 1,
  input: z.object({ nr: z.int() }),
  keepFor: '1 day',
  archive: true,
}).step('one', { action: ({ input }) => ({ done: input.nr }) })
const plain = defineSaga('plain', { version: 1, input: z.object({ nr: z.int() }), keepFor: '1 day' }).step('one', {
  action: () => 1,
})

let database: TestDatabase
let engine: SagaEngine

beforeAll(async () => {
  database = await testDatabase()
})
beforeEach(async () => {
  await days(0)
  engine = await startEngine(database.connectionString, [archived, plain])
})
afterAll(async () => {
  await database.drop()
})

const days = (count: number) =>
  database.pool
    .query('delete from saga.saga_clock')
    .then(() => database.pool.query('insert into saga.saga_clock values ($1)', [count * DAY_MS]))

test('goes into the archive whole, with its journal and payloads, and what nobody wants archived does not', async () => {
  const { id } = await engine.enqueue(archived, { nr: 7 }, { key: 'k-7', tags: ['t'] })
  await engine.outcome(id)
  const journal = await engine.journal(id)
  await engine.outcome((await engine.enqueue(plain, { nr: 1 })).id)
  await days(2)
  expect((await engine.maintenance.cleanup()).sagas).toBe(2)
  const { rows } = await database.pool.query(
    'select id, definition, version, key, status, tags, state, journal from saga.saga_archive',
  )
  expect(rows).toMatchObject([{ id, definition: 'archived', version: 1, key: 'k-7', status: 'completed', tags: ['t'] }])
  const { journal: kept, state } = rows[0]
  expect(state).toMatchObject({ status: 'completed' })
  // Rows as they were stored: some hold what follows from their event, too.
  const sequences = kept.map((entry: { sequence: number }) => entry.sequence)
  const firsts = journal.filter(({ sequence }) => sequences.includes(sequence))
  expect(firsts.length).toBeGreaterThan(1)
  expect(kept.map((entry: { type: string }) => entry.type)).toEqual(firsts.map(({ event }) => event.type))
  expect(kept[0].payload).toEqual({ nr: 7 })
  expect(kept.find((entry: { type: string }) => entry.type === 'step_completed').payload).toEqual({ done: 7 })
})

test('is archived again under the same id when that was used again', async () => {
  const { rows } = await database.pool.query('select id from saga.saga_archive')
  await days(0)
  await engine.enqueue(archived, { nr: 8 }, { id: rows[0].id })
  await engine.outcome(rows[0].id)
  await days(4)
  expect((await engine.maintenance.cleanup()).sagas).toBe(1)
  expect((await database.pool.query('select from saga.saga_archive where id = $1', [rows[0].id])).rows).toHaveLength(2)
})

test('keeps its sagas where the archive cannot be written', async () => {
  await days(0)
  const { id } = await engine.enqueue(archived, { nr: 9 })
  await engine.outcome(id)
  await days(8)
  await database.pool.query('alter table saga.saga_archive rename to elsewhere')
  expect((await engine.maintenance.cleanup()).failed).toMatchObject([
    { definition: 'archived', error: expect.stringContaining('saga_archive') },
  ])
  await database.pool.query('alter table saga.elsewhere rename to saga_archive')
  expect(await engine.get(id)).toBeDefined()
  expect((await engine.maintenance.cleanup()).sagas).toBe(1)
})

test('keeps one that cannot be archived, says which, and no other stays for it', async () => {
  const ids: string[] = []
  for (const nr of [1, 2, 3]) {
    const { id } = await engine.enqueue(archived, { nr })
    await engine.outcome(id)
    ids.push(id)
  }
  await days(12)
  await database.pool.query(`
    create function public.refuse() returns trigger language plpgsql as 'begin raise exception ''too large''; end';
    create trigger refuse before insert on saga.saga_archive for each row when (new.id = '${ids[1]}') execute function public.refuse()`)
  const { sagas, failed } = await engine.maintenance.cleanup()
  await database.pool.query('drop trigger refuse on saga.saga_archive')
  expect({ sagas, failed }).toEqual({
    sagas: 2,
    failed: [
      { definition: 'archived', status: 'completed', error: expect.stringMatching(`^Saga ${ids[1]}: .*too large`) },
    ],
  })
  expect((await engine.maintenance.cleanup()).sagas).toBe(1)
})
