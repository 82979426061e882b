/**
 * The compact state that `evolve` folds and the saga row stores. Results and inputs are not in it: they are
 * payloads of the journal. Its size is bounded by the number of steps, not by the number of attempts.
 */
import { type DeadLetterReason, SIDES, type Side, type Status, type StepStatus, type Wait } from './machine.ts'

/** Version of the shape below, stored with every state and event. */
export const STATE_FORMAT = 1

/** How many attempts without a report a step remembers, so that their late reports are known for what they are. */
export const MAX_REMEMBERED_ATTEMPTS = 64

/** What went wrong, as data. Messages are bounded, and never hold payloads of ours. */
export type ErrorInfo = {
  readonly name: string
  readonly message: string
  readonly code?: string
}

/** What is left of an error's message when its saga has been erased. */
export const ERASED_MESSAGE = '(erased)'

/** Why a saga goes back. */
export type Cause =
  | { readonly kind: 'failure'; readonly step: string }
  | { readonly kind: 'cancel'; readonly actor: string }
  | { readonly kind: 'compensate'; readonly actor: string }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'parent' }
  | { readonly kind: 'revert'; readonly actor: string }

export type Flight = {
  /** Ours, a UUIDv7, and the fence: a report that names another job is late. */
  readonly jobId: string
  readonly attempt: number
}

/** One function of a step: its attempts so far. */
export type SideState = {
  /** The highest number given to an attempt; never reset. */
  readonly attempts: number
  /** Attempts that reported a failure since the limit was last raised. */
  readonly failures: number
  /** Deliveries that nobody will report, since the limit was last raised. */
  readonly lost: number
  /** When the first attempt since the limit was last raised was scheduled, in ms; later by as long as it was withheld. */
  readonly since: number
  /** Since when nothing of it may start, in ms: that time is not held against it. */
  readonly withheldAt?: number
  readonly flight?: Flight
  /** When the next attempt is due, in ms. */
  readonly due?: number
  /** Why the next attempt is withheld. */
  readonly withheld?: Withheld
  /** Attempts recorded without a report of their own (lost, or out of time): a late report may still come. */
  readonly open?: readonly number[]
}

export type Withheld = 'pause' | 'hold' | 'code'

export type StepState = {
  readonly state: StepStatus
  /** Position in the order of first starts, from 1. */
  readonly order: number
  readonly action: SideState
  readonly compensation?: SideState
  readonly verify?: SideState
  /** Sticky: it may have taken effect. Only a completion or a verification clears it. */
  readonly maybeApplied?: true
  /** In doubt no more, though it has not completed: a late report said that it took effect. */
  readonly tookEffect?: true
  /** The last attempt of the action was refused for good: a retry by a person is no use, whatever the policy says. */
  readonly rejected?: true
  /** How many attempts of the action there were when a verification could not tell. */
  readonly verifiedAt?: number
  /** Rounds of compensation that late effects made necessary, from 1. */
  readonly round: number
  /** A late effect came while it was being undone or verified: one more round follows, or the answer does not count. */
  readonly againDue?: true
  /** A late effect that nothing can undo. */
  readonly lateEffect?: true
  /** Its id is chosen with the first attempt to start it, and never again. */
  readonly child?: { readonly id: string; readonly started?: true; readonly undoAsked?: true }
  readonly error?: ErrorInfo
  /** Its last error is one that its author has a fallback for. */
  readonly fallsBack?: true
  /** Its fallback runs in its place. */
  readonly fellBack?: true
  /** The edit of the input under which its action has another key than before: part of that key. */
  readonly edit?: number
  /** Of a map, once its list is known. */
  readonly items?: Items
}

/** How far a map is. Its items are steps of their own. */
export type Items = {
  readonly count: number
  /** How many may be open at a time. */
  readonly concurrency: number
  /** Items that were reached, in order: those from this number on were not. */
  readonly started: number
  /**
   * Going forward, those that were reached and are not settled: running, or waiting to be tried again. Going back, those
   * whose undoing has begun and has not come to its end.
   */
  readonly open: readonly number[]
  /** Going back: those from this number on are dealt with. */
  readonly undoFrom?: number
}

export type SagaState = {
  readonly format: number
  readonly status: Status
  readonly direction: 'forward' | 'backward'
  /** The blueprint's hash, once chosen. A saga started by a process that has only the contract gets it later. */
  readonly blueprint: string | null
  /**
   * When its deadline turns it, in ms: earlier than the row's deadline by the time that is kept for undoing. Of a saga
   * that can still be turned by it; a dead letter that goes on has to be told of it again.
   */
  readonly deadlineAt?: number
  /** The direction has turned, and attempts in flight have yet to report, be lost, or run out. */
  readonly draining?: true
  readonly paused?: true
  /**
   * Of a saga with a concurrency key: it will stand in line when its start time comes, it waits there, or it is at the
   * front and keeps the others waiting until it is at rest. What is undone after that is undone beside them.
   */
  readonly line?: 'later' | 'waiting' | 'front'
  /** The pivot is completed: only forward by itself. */
  readonly pivoted?: true
  readonly cause?: Cause
  /** A turn asked for while the pivot was under way; takes effect if that turns out not applied. */
  readonly recorded?: Cause
  /** The parent has asked for the undo: what it hears in the end is the answer to that. */
  readonly undoAsked?: true
  /** It will be a dead letter when nothing is in flight any more. */
  readonly stopping?: { readonly reason: DeadLetterReason; readonly step: string }
  /** The first error of this direction; compensations never replace it. */
  readonly failure?: { readonly step: string; readonly error: ErrorInfo }
  readonly deadLetter?: { readonly reason: DeadLetterReason; readonly step?: string; readonly jobId: string }
  readonly resolvedAs?: 'completed' | 'compensated'
  readonly steps: { readonly [step: string]: StepState }
  readonly branches: { readonly [branch: string]: string | null }
  /** First starts so far: the next step's `order` is one more. */
  readonly starts: number
  /** Nothing can be run of it any more: its payloads are gone. */
  readonly erased?: true
  /** How often its input was edited. */
  readonly edits?: number
  /** How long after its completion it can be reverted, in ms. */
  readonly revertWithinMs?: number
  /** Until when it can be reverted, in ms: set when it completes. */
  readonly revertUntil?: number
}

/** An attempt that was handed to the queue and has not been settled. */
export type InFlight = { readonly step: string; readonly side: Side; readonly flight: Flight }

export const EMPTY_SIDE: SideState = { attempts: 0, failures: 0, lost: 0, since: 0 }

/** Every attempt in flight, hooks included. */
export function flightsOf(state: SagaState): readonly InFlight[] {
  const flights: InFlight[] = []
  for (const step of Object.keys(state.steps)) {
    const entry = state.steps[step]
    if (entry === undefined) continue
    for (const side of SIDES) {
      const flight = entry[side]?.flight
      if (flight !== undefined) flights.push({ step, side, flight })
    }
  }
  return flights
}

/** What the saga waits for, when nothing of it is in flight; `null` at rest or while something runs. */
export function waitOf(state: SagaState): Wait | null {
  if (state.status === 'pending') return state.line === 'waiting' ? 'line' : 'start'
  if (state.status !== 'running' && state.status !== 'compensating') return null
  let wait: Wait | null = null
  for (const entry of Object.values(state.steps)) {
    for (const side of [entry.action, entry.compensation, entry.verify]) {
      if (side === undefined) continue
      if (side.flight !== undefined) return null
      if (side.withheld === 'hold') wait = 'hold'
      else if (side.withheld === 'code') wait ??= 'code'
      else if (side.due !== undefined) wait ??= 'retry'
    }
    if (entry.child?.started === true && (entry.state === 'waiting' || entry.state === 'compensating')) wait ??= 'child'
  }
  return wait
}
