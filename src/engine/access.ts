/** Who may do what: asked before a start and before every verb. */
import { SagaError } from './errors.ts'

export type Action =
  | 'enqueue'
  | 'retry'
  | 'compensate'
  | 'compensate_past_pivot'
  | 'cancel'
  | 'pause'
  | 'resume'
  | 'resolve'
  | 'rerun'
  | 'revert'
  | 'complete'
  | 'edit_input'
  | 'erase'
  | 'hold'
  | 'release'
  | 'start_operation'
  | 'pause_operation'
  | 'resume_operation'
  | 'abort_operation'
  | 'maintain'
  | 'read'

export type Target = {
  readonly definition?: string
  readonly sagaId?: string
  readonly step?: string
  /** Of an operation over many sagas: which one, and the verb that each of them is then asked for. */
  readonly operationId?: string
  readonly verb?: string
  readonly pastPivot?: boolean
}

/** The answer `false`, or an exception, refuses. */
export type Authorize = (actor: string, action: Action, target: Target) => boolean | Promise<boolean>

/** Code may: whoever can call the API can also reach the database. */
export const CODE_MAY: Authorize = () => true

/** @throws SagaError `NOT_AUTHORIZED`. */
export async function demand(authorize: Authorize, actor: string, action: Action, target: Target): Promise<void> {
  let allowed = false
  let cause: unknown
  try {
    allowed = await authorize(actor, action, target)
  } catch (error) {
    cause = error
  }
  if (allowed) return
  const of = target.sagaId ?? target.operationId ?? target.definition ?? 'this'
  throw new SagaError('NOT_AUTHORIZED', `${actor} may not ${action} ${of}. Ask whoever configured authorize().`, {
    cause,
    details: { actor, action, ...target },
  })
}
