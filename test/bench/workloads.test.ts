import { afterEach, describe, expect, test } from 'vitest'
import { ours } from '../../bench/contenders/ours.ts'
import { run } from '../../bench/kinds/run.ts'
import { WORKLOADS } from '../../bench/workloads/all.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

const SAGAS = 50
const SAMPLES = 3

let database: TestDatabase | undefined

afterEach(async () => {
  await database?.drop()
  database = undefined
})

describe('the benchmark', () => {
  for (const workload of WORKLOADS) {
    test(`measures ${workload.title}`, async () => {
      database = await testDatabase()
      const { connectionString, pool } = database
      const sagas = workload.kind === 'idle' ? SAMPLES : SAGAS
      const figures = await run(ours(100), workload, { connectionString }, sagas)
      const hasRate = workload.kind === 'drain' || workload.kind.startsWith('enqueue')
      if (hasRate) expect(figures.perSecond).toBeGreaterThan(0)
      if (workload.kind !== 'enqueue-many') expect(figures.p50Ms).toBeGreaterThan(0)
      if (workload.kind !== 'idle') expect(figures.commits).toBeGreaterThan(0)
      expect(await brokenRules(pool)).toEqual([])
    })
  }
})
