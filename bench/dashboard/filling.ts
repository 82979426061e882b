/** Fills a database as years of a shop would: sagas of many definitions in every state, made by the engine and then copied. */
import pg from 'pg'
import { z } from 'zod'
import {
  createSagaClient,
  createSagaEngine,
  type SagaEngine,
  StepNotApplied,
  StepRejected,
  sagasFor,
} from '../../src/index.ts'

const CHUNK = 50_000
const DAYS = 30
const DEFINITIONS = 12

/** What becomes of a saga, how many of a thousand, and at which step it is so. */
const FATES = [
  { fate: 'completes', ofThousand: 962 },
  { fate: 'is undone', ofThousand: 20 },
  { fate: 'dies in pay', ofThousand: 5 },
  { fate: 'dies in post', ofThousand: 5 },
  { fate: 'waits for a retry', ofThousand: 4 },
  { fate: 'waits for its start', ofThousand: 4 },
] as const

type Fate = (typeof FATES)[number]['fate']

const Input = z.object({ order: z.string(), fate: z.string() })
const QUICK = { maxAttempts: 1 } as const
const LATER = { maxAttempts: 50, backoff: 'fixed', initialInterval: '1000h', maxInterval: '1000h' } as const

function definition(number: number) {
  const name = `shop-order-${String(number).padStart(2, '0')}`
  return sagasFor<{ services: unknown; tx: unknown }>()(name, { version: 1 + (number % 3), input: Input })
    .step('reserve', { action: () => ({ shelf: number }), compensation: () => {} })
    .step('pay', {
      action: ({ input }) => {
        if (input.fate === 'dies in pay') throw new StepNotApplied(`${name}: the bank is away`, { code: 'BANK_AWAY' })
        return { paid: true }
      },
      compensation: () => {},
      retry: QUICK,
      whenExhausted: 'dead_letter',
    })
    .step('post', {
      action: ({ input }) => {
        if (input.fate === 'is undone') throw new StepRejected(`${name}: no such address`, { code: 'NO_ADDRESS' })
        if (input.fate === 'dies in post') throw new StepNotApplied(`${name}: the post is closed`, { code: 'CLOSED' })
        return {}
      },
      compensation: () => {},
      retry: QUICK,
      whenExhausted: 'dead_letter',
    })
    .step('tell', {
      action: ({ input }) => {
        if (input.fate === 'waits for a retry') throw new StepNotApplied(`${name}: nobody answers`)
        return {}
      },
      retry: LATER,
    })
}

export const SHOP = Array.from({ length: DEFINITIONS }, (_, number) => definition(number))

/** An engine with all of them, and no duties of its own. */
export function shopEngine(connectionString: string): SagaEngine {
  return createSagaEngine({
    connectionString,
    definitions: SHOP,
    services: {},
    build: 'shop-2026-11',
    maintenance: { cleanup: false, recovery: false },
  } as Parameters<typeof createSagaEngine>[0])
}

/**
 * So many sagas over the last thirty days, with whole journals.
 *
 * @returns how many sagas and events there are.
 */
export async function fillShop(
  connectionString: string,
  sagas: number,
): Promise<{ readonly sagas: number; readonly events: number }> {
  const originals = await runOriginals(connectionString)
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query('create temporary table original (id uuid, parts int, first int)')
    let parts = 0
    for (const { id, ofThousand } of originals) {
      await client.query('insert into original values ($1, $2, $3)', [id, ofThousand, parts])
      parts += ofThousand
    }
    const stepMs = (DAYS * 24 * 60 * 60 * 1_000) / sagas
    const from = Date.now() - sagas * stepMs
    for (let done = 0; done < sagas; done += CHUNK) {
      await client.query('begin')
      await client.query(COPIES, [Math.round(from + done * stepMs), stepMs, Math.min(CHUNK, sagas - done), done, parts])
      for (const statement of [COPY_SAGA, COPY_EVENTS, COPY_TIMERS]) await client.query(statement)
      await client.query('drop table copy')
      await client.query('commit')
    }
    // As autovacuum would have left it.
    await client.query('vacuum (analyze)')
    const counted = await client.query(
      'select (select count(*)::int from saga.saga) as sagas, (select count(*)::int from saga.saga_event) as events',
    )
    return counted.rows[0]
  } finally {
    await client.end()
  }
}

/** One of each definition and fate, through the engine itself. */
async function runOriginals(connectionString: string): Promise<readonly { id: string; ofThousand: number }[]> {
  const engine = shopEngine(connectionString)
  await engine.start()
  try {
    const originals: { id: string; ofThousand: number; fate: Fate }[] = []
    const startAt = new Date(Date.now() + 365 * 24 * 60 * 60 * 1_000)
    for (const { fate, ofThousand } of FATES) {
      for (const one of SHOP) {
        const { id } = await engine.enqueue(
          one,
          { order: 'first', fate },
          { key: `original ${fate}`, tags: ['web', 'eu'], ...(fate === 'waits for its start' ? { startAt } : {}) },
        )
        originals.push({ id, ofThousand, fate })
      }
    }
    for (const { id, fate } of originals) {
      if (fate === 'waits for its start') continue
      if (fate === 'waits for a retry') await retried(engine, id)
      else await engine.outcome(id)
    }
    return originals
  } finally {
    await engine.stop()
  }
}

async function retried(engine: SagaEngine, id: string): Promise<void> {
  while (!(await engine.journal(id)).some(({ event }) => event.type === 'attempt_failed')) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Ids like the product's own, in the order of time; which original each is a copy of is spread evenly. */
const COPIES = `
  create temporary table copy as
  select at, number, original,
    (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || substr(r, 1, 3) || '-8' || substr(r, 4, 3) || '-' || substr(r, 7, 12))::uuid as id
  from (
    select to_timestamp(ms / 1000.0) as at, lpad(to_hex(ms), 12, '0') as h, md5(number::text || random()::text) as r, number,
      (select o.id from original o where o.first <= drawn and drawn < o.first + o.parts) as original
    from (
      select n + $4::int as number, ($1::bigint + (n * $2::float8)::bigint) as ms,
        -- A prime scatters them, the same ones each time.
        ((n + $4::int)::bigint * 7919) % $5::int as drawn
      from generate_series(1, $3::int) as n
    ) as moments
  ) as texts;`.replace(/;$/, '')

const COPY_SAGA = `
  insert into saga.saga (id, definition, version, blueprint, key, input_hash, status, waiting, revision, format, state, failure,
    dead_reason, error_group, tags, created_at, updated_at, finished_at, start_at)
  select c.id, s.definition, s.version, s.blueprint, 'order-' || c.number, s.input_hash, s.status, s.waiting, s.revision, s.format,
    s.state, s.failure, s.dead_reason, s.error_group, array['web', 'customer-' || (c.number % 5000)], c.at, c.at + interval '2 s',
    case when s.finished_at is not null then c.at + interval '2 s' end, s.start_at
  from copy c join saga.saga s on s.id = c.original`

const COPY_EVENTS = `
  insert into saga.saga_event (saga_id, sequence, type, step, side, attempt, at, format, data, payload, worker, build)
  select c.id, e.sequence, e.type, e.step, e.side, e.attempt, c.at + e.sequence * interval '0.2 s', e.format, e.data, e.payload,
    e.worker, e.build
  from copy c join saga.saga_event e on e.saga_id = c.original order by c.id, e.sequence`

const COPY_TIMERS = `
  insert into saga.saga_timer (saga_id, timer, due_at)
  select c.id, t.timer, t.due_at from copy c join saga.saga_timer t on t.saga_id = c.original`

/** The figures of the overview, as the hourly duty would have counted them. */
export async function countShop(connectionString: string): Promise<void> {
  const client = createSagaClient({ connectionString })
  try {
    await client.maintenance.count({ actor: 'bench' })
  } finally {
    await client.close()
  }
}
