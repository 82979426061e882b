/** A definition whose steps fail as a test wants it, and sagas of it in every state that the pages show. */
import type pg from 'pg'
import { z } from 'zod'
import { type SagaEngine, StepNotApplied, StepRejected, sagasFor } from '../../src/index.ts'
import { journalled } from '../support/waiting.ts'

/** `refuse charge-card`, `away print-label`, `doubt book-carrier`, `undo reserve-stock`: for as long as they are in here. */
export const faults = new Set<string>()

const QUICK = { maxAttempts: 3, backoff: 'fixed', initialInterval: '10ms' } as const
const NEVER = { maxAttempts: 50, backoff: 'fixed', initialInterval: '1h', maxInterval: '1h' } as const

function action(step: string) {
  return ({ idempotencyKey }: { readonly idempotencyKey: string }) => {
    if (faults.has(`refuse ${step}`)) throw new StepRejected(`The provider of ${step} refused.`, { code: 'REFUSED' })
    if (faults.has(`away ${step}`)) throw new StepNotApplied(`connect ECONNREFUSED 10.0.0.7:443 (${step})`)
    if (faults.has(`doubt ${step}`)) throw new Error(`${step}: socket hang up`)
    return { reference: idempotencyKey.slice(-24), lines: 3, note: hostile }
  }
}

const undoable = (step: string) => ({
  action: action(step),
  compensation: {
    run: () => {
      if (faults.has(`undo ${step}`)) throw new StepRejected(`${step} can be undone for 30 days only.`)
    },
    retry: QUICK,
  },
  retry: QUICK,
})

/** Comes back from the database in results, keys, tags and reasons. */
export const hostile = `</pre><script>alert(1)</script><img src=x onerror=alert(2)><b hx-post="/x" hx-trigger="load">"'&`

export const fulfilOrder = sagasFor<{ services: unknown; tx: pg.ClientBase }>()('fulfil-order', {
  version: 2,
  input: z.object({ order: z.string(), cents: z.number() }),
})
  .step('reserve-stock', undoable('reserve-stock'))
  .step('check-fraud', { action: action('check-fraud'), retry: QUICK })
  .step('charge-card', undoable('charge-card'))
  .step('book-carrier', { ...undoable('book-carrier'), retry: NEVER })
  .step('print-label', undoable('print-label'))
  .step('ship', undoable('ship'))
  .pivot()
  .step('send-mail', undoable('send-mail'))

/** Starts a saga while those faults are there, and waits until it has settled, or waits for a retry. */
export async function order(
  engine: SagaEngine,
  key: string,
  while_: readonly string[] = [],
  options: { readonly tags?: readonly string[]; readonly startAt?: Date } = {},
): Promise<string> {
  faults.clear()
  for (const fault of while_) faults.add(fault)
  const { id } = await engine.enqueue(fulfilOrder, { order: key, cents: 4900 }, { key, ...options })
  if (options.startAt === undefined) {
    if (while_.includes('away book-carrier')) await journalled(engine, id, 'attempt_failed')
    else await engine.outcome(id)
  }
  faults.clear()
  return id
}
