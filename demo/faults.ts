/**
 * Which order meets which fault: fixed by its number, so that every run of the demo sees the same ones.
 *
 * Those that end with a person are early orders: there is stock for all of them, whoever is served first.
 */
import type { DeadLetterReason } from '../src/index.ts'

export type Fault =
  /** The bank says no. */
  | 'card_declined'
  /** The card is charged, and the answer never arrives. */
  | 'charge_answer_lost'
  /** The first request is held up on its way, and the second is declined: the first must not take effect later. */
  | 'charge_held_up'
  /** No carrier goes there: what was charged is refunded. */
  | 'address_unknown'
  /** As above, and the refund stays down. */
  | 'refund_down'
  /** Nobody can say which carrier goes there. */
  | 'carriers_down'
  /** The parcel is taken, and no answer ever arrives. */
  | 'shipment_unanswered'
  /** The parcel is on its way, and the invoice is refused for good. */
  | 'invoice_refused'

/** The customer whose bonus account is frozen, and who has a single order. */
export const FROZEN_CUSTOMER = 'CENTC'

const SINGLE: ReadonlyMap<number, Fault> = new Map([
  [10263, 'refund_down'],
  [10267, 'carriers_down'],
  [10273, 'shipment_unanswered'],
  [10282, 'invoice_refused'],
  [10301, 'charge_held_up'],
  [10333, 'charge_held_up'],
  [10359, 'charge_held_up'],
])

/** The fault that this order meets, if any. */
export function faultOf(orderId: number): Fault | undefined {
  const single = SINGLE.get(orderId)
  if (single !== undefined) return single
  if (orderId % 23 === 5) return 'card_declined'
  if (orderId % 29 === 7) return 'charge_answer_lost'
  if (orderId % 59 === 11) return 'address_unknown'
  return undefined
}

/** Why a person is needed, by the fault that the provider never recovers from. */
export const REASON_OF: Readonly<Partial<Record<Fault, DeadLetterReason>>> = {
  refund_down: 'compensation_exhausted',
  carriers_down: 'forward_exhausted',
  shipment_unanswered: 'pivot_in_doubt',
  invoice_refused: 'past_pivot',
}

/** The faults as the providers meet them: planned, until somebody repairs what is broken. */
export class FaultPlan {
  #repaired = false

  of(orderId: number): Fault | undefined {
    return this.#repaired ? undefined : faultOf(orderId)
  }

  /** From now on everything works: an operator's retry succeeds. */
  repair(): void {
    this.#repaired = true
  }
}
