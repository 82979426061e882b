/** Who may do what: asked before a start and before every verb. */
import { SagaError } from './errors.ts'

/** Everything that is asked for. */
export const ACTIONS = [
  'read',
  'enqueue',
  'retry',
  'compensate',
  'compensate_past_pivot',
  'cancel',
  'pause',
  'resume',
  'resolve',
  'rerun',
  'revert',
  'complete',
  'edit_input',
  'erase',
  'hold',
  'release',
  'start_operation',
  'pause_operation',
  'resume_operation',
  'abort_operation',
  'maintain',
  /** What is made of an error group: its state, its note. */
  'triage',
] as const

export type Action = (typeof ACTIONS)[number]

export type Target = {
  readonly definition?: string
  readonly sagaId?: string
  readonly step?: string
  /** Of an operation over many sagas: which one, and the verb that each of them is then asked for. */
  readonly operationId?: string
  readonly verb?: string
  readonly pastPivot?: boolean
  /** Of triage. */
  readonly errorGroup?: string
}

/** The answer `false`, or an exception, refuses. */
export type Authorize = (actor: string, action: Action, target: Target) => boolean | Promise<boolean>

/** Code may: whoever can call the API can also reach the database. */
export const CODE_MAY: Authorize = () => true

/**
 * Of a client that only reads: nothing else is asked for at all, and nothing is written down of who tried.
 *
 * @throws SagaError `READ_ONLY` from what it returns.
 */
export function onlyReading(authorize: Authorize): Authorize {
  return (actor, action, target) => (action === 'read' ? authorize(actor, action, target) : refuseChange())
}

/** @throws SagaError `READ_ONLY`. */
export async function refuseChange(): Promise<never> {
  throw new SagaError(
    'READ_ONLY',
    'This client only reads: forReading has made it. Nothing was done. Ask the client that it was made of.',
  )
}

/** @throws SagaError `NOT_AUTHORIZED`, or the error of `authorize` where that only reads: `READ_ONLY`. */
export async function demand(authorize: Authorize, actor: string, action: Action, target: Target): Promise<void> {
  let allowed = false
  let cause: unknown
  try {
    allowed = await authorize(actor, action, target)
  } catch (error) {
    if (error instanceof SagaError && error.code === 'READ_ONLY') throw error
    cause = error
  }
  if (allowed) return
  const of = target.sagaId ?? target.operationId ?? target.errorGroup ?? target.definition ?? 'this'
  throw new SagaError('NOT_AUTHORIZED', `${actor} may not ${action} ${of}. Ask whoever configured authorize().`, {
    cause,
    details: { actor, action, ...target },
  })
}
