/** Fills a database with copies of real sagas: as many as years of use would leave, in minutes. */
import pg from 'pg'
import { createSagaClient } from '../../src/index.ts'
import type { Contender } from '../contenders/contender.ts'
import { Fleet } from '../processes/fleet.ts'
import type { Workload } from '../workloads/app.ts'
import { INPUT } from '../workloads/app.ts'

const CHUNK = 50_000
const DAYS = 30

/** Ids like the product's own, with the moment that they begin with, in the order of time. */
const IDS = `
  create temporary table copy as
  select at, (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(r, 1, 3) || '-8' || substr(r, 4, 3) || '-' || substr(r, 7, 12))::uuid as id
  from (
    select to_timestamp(ms / 1000.0) as at, lpad(to_hex(ms), 12, '0') as h, md5(n::text || random()::text) as r
    from (select n, ($1::bigint + (n * $2::float8)::bigint) as ms from generate_series(1, $3::int) as n) as moments
  ) as texts`

const COPY_SAGA = `
  insert into saga.saga (id, definition, version, blueprint, input_hash, status, waiting, revision, format, state, created_at,
    updated_at, finished_at, start_at)
  select c.id, s.definition, s.version, s.blueprint, s.input_hash, s.status, s.waiting, s.revision, s.format, s.state, c.at, c.at,
    case when s.finished_at is not null then c.at end, s.start_at
  from copy c, saga.saga s where s.id = $1`

const COPY_EVENTS = `
  insert into saga.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload, worker)
  select c.id, e.sequence, e.type, e.step, e.side, e.attempt, c.at, e.format, e.data, e.payload, e.worker
  from copy c, saga.saga_event e where e.saga_id = $1 order by c.id, e.sequence`

const COPY_TIMERS = `
  insert into saga.saga_timer (saga_id, timer, due_at)
  select c.id, t.timer, t.due_at from copy c, saga.saga_timer t where t.saga_id = $1`

/** Copies of one saga with its whole journal and its timers, spread over the last month. */
async function copySaga(client: pg.Client, sagaId: string, count: number): Promise<void> {
  const stepMs = (DAYS * 24 * 60 * 60 * 1_000) / count
  const from = Date.now() - count * stepMs
  for (let done = 0; done < count; done += CHUNK) {
    await client.query('begin')
    await client.query(IDS, [Math.round(from + done * stepMs), stepMs, Math.min(CHUNK, count - done)])
    for (const statement of [COPY_SAGA, COPY_EVENTS, COPY_TIMERS]) await client.query(statement, [sagaId])
    await client.query('drop table copy')
    await client.query('commit')
  }
  // As autovacuum would have left it.
  await client.query('vacuum (analyze) saga.saga, saga.saga_event, saga.saga_timer')
}

async function connected<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** One that has run, copied: finished sagas with their journals. */
export async function storeFinished(
  connectionString: string,
  contender: Contender,
  workload: Workload,
  count: number,
): Promise<void> {
  const client = await contender.client(connectionString, workload)
  const id = await client.start()
  await drained(connectionString, contender, workload, 1)
  await client.close()
  await connected(connectionString, (own) => copySaga(own, id, count))
}

/** What has finished more than an hour ago has done so long ago. @returns how many. */
export async function aged(connectionString: string): Promise<number> {
  return connected(connectionString, async (client) => {
    const { rowCount } = await client.query(
      `update saga.saga set finished_at = finished_at - interval '90 days' where finished_at < now() - interval '1 hour'`,
    )
    await client.query('vacuum (analyze) saga.saga')
    return rowCount ?? 0
  })
}

/** One that waits for its start, copied: each with a timer that is not due. */
export async function storeWaiting(connectionString: string, { definition }: Workload, count: number): Promise<void> {
  const client = createSagaClient({ connectionString })
  const startAt = new Date(Date.now() + 365 * 24 * 60 * 60 * 1_000)
  const { id } = await client.enqueue(definition, INPUT as never, { startAt })
  await client.close()
  await connected(connectionString, (own) => copySaga(own, id, count))
}

/** Runs what is queued. */
export async function drained(
  connectionString: string,
  contender: Contender,
  workload: Workload,
  sagas: number,
): Promise<void> {
  const { script, settings } = contender.worker(connectionString, workload)
  const fleet = new Fleet(1, script, settings)
  try {
    await fleet.ready()
    await fleet.go()
    await fleet.ended(sagas)
    await fleet.stop()
  } finally {
    fleet.kill()
  }
}

/** Copies of a queued job: for looking at fetches, and for nothing else, for their saga has but one. */
export async function queueCopies(connectionString: string, count: number): Promise<void> {
  await connected(connectionString, async (client) => {
    const { rows } = await client.query(`select table_name as name from pgboss.queue where name = 'saga_step'`)
    const table = `pgboss.${rows[0].name}`
    await client.query(
      `insert into ${table} (id, name, data, priority, start_after, created_on, expire_seconds, deletion_seconds, keep_until,
         retry_limit, retry_delay, retry_backoff, policy, dead_letter, blocked, blocking, pending_dependencies)
       select gen_random_uuid(), j.name, j.data, j.priority, now(), now() + n * interval '1 microsecond', j.expire_seconds, j.deletion_seconds,
         j.keep_until, j.retry_limit, j.retry_delay, j.retry_backoff, j.policy, j.dead_letter, false, false, 0
       from ${table} j, generate_series(1, $1::int) as n where j.id = (select id from ${table} limit 1)`,
      [count],
    )
  })
}
