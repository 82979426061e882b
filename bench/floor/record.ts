/**
 * Records which rows the product writes for one saga of a workload, with triggers, so that the floor can write the same.
 *
 * Needs an empty database of its own. Each row comes with its transaction, in order, as the text that it was stored as.
 */
import pg from 'pg'
import { createSagaClient, createSagaEngine } from '../../src/index.ts'
import { NEVER_DUE, prepare } from '../contenders/ours.ts'
import { INPUT, type Workload } from '../workloads/app.ts'

export type RecordedRow = {
  readonly xid: string
  readonly table: string
  readonly op: 'INSERT' | 'UPDATE' | 'DELETE'
  /** As it is after the change; before it, of a deleted one. JSON, as stored. */
  readonly row: string
}

export type Recording = { readonly rows: readonly RecordedRow[]; readonly jobTable: string }

const RECORDER = `
  create schema tape;
  create table tape.row (at bigint generated always as identity primary key, xid text not null, "table" text not null, op text not null, row text not null);
  create function tape.note() returns trigger language plpgsql as $$
  begin
    insert into tape.row (xid, "table", op, row) values (pg_current_xact_id()::text, tg_argv[0], tg_op,
      case when tg_op = 'DELETE' then row_to_json(old)::text else row_to_json(new)::text end);
    return null;
  end $$;
`

export async function record(connectionString: string, workload: Workload): Promise<Recording> {
  await prepare(connectionString, workload)
  const observer = new pg.Client({ connectionString })
  await observer.connect()
  try {
    const { rows: queues } = await observer.query(
      `select table_name as "table" from pgboss.queue where name = 'saga_step'`,
    )
    const jobTable = `pgboss.${queues[0].table}`
    await observer.query(RECORDER)
    const tables = { saga: 'saga.saga', saga_event: 'saga.saga_event', saga_claim: 'saga.saga_claim', job: jobTable }
    for (const [name, table] of Object.entries(tables)) {
      await observer.query(
        `create trigger tape after insert or update or delete on ${table} for each row execute function tape.note('${name}')`,
      )
    }
    await runOne(connectionString, workload)
    const { rows } = await observer.query('select xid, "table", op, row from tape.row order by at')
    return { rows, jobTable }
  } finally {
    await observer.end()
  }
}

async function runOne(connectionString: string, { definition }: Workload): Promise<void> {
  const client = createSagaClient({ connectionString, notify: false })
  const { id } = await client.enqueue(definition, INPUT as never)
  const engine = createSagaEngine({
    maintenance: NEVER_DUE,
    connectionString,
    definitions: [definition] as never,
    services: { began: () => {} },
    migrate: false,
  } as Parameters<typeof createSagaEngine>[0])
  await engine.start()
  await client.outcome(id)
  await engine.stop()
  await client.close()
}
