/** A worker that is killed with its hands full: others take over within seconds (rule 11). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSagaClient } from '../../src/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { held, heldFew, LIMIT } from './held.ts'
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
})
