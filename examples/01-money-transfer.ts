/**
 * A transfer between accounts: debit → clear with the other bank → credit.
 *
 * Debit and credit are transactional steps: what they write, and that they are done, commits together, exactly once.
 * The clearing house is another company: it is called at least once, always with the same key, and undone by that key.
 * Whatever happens, the accounts hold 2250.00 together whenever all transfers are at rest.
 *
 *     npx node examples/01-money-transfer.ts
 */
import pg from 'pg'
import { z } from 'zod'
import { createSagaEngine, StepRejected, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

const Transfer = z.object({ from: z.string(), to: z.string(), cents: z.int().positive() })

/** Another company's service, as far as we see it. It refuses accounts that it has frozen. */
class ClearingHouse {
  /** What was cleared, in cents, by key. */
  readonly cleared = new Map<string, number>()
  readonly #cancelled = new Set<string>()
  readonly #frozen = new Set(['ACC-003'])

  /** The same key again is the same transfer. */
  async clear(to: string, cents: number, key: string): Promise<{ reference: string }> {
    if (this.#frozen.has(to)) throw new StepRejected(`The clearing house has frozen ${to}.`)
    if (this.#cancelled.has(key)) throw new StepRejected('This transfer was cancelled.')
    this.cleared.set(key, cents)
    return { reference: `clearing ${key}` }
  }

  /** Works whether or not the transfer has arrived, and keeps it from taking effect later. Twice is once. */
  async cancel(key: string): Promise<void> {
    this.#cancelled.add(key)
    this.cleared.delete(key)
  }
}

type Bank = { services: { clearing: ClearingHouse }; tx: pg.ClientBase }

const transferMoney = sagasFor<Bank>()('transfer-money', { version: 1, input: Transfer })
  .transactionalStep('debit', {
    action: ({ input, tx }) => book(tx, input.from, -input.cents),
    compensation: ({ input, tx }) => book(tx, input.from, input.cents),
  })
  .step('clear', {
    action: ({ input, services, idempotencyKey }) => services.clearing.clear(input.to, input.cents, idempotencyKey),
    compensation: ({ action, services }) => services.clearing.cancel(action.idempotencyKey),
  })
  .transactionalStep('credit', {
    action: ({ input, tx }) => book(tx, input.to, input.cents),
  })

async function book(tx: pg.ClientBase, account: string, cents: number): Promise<void> {
  const { rowCount } = await tx.query('update bank.account set cents = cents + $2 where id = $1 and cents + $2 >= 0', [
    account,
    cents,
  ])
  if (rowCount === 0) throw new StepRejected(`${account} does not have ${money(-cents)}.`)
}

const TABLES = `
  drop schema if exists bank cascade;
  create schema bank;
  create table bank.account (id text primary key, owner text not null, cents bigint not null check (cents >= 0));
  insert into bank.account values ('ACC-001', 'Alice', 100000), ('ACC-002', 'Bob', 50000), ('ACC-003', 'Charlie', 75000);
`

const TRANSFERS = [
  { from: 'ACC-001', to: 'ACC-002', cents: 200_00 },
  // Bob does not have that much: refused, and there is nothing to undo.
  { from: 'ACC-002', to: 'ACC-001', cents: 5_000_00 },
  // Debited, then refused by the clearing house: the debit is undone.
  { from: 'ACC-001', to: 'ACC-003', cents: 100_00 },
]

/** Makes the transfers one after the other. @returns how they ended, and what is on the accounts after each. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const pool = new pg.Pool({ connectionString })
  await pool.query(TABLES)
  const services = { clearing: new ClearingHouse() }
  const engine = createSagaEngine({ connectionString, definitions: [transferMoney], services })
  await engine.start()
  try {
    const ends = []
    for (const transfer of TRANSFERS) {
      const { id } = await engine.enqueue(transferMoney, transfer)
      const outcome = await engine.outcome(id, { definition: transferMoney })
      const accounts = await balances(pool)
      ends.push({ outcome, accounts })
      say(`${money(transfer.cents)} from ${transfer.from} to ${transfer.to}: ${outcome.status}`)
      if (outcome.status !== 'completed') {
        say(`  ${outcome.failure?.error?.message} Undone: ${outcome.undone.join(', ') || 'nothing'}.`)
      }
      say(`  ${accounts.map(({ owner, cents }) => `${owner} ${money(cents)}`).join(', ')}`)
    }
    return ends
  } finally {
    await engine.stop()
    await pool.end()
  }
}

async function balances(pool: pg.Pool): Promise<readonly { owner: string; cents: number }[]> {
  const { rows } = await pool.query<{ owner: string; cents: string }>(
    'select owner, cents from bank.account order by id',
  )
  return rows.map(({ owner, cents }) => ({ owner, cents: Number(cents) }))
}

function money(cents: number): string {
  return (cents / 100).toFixed(2)
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
