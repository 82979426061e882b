/** What happened in the database and in the ledger, against what the sagas say: each effect once, and no cent lost. */
import type pg from 'pg'
import type { LedgerBooks } from './ledger.ts'
import { effectsOf, type Input } from './load.ts'

type Saga = { readonly id: string; readonly definition: string; readonly status: string; readonly input: Input }

/** All the money that there is, in the database and in the ledger. */
export async function moneyIn(pool: pg.Pool, { balance }: LedgerBooks): Promise<number> {
  const { rows } = await pool.query('select sum(cents)::bigint as cents from account')
  return Number(rows[0].cents) + balance
}

/** One sentence for each thing that is not as it must be. */
export async function brokenEffects(pool: pg.Pool, books: LedgerBooks): Promise<readonly string[]> {
  const broken: string[] = []
  const { rows: sagas } = await pool.query<Saga>(
    `select s.id, s.definition, s.status, e.payload as input
     from saga.saga s join saga.saga_event e on e.saga_id = s.id and e.sequence = 1`,
  )
  const booked = await bookedBySaga(pool, broken)
  const called = calledBySaga(books)
  for (const saga of sagas) {
    const say = (what: string) => broken.push(`${saga.id} (${saga.definition}, ${saga.status}) ${what}`)
    const inDatabase = booked.get(saga.id) ?? new Set()
    const inLedger = called.get(saga.id) ?? new Set()
    const expected = effectsOf(saga.definition, saga.input)
    if (saga.status === 'completed') {
      mustBe(expected.booked, [...inDatabase], (what) => say(`booked ${what}`))
      mustBe(expected.called, [...inLedger], (what) => say(`has in the ledger ${what}`))
    } else if (saga.status === 'compensated') {
      for (const step of inLedger) say(`has left ${step} in the ledger`)
      for (const step of inDatabase) {
        const isUndoing = step.endsWith(':compensation')
        const other = isUndoing ? step.slice(0, -':compensation'.length) : `${step}:compensation`
        if (!inDatabase.has(other)) say(`booked ${step}, and not ${other}`)
      }
    } else say('is not at rest')
  }
  return [...broken, ...(await brokenCalls(pool, books))]
}

/** No delivery is executed twice, and none that is not in the journal. */
async function brokenCalls(pool: pg.Pool, { calls }: LedgerBooks): Promise<readonly string[]> {
  const broken: string[] = []
  const { rows } = await pool.query<{ saga: string; step: string; side: string; last: number }>(
    `select saga_id as saga, step, side, max(attempt) as last from saga.saga_event where attempt is not null group by 1, 2, 3`,
  )
  const last = new Map(rows.map((row) => [`${row.saga}:${row.step}:${row.side}`, row.last]))
  const sagas = new Set(rows.map((row) => row.saga))
  for (const [name, times] of Object.entries(calls)) {
    const [key = '', attempt] = name.split('#')
    const [saga = '', step, compensation] = key.split(':')
    // Of a saga of an earlier round: its effect would show in the money.
    if (!sagas.has(saga)) continue
    if (times > 1) broken.push(`${name} called ${times} times: one delivery was executed more than once`)
    const side = compensation === undefined ? 'action' : 'compensation'
    if (Number(attempt) > (last.get(`${saga}:${step}:${side}`) ?? 0)) broken.push(`${name} is in no journal`)
  }
  return broken
}

async function bookedBySaga(pool: pg.Pool, broken: string[]): Promise<ReadonlyMap<string, Set<string>>> {
  const { rows } = await pool.query<{ key: string; times: number }>(
    'select key, count(*)::int as times from booking group by key',
  )
  const bySaga = new Map<string, Set<string>>()
  for (const { key, times } of rows) {
    if (times > 1) broken.push(`${key} was booked ${times} times`)
    add(bySaga, key)
  }
  return bySaga
}

function calledBySaga({ entries }: LedgerBooks): ReadonlyMap<string, Set<string>> {
  const bySaga = new Map<string, Set<string>>()
  for (const [key, { isApplied, isCancelled }] of Object.entries(entries)) {
    if (isApplied && !isCancelled) add(bySaga, key)
  }
  return bySaga
}

function add(bySaga: Map<string, Set<string>>, key: string): void {
  const [saga = ''] = key.split(':', 1)
  const steps = bySaga.get(saga) ?? new Set()
  bySaga.set(saga, steps.add(key.slice(saga.length + 1)))
}

function mustBe(expected: readonly string[], found: readonly string[], say: (what: string) => void): void {
  const [one, other] = [[...expected].sort().join(' '), [...found].sort().join(' ')]
  if (one !== other) say(`${other || 'nothing'} instead of ${one}`)
}
