/** How long pg-boss's own fetch takes on a database as it is, and by which plan. Each fetch is rolled back. */
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { BEGIN_FETCH } from '../../src/jobs/connection.ts'
import { STEP_QUEUE } from '../../src/jobs/queues.ts'
import { quantile } from '../measure.ts'

export type Fetches = { readonly p50Ms: number; readonly p99Ms: number; readonly plan: string }

const TRIES = 30

export async function fetches(connectionString: string, batchSize: number): Promise<Fetches> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const plain = { executeSql: async (text: string, values?: unknown[]) => client.query(text, values) }
  const boss = new PgBoss({ db: plain, schema: 'pgboss', supervise: false, schedule: false, migrate: false })
  await boss.start()
  try {
    const times: number[] = []
    let fetched: { readonly text: string; readonly values: unknown[] | undefined } | undefined
    const noted = {
      executeSql: async (text: string, values?: unknown[]) => {
        fetched = { text, values }
        return client.query(text, values)
      },
    }
    for (let round = 0; round < TRIES; round += 1) {
      await client.query(BEGIN_FETCH)
      const at = performance.now()
      await boss.fetch(STEP_QUEUE, { batchSize, db: noted } as never)
      times.push(performance.now() - at)
      await client.query('rollback')
    }
    await client.query(BEGIN_FETCH)
    const { rows } = await client.query(`explain (analyze, buffers) ${fetched?.text}`, fetched?.values)
    await client.query('rollback')
    const plan = rows.map((row) => String(row['QUERY PLAN'])).join('\n')
    return { p50Ms: quantile(times, 0.5) ?? Number.NaN, p99Ms: quantile(times, 0.99) ?? Number.NaN, plan }
  } finally {
    await boss.stop({ graceful: false })
    await client.end()
  }
}
