/** What the overview looks at beside the figures, read at once. */
import { LOGGED, type Logged } from '../engine/duties.ts'
import type { HoldView } from '../engine/operator-holds.ts'
import type { SagaClient } from '../engine/saga-client.ts'
import type { MaintenanceEntry } from '../engine/store/maintenance-log.ts'
import type { WorkerView } from '../engine/store/worker-views.ts'
import type { Attention, QueueView, ScheduleView } from '../engine/system.ts'
import type { Redaction } from './redaction.ts'

/** Of each duty: enough to find the last time that was no dry run. */
const ENTRIES = 20

export type Log = Readonly<Record<Logged, readonly MaintenanceEntry[]>>

export type Facts = {
  readonly attention: Attention
  readonly workers: readonly WorkerView[]
  readonly queues: readonly QueueView[]
  readonly holds: readonly HoldView[]
  readonly schedules: readonly ScheduleView[]
  /** The newest first. */
  readonly log: Log
}

/** Three at a time: the connections are those of the host's program, which has other work for them. */
export async function readFacts(client: SagaClient, redaction: Redaction): Promise<Facts> {
  const [[attention, workers], [queues, holds], [schedules, log]] = await Promise.all([
    inTurn(
      () => client.system.attention(),
      () => client.system.workers(),
    ),
    inTurn(
      () => client.system.queues(),
      () => client.operator.holds(),
    ),
    inTurn(
      () => client.system.schedules(),
      () => readLog(client, redaction),
    ),
  ])
  return { attention, workers, queues, holds, schedules, log }
}

async function inTurn<A, B>(first: () => Promise<A>, then: () => Promise<B>): Promise<readonly [A, B]> {
  return [await first(), await then()]
}

export async function readLog({ maintenance }: Pick<SagaClient, 'maintenance'>, redaction: Redaction): Promise<Log> {
  const entries: (readonly [Logged, readonly MaintenanceEntry[]])[] = []
  for (const duty of LOGGED) {
    const log = await maintenance.log({ duty, limit: ENTRIES })
    entries.push([duty, log.map((entry) => redaction.maintenance(entry))])
  }
  return Object.fromEntries(entries) as Log
}
