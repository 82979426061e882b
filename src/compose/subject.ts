/** What an examination looks at, with connections of its own. */
import { NO_FAULTS } from '../engine/runtime/ports.ts'
import type { SagaClientOptions } from './options.ts'
import { readyBoss } from './ready-boss.ts'
import { unwire, type Wiring, wire } from './wiring.ts'

export type OpenedSubject = {
  readonly subject: Pick<Wiring, 'schema' | 'bossSchema' | 'db' | 'boss' | 'duties'> & {
    readonly transaction: Wiring['parts']['transaction']
    readonly readyBoss: () => Promise<void>
    readonly connectionString: string
    readonly directConnectionString: string
    readonly isNotified: boolean
  }
  readonly close: () => Promise<void>
}

/** Nothing is asked of the database yet: what cannot be reached is for the examination to find. */
export function openSubject(options: SagaClientOptions & { readonly directConnectionString?: string }): OpenedSubject {
  const wiring = wire(options, [], false, NO_FAULTS)
  const { schema, bossSchema, db, boss, duties, parts } = wiring
  const { connectionString, directConnectionString = connectionString, notify = true } = options
  return {
    subject: {
      schema,
      bossSchema,
      db,
      boss,
      duties,
      transaction: parts.transaction,
      readyBoss: () => readyBoss(wiring, { migrate: false, queues: false }),
      connectionString,
      directConnectionString,
      isNotified: notify,
    },
    close: () => unwire(wiring),
  }
}
