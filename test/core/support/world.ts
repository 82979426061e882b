/**
 * One saga and what surrounds it: the queue, timers, the clock, children, holds. It does what the shell does (decides,
 * then carries out the commands of `commandsOf`), one input at a time, and holds every state to the invariants.
 */
import { BLUEPRINT_FORMAT, type Blueprint, definedName, stepOf } from '../../../src/engine/core/blueprint.ts'
import {
  type Command,
  commandsOf,
  DEADLINE_TIMER,
  SIDE_TIMERS,
  timersOver,
  timerTarget,
} from '../../../src/engine/core/command.ts'
import { type Decision, decide } from '../../../src/engine/core/decide.ts'
import type { SagaEvent } from '../../../src/engine/core/events.ts'
import type { Facts, Hold, Input, Limits } from '../../../src/engine/core/input.ts'
import { violations } from '../../../src/engine/core/invariants.ts'
import { isLive, SIDES, type Side } from '../../../src/engine/core/machine.ts'
import { flightsOf, type SagaState } from '../../../src/engine/core/state.ts'
import { compensationKey, keyOf } from './keys.ts'
import { Children, type Manners, Provider, Rows } from './provider.ts'

/** Stands in until a worker with the code has chosen the saga's blueprint, as in the shell. */
const NOT_ADOPTED: Blueprint = { format: BLUEPRINT_FORMAT, definition: 'not-adopted', version: 1, nodes: [], hooks: [] }

export type Job = {
  readonly jobId: string
  readonly step: string
  readonly side: Side
  readonly insertedAs: number
  retryCount: number
  isActive: boolean
}

/** One decision, with all that it was made from. */
export type Turn = {
  readonly blueprint: Blueprint
  readonly before: SagaState | undefined
  readonly input: Input
  /** As they were: its ids come once more in the same order. */
  readonly facts: () => Facts
  readonly decision: Decision
  readonly commands: readonly Command[]
}

export type WorldSettings = {
  readonly blueprint: Blueprint
  readonly limits: Omit<Limits, 'whenExhausted'>
  /** Steps that wait for a person when their attempts are used up. */
  readonly patient: (step: string) => boolean
  readonly manners: Manners
  readonly isAdopted: boolean
  readonly startsInMs?: number
  readonly deadlineInMs?: number
  readonly revertWithinMs?: number
  readonly line?: 'waiting' | 'front'
}

export const ACT = { actor: 'olga', reason: 'because', requestId: 'request-1' }

export class World {
  readonly settings: WorldSettings
  readonly provider: Provider
  readonly children = new Children()
  /** Net writes of transactional steps. */
  readonly rows = new Rows()
  /** How often each hook's transaction was committed. */
  readonly hooks = new Rows()
  readonly jobs = new Map<string, Job>()
  readonly timers = new Map<string, number>()
  readonly deadLetters = new Set<string>()
  /** Its row in the line of its concurrency key. */
  line: 'waiting' | 'front' | undefined
  readonly turns: Turn[] = []
  readonly journal: SagaEvent[] = []
  holds: readonly Hold[] = []
  now = 1_000_000
  #turns = 0
  #deadlineWasDue = false
  #jobIds = new Set<string>()
  #state: SagaState | undefined

  constructor(settings: WorldSettings) {
    this.settings = deepFreeze(settings)
    this.provider = new Provider(settings.manners)
    const { startsInMs, deadlineInMs, revertWithinMs, isAdopted, line } = settings
    this.tell({
      type: 'start',
      blueprint: isAdopted ? 'hash' : null,
      ...(startsInMs === undefined ? {} : { startAt: this.now + startsInMs }),
      ...(deadlineInMs === undefined ? {} : { deadlineAt: this.now + deadlineInMs }),
      ...(revertWithinMs === undefined ? {} : { revertWithinMs }),
      ...(line === undefined ? {} : { line }),
    })
  }

  get state(): SagaState {
    if (this.#state === undefined) throw new Error('The saga has not been started.')
    return this.#state
  }

  /** As the shell finds it: by the hash in the state, or the one that this very input brings. */
  blueprintFor(input: Input): Blueprint {
    const chosen = input.type === 'succeeded' ? input.blueprint : undefined
    const hash = input.type === 'start' ? input.blueprint : (this.state.blueprint ?? chosen ?? null)
    return hash === null ? NOT_ADOPTED : this.settings.blueprint
  }

  get blueprint(): Blueprint {
    return this.state.blueprint === null ? NOT_ADOPTED : this.settings.blueprint
  }

  limitsOf(step: string): Limits {
    return { ...this.settings.limits, whenExhausted: this.settings.patient(step) ? 'dead_letter' : 'compensate' }
  }

  /** Facts for a decision that is only tried. */
  facts(): Facts {
    return factsFrom(this.now, (this.#turns += 1), this.holds)
  }

  /** Decides, and carries out what follows. @param settled the job that the input settles. */
  tell(input: Input, settled?: Job): Decision {
    const blueprint = this.blueprintFor(input)
    const before = this.#state
    const [now, turn, holds] = [this.now, (this.#turns += 1), this.holds]
    const facts = () => factsFrom(now, turn, holds)
    const decision = deepFreeze(decide(blueprint, before, deepFreeze(input), facts()))
    const commands = commandsOf(before, decision.events)
    if (settled !== undefined) this.jobs.delete(settled.jobId)
    if (input.type === 'deadline_due') this.#deadlineWasDue = true
    this.#state = decision.state
    this.journal.push(...decision.events)
    for (const { timer } of timersOver(before, decision.state, decision.events)) this.timers.delete(timer)
    for (const command of commands) this.#carryOut(command)
    for (const event of decision.events) this.#takeNote(event)
    this.turns.push({ blueprint, before, input, facts, decision, commands })
    this.#check()
    return decision
  }

  #carryOut(command: Command): void {
    if (command.type === 'insert_job') {
      const { jobId, step, side, attempt } = command
      must(!this.#jobIds.has(jobId), `rule 1: job ${jobId} is inserted twice`)
      this.#jobIds.add(jobId)
      this.jobs.set(jobId, { jobId, step, side, insertedAs: attempt, retryCount: 0, isActive: false })
    } else if (command.type === 'set_timer') {
      this.timers.set(command.timer, command.dueAt)
    } else if (command.type === 'clear_timers') {
      for (const timer of this.timers.keys()) if (!SIDE_TIMERS.includes(timer)) this.timers.delete(timer)
    } else if (command.type === 'insert_dead_letter') {
      this.deadLetters.add(command.jobId)
    } else if (command.type === 'join_line') {
      must(this.line === undefined, 'rule 1: it joins a line in which it stands')
      this.line = command.isFront ? 'front' : 'waiting'
    } else if (command.type === 'take_front') {
      must(this.line === 'waiting', 'rule 1: it comes to the front of a line in which it does not stand')
      this.line = 'front'
    } else if (command.type === 'leave_line') {
      must(this.line !== undefined, 'rule 1: it leaves a line in which it does not stand')
      this.line = undefined
    } else {
      must(this.deadLetters.delete(command.jobId), 'rule 1: a dead letter is removed that is not there')
    }
  }

  /** What the shell does to other sagas in the same transaction. */
  #takeNote(event: SagaEvent): void {
    if (event.type === 'child_started') this.children.start(event.step, event.childId)
    if (event.type === 'child_undo_asked') this.children.askUndo(event.childId)
    if (event.type === 'hook_completed') this.hooks.add(event.step, 1)
    if (event.type === 'step_settled_by_hand') this.#seenTo(event.step, event.side)
  }

  /** Whoever says that a step is done, or undone, has seen to it. */
  #seenTo(name: string, side: 'action' | 'compensation'): void {
    const kind = stepOf(this.settings.blueprint, name)?.kind
    if (kind === 'transactional') this.rows.add(name, side === 'action' ? 1 : -1)
    else if (side === 'action') this.provider.act(keyOf(name))
    else this.provider.cancel(keyOf(name), compensationKey(name, this.state.steps[name]?.round ?? 1))
  }

  #check(): void {
    const { state } = this
    for (const violation of violations(this.blueprint, state)) must(false, violation)
    const inFlight = flightsOf(state)
    const hasJobs = inFlight.length === this.jobs.size && inFlight.every(({ flight }) => this.jobs.has(flight.jobId))
    must(hasJobs, 'rule 1: each attempt in flight has its job, and there are no others')
    const letter = state.deadLetter?.jobId
    const hasLetter =
      this.deadLetters.size === (letter === undefined ? 0 : 1) && (letter === undefined || this.deadLetters.has(letter))
    must(hasLetter, 'rule 1: a dead letter has its job')
    const place = state.line === 'later' ? undefined : state.line
    must(this.line === place, `rule 1: it is ${this.line} in line, and its state says ${place}`)
    const { deadlineAt } = state
    const isTimed = this.timers.get(DEADLINE_TIMER) === deadlineAt || this.#deadlineWasDue
    must(deadlineAt === undefined || !isLive(state.status) || isTimed, 'rule 11: a deadline is forgotten')
    must(this.reasonToLive() !== 'none', `rule 11: ${state.status}, and nothing will move it`)
  }

  /** What will move a live saga: each has to exist outside of the state, where the state only says so. */
  reasonToLive(): 'at rest' | 'job' | 'timer' | 'line' | 'child' | 'hold' | 'pause' | 'code' | 'none' {
    const { state } = this
    if (!isLive(state.status)) return 'at rest'
    if (flightsOf(state).length > 0) return 'job'
    if (state.status === 'pending' && this.line === 'waiting') return 'line'
    if (state.status === 'pending') return this.timers.has('@start') ? 'timer' : 'none'
    if (state.paused === true) return 'pause'
    for (const [name, step] of Object.entries(state.steps)) {
      for (const side of SIDES) {
        const part = step[side]
        if (part?.due !== undefined && this.timers.get(`${name}:${side}`) === part.due) return 'timer'
        if (part?.withheld === 'code') return 'code'
        const isHeld = this.holds.some(
          (hold) => (hold.step ?? definedName(name)) === definedName(name) && (hold.side ?? side) === side,
        )
        if (part?.withheld === 'hold' && isHeld) return 'hold'
      }
      const child = this.children.byId.get(step.child?.id ?? '')
      const isAwaited = step.state === 'waiting' || step.state === 'compensating'
      const speaks = this.children.messages.some((message) => message.childId === step.child?.id)
      if (isAwaited && (child?.state === 'running' || child?.state === 'undoing' || speaks)) return 'child'
    }
    return 'none'
  }

  /** Fires what is due, the earliest first. @returns whether anything was. */
  fireTimer(): boolean {
    const due = [...this.timers].filter(([, dueAt]) => dueAt <= this.now).toSorted(([, a], [, b]) => a - b)[0]
    if (due === undefined) return false
    const [timer] = due
    this.timers.delete(timer)
    const target = timerTarget(timer)
    if (target !== undefined) this.tell({ type: 'retry_due', ...target })
    else this.tell({ type: timer === '@start' ? 'start_due' : 'deadline_due' })
    return true
  }

  hold(hold: Hold): void {
    this.holds = [...this.holds, hold]
  }

  releaseHolds(): void {
    this.holds = []
    this.tell({ type: 'hold_released' })
  }
}

function factsFrom(now: number, turn: number, holds: readonly Hold[]): Facts {
  let ids = 0
  return deepFreeze({ now, newId: () => `id-${turn}-${(ids += 1)}`, holds })
}

/** Cheaper than an assertion of the test runner: properties make millions of them. */
export function must(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
