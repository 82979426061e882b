/** A saga whose steps call another service, and whose last one is refused. */
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { z } from 'zod'
import { StepRejected, sagasFor } from '../../src/index.ts'

export type Services = { readonly url: string }

/** As an instrumented HTTP client does it: a span of its own, whose context goes with the request. */
async function call(url: string): Promise<void> {
  await trace.getTracer('http').startActiveSpan('POST', { kind: SpanKind.CLIENT }, async (span) => {
    const headers: Record<string, string> = {}
    propagation.inject(context.active(), headers)
    await fetch(url, { method: 'POST', headers })
    span.end()
  })
}

export const order = sagasFor<{ services: Services; tx: unknown }>()('order', { version: 1, input: z.object({}) })
  .step('charge', {
    action: ({ services }) => call(`${services.url}/charge`),
    compensation: ({ services }) => call(`${services.url}/refund`),
  })
  .step('ship', {
    action: () => {
      throw new StepRejected('No parcels today.', { code: 'NO_PARCELS' })
    },
  })
