/**
 * Examples: given a blueprint, when these things happen, then this is what the journal says. A small world of its own,
 * in which nothing happens by chance.
 */
import type { Blueprint } from '../../../src/engine/core/blueprint.ts'
import { commandsOf, SIDE_TIMERS } from '../../../src/engine/core/command.ts'
import { type Decision, decide } from '../../../src/engine/core/decide.ts'
import type { SagaEvent } from '../../../src/engine/core/events.ts'
import { replay } from '../../../src/engine/core/evolve.ts'
import type { Hold, Ignored, Input, Limits, Order, Report } from '../../../src/engine/core/input.ts'
import { violations } from '../../../src/engine/core/invariants.ts'
import type { Side } from '../../../src/engine/core/machine.ts'
import type { SagaState, StepState } from '../../../src/engine/core/state.ts'
import { throughJson } from './reading.ts'
import { ACT, must } from './world.ts'

export const LIMITS: Limits = { maxAttempts: 1, maxLost: 2, whenExhausted: 'compensate' }
export const ERROR = { name: 'Error', message: 'it broke' }

type Words<T extends Report['type']> = Partial<Omit<Extract<Report, { type: T }>, 'type' | 'step'>>

export class Given {
  readonly blueprint: Blueprint
  readonly journal: SagaEvent[] = []
  holds: readonly Hold[] = []
  limits: Limits = LIMITS
  now = 1_000
  #ids = 0
  #state: SagaState | undefined
  #last: Decision | undefined
  readonly #timers = new Map<string, number>()

  constructor(blueprint: Blueprint, start: Partial<Extract<Input, { type: 'start' }>> = {}) {
    this.blueprint = blueprint
    this.when({ type: 'start', blueprint: 'hash', ...start })
  }

  when(input: Input): this {
    const newId = () => `id-${(this.#ids += 1)}`
    const before = this.#state
    this.#last = decide(this.blueprint, before, input, { now: this.now, newId, holds: this.holds })
    for (const command of commandsOf(before, this.#last.events)) {
      if (command.type === 'set_timer') this.#timers.set(command.timer, command.dueAt)
      if (command.type === 'clear_timers')
        for (const timer of this.#timers.keys()) if (!SIDE_TIMERS.includes(timer)) this.#timers.delete(timer)
    }
    this.#state = this.#last.state
    this.journal.push(...this.#last.events)
    const unsound = violations(this.blueprint, this.state)
    must(unsound.length === 0, unsound.join('; '))
    const replayed = JSON.stringify(replay(this.blueprint, throughJson(this.journal)))
    must(replayed === JSON.stringify(this.state), 'rule 13: the journal gives another state')
    return this
  }

  /** A delivery of the attempt in flight. */
  delivery(step: string, side: Side = 'action') {
    const flight = this.state.steps[step]?.[side]?.flight
    if (flight === undefined) throw new Error(`${step} has no ${side} in flight.`)
    return { step, side, jobId: flight.jobId, insertedAs: flight.attempt, retryCount: 0, limits: this.limits }
  }

  succeeds(step: string, side: Side = 'action', words: Words<'succeeded'> = {}): this {
    return this.when({ type: 'succeeded', ...this.delivery(step, side), ...words })
  }

  /** In doubt, unless told otherwise. */
  fails(step: string, side: Side = 'action', words: Words<'failed'> = {}): this {
    const failure = { verdict: 'in_doubt' as const, error: ERROR, retryDelayMs: 100 }
    return this.when({ type: 'failed', ...failure, ...this.delivery(step, side), ...words })
  }

  isLost(step: string, side: Side = 'action'): this {
    return this.when({ type: 'lost', ...this.delivery(step, side) })
  }

  isGivenBack(step: string, why: 'pause' | 'hold' | 'code' | 'turned', side: Side = 'action'): this {
    return this.when({
      type: 'returned',
      ...this.delivery(step, side),
      why,
      ...(why === 'code' ? { retryDelayMs: 500 } : {}),
    })
  }

  ordered(type: Exclude<Order['type'], 'resolve' | 'rerun'>, admin = false): this {
    return this.when({ type, act: ACT, ...(admin && type === 'compensate' ? { pastPivot: true } : {}) } as Order)
  }

  resolved(as: 'completed' | 'compensated' = 'compensated'): this {
    return this.when({ type: 'resolve', as, act: ACT })
  }

  /** The moment comes for which the step waits. */
  isDue(step: string, side: Side = 'action'): this {
    this.now = this.state.steps[step]?.[side]?.due ?? this.now
    return this.when({ type: 'retry_due', step, side })
  }

  childEnds(step: string, outcome: 'completed' | 'compensated', undoAsked?: true): this {
    const childId = this.step(step).child?.id ?? ''
    const asked = undoAsked === undefined ? {} : { undoAsked }
    return this.when({ type: 'child_ended', step, childId, outcome, ...asked, limits: this.limits })
  }

  get state(): SagaState {
    if (this.#state === undefined) throw new Error('The saga has not been started.')
    return this.#state
  }

  step(name: string): StepState {
    const step = this.state.steps[name]
    if (step === undefined) throw new Error(`${name} was never reached.`)
    return step
  }

  /** What the last input brought about. */
  get events(): readonly SagaEvent[] {
    return this.#last?.events ?? []
  }

  get ignored(): Ignored | undefined {
    return this.#last?.ignored
  }

  /** What the last input brought about, in short: `type step`, in order. */
  get story(): readonly string[] {
    return this.events.map((event) =>
      'step' in event && event.step !== undefined ? `${event.type} ${event.step}` : event.type,
    )
  }

  /** Attempts that the journal scheduled, in order: `side step`, actions by the step's name alone. */
  get attempts(): readonly string[] {
    return this.journal.flatMap((event) =>
      event.type === 'attempt_scheduled' ? [event.side === 'action' ? event.step : `${event.side} ${event.step}`] : [],
    )
  }

  /** The commands of the whole journal, by type. */
  get commands() {
    return commandsOf(undefined, this.journal)
  }

  /** The timers that are set, as the shell has them after each transition. */
  get timers(): ReadonlyMap<string, number> {
    return this.#timers
  }

  get summary(): string {
    const { status, deadLetter } = this.state
    return deadLetter === undefined
      ? status
      : `${status}: ${deadLetter.reason}${deadLetter.step === undefined ? '' : ` ${deadLetter.step}`}`
  }
}
