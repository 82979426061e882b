/**
 * Sagas with a fallback, a group that aborts its siblings, a map and checkpoints, on the gateway that misbehaves by plan.
 */
import type pg from 'pg'
import { z } from 'zod'
import { sagasFor } from '../../src/index.ts'
import type { App } from './transfers.ts'

const retry = { maxAttempts: 4, backoff: 'exponential', initialInterval: '20ms', maxInterval: '200ms' } as const

type Call = {
  readonly services: App['services']
  readonly idempotencyKey: string
  readonly attempt: number
  readonly checkpoint: (progress: unknown) => Promise<void>
}
type Undo = Omit<Call, 'checkpoint'> & { readonly action: { readonly idempotencyKey: string } }

const call = {
  action: async ({ services: { gateway, faultPercent }, idempotencyKey, attempt, checkpoint }: Call) => {
    await checkpoint(attempt)
    return gateway.clear(idempotencyKey, attempt, faultPercent)
  },
  compensation: {
    run: ({ services: { gateway, faultPercent }, action, idempotencyKey, attempt }: Undo) =>
      gateway.cancel(action.idempotencyKey, idempotencyKey, attempt, faultPercent),
    retry: { maxAttempts: 30, backoff: 'fixed', initialInterval: '20ms', maxInterval: '20ms' },
  },
  retry,
  timeout: '2s',
  settleAfter: '200ms',
} as const

export const TABLE = 'create table total (saga_id uuid primary key, items int not null)'

export const tree = sagasFor<App>()('tree', { version: 1, input: z.object({ items: z.int() }) })
  .step('card', call)
  .fallback('invoice', { ...call, for: ['STEP_REJECTED'] })
  .parallel(
    'both',
    (group) =>
      group.step('mail', call).lane((lane) =>
        lane
          .map('each', {
            ...call,
            over: ({ input }) => Array.from({ length: input.items }, (_, index) => index),
            concurrency: 3,
          })
          .transactionalStep('sum', {
            action: async ({ tx, sagaId, results }) => {
              await tx.query('insert into total (saga_id, items) values ($1, $2)', [sagaId, results.each.length])
            },
            compensation: async ({ tx, sagaId }) => {
              await tx.query('delete from total where saga_id = $1', [sagaId])
            },
          }),
      ),
    { whenOneFails: 'abort' },
  )
  .step('last', call)

/** What does not agree between sagas at rest and what the gateway and the tables say. */
export async function brokenTrees(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query(
    `select s.id, s.status, t.items, (e.payload ->> 'items')::int as wanted,
       coalesce(array(select split_part(g.key, ':', 2) from gateway g
         where g.key like s.id || ':%' and g.applied and not g.cancelled order by 1), '{}') as effects
     from saga.saga s join saga.saga_event e on e.saga_id = s.id and e.sequence = 1 left join total t on t.saga_id = s.id
     where s.definition = 'tree'`,
  )
  return rows.flatMap(({ id, status, items, wanted, effects }) => {
    const each = Array.from({ length: wanted }, (_, index) => `each[${index}]`)
    const ways = ['card', 'invoice'].map((paid) => [...each, 'last', 'mail', paid].sort().join())
    const found = [...effects].sort().join()
    if (status === 'completed' && ways.includes(found) && items === wanted) return []
    if (status === 'compensated' && found === '' && items === null) return []
    return [`${id} is ${status} with ${found || 'nothing'} in effect, and ${items} items counted`]
  })
}
