/** Orders that are paid at a provider who can be down, for tests of the breaker before it. */
import type pg from 'pg'
import { z } from 'zod'
import { StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'

export const HOUR_MS = 60 * 60_000

export type Provider = {
  says: 'up' | 'down' | 'no'
  calls: string[]
  /** What an answer waits for. */
  gate: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined
}

const defineSaga = sagasFor<{ services: Provider; tx: pg.ClientBase }>()

/** The first retry is due after a minute of the moved clock, and then after more. */
const PATIENT = { maxAttempts: 50, backoff: 'fixed', initialInterval: '1m', maxInterval: '1m' } as const

export const order = defineSaga('order', { version: 1, input: z.object({ refunded: z.boolean() }) })
  .step('reserve', { action: () => 'reserved', compensation: () => {} })
  .step('pay', {
    action: async ({ services, sagaId }) => {
      services.calls.push(`pay ${sagaId}`)
      if (services.says === 'no') throw new StepRejected('No money.')
      if (services.says === 'down') throw new StepNotApplied('No answer from 10.0.0.1.', { code: 'PROVIDER_DOWN' })
      await services.gate?.promise
      return 'paid'
    },
    compensation: ({ services, sagaId }) => void services.calls.push(`refund ${sagaId}`),
    retry: PATIENT,
    breaker: { failures: 3, cooldown: '1h', maxCooldown: '5h' },
  })
  .step('ship', {
    action: async ({ input, services }) => {
      if (!input.refunded) return
      services.gate ??= Promise.withResolvers<void>()
      await services.gate.promise
      throw new StepRejected('Nobody is at home.')
    },
  })
