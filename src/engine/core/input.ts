/** What can happen to a saga, as the shell brings it to `decide`. */
import type { Act } from './events.ts'
import type { Side, Verdict } from './machine.ts'
import type { ErrorInfo, Withheld } from './state.ts'

/** An operator's stop on a definition, a step, or a direction of it. Absent fields match everything. */
export type Hold = {
  readonly step?: string
  readonly side?: Side
  /** It is over and stops nothing any more; what has waited for it goes on in its turn. */
  readonly lettingGo?: true
}

/** What `decide` may not find out by itself. */
export type Facts = {
  /** `saga.now()`, read under the lock, in ms. */
  readonly now: number
  /** A fresh UUIDv7 with each call. A function, for most decisions need one, and some ten thousand. */
  readonly newId: () => string
  /** The holds on this saga's definition. */
  readonly holds: readonly Hold[]
}

/** The limits that the code sets for the step, as they were when the attempt ran. */
export type Limits = {
  /** Attempts that may report a failure. */
  readonly maxAttempts: number
  /** Deliveries that may be lost. */
  readonly maxLost: number
  /** No retry later than this after the first attempt, in ms. */
  readonly maxDurationMs?: number
  readonly whenExhausted: 'compensate' | 'dead_letter'
}

/** Which delivery reports: the fence. */
export type Delivery = {
  readonly step: string
  readonly side: Side
  readonly jobId: string
  /** The number the job was inserted with. */
  readonly insertedAs: number
  /** pg-boss's count of redeliveries of that job: it is attempt `insertedAs + retryCount`. */
  readonly retryCount: number
  /** Another delivery of the same job is under way: whatever this one says is late. */
  readonly superseded?: true
}

export type Report =
  | ({
      readonly type: 'succeeded'
      /** What a chooser chose. */
      readonly option?: string | null
      /** How long the list of a map is, and how many of its items may be open at a time. */
      readonly items?: { readonly count: number; readonly concurrency: number }
      /** A compensation that had nothing to do. */
      readonly needless?: true
      /** What a verification found. */
      readonly found?: 'applied' | 'not_applied' | 'unknown'
      /** The hash of the blueprint that a worker found for a saga started without one. */
      readonly blueprint?: string
      readonly limits: Limits
    } & Delivery)
  | ({
      readonly type: 'failed'
      readonly verdict: Verdict
      readonly error: ErrorInfo
      readonly timedOut?: true
      /** The step's author has a fallback for this error. */
      readonly fallsBack?: true
      /** Until the next attempt, jitter included, in ms. */
      readonly retryDelayMs: number
      readonly limits: Limits
    } & Delivery)
  | ({
      readonly type: 'lost'
      /** It does not count towards `maxLost`: it is no sign of a step that kills its workers. */
      readonly uncounted?: true
      readonly limits: Limits
    } & Delivery)
  | ({
      readonly type: 'returned'
      readonly why: Withheld | 'turned'
      readonly retryDelayMs?: number
      readonly limits: Limits
    } & Delivery)

export type Order =
  | { readonly type: 'retry'; readonly act: Act }
  | { readonly type: 'compensate'; readonly act: Act /** What an admin may order. */; readonly pastPivot?: true }
  | { readonly type: 'cancel'; readonly act: Act }
  | { readonly type: 'pause'; readonly act: Act }
  | { readonly type: 'resume'; readonly act: Act }
  | { readonly type: 'resolve'; readonly as: 'completed' | 'compensated'; readonly act: Act }
  | { readonly type: 'rerun'; readonly newSagaId: string; readonly act: Act }
  | { readonly type: 'revert'; readonly act: Act }
  | { readonly type: 'complete'; readonly step: string; readonly act: Act }
  | { readonly type: 'edit_input'; readonly act: Act }
  | { readonly type: 'erase'; readonly act: Act }

export type OrderType = Order['type']

export type Input =
  | {
      readonly type: 'start'
      readonly blueprint: string | null
      readonly startAt?: number
      readonly deadlineAt?: number
      readonly revertWithinMs?: number
      /** Of a saga with a concurrency key: it stands in line, or is at the front already. */
      readonly line?: 'waiting' | 'front'
    }
  | { readonly type: 'start_due' }
  /** No other saga of its line stands before it, and none is at the front. */
  | { readonly type: 'at_front' }
  | { readonly type: 'deadline_due' }
  | { readonly type: 'retry_due'; readonly step: string; readonly side: Side }
  | Report
  /** A running attempt says how far it has come. */
  | ({ readonly type: 'checkpoint' } & Delivery)
  | Order
  | { readonly type: 'hold_released' }
  /** Nothing has happened: what ought to follow from its state, and does not, follows now. */
  | { readonly type: 'look_again' }
  | { readonly type: 'code_missing'; readonly step: string }
  | { readonly type: 'code_found' }
  | { readonly type: 'parent_undo' }
  | {
      readonly type: 'child_ended'
      readonly step: string
      readonly childId: string
      readonly outcome: 'completed' | 'compensated'
      /** The child knew of its parent's wish to have it undone. `completed` means then that it could not be. */
      readonly undoAsked?: true
      readonly limits: Limits
    }

/** Why an input changes nothing. Never an exception: late, repeated and impossible inputs are part of life. */
export type Ignored = {
  readonly reason:
    | 'duplicate'
    | 'unknown_attempt'
    | 'not_due'
    | 'already_so'
    | 'does_not_fit'
    | 'past_pivot'
    | 'finishing'
    | 'needs_admin'
    | 'unknown_step'
    /** The time in which it could be ordered is over. */
    | 'too_late'
    /** Nobody knows whether a step has taken effect. */
    | 'in_doubt'
    /** Its payloads are gone. */
    | 'erased'
  /** The orders that do fit now. */
  readonly fits?: readonly OrderType[]
}
