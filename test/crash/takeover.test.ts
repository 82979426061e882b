/** A worker that is killed with its hands full: others take over within seconds (rule 11). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { held, heldFew, inLine, LIMIT } from './held.ts'
import { WorkerProcess } from './processes.ts'

const JOBS = 100
/** Measured are about two seconds. A third of the lease is the proof that the lock tells, not the heartbeat. */
const GENEROUS_MS = 10_000

describe('a worker that holds a hundred jobs', () => {
  let database: TestDatabase
  const workers: WorkerProcess[] = []

  beforeEach(async () => {
    database = await testDatabase()
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.kill()))
    await database.drop()
  })

  const ran = (worker: WorkerProcess) => worker.messages.filter((message) => message.type === 'ran').length

  test('is taken over when it is killed: all of them run again elsewhere, as their second attempt', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const victim = new WorkerProcess('holder-process.ts', [database.connectionString, 'holds'])
    workers.push(victim)
    await victim.message('ready')
    const started = await client.enqueueMany(
      held,
      Array.from({ length: JOBS }, () => ({ input: {} })),
    )
    await until('the victim holds them all', async () => ran(victim) === JOBS)
    const survivor = new WorkerProcess('holder-process.ts', [database.connectionString, 'frees'])
    workers.push(survivor)
    await survivor.message('ready')

    const killedAt = performance.now()
    await victim.kill()
    await until('all run again', async () => ran(survivor) === JOBS)
    const after = Math.round(performance.now() - killedAt)
    console.log(`  ${JOBS} jobs of a killed worker ran again within ${after} ms`)
    expect(after).toBeLessThan(GENEROUS_MS)
    for (const one of started) if (one.ok) expect((await client.outcome(one.id)).status).toBe('completed')
    const steps = await Promise.all(
      started.slice(0, 5).map(async (one) => (one.ok ? (await client.get(one.id))?.steps : undefined)),
    )
    expect(steps.every((step) => step?.[0]?.attempts === 2)).toBe(true)
    expect(await brokenRules(database.pool)).toEqual([])
  })

  test('gives back, when it is killed, its permits for a step of which only so many may run', async () => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const victim = new WorkerProcess('holder-process.ts', [database.connectionString, 'holds'])
    workers.push(victim)
    await victim.message('ready')
    const started = await client.enqueueMany(
      heldFew,
      Array.from({ length: 10 }, () => ({ input: {} })),
    )
    await until('the victim holds all permits', async () => ran(victim) === LIMIT)
    const survivor = new WorkerProcess('holder-process.ts', [database.connectionString, 'frees'])
    workers.push(survivor)
    await survivor.message('ready')
    await victim.kill()
    for (const one of started) if (one.ok) expect((await client.outcome(one.id)).status).toBe('completed')
    expect([ran(victim), ran(survivor)]).toEqual([LIMIT, 10])
    expect(await brokenRules(database.pool)).toEqual([])
  })
  // The first commit of a worker begins the first in line, the second one ends it, the third begins the next.
  test.each([
    ['before-commit', 1],
    ['after-commit', 1],
    ['after-commit', 2],
    ['before-commit', 3],
  ])('leaves a line that moves on when it is killed at "%s" for the %ith time', async (point, nth) => {
    await using client = createSagaClient({ connectionString: database.connectionString })
    const places = Array.from({ length: 4 }, (_, place) => ({ input: { place } }))
    const started = await client.enqueueMany(inLine, places)
    const victim = new WorkerProcess('holder-process.ts', [database.connectionString, 'frees', point, `${nth}`])
    workers.push(victim)
    await victim.exited
    const survivor = new WorkerProcess('holder-process.ts', [database.connectionString, 'frees'])
    workers.push(survivor)
    for (const one of started) if (one.ok) expect((await client.outcome(one.id)).status).toBe('completed')
    // One after the other, in the order of their starts.
    const { rows } = await database.pool.query(
      `select (s.payload ->> 'place')::int as place, b.at >= lag(e.at) over (order by s.saga_id) as is_after
       from saga.saga_event s
       join saga.saga_event b on b.saga_id = s.saga_id and b.type = 'saga_begun'
       join saga.saga_event e on e.saga_id = s.saga_id and e.type = 'saga_completed'
       where s.type = 'saga_started' order by b.at, s.saga_id`,
    )
    expect(rows.map((row) => row.place)).toEqual([0, 1, 2, 3])
    expect(rows.map((row) => row.is_after)).toEqual([null, true, true, true])
    expect(await brokenRules(database.pool)).toEqual([])
  })
})
