/**
 * The load: money goes between accounts in the database and a ledger outside, in sagas of every shape. What goes wrong in
 * them without any fault of the suite is planned by their inputs, and by the ledger.
 */
import type pg from 'pg'
import { z } from 'zod'
import { StepRejected, sagasFor } from '../../src/index.ts'
import type { Dice } from './dice.ts'
import type { LedgerClient } from './ledger-client.ts'

export const ACCOUNTS = 40
const CENTS_EACH = 10_000_000
export const TOTAL = ACCOUNTS * CENTS_EACH

/** No key is unique here: a repeated effect is to be seen, not prevented. */
export const TABLES = `
  create table account (id int primary key, cents bigint not null);
  create table booking (key text not null, account int not null, cents int not null);
`

/** Every event is told, by whoever brings it about. */
export const TOLD = { queue: 'torture-events', types: 'all' } as const

export type App = { services: { ledger: LedgerClient }; tx: pg.ClientBase }

const Input = z.object({
  account: z.int(),
  cents: z.int(),
  /** How many letters go out, and by which way the receipt. */
  letters: z.int(),
  receipt: z.enum(['paper', 'screen', 'none']),
  /** The last step but one refuses, so that all of it is undone. */
  isRefused: z.boolean(),
})
export type Input = z.infer<typeof Input>

async function book(tx: pg.ClientBase, key: string, account: number, cents: number): Promise<void> {
  await tx.query('insert into booking (key, account, cents) values ($1, $2, $3)', [key, account, cents])
  if (cents !== 0) await tx.query('update account set cents = cents + $2 where id = $1', [account, cents])
}

const retry = { maxAttempts: 5, backoff: 'exponential', initialInterval: '20ms', maxInterval: '300ms' } as const
/** Any number of workers may be lost under a step: it is not the step that kills them. */
const maxLost = 1_000

type Booked = { readonly input: Input; readonly tx: pg.ClientBase; readonly idempotencyKey: string }

/** Books in the database, and books back. `sign`: what of the amount. */
function booking(sign: 1 | 0 | -1) {
  return {
    action: ({ input, tx, idempotencyKey }: Booked) => book(tx, idempotencyKey, input.account, sign * input.cents),
    compensation: ({ input, tx, idempotencyKey }: Booked) =>
      book(tx, idempotencyKey, input.account, -sign * input.cents),
    retry,
    maxLost,
  }
}

type Called = {
  readonly input: Input
  readonly services: App['services']
  readonly idempotencyKey: string
  readonly attempt: number
  readonly signal: AbortSignal
}

/** Calls the ledger, and cancels the call by its key. */
function call(sign: 1 | 0 | -1) {
  return {
    action: ({ input, services, idempotencyKey: key, attempt, signal }: Called) =>
      services.ledger.call({ key, attempt, cents: sign * input.cents }, signal),
    compensation: {
      run: ({
        services,
        idempotencyKey: key,
        attempt,
        signal,
        action,
      }: Called & { readonly action: { readonly idempotencyKey: string } }) =>
        services.ledger.call({ key, attempt, cents: 0, cancels: action.idempotencyKey }, signal),
      retry: { maxAttempts: 30, backoff: 'fixed', initialInterval: '30ms' },
    },
    retry,
    maxLost,
    // Calls take a quarter of a second; a busy machine is no reason to give one up.
    timeout: '10s',
    settleAfter: '300ms',
  } as const
}

const define = sagasFor<App>()

/** From the database to the ledger. */
export const deposit = define('deposit', { version: 1, input: Input })
  .transactionalStep('debit', booking(-1))
  .step('deposit', call(1))
  .branch('receipt', ({ input }) => (input.receipt === 'none' ? null : input.receipt), {
    paper: (way) => way.step('print', call(0)),
    screen: (way) => way.transactionalStep('show', booking(0)),
  })
  .transactionalStep('close', {
    ...booking(0),
    action: async (booked) => {
      if (booked.input.isRefused) throw new StepRejected('The books are closed.')
      await booking(0).action(booked)
    },
  })
  .onCompleted(({ tx, sagaId, input }) => book(tx, `${sagaId}:@completed`, input.account, 0))

/** From the ledger to the database; from its pivot on only forward. */
export const withdraw = define('withdraw', { version: 1, input: Input })
  .step('withdraw', call(-1))
  .parallel('tell', (all) =>
    all.step('mail', call(0)).lane((lane) =>
      lane
        .map('letters', {
          ...call(0),
          over: ({ input }) => Array.from({ length: input.letters }, (_, index) => index),
          concurrency: 2,
        })
        .transactionalStep('count', booking(0)),
    ),
  )
  .transactionalStep('check', {
    ...booking(0),
    action: async (booked) => {
      if (booked.input.isRefused) throw new StepRejected('Nobody signed.')
      await booking(0).action(booked)
    },
  })
  .step('release', call(0))
  .pivot()
  .transactionalStep('credit', booking(1))
  .step('confirm', call(0))

/** One at a time of an account, and few at once over all. */
export const audit = define('audit', {
  version: 1,
  input: Input,
  concurrency: { key: ({ account }) => `account:${account % 8}` },
})
  .step('read', { ...call(0), maxConcurrent: 4 })
  .transactionalStep('file', booking(0))

export const DEFINITIONS = [deposit, withdraw, audit] as const
export type Planned = { readonly definition: (typeof DEFINITIONS)[number]; readonly key: string; readonly input: Input }

/** The next saga of a load. */
export function planned(dice: Dice, key: string): Planned {
  const kind = dice.fraction()
  return {
    definition: kind < 0.45 ? deposit : kind < 0.9 ? withdraw : audit,
    key,
    input: {
      account: dice.whole(1, ACCOUNTS),
      cents: dice.whole(1, 5_000),
      letters: dice.whole(0, 4),
      receipt: dice.one(['paper', 'screen', 'none']),
      isRefused: dice.fraction() < 0.15,
    },
  }
}

/** The steps that have taken effect when such a saga is completed: in the database, and in the ledger. */
export function effectsOf(definition: string, { receipt, letters }: Input): { booked: string[]; called: string[] } {
  if (definition === 'audit') return { booked: ['file'], called: ['read'] }
  if (definition === 'deposit') {
    return {
      booked: ['debit', 'close', '@completed', ...(receipt === 'screen' ? ['show'] : [])],
      called: ['deposit', ...(receipt === 'paper' ? ['print'] : [])],
    }
  }
  const each = Array.from({ length: letters }, (_, index) => `letters[${index}]`)
  return { booked: ['count', 'check', 'credit'], called: ['withdraw', 'mail', ...each, 'release', 'confirm'] }
}

export async function createAccounts(pool: pg.Pool): Promise<void> {
  await pool.query(TABLES)
  await pool.query('insert into account select id, $1 from generate_series(1, $2::int) id', [CENTS_EACH, ACCOUNTS])
}
