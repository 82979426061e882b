/**
 * Money transfers over a hundred copies of three accounts, with an outside gateway that honours idempotency keys and
 * misbehaves by plan: what goes wrong depends on the key and the attempt alone, so that a run can be repeated.
 */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { z } from 'zod'
import { StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'

export const ACCOUNTS = [
  ['ACC-001', 'Alice', 100_000],
  ['ACC-002', 'Bob', 50_000],
  ['ACC-003', 'Charlie', 75_000],
] as const

/** 2 250.00 a copy, in cents. */
export const TOTAL_OF_A_COPY = 225_000

export const TABLES = `
  create table account (copy int not null, id text not null, owner text not null, cents int not null check (cents >= 0),
    primary key (copy, id));
  -- What transactional steps did, by key: a repeated effect breaks the primary key.
  create table booking (key text primary key, copy int not null, account text not null, cents int not null);
  -- What the outside gateway did, by key. It honours keys: a repeated call changes nothing but the count.
  create table gateway (key text primary key, calls int not null default 1, applied boolean not null, cancelled boolean not null default false);
`

/** Every event is told, by whoever brings it about. */
export const TOLD = { queue: 'transfer-events', types: 'all' } as const

export type App = { services: { gateway: Gateway; faultPercent: number }; tx: pg.ClientBase }

const Transfer = z.object({
  copy: z.number().int(),
  from: z.string(),
  to: z.string(),
  cents: z.number().int().positive(),
})

type Booking = z.infer<typeof Transfer>

async function book(tx: pg.ClientBase, key: string, copy: number, account: string, cents: number): Promise<void> {
  await tx.query('insert into booking (key, copy, account, cents) values ($1, $2, $3, $4)', [key, copy, account, cents])
  const { rowCount } = await tx.query(
    'update account set cents = cents + $3 where copy = $1 and id = $2 and cents + $3 >= 0',
    [copy, account, cents],
  )
  if (rowCount === 0) throw new StepRejected(`Account ${account} does not cover ${-cents} cents.`)
}

const retry = { maxAttempts: 4, backoff: 'exponential', initialInterval: '20ms', maxInterval: '200ms' } as const

/**
 * More deliveries than there are kills in a test: a worker that takes over the jobs of one that was killed may be the
 * next to be killed, and at the third time a step would be given up as one that kills whoever runs it.
 */
const maxLost = 10

export const transfer = sagasFor<App>()('transfer', { version: 1, input: Transfer })
  .transactionalStep('debit', {
    action: ({ input, tx, idempotencyKey }: { input: Booking; tx: pg.ClientBase; idempotencyKey: string }) =>
      book(tx, idempotencyKey, input.copy, input.from, -input.cents),
    compensation: ({ input, tx, idempotencyKey }) => book(tx, idempotencyKey, input.copy, input.from, input.cents),
    retry,
    maxLost,
  })
  .step('clear', {
    action: ({ services, idempotencyKey, attempt }) =>
      services.gateway.clear(idempotencyKey, attempt, services.faultPercent),
    compensation: {
      run: ({ services, action, idempotencyKey, attempt }) =>
        services.gateway.cancel(action.idempotencyKey, idempotencyKey, attempt, services.faultPercent),
      retry: { maxAttempts: 30, backoff: 'fixed', initialInterval: '20ms', maxInterval: '20ms' },
    },
    retry,
    maxLost,
    timeout: '2s',
    settleAfter: '200ms',
  })
  .transactionalStep('credit', {
    action: ({ input, tx, idempotencyKey }) => book(tx, idempotencyKey, input.copy, input.to, input.cents),
    retry,
    maxLost,
  })

/** The outside world: its own connections, its own commits. */
export class Gateway {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async clear(key: string, attempt: number, faultPercent: number): Promise<{ cleared: true }> {
    const fault = faultOf(`${key}#${attempt}`, faultPercent)
    if (fault === 'refused') throw new StepRejected('The gateway refuses this transfer.')
    if (fault === 'away') throw new StepNotApplied('The gateway is away.')
    if (fault === 'lost-request') throw new Error('No answer.')
    const { rows } = await this.#pool.query(
      `insert into gateway (key, applied) values ($1, true)
       on conflict (key) do update set calls = gateway.calls + 1 returning cancelled`,
      [key],
    )
    if (rows[0].cancelled) throw new StepRejected('This key was cancelled.')
    if (fault === 'lost-answer') throw new Error('No answer.')
    return { cleared: true }
  }

  /** A cancel by key: works before the action took effect too, and keeps it from taking effect afterwards. */
  async cancel(key: string, own: string, attempt: number, faultPercent: number): Promise<void> {
    const fault = faultOf(`${own}#${attempt}`, faultPercent)
    if (fault === 'away' || fault === 'lost-request' || fault === 'refused') throw new Error('The gateway is away.')
    await this.#pool.query(
      `insert into gateway (key, applied, cancelled) values ($1, false, true)
       on conflict (key) do update set cancelled = true`,
      [key],
    )
    if (fault === 'lost-answer') throw new Error('No answer.')
  }
}

type Fault = 'refused' | 'away' | 'lost-request' | 'lost-answer' | undefined

/** By plan: `percent` of the calls, the four kinds in turn. */
function faultOf(call: string, percent: number): Fault {
  const digest = createHash('sha256').update(call).digest()
  if (digest.readUInt16BE(0) % 100 >= percent) return undefined
  return (['refused', 'away', 'lost-request', 'lost-answer'] as const)[(digest[2] ?? 0) % 4]
}

export async function createAccounts(pool: pg.Pool, copies: number): Promise<void> {
  await pool.query(TABLES)
  for (const [id, owner, cents] of ACCOUNTS) {
    await pool.query('insert into account select copy, $1, $2, $3 from generate_series(1, $4) copy', [
      id,
      owner,
      cents,
      copies,
    ])
  }
}

/** Transfers of 1.00 to 50.00, by plan. */
export function plannedTransfers(count: number, copies: number): readonly Booking[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('sha256').update(`transfer ${index}`).digest()
    const from = (digest[0] ?? 0) % 3
    const to = (from + 1 + ((digest[1] ?? 0) % 2)) % 3
    return {
      copy: 1 + (index % copies),
      from: ACCOUNTS[from]?.[0] ?? '',
      to: ACCOUNTS[to]?.[0] ?? '',
      cents: 100 + (digest.readUInt16BE(2) % 4_901),
    }
  })
}

/** What is wrong with the money, in sentences. */
export async function brokenMoney(pool: pg.Pool, copies: number): Promise<readonly string[]> {
  const broken: string[] = []
  const { rows: totals } = await pool.query('select sum(cents)::int as total from account')
  if (totals[0].total !== copies * TOTAL_OF_A_COPY)
    broken.push(`the total is ${totals[0].total} cents, not ${copies * TOTAL_OF_A_COPY}`)
  const { rows: unmatched } = await pool.query(
    `select s.id, s.status, s.dead_reason as "deadReason", d.key is not null as debited, u.key is not null as undebited, c.key is not null as credited,
       coalesce(g.applied and not g.cancelled, false) as cleared
     from saga.saga s
     left join booking d on d.key = s.id || ':debit'
     left join booking u on u.key = s.id || ':debit:compensation'
     left join booking c on c.key = s.id || ':credit'
     left join gateway g on g.key = s.id || ':clear'`,
  )
  for (const { id, status, deadReason, debited, undebited, credited, cleared } of unmatched) {
    const isWhole = debited && credited && cleared && !undebited
    const isNothing = debited === undebited && !credited && !cleared
    if (status === 'completed' && !isWhole) broken.push(`${id} is completed, and not all of it happened`)
    if (status === 'compensated' && !isNothing) broken.push(`${id} is compensated, and something of it is left`)
    if (status !== 'completed' && status !== 'compensated') {
      const { rows: events } = await pool.query(
        'select type, step, side, attempt from saga.saga_event where saga_id = $1 order by sequence',
        [id],
      )
      const journal = events.map(({ type, step, side, attempt }) =>
        [type, step, side, attempt].filter((x) => x !== null).join(' '),
      )
      broken.push(`${id} is ${status} (${deadReason}): ${journal.join(', ')}`)
    }
  }
  return broken
}
