/** What the system knows of definitions: versions, shapes, workers, and what of them is under way. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createSagaClient, defineContract, StepNotApplied, sagasFor } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.drop())

const define = (name: string, version: number) =>
  sagasFor<{ services: unknown; tx: unknown }>()(name, { version, input: z.object({ fails: z.boolean() }) })

const fails = {
  action: ({ input }: { readonly input: { readonly fails: boolean } }) => {
    if (input.fails) throw new StepNotApplied('No.')
  },
  retry: { maxAttempts: 1 },
  whenExhausted: 'dead_letter',
} as const

test('definitions have their versions, the newest first, with shapes, live workers and figures', async () => {
  const first = define('parcel', 1).step('pack', fails)
  const renamed = define('parcel', 1).step('wrap', { ...fails, formerly: ['pack'] })
  const second = define('parcel', 2).step('pack', fails)
  const old = await startEngine(database.connectionString, [first])
  for (const failing of [true, true, false]) {
    const { id } = await old.enqueue(first, { fails: failing })
    await old.outcome(id)
  }
  const later = new Date(Date.now() + 3_600_000)
  await old.enqueue(first, { fails: false }, { startAt: later })
  await stopEngine(old)
  const engine = await startEngine(database.connectionString, [
    renamed,
    second,
    define('letter', 1).step('write', fails),
  ])
  await engine.enqueue(defineContract('fax', { version: 4, input: z.object({}) }), {}, { startAt: later })

  // One that nobody has heard of for an hour, and that is not taken over yet.
  await database.pool.query(
    `insert into saga.saga_worker (id, epoch, host, pid, holds_lock, definitions, started_at, heartbeat_at)
     values (gen_random_uuid(), 1, 'gone', 1, false, '{parcel@1}', now() - interval '2 hours', now() - interval '1 hour')`,
  )
  const definitions = await engine.system.definitions()
  expect(definitions.map(({ name }) => name)).toEqual(['fax', 'letter', 'parcel'])
  const [fax, , parcel] = definitions
  expect(fax?.versions).toEqual([{ version: 4, blueprint: null, shapes: 0, workers: [], underWay: 1, deadLetters: 0 }])
  expect(
    parcel?.versions.map(({ version, shapes, underWay, deadLetters }) => ({ version, shapes, underWay, deadLetters })),
  ).toEqual([
    { version: 2, shapes: 1, underWay: 0, deadLetters: 0 },
    { version: 1, shapes: 2, underWay: 1, deadLetters: 2 },
  ])
  // The newest shape of a version, and only workers that live.
  expect(parcel?.versions[1]?.blueprint?.nodes.map(({ name }) => name)).toEqual(['wrap'])
  expect(parcel?.versions[1]?.workers).toHaveLength(1)
  expect(await engine.system.definitions({ name: 'letter' })).toMatchObject([
    { name: 'letter', versions: [{ version: 1 }] },
  ])
  expect(await engine.system.definitions({ name: 'nothing' })).toEqual([])
  const [capped] = await engine.system.definitions({ name: 'parcel', cap: 1 })
  expect(capped?.versions[1]).toMatchObject({ underWay: 1, deadLetters: 1 })
  await expect(engine.system.definitions({ cap: 0 })).rejects.toMatchObject({ code: 'FILTER_INVALID' })
})

test('a shape is read by the hash that stands in a saga’s state', async () => {
  await using client = createSagaClient({ connectionString: database.connectionString })
  const { sagas } = await client.list({ definition: 'parcel', status: 'completed' })
  const hash = sagas[0]?.state.blueprint ?? ''
  expect(await client.system.blueprint(hash)).toMatchObject({ definition: 'parcel', version: 1 })
  expect(await client.system.blueprint('nothing')).toBeUndefined()
})
