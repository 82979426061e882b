/** The same-rows floor: writes what the product writes, in bare set-based SQL. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { statementsFor } from '../floor/statements.ts'
import type { Tape } from '../floor/tape.ts'
import { FLOOR_CHANNEL } from '../floor/worker.ts'
import type { Workload } from '../workloads/app.ts'
import type { BenchClient, Contender } from './contender.ts'
import { COMMITTERS, MAX_BATCH, prepare } from './ours.ts'

/** As many as the product has for them by default. */
const TRANSACTIONS = 10
const MANY_AT_ONCE = 500
const LOOK_MS = 3

/** @param tapes by the name of the workload. */
export function floor(slots: number, tapes: ReadonlyMap<string, Tape>): Contender {
  const folder = mkdtempSync(join(tmpdir(), 'pg-saga-floor-'))
  return {
    name: `floor-${slots}`,
    title: `same-rows floor, ${slots === 1_000 ? '1 000' : slots} slots`,
    prepare,
    client: (connectionString, workload) => openClient(connectionString, tapeFor(tapes, workload)),
    worker(connectionString, workload) {
      const tapeFile = join(folder, `${workload.name}.json`)
      writeFileSync(tapeFile, JSON.stringify(tapeFor(tapes, workload)))
      const { stepMs, transactional } = workload
      const bounds = { slots, committers: COMMITTERS, maxBatch: MAX_BATCH, transactions: TRANSACTIONS }
      return {
        script: join(import.meta.dirname, '..', 'processes', 'floor-worker.ts'),
        settings: { connectionString, tapeFile, ...bounds, stepMs, transactional },
      }
    },
  }
}

function tapeFor(tapes: ReadonlyMap<string, Tape>, { name }: Workload): Tape {
  const tape = tapes.get(name)
  if (tape === undefined) throw new Error(`The workload ${name} was not recorded.`)
  return tape
}

async function openClient(connectionString: string, tape: Tape): Promise<BenchClient> {
  const pool = new pg.Pool({ connectionString })
  const statements = statementsFor(tape)
  return {
    async startMany(count) {
      for (let left = count; left > 0; left -= MANY_AT_ONCE)
        await pool.query(statements.start(Math.min(left, MANY_AT_ONCE)))
    },
    async start() {
      const { ids, text, values } = statements.start(1)
      await pool.query(text, values)
      void pool.query(`notify ${FLOOR_CHANNEL}`)
      return ids[0] ?? ''
    },
    async startIn(client) {
      for (const { text, values } of statements.startPlainly()) await client.query(text, values)
    },
    async outcome(id) {
      for (;;) {
        const { rowCount } = await pool.query('select from saga.saga where id = $1 and finished_at is not null', [id])
        if (rowCount === 1) return
        await sleep(LOOK_MS)
      }
    },
    async close() {
      if (!pool.ended) await pool.end()
    },
  }
}
