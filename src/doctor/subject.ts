/** What the checks look at. */
import type { Duties } from '../engine/duties.ts'
import type { Db } from '../engine/store/db.ts'
import type { AppBoss } from '../jobs/app-boss.ts'
import type { Finding } from './finding.ts'

export type Subject = {
  readonly schema: string
  readonly bossSchema: string
  readonly db: Db
  /** In a transaction of ours, whose settings keep the server to the indexes. */
  readonly transaction: <T>(run: (db: Db) => Promise<T>) => Promise<T>
  readonly boss: AppBoss
  /** @throws SagaError when pg-boss is not there, or of another version. */
  readonly readyBoss: () => Promise<void>
  readonly duties: Duties
  readonly connectionString: string
  /** Of the workers' own sessions. */
  readonly directConnectionString: string
  /** Whether workers are woken by NOTIFY. */
  readonly isNotified: boolean
}

export type Check = (subject: Subject) => Promise<readonly Finding[]>
