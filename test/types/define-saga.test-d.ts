/** What the types of a definition know, and what does not compile. */
import { z } from 'zod'
import {
  type DeadLetterReason,
  defineContract,
  type InputOf,
  type ResultsOf,
  type ServicesOf,
  type StepContext,
  type StoredInput,
  sagasFor,
  type TxOf,
} from '../../src/index.ts'
import type { Equal, Expect } from './equal.ts'

type Tx = { insert(row: { id: string }): Promise<void> }
type Payments = {
  charge(cents: number, key: string): Promise<{ chargeId: string; at: Date }>
  cancel(key: string): Promise<void>
}
type App = { services: { payments: Payments }; tx: Tx }

const defineSaga = sagasFor<App>()
const OrderInput = z.object({
  orderId: z.string(),
  cents: z.number().default(0),
  dueAt: z.coerce.date(),
  note: z.string().optional(),
})
type Stored = { orderId: string; cents: number; dueAt: string; note?: string }
const order = defineSaga('order', { version: 1, input: OrderInput })

/** Input and results, as steps see them. */
export const fulfil = order
  .transactionalStep('reserve-stock', {
    action: async ({ input, tx, results }) => {
      type _Claims = [Expect<Equal<typeof input, Stored>>, Expect<Equal<keyof typeof results, never>>]
      await tx.insert({ id: input.orderId })
      return { reservationId: 'r1', until: new Date() }
    },
    compensation: async ({ result, tx, action }) => {
      type _Claims = [
        Expect<Equal<typeof result, { reservationId: string; until: string }>>,
        Expect<Equal<typeof action.outcome, 'completed'>>,
      ]
      await tx.insert({ id: result.reservationId })
    },
  })
  .step('charge-card', {
    action: ({ input, results, services, idempotencyKey, signal, attempt, sagaId }) => {
      type _Claims = [
        Expect<Equal<typeof signal, AbortSignal>>,
        Expect<Equal<typeof attempt, number>>,
        Expect<Equal<typeof sagaId, string>>,
        Expect<Equal<(typeof results)['reserve-stock']['until'], string>>,
      ]
      return services.payments.charge(input.cents, idempotencyKey)
    },
    compensation: {
      run: async ({ action, result, services }) => {
        type _Claims = [Expect<Equal<typeof result, { chargeId: string; at: string } | undefined>>]
        if (action.outcome === 'completed') action.result.chargeId satisfies string
        else action.result satisfies undefined
        await services.payments.cancel(action.idempotencyKey)
      },
      retry: { maxAttempts: 50, maxInterval: '15m' },
    },
    classify: (error) => (error instanceof TypeError ? 'rejected' : undefined),
    retry: { maxAttempts: 5, backoff: 'exponential', initialInterval: '1s', maxInterval: '1 minute' },
    timeout: '30s',
    settleAfter: 500,
    maxLost: 2,
    whenExhausted: 'compensate',
  })
  .step('register', {
    action: () => ({ id: 7 }),
    compensation: {
      // It does not run for an action in doubt, so the result is there.
      run: ({ result }) => result.id satisfies number,
      when: 'completed',
    },
  })
  .step('rate', {
    output: z.object({ score: z.string().transform(Number) }),
    action: async () => ({ score: '3' }),
    compensation: ({ result }) => result?.score satisfies number | undefined,
  })
  .step('tell', { action: () => {} })
  .pivot()
  .step('invoice', {
    action: ({ results }) => {
      type _Claims = [
        Expect<Equal<(typeof results)['charge-card'], { chargeId: string; at: string }>>,
        Expect<Equal<(typeof results)['rate'], { score: number }>>,
        Expect<Equal<(typeof results)['tell'], undefined>>,
        Expect<Equal<keyof typeof results, 'reserve-stock' | 'charge-card' | 'register' | 'rate' | 'tell'>>,
      ]
      return 'done' as const
    },
  })
  .onCompleted(async ({ tx, input, results }) => {
    results.invoice satisfies 'done'
    await tx.insert({ id: input.orderId })
  })
  .onCompensated({
    run: ({ results, failure, cause }) => {
      type _Claims = [Expect<Equal<(typeof results)['invoice'], 'done' | undefined>>]
      return [failure?.step, failure?.error.message, cause?.kind]
    },
    retry: { maxAttempts: 20 },
    timeout: '5s',
  })
  .onDeadLettered(({ reason, deadLetter }) => {
    type _Claims = [Expect<Equal<typeof reason, DeadLetterReason | undefined>>]
    return [deadLetter?.reason, deadLetter?.step]
  })
  .onResolved(({ resolvedAs }) => resolvedAs satisfies 'completed' | 'compensated' | undefined)

/** What a definition tells those who use it. */
export type Claims = [
  // A schema that coerces takes whatever can be coerced.
  Expect<
    Equal<
      InputOf<typeof fulfil>,
      { orderId: string; cents?: number | undefined; dueAt: unknown; note?: string | undefined }
    >
  >,
  Expect<Equal<StoredInput<typeof OrderInput>, Stored>>,
  Expect<Equal<ResultsOf<typeof fulfil>['charge-card'], { chargeId: string; at: string }>>,
  Expect<Equal<ServicesOf<typeof fulfil>, App['services']>>,
  Expect<Equal<TxOf<typeof fulfil>, Tx>>,
]

/** A contract is enough to know the input. */
const contract = defineContract('order', { version: 1, input: OrderInput })
export type ContractClaims = [Expect<Equal<InputOf<typeof contract>, InputOf<typeof fulfil>>>]
export const fromContract = defineSaga(contract).step('one', { action: ({ input }) => input.dueAt satisfies string })

/** Steps as instances of classes: their own dependencies, their context's type by hand. */
class ReserveStock {
  readonly #shelf: string
  readonly timeout = '5s'
  constructor(shelf: string) {
    this.#shelf = shelf
  }
  async action({
    input,
  }: StepContext<App, StoredInput<typeof OrderInput>, Record<never, never>>): Promise<{ from: string; at: Date }> {
    return { from: `${this.#shelf} for ${input.orderId}`, at: new Date() }
  }
  async compensation({ result }: { readonly result: { from: string; at: string } | undefined }): Promise<void> {
    void result?.from
  }
}
export const withClass = order
  .step('reserve', new ReserveStock('A'))
  .step('after', { action: ({ results }) => results.reserve.at satisfies string })

/** A step that needs a result which no step before it has does not fit. */
class NeedsCharge {
  action({ results }: StepContext<App, unknown, { 'charge-card': { chargeId: string } }>): string {
    return results['charge-card'].chargeId
  }
}
export const classAfterCharge = order
  .step('charge-card', { action: () => ({ chargeId: 'c' }) })
  .step('next', new NeedsCharge())

// What must not compile.

// @ts-expect-error a step that comes too early
order.step('next', new NeedsCharge())

// @ts-expect-error a name that is taken
order.step('one', { action: () => 1 }).step('one', { action: () => 2 })

// @ts-expect-error a name that is taken, for another kind of step
order.step('one', { action: () => 1 }).transactionalStep('one', { action: () => 2 })

// @ts-expect-error a misspelt step
order.step('one', { action: () => 1 }).step('two', { action: ({ results }) => results.won })

// @ts-expect-error a step that comes later
order.step('one', { action: ({ results }) => results.two }).step('two', { action: () => 2 })

// @ts-expect-error a field that the input does not have
order.step('one', { action: ({ input }) => input.orderNumber })

// @ts-expect-error a date is a string by then
order.step('one', { action: ({ input }) => input.dueAt.getTime() })

// @ts-expect-error so is one in a result
order.step('one', { action: () => new Date() }).step('two', { action: ({ results }) => results.one.getTime() })

// @ts-expect-error an external step has no transaction
order.step('one', { action: ({ tx }) => tx })

// @ts-expect-error the result of a step in doubt is not there
order.step('one', { action: () => ({ id: 1 }), compensation: ({ result }) => result.id })

// @ts-expect-error nor with a policy beside it
order.step('one', { action: () => ({ id: 1 }), compensation: { run: ({ result }) => result.id, timeout: '1s' } })

// @ts-expect-error a function written apart that takes the result for granted
order.step('one', { action: () => 1, compensation: { run: ({ result }: { result: number }) => result } })

// @ts-expect-error a transactional step is never in doubt
order.transactionalStep('one', { action: () => 1, compensation: { run: () => {}, when: 'completed' } })

// @ts-expect-error and needs no time to settle
order.transactionalStep('one', { action: () => 1, settleAfter: '1s' })

// @ts-expect-error a step without an action
order.step('one', { compensation: () => {} })

// @ts-expect-error a misspelt option
order.step('one', { action: () => 1, timeOut: '1s' })

// @ts-expect-error no length of time
order.step('one', { action: () => 1, timeout: 'soon' })

// @ts-expect-error no verdict
order.step('one', { action: () => 1, classify: () => 'fatal' })

// @ts-expect-error no backoff
order.step('one', { action: () => 1, retry: { backoff: 'random' } })

// @ts-expect-error a service that the app does not have
order.step('one', { action: ({ services }) => services.mailer })

// @ts-expect-error results are not certain when the saga was undone
order.step('one', { action: () => ({ id: 1 }) }).onCompensated(({ results }) => results.one.id)

defineSaga('limited', {
  version: 1,
  input: OrderInput,
  priority: 5,
  deadline: '2h',
  timeForUndo: '15m',
  concurrency: {
    key: (input) => {
      type _Claims = [Expect<Equal<typeof input, Stored>>]
      return input.note
    },
    whenBusy: 'refuse',
  },
}).step('one', {
  maxConcurrent: 3,
  action: ({ deadlineAt }) => {
    type _Claims = [Expect<Equal<typeof deadlineAt, Date | undefined>>]
  },
})

// @ts-expect-error a key that is no text
defineContract('order', { version: 1, input: OrderInput, concurrency: { key: (input) => input.cents } })

// @ts-expect-error no answer to a busy line
defineContract('order', { version: 1, input: OrderInput, concurrency: { key: () => 'k', whenBusy: 'run' } })

// @ts-expect-error a contract without an input
defineContract('order', { version: 1 })
