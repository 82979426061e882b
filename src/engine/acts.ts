/** Acts of people: who, why, by which request; and how an order that does not fit is refused. */
import type { Act, SagaEvent } from './core/events.ts'
import type { Ignored, Order } from './core/input.ts'
import { SagaError } from './errors.ts'
import { newId } from './runtime/ids.ts'
import { OWN_REQUEST } from './store/own-requests.ts'
import type { SagaRow } from './store/sagas.ts'

/** Who, and why. Both are kept for ever. */
export type By = {
  readonly actor: string
  readonly reason: string
  /** The same id acts once, however often it comes. */
  readonly requestId?: string
}

export type PlannedBy = By & {
  /** The hash of the plan that was shown: refused when what would be done has changed. */
  readonly plan?: string
}

/**
 * @param isEngine an operation or recovery asks, whose request ids begin as nobody else's may.
 * @throws SagaError `ACT_INVALID`.
 */
export function checkAct(by: PlannedBy, { isEngine = false }: { readonly isEngine?: boolean } = {}): Act {
  const { actor, reason, requestId = newId(), plan } = by
  for (const [name, text] of Object.entries({ actor, reason, requestId })) {
    const isText = typeof text === 'string' && text.trim().length > 0 && text.length <= 1_000
    if (!isText || text.includes('\u0000') || !text.isWellFormed()) {
      throw new SagaError('ACT_INVALID', `Every act of a person needs ${name}: 1 to 1000 characters, without U+0000.`, {
        details: { field: name },
      })
    }
  }
  if (!isEngine && requestId.startsWith(OWN_REQUEST)) {
    throw new SagaError(
      'ACT_INVALID',
      `Request ids that begin with "${OWN_REQUEST}" are the engine's own. Nothing was done: give the act another one.`,
      { details: { field: 'requestId' } },
    )
  }
  return { actor, reason, requestId, ...(plan === undefined ? {} : { plan }) }
}

export function refusal(row: SagaRow, verb: string, ignored: Ignored): SagaError {
  const fits = ignored.fits ?? []
  const instead = fits.length === 0 ? 'Nothing can be ordered of it now.' : `What fits now: ${fits.join(', ')}.`
  const why: Record<Ignored['reason'], string> = {
    duplicate: 'that is done already',
    unknown_attempt: 'there is no such attempt',
    not_due: 'there is nothing to do',
    already_so: 'it is so already',
    does_not_fit: `it is ${row.state.status}`,
    past_pivot: 'it has passed its pivot, and goes only forward',
    finishing: 'all its steps are done, and its last hook is running',
    needs_admin: 'its pivot may have taken effect, so that undoing it is for an admin to order (pastPivot)',
    unknown_step: 'there is no such step',
    too_late: 'the time in which it could be is over',
    erased: 'its payloads have been erased',
    in_doubt: 'nobody knows whether one of its steps has taken effect: complete that by hand, or compensate',
  }
  return new SagaError(
    'ORDER_REFUSED',
    `Saga ${row.id} cannot be ordered to ${verb}: ${why[ignored.reason]}. ${instead}`,
    {
      details: { sagaId: row.id, status: row.state.status, reason: ignored.reason, fits },
    },
  )
}

/** What each verb leaves in the journal. `compensate` of a dead letter that was going back is a retry. */
const LEAVES: { readonly [verb in Order['type']]: readonly SagaEvent['type'][] } = {
  retry: ['saga_retried', 'backoff_skipped'],
  compensate: ['saga_turned', 'turn_recorded', 'saga_retried'],
  cancel: ['saga_turned', 'turn_recorded'],
  pause: ['saga_paused'],
  resume: ['saga_resumed'],
  resolve: ['saga_resolved'],
  rerun: ['saga_rerun'],
  revert: ['saga_turned'],
  complete: ['step_settled_by_hand'],
  edit_input: ['input_edited'],
  erase: ['saga_erased'],
}

/**
 * A repeated request acts once: but another order under its id is a mistake, and must not be told that it was done.
 *
 * @throws SagaError `REQUEST_REUSED`.
 */
export function mustBeSameOrder(requestId: string, verb: Order['type'], left: SagaEvent): void {
  const isTurn = left.type === 'saga_turned' || left.type === 'turn_recorded'
  if (LEAVES[verb].includes(left.type) && (!isTurn || left.cause.kind === verb)) return
  throw new SagaError(
    'REQUEST_REUSED',
    `The request "${requestId}" has ordered something else of this saga (${left.type}). Nothing was done: give ${verb} a request id of its own.`,
    { details: { requestId } },
  )
}
