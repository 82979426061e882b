/** The product itself, with the numbers that DESIGN asks for or with its own defaults. */
import { join } from 'node:path'
import pg from 'pg'
import { createSagaClient, createSagaEngine, fromPg } from '../../src/index.ts'
import { APP_TABLES, INPUT, type Workload } from '../workloads/app.ts'
import type { BenchClient, Contender } from './contender.ts'

export const COMMITTERS = 2
export const MAX_BATCH = 250
/** What is due at some minute would be in one measurement and not in another. */
export const NEVER_DUE = { cleanup: false, recovery: false } as const

export function ours(slots: number): Contender {
  return {
    name: `ours-${slots}`,
    title: `pg-saga, ${slots === 1_000 ? '1 000' : slots} slots`,
    prepare,
    client: openClient,
    worker: (connectionString, { name: workload }) => ({
      script: join(import.meta.dirname, '..', 'processes', 'our-worker.ts'),
      settings: { connectionString, workload, slots, committers: COMMITTERS, maxBatch: MAX_BATCH },
    }),
  }
}

/** Migrated, with the definition stored and the app's own tables there. */
export async function prepare(connectionString: string, { definition }: Workload): Promise<void> {
  const engine = createSagaEngine({
    connectionString,
    definitions: [definition],
    services: {},
    maintenance: NEVER_DUE,
  } as Parameters<typeof createSagaEngine>[0])
  await engine.start()
  await engine.stop()
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(APP_TABLES)
  await client.end()
}

async function openClient(connectionString: string, { definition }: Workload): Promise<BenchClient> {
  const sagas = createSagaClient({ connectionString })
  return {
    async startMany(count) {
      const results = await sagas.enqueueMany(
        definition,
        Array.from({ length: count }, () => ({ input: INPUT })) as never,
      )
      const refused = results.find((result) => !result.ok)
      if (refused?.ok === false) throw refused.error
    },
    start: async () => (await sagas.enqueue(definition, INPUT as never)).id,
    async startIn(client) {
      // As docs/performance.md advises: the connections are the app's own, without a pooler between.
      await sagas.enqueue(definition, INPUT as never, { db: fromPg(client, { prepared: true }) })
    },
    async outcome(id) {
      await sagas.outcome(id)
    },
    close: () => sagas.close(),
  }
}
