/** A decision in the making: the state so far, and the facts that led there. */
import type { Blueprint } from './blueprint.ts'
import { stepOf } from './blueprint.ts'
import type { Act, SagaEvent } from './events.ts'
import { fold } from './evolve.ts'
import type { Facts } from './input.ts'
import type { DeadLetterReason, Status } from './machine.ts'
import type { Cause, ErrorInfo, SagaState } from './state.ts'

/** Which event of a decision changed the status, by its position, and to what. */
export type StatusChange = { readonly at: number; readonly to: Status }

export class Draft {
  readonly blueprint: Blueprint
  readonly facts: Facts
  readonly events: SagaEvent[] = []
  readonly changes: StatusChange[] = []
  state: SagaState | undefined

  constructor(blueprint: Blueprint, state: SagaState | undefined, facts: Facts) {
    this.blueprint = blueprint
    this.state = state
    this.facts = facts
  }

  emit(event: SagaEvent): void {
    const before = this.state?.status
    this.state = fold(this.blueprint, this.state, event)
    if (this.state.status !== before) this.changes.push({ at: this.events.length, to: this.state.status })
    this.events.push(event)
  }

  /** The state of a saga that has been started. */
  get saga(): SagaState {
    if (this.state === undefined) throw new Error('Only a start may come first.')
    return this.state
  }

  isPivot(step: string): boolean {
    return stepOf(this.blueprint, step)?.pivot === true
  }

  /** From here on back. Attempts in flight are drained first. */
  turn(cause: Cause, act?: Act): void {
    this.emit({ type: 'saga_turned', cause, ...(act === undefined ? {} : { act }) })
  }

  /**
   * A dead letter as soon as nothing is in flight. The first reason stays.
   *
   * Where a parent has asked for the undo, no person has to be asked: it turns, past the pivot too. The order would
   * turn the dead letter just the same if it came later, so it does not matter which of the two is first.
   */
  stop(reason: DeadLetterReason, step: string, error: ErrorInfo | undefined): void {
    const { stopping, recorded, direction } = this.saga
    if (stopping !== undefined) return
    if (recorded?.kind === 'parent' && direction === 'forward') return this.turn(recorded)
    this.emit({ type: 'saga_stopping', reason, step, ...(error === undefined ? {} : { error }) })
  }

  deadLetter(reason: DeadLetterReason, step: string | undefined): void {
    this.emit({
      type: 'saga_dead_lettered',
      reason,
      jobId: this.facts.newId(),
      at: this.facts.now,
      ...(step === undefined ? {} : { step }),
    })
  }
}
