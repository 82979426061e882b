/**
 * What the runtime needs of the world, as ports. `src/jobs` implements the dispatcher on pg-boss; the composition root
 * joins them. The engine itself knows no queue.
 */
import type { Side } from '../core/machine.ts'
import type { ErrorInfo } from '../core/state.ts'
import type { Db } from '../store/db.ts'
import type { EventMessage } from './event-messages.ts'

/** What travels with a job: enough to run it, and to settle it without running it. */
export type JobData = {
  /** The job's own id, which survives pg-boss's copying into the queue of lost jobs. */
  readonly job: string
  readonly saga: string
  readonly step: string
  readonly side: Side
  /** The number it was inserted as. */
  readonly attempt: number
  /** The saga's revision after the transition that inserted it: tells whether a cached state is current. */
  readonly revision: number
}

export type NewJob = {
  readonly id: string
  readonly priority: number
  /** The database's own limit, beyond the worker's: seconds. */
  readonly expireInSeconds: number
  /** Of whose jobs only so many may run at once; the worker that fetches knows how many. */
  readonly group?: { readonly id: string; readonly tier: string }
  readonly data: JobData
}

/** One delivery of a job: what settling is fenced by. */
export type DeliveredJob = {
  readonly id: string
  readonly retryCount: number
  /** That it was inserted with: when it is settled, the next one of the group may run. */
  readonly group?: string
}

export type DeadLetter = {
  readonly jobId: string
  readonly sagaId: string
  readonly definition: string
  readonly reason: string
  /** `null` when it is on its way again by the end of the same transaction. */
  readonly errorGroup: string | null
  readonly step: string | null
  /** What of the step could not be done. */
  readonly phase: 'action' | 'compensation' | 'hook'
  readonly attempts: number
  /** The step's last error. */
  readonly error: ErrorInfo | null
}

/** Jobs, always on the transaction that records why. */
export type Dispatcher = {
  /** @returns the ids of the jobs that this delivery still owned, which are gone now. */
  settle(db: Db, jobs: readonly DeliveredJob[]): Promise<ReadonlySet<string>>
  /** Of jobs that could not be settled: those that another delivery owns, or may get. The others are gone. */
  owned(db: Db, ids: readonly string[]): Promise<ReadonlySet<string>>
  /** @throws SagaError `BATCH_INCOMPLETE` when fewer were inserted than asked (rule 1). */
  insert(db: Db, jobs: readonly NewJob[]): Promise<void>
  insertDeadLetters(db: Db, letters: readonly DeadLetter[]): Promise<void>
  removeDeadLetters(db: Db, ids: readonly string[]): Promise<void>
  /** For others, into the queue that the app has named. @throws SagaError as `insert`. */
  insertEvents(db: Db, events: readonly EventMessage[]): Promise<void>
}

/** What somebody who passes in a logger has to have; pino, console and most others do. */
export type Logger = {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Named moments at the edges of transactions. Nothing in production listens; the crash tests pass a function that ends
 * the process there.
 */
export type FaultPoint =
  | 'fetched'
  | 'claimed'
  | 'before-action'
  | 'after-action'
  | 'locked'
  | 'settled'
  | 'written'
  | 'before-commit'
  | 'after-commit'
  | 'tx-before-commit'
  | 'tx-after-commit'
  | 'takeover-marked'
  | 'takeover-batch'
  | 'timers-read'
  | 'commands-settled'
  | 'commands-committed'

export type FaultPoints = (point: FaultPoint) => void

export const NO_FAULTS: FaultPoints = () => {}
