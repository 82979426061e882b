import { afterEach, describe, expect, test } from 'vitest'
import { floor } from '../../bench/contenders/floor.ts'
import { ours } from '../../bench/contenders/ours.ts'
import { record } from '../../bench/floor/record.ts'
import { tapeOf } from '../../bench/floor/tape.ts'
import { run } from '../../bench/kinds/run.ts'
import { Observer } from '../../bench/measure.ts'
import { WORKLOADS, workloadNamed } from '../../bench/workloads/all.ts'
import type { Workload } from '../../bench/workloads/app.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { brokenRules } from '../support/rules.ts'

const databases: TestDatabase[] = []

afterEach(async () => {
  await Promise.all(databases.splice(0).map((database) => database.drop()))
})

async function another(): Promise<TestDatabase> {
  const database = await testDatabase()
  databases.push(database)
  return database
}

/** How many rows of each table were inserted, updated and deleted, and how large those are that stayed. */
async function written(connectionString: string): Promise<unknown> {
  const observer = new Observer(connectionString)
  await observer.open()
  await observer.whenAlone()
  const rows = await observer.run(
    `select relname as "table", n_tup_ins::int as inserted, n_tup_upd::int as updated, n_tup_del::int as deleted
     from pg_stat_user_tables
     where (schemaname = 'saga' and relname in ('saga', 'saga_event', 'saga_claim', 'saga_timer')) or schemaname = 'app'
       or (schemaname = 'pgboss' and relname in (select table_name from pgboss.queue))
     order by schemaname, relname`,
  )
  const sizes = await observer.run(
    `select (select sum(pg_column_size(e.*)) from saga.saga_event e)::int as journal,
       (select sum(pg_column_size(s.*)) from saga.saga s)::int as sagas`,
  )
  await observer.close()
  return { rows, sizes }
}

/** One workload of each definition: the others write the same rows. */
const byDefinition = new Map(WORKLOADS.map((workload) => [workload.definition.name, workload] as const).reverse())
const workloads: readonly Workload[] = [...byDefinition.values()]

describe('the same-rows floor', () => {
  test("writes with plain inserts what a start writes in the app's transaction", async () => {
    const [recorded, measured, product] = [await another(), await another(), await another()]
    const workload = workloadNamed('enqueue-in-transactions')
    const tape = tapeOf(await record(recorded.connectionString, workload))
    const contender = floor(100, new Map([[workload.name, tape]]))
    await run(contender, workload, { connectionString: measured.connectionString }, 10)
    await run(ours(100), workload, { connectionString: product.connectionString }, 10)
    expect(await written(measured.connectionString)).toEqual(await written(product.connectionString))
    expect(await brokenRules(measured.pool)).toEqual([])
  })

  for (const workload of workloads) {
    test(`writes the rows that the product writes for ${workload.title}`, async () => {
      const [recorded, measured] = [await another(), await another()]
      const tape = tapeOf(await record(recorded.connectionString, workload))
      const contender = floor(100, new Map([[workload.name, tape]]))
      await run(contender, workload, { connectionString: measured.connectionString }, 1)
      expect(await written(measured.connectionString)).toEqual(await written(recorded.connectionString))
      // The product would take its sagas for its own.
      expect(await brokenRules(measured.pool)).toEqual([])
    })
  }
})
