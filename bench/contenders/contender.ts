/** Who is measured in the same way as we are: prepares a database, starts sagas, and has a program that runs them. */
import type pg from 'pg'
import type { Workload } from '../workloads/app.ts'

export type Contender = {
  readonly name: string
  /** As the tables say it. */
  readonly title: string
  /** Makes an empty database ready for the workload. */
  prepare(connectionString: string, workload: Workload): Promise<void>
  /** Starts sagas, and waits for them. */
  client(connectionString: string, workload: Workload): Promise<BenchClient>
  /** Its worker process: a program that calls `serveWorker`, and what it is told. */
  worker(connectionString: string, workload: Workload): { readonly script: string; readonly settings: object }
}

export type BenchClient = {
  /** Many sagas, in as many transactions as it takes. */
  startMany(count: number): Promise<void>
  /** One, in a transaction of its own. @returns its id. */
  start(): Promise<string>
  /** One, in the caller's transaction. */
  startIn(client: pg.ClientBase): Promise<void>
  /** Resolves when the saga has come to its end. */
  outcome(id: string): Promise<void>
  close(): Promise<void>
}
