/** Three transactional steps, each with a row of the app's own, and two external ones between them. */
import type pg from 'pg'
import { APP_WRITE, type BenchApp, defineSaga, Input, noop, RESULT, type Workload } from './app.ts'

type Given = { readonly sagaId: string; readonly step: string; readonly tx: pg.ClientBase }

async function write({ tx, sagaId, step }: Given) {
  await tx.query(APP_WRITE, [sagaId, step])
  return RESULT
}

const firstWrite = {
  action: async (given: Given & { readonly services: BenchApp['services'] }) => {
    given.services.began(given.sagaId)
    return write(given)
  },
}

export const mixed = defineSaga('mixed', { version: 1, input: Input })
  .transactionalStep('one', firstWrite)
  .step('two', noop)
  .transactionalStep('three', { action: write })
  .step('four', noop)
  .transactionalStep('five', { action: write })

export const MIXED: Workload = {
  name: 'mixed',
  title: 'three transactional and two external steps',
  kind: 'drain',
  definition: mixed,
  sagas: 1_500,
  workers: 1,
  ends: 'completed',
  transactional: ['one', 'three', 'five'],
}
