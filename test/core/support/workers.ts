/**
 * Workers: they fetch jobs, ask whether they may run them, run them, and report, each at a moment of its own. They lose
 * deliveries, hang, report late, and repeat what they have reported.
 */

import { admit } from '../../../src/engine/core/admit.ts'
import { ADOPT, nodeOf, stepOf } from '../../../src/engine/core/blueprint.ts'
import type { Decision } from '../../../src/engine/core/decide.ts'
import type { Delivery, Report } from '../../../src/engine/core/input.ts'
import type { SagaState } from '../../../src/engine/core/state.ts'
import { compensationKey, keyOf } from './keys.ts'
import type { Job, World } from './world.ts'

/** What an execution comes to, as chance has it. Where the other side remembers the key, the truth comes first. */
export type Fate = 'ok' | 'rejected' | 'not_applied' | 'in_doubt_applied' | 'in_doubt_not_applied' | 'in_doubt_slow'

export type Work = {
  readonly job: Job
  readonly delivery: Delivery
  readonly round: number
  phase: 'fetched' | 'running' | 'done'
  /** A report that is made, and waits to be recorded. */
  report?: Report
  /** It ran out of time, and said so already. */
  timedOut?: true
}

/** An execution that began: on which state, and whether the delivery was still the job's own. */
export type Execution = { readonly delivery: Delivery; readonly state: SagaState; readonly round: number }

/** The lists that maps come upon. */
const LISTS = [
  { count: 3, concurrency: 2 },
  { count: 0, concurrency: 1 },
  { count: 2, concurrency: 1 },
  { count: 3, concurrency: 3 },
] as const
const NONE = { count: 0, concurrency: 1 }

const ERROR = { name: 'Error', message: 'no' }

export class Workers {
  readonly world: World
  work: readonly Work[] = []
  readonly executions: Execution[] = []
  /** All that was ever reported, to be repeated. */
  readonly reports: Report[] = []
  /** Admissions that were refused. */
  readonly refused: { readonly why: string; readonly delivery: Delivery; readonly state: SagaState }[] = []

  constructor(world: World) {
    this.world = world
  }

  queued(): readonly Job[] {
    return [...this.world.jobs.values()].filter((job) => !job.isActive)
  }

  /** Whether the delivery still owns its job: what settling by id and retryCount finds out. */
  owns({ job, delivery }: Work): boolean {
    return this.world.jobs.get(job.jobId) === job && job.isActive && job.retryCount === delivery.retryCount
  }

  fetch(job: Job): Work {
    job.isActive = true
    const { jobId, step, side, insertedAs, retryCount } = job
    const round = this.world.state.steps[step]?.round ?? 1
    const work: Work = { job, delivery: { jobId, step, side, insertedAs, retryCount }, round, phase: 'fetched' }
    this.work = [...this.work, work]
    return work
  }

  /** Runs it or gives it back, as the state says just before. `lacksCode`: this worker does not know the step. */
  begin(work: Work, lacksCode = false): void {
    const { world } = this
    const admission = admit(world.blueprint, world.state, work.delivery, world.holds)
    if (admission === 'stale') {
      // Fenced: only its own delivery can remove a job.
      this.#forget(work)
      return
    }
    if (admission !== 'execute' || lacksCode) {
      const why = admission === 'execute' ? 'code' : admission
      this.refused.push({ why: admission, delivery: work.delivery, state: world.state })
      work.report = {
        type: 'returned',
        ...work.delivery,
        why,
        limits: world.limitsOf(work.delivery.step),
        ...(why === 'code' ? { retryDelayMs: 500 } : {}),
      }
      work.phase = 'done'
      return
    }
    work.phase = 'running'
    this.executions.push({ delivery: work.delivery, state: world.state, round: work.round })
  }

  /** The function runs to its end: its effect is there (or not), and its report is made. */
  act(work: Work, fate: Fate, choice: number): void {
    const { delivery } = work
    const { step, side } = delivery
    const limits = this.world.limitsOf(step)
    work.phase = 'done'
    if (side === 'verify') {
      const found = fate === 'ok' ? this.world.provider.look(keyOf(step)) : undefined
      work.report =
        found === undefined ? this.#failure(work, 'in_doubt') : { type: 'succeeded', ...delivery, found, limits }
      return
    }
    const isExternal = stepOf(this.world.settings.blueprint, step)?.kind === 'external'
    const succeeded = isExternal ? this.#actOutside(work, fate) : fate === 'ok'
    if (!succeeded) {
      // Nothing that only writes rows can be in doubt: its writes are gone.
      const verdict =
        fate === 'rejected' ? 'rejected' : isExternal && fate !== 'not_applied' ? 'in_doubt' : 'not_applied'
      work.report = this.#failure(work, verdict)
      return
    }
    const node = nodeOf(this.world.settings.blueprint, step)
    const options = node?.node === 'branch' ? [...Object.keys(node.options), null] : undefined
    const isList = node?.node === 'map'
    work.report = {
      type: 'succeeded',
      ...delivery,
      limits,
      ...(options === undefined ? {} : { option: options[choice % options.length] ?? null }),
      ...(isList ? { items: LISTS[choice % LISTS.length] ?? NONE } : {}),
      ...(step === ADOPT ? { blueprint: 'hash' } : {}),
    }
  }

  /** @returns whether the caller hears of a success. */
  #actOutside(work: Work, fate: Fate): boolean {
    const { provider } = this.world
    const { step, side } = work.delivery
    const key = keyOf(step)
    if (side === 'compensation') {
      if (fate === 'ok' || fate === 'in_doubt_applied') provider.cancel(key, compensationKey(step, work.round))
      return fate === 'ok'
    }
    // What a rude other side still does after its cancel has to be said: a doubt was dealt with by that cancel.
    const isHeard = fate !== 'in_doubt_applied' || (provider.effect(key).cancelled && !this.owns(work))
    // The same key gets the same answer.
    if (provider.effect(key).applied) return isHeard
    const tries = fate === 'ok' || fate === 'in_doubt_applied'
    if (tries && provider.act(key)) return isHeard
    if (fate === 'in_doubt_slow' && provider.manners === 'polite' && this.owns(work)) provider.sendSlowly(key)
    return false
  }

  #failure({ delivery }: Work, verdict: 'rejected' | 'not_applied' | 'in_doubt'): Report {
    const limits = this.world.limitsOf(delivery.step)
    // Of every other attempt the author says that it is a reason for the fallback.
    const hasFallback = stepOf(this.world.settings.blueprint, delivery.step)?.fallback !== undefined
    const fallsBack = hasFallback && (delivery.insertedAs + delivery.retryCount) % 2 === 1
    const report = { type: 'failed', ...delivery, verdict, error: ERROR, retryDelayMs: 100, limits } as const
    return fallsBack ? { ...report, fallsBack } : report
  }

  /** The committer: settles the job if the delivery owns it, and records the report. `again`: the answer was lost. */
  report(work: Work, again = false): Decision | undefined {
    const { report } = work
    if (report === undefined) return undefined
    this.#forget(work)
    const isMine = this.owns(work)
    const kind = stepOf(this.world.settings.blueprint, work.delivery.step)?.kind
    const isChoice = kind === undefined && !work.delivery.step.startsWith('@')
    const isRows = work.delivery.side !== 'verify' && kind !== 'external' && !isChoice
    // What commits with its report does not commit without its job.
    if (isRows && !isMine) return undefined
    const decision = this.#tell(report, work, isMine)
    if (isRows && kind === 'transactional' && report.type === 'succeeded' && decision.ignored === undefined) {
      this.world.rows.add(work.delivery.step, work.delivery.side === 'action' ? 1 : -1)
    }
    if (again) this.repeat(report)
    return decision
  }

  /** It says how far it has come. Whoever does not own its job is told that nobody wants to know. */
  checkpoint(work: Work): Decision {
    const superseded = this.owns(work) ? {} : { superseded: true as const }
    return this.world.tell({ type: 'checkpoint', ...work.delivery, ...superseded })
  }

  /** The answer to a COMMIT was lost, so what was recorded is reported again. By now its job is gone, or somebody else's. */
  repeat(report: Report): Decision {
    const { superseded: _then, ...rest } = report
    return this.world.tell(this.world.jobs.has(report.jobId) ? { ...rest, superseded: true } : rest)
  }

  /** It is out of time and still running: said at once, and what it does later is late. */
  timeOut(work: Work): Decision {
    work.timedOut = true
    const report: Report = { ...this.#failure(work, 'in_doubt'), timedOut: true } as Report
    return this.#tell(report, work, this.owns(work))
  }

  /** Its worker is taken for dead: the job is taken over. It may be wrong, and come back. */
  lose(work: Work): Decision {
    const limits = this.world.limitsOf(work.delivery.step)
    return this.#tell({ type: 'lost', ...work.delivery, limits }, work, this.owns(work))
  }

  /** pg-boss delivers the same job once more. */
  redeliver(work: Work): void {
    work.job.isActive = false
    work.job.retryCount += 1
  }

  /** Its process is gone with all that it had not reported. */
  vanish(work: Work): void {
    this.#forget(work)
  }

  #tell(report: Report, work: Work, isMine: boolean): Decision {
    const isSuperseded = !isMine && this.world.jobs.has(work.job.jobId)
    const told: Report = isSuperseded ? { ...report, superseded: true } : report
    this.reports.push(told)
    return this.world.tell(told, isMine ? work.job : undefined)
  }

  #forget(work: Work): void {
    this.work = this.work.filter((other) => other !== work)
  }
}
