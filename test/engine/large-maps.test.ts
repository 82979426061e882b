/** A map of ten thousand items, fifty at a time, of which one fails: undone or collected, and in how much memory. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSagaClient } from '../../src/index.ts'
import { WorkerProcess } from '../crash/processes.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { FAILS, ITEMS } from './large-map.ts'

const LIMIT_MS = 300_000
/** Node collects garbage late where nothing presses it: this presses it as a small machine would, and ends it if that is not enough. */
const SMALL = ['--max-semi-space-size=8', '--max-old-space-size=160']

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  expect(await brokenRules(database.pool)).toEqual([])
  await database.drop()
})

async function run(kind: 'undo' | 'collect') {
  const worker = new WorkerProcess('../engine/large-map-process.ts', [database.connectionString, kind], SMALL)
  const message = await worker.message('done')
  await worker.exited
  return message as unknown as { id: string; status: string; done: number; unequal: number; mostMb: number }
}

test(
  'is undone as asked, every item once, in less than 300 MB',
  async () => {
    const { status, done, unequal, mostMb } = await run('undo')
    expect({ status, unequal }).toEqual({ status: 'compensated', unequal: 0 })
    expect(done).toBeGreaterThanOrEqual(FAILS)
    expect(mostMb).toBeLessThan(300)
  },
  LIMIT_MS,
)

test(
  'is collected as asked, with one failure among the results, in less than 300 MB',
  async () => {
    const { id, status, done, mostMb } = await run('collect')
    expect({ status, done }).toEqual({ status: 'completed', done: ITEMS - 1 })
    expect(mostMb).toBeLessThan(300)
    const client = createSagaClient({ connectionString: database.connectionString })
    const map = (await client.get(id))?.steps[0]
    const results = (map?.result ?? []) as readonly { readonly ok: boolean }[]
    expect(results.flatMap(({ ok }, index) => (ok ? [] : [index]))).toEqual([FAILS])
    expect(map?.items).toEqual({ count: ITEMS, byState: { completed: ITEMS - 1, failed: 1 } })
    await client.close()
  },
  LIMIT_MS,
)
