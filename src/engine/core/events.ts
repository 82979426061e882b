/**
 * The journal's events: facts, with every choice in them. Folding them gives the state, in every later version,
 * so an event's meaning never changes: a new meaning is a new type, or a new format number.
 */
import type { DeadLetterReason, Side, Verdict } from './machine.ts'
import type { Cause, ErrorInfo, Withheld } from './state.ts'

/** Version of the shapes below; stored with each event. */
export const EVENT_FORMAT = 1

/** Who did it by hand, why, and the id of the request, so that a double click acts once. */
export type Act = {
  readonly actor: string
  readonly reason: string
  readonly requestId: string
  /** Hash of the plan that was shown, for the verbs that have one. */
  readonly plan?: string
}

/** What names an attempt. */
type OfAttempt = { readonly step: string; readonly side: Side; readonly attempt: number }

export type SagaEvent =
  | {
      readonly type: 'saga_started'
      /** Hash of the blueprint; `null` when only the contract was at hand. */
      readonly blueprint: string | null
      /** In ms; later than now: the saga is pending until then. */
      readonly startAt?: number
      /** When it turns unless it has passed its pivot, in ms: the row's deadline less the time that is kept for undoing. */
      readonly deadlineAt?: number
      /** How long after its completion it can be reverted, in ms. */
      readonly revertWithinMs?: number
      /** It has a concurrency key: it stands in line, from `startAt` on if there is one; or it is at the front already. */
      readonly line?: 'waiting' | 'front'
    }
  /** Its start time has come, and from here on it stands in line. */
  | { readonly type: 'line_joined' }
  /** Its start time has come, or it has come to the front of its line. */
  | { readonly type: 'saga_begun' }
  | ({ readonly type: 'blueprint_chosen'; readonly blueprint: string } & OfAttempt)
  /** The attempt's job is inserted in the same transaction. */
  | ({
      readonly type: 'attempt_scheduled'
      readonly jobId: string
      /** In ms. */
      readonly at: number
      /** The round, for a compensation: part of its key from the second on. */
      readonly round?: number
      readonly childId?: string
    } & OfAttempt)
  /** Ready, and not scheduled: paused or held. */
  | {
      readonly type: 'step_withheld'
      readonly step: string
      readonly side: Side
      readonly why: Withheld
      /** In ms. */
      readonly at: number
    }
  /** Delivered, and not executed: nothing of it was applied. */
  | ({
      readonly type: 'attempt_returned'
      readonly why: Withheld | 'turned'
      /** In ms. */
      readonly at: number
      readonly dueAt?: number
    } & OfAttempt)
  | ({
      readonly type: 'attempt_failed'
      readonly verdict: Verdict
      readonly error: ErrorInfo
      /** When the next attempt is due, in ms; absent when there is none. */
      readonly retryAt?: number
      /** It ran out of time, so that it may still report. */
      readonly timedOut?: true
      /** Its author has a fallback for this error. */
      readonly fallsBack?: true
    } & OfAttempt)
  /** Nobody will report it. `redelivered`: the same job goes on as the next attempt. */
  | ({ readonly type: 'attempt_lost'; readonly redelivered?: true; readonly uncounted?: true } & OfAttempt)
  | ({
      readonly type: 'late_report'
      readonly outcome: 'succeeded' | 'failed'
      /** Of a failure. */
      readonly verdict?: Verdict
    } & OfAttempt)
  /** A late success of a step that had ended not applied, undone or left in doubt. */
  | {
      readonly type: 'late_effect_found'
      readonly step: string
      /** Of the compensation that follows; `null` where there is none to run. */
      readonly round: number | null
      /** A late failure that leaves the effect in doubt, after a verification had found none. */
      readonly inDoubt?: true
    }
  | ({ readonly type: 'step_completed' } & OfAttempt)
  | ({ readonly type: 'branch_chosen'; readonly option: string | null } & OfAttempt)
  /** The list of a map is known; it is the event's payload. */
  | ({ readonly type: 'map_started'; readonly count: number; readonly concurrency: number } & OfAttempt)
  /** The step of an item has ended without completing, and that is its result. */
  | { readonly type: 'item_collected'; readonly step: string }
  /** Another step runs in the place of one that failed. */
  | { readonly type: 'fallback_taken'; readonly step: string; readonly to: string }
  /** How far a running attempt has come; the payload says it. */
  | ({ readonly type: 'step_checkpointed' } & OfAttempt)
  | ({ readonly type: 'hook_completed' } & OfAttempt)
  /** The action is used up or refused: what is known of its effect. */
  | {
      readonly type: 'step_ended'
      readonly step: string
      readonly as: 'failed' | 'in_doubt'
      readonly error?: ErrorInfo
    }
  | ({ readonly type: 'step_verified'; readonly outcome: 'applied' | 'not_applied' | 'unknown' } & OfAttempt)
  | ({ readonly type: 'child_started'; readonly childId: string } & OfAttempt)
  | ({ readonly type: 'child_undo_asked'; readonly childId: string } & OfAttempt)
  | {
      readonly type: 'child_ended'
      readonly step: string
      readonly childId: string
      readonly outcome: 'completed' | 'compensated'
    }
  | ({
      readonly type: 'step_compensated'
      readonly round: number
      /** Its author found nothing to undo. */
      readonly needless?: true
    } & OfAttempt)
  | { readonly type: 'compensation_gave_up'; readonly step: string; readonly error?: ErrorInfo }
  /** Completed, and there is nothing that undoes it. */
  | { readonly type: 'step_skipped'; readonly step: string }
  /** In doubt, and nothing undoes it, or its author asked for that. */
  | { readonly type: 'step_left_in_doubt'; readonly step: string }
  | { readonly type: 'saga_turned'; readonly cause: Cause; readonly act?: Act }
  /** Nothing is in flight any more; these are undone, in this order. */
  | { readonly type: 'undo_started'; readonly order: readonly string[] }
  /** It takes effect when the pivot turns out not applied; a parent's at the end, or it is on its way already. */
  | { readonly type: 'turn_recorded'; readonly cause: Cause; readonly act?: Act }
  /** The pivot completed: the turn that was recorded does not happen. */
  | { readonly type: 'turn_dropped' }
  | {
      readonly type: 'saga_stopping'
      readonly reason: DeadLetterReason
      readonly step: string
      readonly error?: ErrorInfo
    }
  | {
      readonly type: 'saga_completed'
      /** In ms, where it can be reverted for a while. */
      readonly at?: number
    }
  | { readonly type: 'saga_compensated'; readonly leftInDoubt: readonly string[] }
  | {
      readonly type: 'saga_dead_lettered'
      readonly reason: DeadLetterReason
      readonly step?: string
      /** Of the job that stands for it in the dead-letter queue. */
      readonly jobId: string
      /** In ms. */
      readonly at: number
    }
  | {
      readonly type: 'saga_retried'
      readonly direction: 'forward' | 'backward'
      readonly steps: readonly string[]
      readonly act: Act
    }
  | { readonly type: 'backoff_skipped'; readonly step: string; readonly side: Side; readonly act: Act }
  /** A person has done it, or undone it, and says so; what came of an action is the payload. */
  | {
      readonly type: 'step_settled_by_hand'
      readonly step: string
      readonly side: 'action' | 'compensation'
      readonly act: Act
    }
  /** The payload is the new input; the old one stays where it is. */
  | { readonly type: 'input_edited'; readonly edit: number; readonly act: Act }
  | { readonly type: 'saga_paused'; readonly act: Act }
  | { readonly type: 'saga_resumed'; readonly act: Act }
  | { readonly type: 'hold_released' }
  /** `hooks`: of hooks beside the status alone, which stays what it is. */
  | { readonly type: 'code_found'; readonly hooks?: true }
  | { readonly type: 'saga_resolved'; readonly as: 'completed' | 'compensated'; readonly act: Act }
  | { readonly type: 'saga_rerun'; readonly newSagaId: string; readonly act: Act }
  /** Its payloads are gone, and so is what its errors said, here and in all events before this one. */
  | { readonly type: 'saga_erased'; readonly act: Act }

export type SagaEventType = SagaEvent['type']

/** Every type, for the CHECK constraint on the journal. The compiler holds it complete. */
export const EVENT_TYPES: readonly SagaEventType[] = Object.keys({
  saga_started: 0,
  line_joined: 0,
  saga_begun: 0,
  blueprint_chosen: 0,
  attempt_scheduled: 0,
  step_withheld: 0,
  attempt_returned: 0,
  attempt_failed: 0,
  attempt_lost: 0,
  late_report: 0,
  late_effect_found: 0,
  step_completed: 0,
  branch_chosen: 0,
  map_started: 0,
  item_collected: 0,
  fallback_taken: 0,
  step_checkpointed: 0,
  hook_completed: 0,
  step_ended: 0,
  step_verified: 0,
  child_started: 0,
  child_undo_asked: 0,
  child_ended: 0,
  step_compensated: 0,
  compensation_gave_up: 0,
  step_skipped: 0,
  step_left_in_doubt: 0,
  saga_turned: 0,
  undo_started: 0,
  turn_recorded: 0,
  turn_dropped: 0,
  saga_stopping: 0,
  saga_completed: 0,
  saga_compensated: 0,
  saga_dead_lettered: 0,
  saga_retried: 0,
  backoff_skipped: 0,
  step_settled_by_hand: 0,
  input_edited: 0,
  saga_paused: 0,
  saga_resumed: 0,
  hold_released: 0,
  code_found: 0,
  saga_resolved: 0,
  saga_rerun: 0,
  saga_erased: 0,
} satisfies Record<SagaEventType, 0>) as SagaEventType[]

export type EventOf<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>
