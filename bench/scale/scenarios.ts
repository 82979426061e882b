/** What there is in a database, or in the way, when the same sagas are drained again. */
import pg from 'pg'
import { createSagaClient } from '../../src/index.ts'
import type { Contender } from '../contenders/contender.ts'
import { BYSTANDER } from '../measure.ts'
import type { Workload } from '../workloads/app.ts'
import { aged, drained, storeFinished, storeWaiting } from './filling.ts'

export type Scenario = {
  readonly name: string
  readonly title: string
  /** Once. */
  prepare(connectionString: string, contender: Contender, workload: Workload): Promise<void>
  /** Around each measurement. @returns what ends it. */
  around?(connectionString: string, contender: Contender, workload: Workload): Promise<() => Promise<void>>
}

const stored = (count: number, title: string): Scenario => ({
  name: `stored-${count}`,
  title: `${title} finished sagas stored`,
  prepare: (connectionString, contender, workload) => storeFinished(connectionString, contender, workload, count),
})

const waiting = (count: number, title: string): Scenario => ({
  name: `waiting-${count}`,
  title: `${title} sagas waiting for timers`,
  prepare: (connectionString, _contender, workload) => storeWaiting(connectionString, workload, count),
})

const queued = (count: number, title: string): Scenario => ({
  name: `queued-${count}`,
  title: `${title} sagas queued`,
  async prepare(connectionString, contender, workload) {
    const client = await contender.client(connectionString, workload)
    await client.startMany(count)
    await client.close()
  },
})

const churned = (count: number, title: string): Scenario => ({
  name: `churned-${count}`,
  title: `${title} sagas drained before, never vacuumed`,
  async prepare(connectionString, contender, workload) {
    const client = await contender.client(connectionString, workload)
    await client.startMany(count)
    await client.close()
    await drained(connectionString, contender, workload, count)
  },
})

/** What is removed meanwhile, dead rows above all, stays. */
const STALLED: Scenario = {
  name: 'stalled',
  title: 'a transaction held open meanwhile',
  prepare: async () => {},
  async around(connectionString) {
    const client = new pg.Client({ connectionString, application_name: BYSTANDER })
    await client.connect()
    await client.query('begin isolation level repeatable read')
    await client.query('select pg_current_xact_id()')
    return () => client.end()
  },
}

/** As many old sagas as this are there each time, and are cleaned up while the others run. */
const cleanedUp = (count: number, title: string): Scenario => ({
  name: `cleanup-${count}`,
  title: `${title} old sagas are cleaned up meanwhile`,
  prepare: async () => {},
  async around(connectionString, contender, workload) {
    await storeFinished(connectionString, contender, workload, count)
    const old = await aged(connectionString)
    const url = new URL(connectionString)
    url.searchParams.set('application_name', BYSTANDER)
    const client = createSagaClient({ connectionString: url.href })
    const cleanup = client.maintenance.cleanup()
    return async () => {
      const { sagas } = await cleanup
      await client.close()
      // Not one of those that have just run.
      if (sagas !== old) throw new Error(`${sagas} sagas were cleaned up, and there were ${old} old ones.`)
    }
  },
})

export const BASE: Scenario = { name: 'base', title: 'nothing else', prepare: async () => {} }

/** @param share of the sizes, for a smaller run. */
export function scenarios(share: number): readonly Scenario[] {
  const sized = (make: (count: number, title: string) => Scenario, count: number) => {
    const size = Math.ceil(count * share)
    return make(size, String(size).replace(/\B(?=(\d{3})+$)/g, ' '))
  }
  return [
    BASE,
    sized(stored, 100_000),
    sized(stored, 1_000_000),
    sized(waiting, 500_000),
    sized(queued, 100_000),
    sized(churned, 20_000),
    sized(cleanedUp, 10_000),
    STALLED,
  ]
}
