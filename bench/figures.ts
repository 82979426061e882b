/** What one measurement gives, and where it is taken. */
import { type Counted, quantile, type Statement } from './measure.ts'

/** What is absent was not measured, or cannot be on this machine. All but rate and times are per saga. */
export type Figures = {
  readonly perSecond?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly nodeCpuMs?: number
  readonly postgresCpuMs?: number
  readonly commits?: number
  readonly statements?: number
  readonly walBytes?: number
  readonly deadTuples?: number
  /** How long the workers ran, in all. */
  readonly workedMs?: number
}

export type Place = {
  /** An empty database. */
  readonly connectionString: string
  /** For the server's CPU. */
  readonly postmaster?: number
  /** What took the time is wanted too. */
  readonly onStatements?: (statements: readonly Statement[]) => void
}

export function latency(times: readonly number[]): Pick<Figures, 'p50Ms' | 'p99Ms'> {
  const [p50Ms, p99Ms] = [quantile(times, 0.5), quantile(times, 0.99)]
  return { ...(p50Ms === undefined ? {} : { p50Ms }), ...(p99Ms === undefined ? {} : { p99Ms }) }
}

export function each(before: Counted, after: Counted, sagas: number): Figures {
  const { statements } = after
  return {
    commits: (after.commits - before.commits) / sagas,
    ...(statements === undefined ? {} : { statements: (statements - (before.statements ?? 0)) / sagas }),
    walBytes: (after.walBytes - before.walBytes) / sagas,
    deadTuples: (after.deadTuples - before.deadTuples) / sagas,
  }
}
