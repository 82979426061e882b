/** The definitions that the runbooks of docs/operations.md are about. */
import { z } from 'zod'
import { StepNotApplied, StepRejected, sagasFor } from '../../../src/index.ts'

export type World = { isProviderUp: boolean; refundsTwice: boolean; readonly refunds: Map<number, number> }

const defineSaga = sagasFor<{ services: World; tx: unknown }>()

export const order = defineSaga('order', { version: 1, input: z.object({ nr: z.int() }) })
  .step('reserve', { action: () => 'reserved', compensation: () => {} })
  .step('charge', {
    action: ({ input, services }) => {
      if (!services.isProviderUp)
        throw new StepNotApplied(`No answer for order ${input.nr}.`, { code: 'PROVIDER_DOWN' })
      return { charged: input.nr }
    },
    compensation: () => {},
    retry: { maxAttempts: 2, backoff: 'fixed', initialInterval: '10ms' },
    whenExhausted: 'dead_letter',
  })

const charge = ({ input }: { readonly input: { readonly nr: number } }) => ({ charged: input.nr })

const shape = () =>
  defineSaga('order', { version: 1, input: z.object({ nr: z.int() }) }).step('reserve', {
    action: () => 'reserved',
    compensation: () => {},
  })

/** Another name for `charge`, and nobody says so. */
export const renamed = shape().step('charge-card', { action: charge, compensation: () => {} })

/** The same, said. */
export const declared = shape().step('charge-card', { formerly: ['charge'], action: charge, compensation: () => {} })

export const sale = defineSaga('sale', { version: 1, input: z.object({ customer: z.int() }) })
  .step('charge', {
    action: () => 'charged',
    compensation: ({ input: { customer }, services: { refunds, refundsTwice } }) => {
      refunds.set(customer, (refunds.get(customer) ?? 0) + (refundsTwice ? 2 : 1))
    },
  })
  .step('deliver', {
    action: () => {
      throw new StepRejected('Sold out.')
    },
  })

export const takeBack = defineSaga('take-back', { version: 1, input: z.object({ customer: z.int() }) }).step('enter', {
  action: ({ input: { customer }, services: { refunds } }) =>
    void refunds.set(customer, (refunds.get(customer) ?? 0) - 1),
})
